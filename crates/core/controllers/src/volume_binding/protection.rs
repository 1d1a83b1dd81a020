//! A claim in use by a pod, and a volume bound to a claim, are not deleted from under them.
//!
//! Admission sets the finalizers; these let go of them.

use crate::{Action, Change, Controller, Plan, View, Wanted};
use apimachinery::{GroupVersionResource, Object, Value};
use kinds::resources::{PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS};
use serde_json::json;
use stdx::Timestamp;

const CLAIM: &str = "kubernetes.io/pvc-protection";
const VOLUME: &str = "kubernetes.io/pv-protection";

pub struct ClaimProtection;

impl Controller for ClaimProtection {
    fn name(&self) -> &'static str {
        "pvc-protection-controller"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&PERSISTENT_VOLUME_CLAIMS, &PODS] }
    }

    /// The claims of a pod that went, of those that are waiting for it.
    fn affected(&self, change: Change<'_>, view: &dyn View) -> Vec<String> {
        let Some(pod) = change.old.filter(|_| *change.of == PODS && change.new.is_none()) else { return Vec::new() };
        let claims = view.list(&PERSISTENT_VOLUME_CLAIMS, &pod.head.namespace);
        claims.iter().filter(|claim| claim.head.is_deleting()).map(|claim| claim.key()).collect()
    }

    fn reconcile(&self, key: &str, view: &dyn View, _: Timestamp) -> Plan {
        let claim = view.get(&PERSISTENT_VOLUME_CLAIMS, key);
        let Some(claim) = claim.filter(|claim| claim.head.is_deleting() && is_held(claim, CLAIM)) else {
            return Plan::rest();
        };
        let pods = view.list(&PODS, &claim.head.namespace);
        if pods.iter().any(|pod| uses(pod, &claim.head.name)) {
            return Plan::rest();
        }
        let_go(&PERSISTENT_VOLUME_CLAIMS, &claim, CLAIM)
    }
}

/// A pod without a node will not start once the claim is being deleted, so it does not count.
fn uses(pod: &Object, claim: &str) -> bool {
    let value = pod.to_value();
    let spec = &value["spec"];
    let is_own = |volume: &Value| {
        let name = volume["name"].as_str().unwrap_or_default();
        volume["ephemeral"].is_object() && claim == format!("{}-{name}", pod.head.name)
    };
    let volumes = spec["volumes"].as_array().into_iter().flatten();
    !spec["nodeName"].as_str().unwrap_or_default().is_empty()
        && volumes.into_iter().any(|volume| volume["persistentVolumeClaim"]["claimName"] == *claim || is_own(volume))
}

pub struct VolumeProtection;

impl Controller for VolumeProtection {
    fn name(&self) -> &'static str {
        "pv-protection-controller"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&PERSISTENT_VOLUMES] }
    }

    fn affected(&self, _: Change<'_>, _: &dyn View) -> Vec<String> {
        Vec::new()
    }

    fn reconcile(&self, key: &str, view: &dyn View, _: Timestamp) -> Plan {
        let Some(volume) = view.get(&PERSISTENT_VOLUMES, key) else { return Plan::rest() };
        if !volume.head.is_deleting() || !is_held(&volume, VOLUME) || volume.to_value()["status"]["phase"] == "Bound" {
            return Plan::rest();
        }
        let_go(&PERSISTENT_VOLUMES, &volume, VOLUME)
    }
}

fn is_held(object: &Object, finalizer: &str) -> bool {
    object.head.finalizers.iter().any(|own| own == finalizer)
}

fn let_go(of: &'static GroupVersionResource, object: &Object, finalizer: &str) -> Plan {
    let rest: Vec<&String> = object.head.finalizers.iter().filter(|own| *own != finalizer).collect();
    Plan::of(vec![Action::patch_seen(of, object, "", json!({"metadata": {"finalizers": rest}}))])
}
