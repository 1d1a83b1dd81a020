//! Binds claims to volumes, or says who is to make one.
//!
//! Upstream: `syncUnboundClaim`, `syncBoundClaim`, `bind` in `pv_controller.go`.

use super::matching::{find, misfit};
use super::{
    BIND_COMPLETED, BOUND_BY_CONTROLLER, PROVISIONER, SELECTED_NODE, WAIT_FOR_CONSUMER, annotation, in_phase,
    is_claimed_by, regarding, text,
};
use crate::{Action, Change, Controller, Plan, View, Wanted};
use apimachinery::{Object, Value};
use kinds::resources::{NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES};
use serde_json::{Map, json};
use stdx::Timestamp;

/// A class of volumes that people make.
const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

pub struct Claims;

impl Controller for Claims {
    fn name(&self) -> &'static str {
        "persistentvolume-controller"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&PERSISTENT_VOLUME_CLAIMS, &PERSISTENT_VOLUMES, &STORAGE_CLASSES, &NODES] }
    }

    fn affected(&self, change: Change<'_>, view: &dyn View) -> Vec<String> {
        let Some(object) = change.object() else { return Vec::new() };
        if *change.of == PERSISTENT_VOLUMES {
            return affected_by_volume(&object.to_value(), view);
        }
        if *change.of == STORAGE_CLASSES {
            return unbound(view, |claim| text(&claim["spec"]["storageClassName"]) == object.head.name);
        }
        Vec::new()
    }

    fn reconcile(&self, key: &str, view: &dyn View, now: Timestamp) -> Plan {
        let Some(object) = view.get(&PERSISTENT_VOLUME_CLAIMS, key) else { return Plan::rest() };
        let claim = Claim { value: object.to_value(), object: &object, now };
        if !annotation(&claim.value, BIND_COMPLETED).is_empty() {
            return Plan::of(claim.keep(view));
        }
        if object.head.is_deleting() {
            return Plan::rest();
        }
        Plan::of(if claim.volume_name().is_empty() { claim.search(view) } else { claim.take_named(view) })
    }
}

/// The claim a volume names, or all that might take it.
fn affected_by_volume(volume: &Value, view: &dyn View) -> Vec<String> {
    let reference = &volume["spec"]["claimRef"];
    if reference.is_object() {
        return vec![format!("{}/{}", text(&reference["namespace"]), text(&reference["name"]))];
    }
    let class = text(&volume["spec"]["storageClassName"]);
    unbound(view, |claim| text(&claim["spec"]["storageClassName"]) == class)
}

fn unbound(view: &dyn View, is_wanted: impl Fn(&Value) -> bool) -> Vec<String> {
    let claims = view.list(&PERSISTENT_VOLUME_CLAIMS, "");
    let waits = |claim: &Value| annotation(claim, BIND_COMPLETED).is_empty() && is_wanted(claim);
    claims.iter().filter(|claim| waits(&claim.to_value())).map(|claim| claim.key()).collect()
}

struct Claim<'a> {
    object: &'a Object,
    value: Value,
    now: Timestamp,
}

