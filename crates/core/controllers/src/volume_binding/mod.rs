//! Volumes and claims: who is bound to whom, what becomes of a volume without its claim, and what may not be deleted.
//!
//! Upstream: `pkg/controller/volume/persistentvolume`, `pkg/controller/volume/pvcprotection`, `.../pvprotection`.
//!
//! Invariants
//! - A volume is bound to one claim at most: the volume names its claim (`spec.claimRef`) before the claim names it, and
//!   that write fails if the volume changed since it was looked at.
//! - A claim that was bound once is never bound to another volume.

mod claims;
mod matching;
mod protection;
#[cfg(test)]
mod tests;
mod volumes;

pub use claims::Claims;
pub use protection::{ClaimProtection, VolumeProtection};
pub use volumes::Volumes;

use crate::Regarding;
use apimachinery::{Object, Value, time};
use serde_json::json;
use stdx::Timestamp;

pub const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
pub const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// On a volume: who made it, and who deletes it.
pub const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// On a claim: who is to make a volume for it; the second for older provisioners.
pub const PROVISIONER: [&str; 2] =
    ["volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner"];
/// On a claim: the node of its first consumer.
pub const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

const WAIT_FOR_CONSUMER: &str = "WaitForFirstConsumer";

/// Who the claim of a volume is: `claimRef` names it, and means this very one or nobody in particular yet.
fn is_claimed_by(volume: &Value, claim: &Object) -> bool {
    let reference = &volume["spec"]["claimRef"];
    let is = |field: &str, wanted: &str| reference[field].as_str() == Some(wanted);
    let any_uid = text(&reference["uid"]).is_empty();
    is("name", &claim.head.name) && is("namespace", &claim.head.namespace) && (any_uid || is("uid", &claim.head.uid))
}

/// The body that puts a volume into a phase, and notes when it came into it.
fn in_phase(volume: &Value, phase: &str, now: Timestamp) -> Value {
    let mut body = json!({"status": {"phase": phase}});
    if volume["status"]["phase"] != phase {
        body["status"]["lastPhaseTransitionTime"] = time::format_seconds(now.secs()).into();
    }
    body
}

fn annotation<'a>(object: &'a Value, name: &str) -> &'a str {
    text(&object["metadata"]["annotations"][name])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn regarding(object: &Object, kind: &'static str) -> Regarding {
    Regarding {
        api_version: "v1".to_owned(),
        kind,
        namespace: object.head.namespace.clone(),
        name: object.head.name.clone(),
        uid: object.head.uid.clone(),
    }
}
