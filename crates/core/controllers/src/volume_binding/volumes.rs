//! The phase of volumes, and what becomes of one whose claim is gone.
//!
//! Deleting is the provisioner's: it sees a `Released` volume of its own that is to be deleted.
//!
//! Upstream: `syncVolume`, `reclaimVolume` in `pv_controller.go`.

use super::{BOUND_BY_CONTROLLER, PROVISIONED_BY, annotation, in_phase, regarding, text};
use crate::{Action, Change, Controller, Plan, View, Wanted};
use apimachinery::{Object, Value};
use kinds::resources::{PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES};
use serde_json::json;
use std::time::Duration;
use stdx::Timestamp;

/// When a view that lags behind is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

pub struct Volumes;

impl Controller for Volumes {
    fn name(&self) -> &'static str {
        "persistentvolume-controller"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&PERSISTENT_VOLUMES, &PERSISTENT_VOLUME_CLAIMS] }
    }

    /// Those that name the claim, and the one it names.
    fn affected(&self, change: Change<'_>, view: &dyn View) -> Vec<String> {
        let Some(claim) = change.object().filter(|_| *change.of == PERSISTENT_VOLUME_CLAIMS) else { return Vec::new() };
        let volumes = view.list(&PERSISTENT_VOLUMES, "");
        let names_claim = |volume: &Object| {
            let reference = &volume.to_value()["spec"]["claimRef"];
            reference["name"] == *claim.head.name && reference["namespace"] == *claim.head.namespace
        };
        volumes.iter().filter(|volume| names_claim(volume)).map(|volume| volume.key()).collect()
    }

    /// One that is being deleted too: it is held until its phase says that it is bound no more.
    fn reconcile(&self, key: &str, view: &dyn View, now: Timestamp) -> Plan {
        let Some(volume) = view.get(&PERSISTENT_VOLUMES, key) else { return Plan::rest() };
        let value = volume.to_value();
        let reference = &value["spec"]["claimRef"];
        if !reference.is_object() || text(&reference["uid"]).is_empty() {
            return Plan::of(phase(&volume, &value, "Available", None, now));
        }
        let claim = view
            .get(&PERSISTENT_VOLUME_CLAIMS, &format!("{}/{}", text(&reference["namespace"]), text(&reference["name"])));
        let Some(claim) = claim.filter(|claim| reference["uid"] == *claim.head.uid) else {
            let named = text(&reference["resourceVersion"]).parse().unwrap_or(0);
            if view.revision(&PERSISTENT_VOLUME_CLAIMS) < named {
                // Whoever made the volume has seen the claim, we have not yet: it may well be there.
                return Plan { actions: Vec::new(), again: Some(LOOK_AGAIN) };
            }
            return Plan::of(release(&volume, &value, now));
        };
        let claim = claim.to_value();
        match text(&claim["spec"]["volumeName"]) {
            // The claim's own round goes on.
            "" => Plan::rest(),
            name if name == volume.head.name => Plan::of(phase(&volume, &value, "Bound", None, now)),
            _ => Plan::of(give_up(&volume, &value, now)),
        }
    }
}

fn phase(volume: &Object, value: &Value, phase: &str, message: Option<&str>, now: Timestamp) -> Vec<Action> {
    if value["status"]["phase"] == phase && value["status"]["message"].as_str() == message {
        return Vec::new();
    }
    let mut body = in_phase(value, phase, now);
    body["status"]["message"] = message.into();
    vec![Action::patch(&PERSISTENT_VOLUMES, volume, "status", body)]
}

/// The claim is gone.
fn release(volume: &Object, value: &Value, now: Timestamp) -> Vec<Action> {
    if value["status"]["phase"] == "Failed" {
        return Vec::new();
    }
    let made_by_provisioner = !annotation(value, PROVISIONED_BY).is_empty();
    match text(&value["spec"]["persistentVolumeReclaimPolicy"]) {
        "Delete" if !made_by_provisioner => {
            let message = format!(
                "error getting deleter volume plugin for volume {:?}: no deletable volume plugin matched",
                volume.head.name
            );
            fail(volume, value, "VolumeFailedDelete", message, now)
        }
        "Recycle" => {
            let message = "recycling is not supported: take the claimRef off to use the volume again, or set \
                           persistentVolumeReclaimPolicy to Delete or Retain";
            fail(volume, value, "VolumeFailedRecycle", message.to_owned(), now)
        }
        _ => phase(volume, value, "Released", None, now),
    }
}

fn fail(volume: &Object, value: &Value, reason: &'static str, message: String, now: Timestamp) -> Vec<Action> {
    let mut actions = phase(volume, value, "Failed", Some(&message), now);
    actions.push(Action::Event { about: regarding(volume, "PersistentVolume"), warning: true, reason, message });
    actions
}

/// The claim took another volume.
fn give_up(volume: &Object, value: &Value, now: Timestamp) -> Vec<Action> {
    let deletes = value["spec"]["persistentVolumeReclaimPolicy"] == "Delete";
    if deletes && !annotation(value, PROVISIONED_BY).is_empty() {
        return phase(volume, value, "Released", None, now);
    }
    let body = if annotation(value, BOUND_BY_CONTROLLER).is_empty() {
        json!({"spec": {"claimRef": {"uid": null, "resourceVersion": null}}})
    } else {
        json!({"metadata": {"annotations": {BOUND_BY_CONTROLLER: null}}, "spec": {"claimRef": null}})
    };
    vec![Action::patch_seen(&PERSISTENT_VOLUMES, volume, "", body)]
}