impl Claim<'_> {
    fn volume_name(&self) -> &str {
        text(&self.value["spec"]["volumeName"])
    }

    fn class(&self) -> &str {
        text(&self.value["spec"]["storageClassName"])
    }

    /// Not bound, and it asks for no volume in particular.
    fn search(&self, view: &dyn View) -> Vec<Action> {
        let class = view.get(&STORAGE_CLASSES, self.class()).map(|class| class.to_value());
        let selected = annotation(&self.value, SELECTED_NODE);
        let waits = class.as_ref().is_some_and(|class| class["volumeBindingMode"] == WAIT_FOR_CONSUMER);
        let waits = waits && selected.is_empty();
        let node = view.get(&NODES, selected);
        let volumes = view.list(&PERSISTENT_VOLUMES, "");
        if let Some(volume) = find(self.object, volumes, node.as_deref(), waits) {
            return self.bind(&volume);
        }
        if waits {
            let message = "waiting for first consumer to be created before binding";
            return vec![self.event(false, WAIT_FOR_CONSUMER, message.to_owned())];
        }
        if self.class().is_empty() {
            let message = "no persistent volumes available for this claim and no storage class is set";
            return vec![self.event(false, "FailedBinding", message.to_owned())];
        }
        self.provision(class.as_ref())
    }

    /// Asks the class's provisioner for a volume.
    fn provision(&self, class: Option<&Value>) -> Vec<Action> {
        let Some(class) = class else {
            let message = format!("storageclass.storage.k8s.io {:?} not found", self.class());
            return vec![self.event(true, "ProvisioningFailed", message)];
        };
        let provisioner = text(&class["provisioner"]);
        if provisioner == NO_PROVISIONER {
            let message = format!("no volume plugin matched name: {NO_PROVISIONER}");
            return vec![self.event(true, "ProvisioningFailed", message)];
        }
        let message = format!(
            "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the \
             system administrator. If volume creation is delayed, please verify that the provisioner is running and \
             correctly registered."
        );
        let mut actions = Vec::new();
        if PROVISIONER.iter().any(|name| annotation(&self.value, name) != provisioner) {
            let annotations: Map<String, Value> =
                PROVISIONER.iter().map(|name| ((*name).to_owned(), provisioner.into())).collect();
            let body = json!({"metadata": {"annotations": annotations}});
            actions.push(Action::patch(&PERSISTENT_VOLUME_CLAIMS, self.object, "", body));
            actions.push(self.event(false, "ExternalProvisioning", message));
        }
        actions
    }

    /// Not bound, but it names the volume it wants.
    fn take_named(&self, view: &dyn View) -> Vec<Action> {
        let Some(volume) = view.get(&PERSISTENT_VOLUMES, self.volume_name()) else { return Vec::new() };
        let value = volume.to_value();
        if !value["spec"]["claimRef"].is_object() {
            if let Some(why) = misfit(&value, &self.value) {
                let message = format!("Cannot bind to requested volume {:?}: {why}", volume.head.name);
                return vec![self.event(true, "VolumeMismatch", message)];
            }
            return self.bind(&volume);
        }
        if is_claimed_by(&value, self.object) {
            return self.bind(&volume);
        }
        let message = format!("volume {:?} already bound to a different claim.", volume.head.name);
        vec![self.event(true, "FailedBinding", message)]
    }

    /// Was bound: it stays so, or is lost.
    fn keep(&self, view: &dyn View) -> Vec<Action> {
        if self.volume_name().is_empty() {
            let message = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!";
            return self.lose("ClaimLost", message);
        }
        let Some(volume) = view.get(&PERSISTENT_VOLUMES, self.volume_name()) else {
            return self.lose("ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
        };
        let value = volume.to_value();
        if !value["spec"]["claimRef"].is_object() || is_claimed_by(&value, self.object) {
            return self.bind(&volume);
        }
        self.lose("ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly")
    }

    fn lose(&self, reason: &'static str, message: &str) -> Vec<Action> {
        if self.value["status"]["phase"] == "Lost" {
            return Vec::new();
        }
        let status = json!({"status": {"phase": "Lost", "accessModes": null, "capacity": null}});
        vec![
            Action::patch(&PERSISTENT_VOLUME_CLAIMS, self.object, "status", status),
            self.event(true, reason, message.to_owned()),
        ]
    }

    /// What is missing until both name each other and say so.
    fn bind(&self, volume: &Object) -> Vec<Action> {
        let value = volume.to_value();
        let mut actions = Vec::new();
        actions.extend(self.name_in_volume(volume, &value));
        if value["status"]["phase"] != "Bound" {
            let body = in_phase(&value, "Bound", self.now);
            actions.push(Action::patch(&PERSISTENT_VOLUMES, volume, "status", body));
        }
        actions.extend(self.name_volume(volume));
        let status = json!({
            "phase": "Bound", "accessModes": value["spec"]["accessModes"], "capacity": value["spec"]["capacity"],
        });
        let is_current = status
            .as_object()
            .is_some_and(|fields| fields.iter().all(|(name, wanted)| self.value["status"][name] == *wanted));
        if !is_current {
            let body = json!({"status": status});
            actions.push(Action::patch(&PERSISTENT_VOLUME_CLAIMS, self.object, "status", body));
        }
        actions
    }

    fn name_in_volume(&self, volume: &Object, value: &Value) -> Option<Action> {
        let reference = &value["spec"]["claimRef"];
        if reference["uid"] == *self.object.head.uid {
            return None;
        }
        let head = &self.object.head;
        let mut body = json!({"spec": {"claimRef": {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": head.namespace, "name": head.name,
            "uid": head.uid, "resourceVersion": head.revision.to_string(),
        }}});
        if !reference.is_object() {
            body["metadata"] = json!({"annotations": {BOUND_BY_CONTROLLER: "yes"}});
        }
        Some(Action::patch_seen(&PERSISTENT_VOLUMES, volume, "", body))
    }

    fn name_volume(&self, volume: &Object) -> Option<Action> {
        let mut annotations = Map::new();
        let mut body = json!({});
        if self.volume_name().is_empty() {
            body["spec"] = json!({"volumeName": volume.head.name});
            annotations.insert(BOUND_BY_CONTROLLER.to_owned(), "yes".into());
        }
        if annotation(&self.value, BIND_COMPLETED).is_empty() {
            annotations.insert(BIND_COMPLETED.to_owned(), "yes".into());
        }
        if annotations.is_empty() {
            return None;
        }
        body["metadata"] = json!({"annotations": annotations});
        Some(Action::patch(&PERSISTENT_VOLUME_CLAIMS, self.object, "", body))
    }

    fn event(&self, warning: bool, reason: &'static str, message: String) -> Action {
        Action::Event { about: regarding(self.object, "PersistentVolumeClaim"), warning, reason, message }
    }
}
