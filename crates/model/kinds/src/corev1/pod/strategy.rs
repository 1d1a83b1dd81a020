//! What the server sets right in pods before they are checked and kept.
//!
//! Upstream: `pkg/registry/core/pod/strategy.go`.

use super::resources::PodNeeds;
use crate::Prepare;
use crate::edit::remove;
use crate::prepare::{keep, keep_all_but_status, keep_status};
use crate::read::{count, is_empty, list, text};
use apimachinery::Value;
use serde_json::json;

pub const PREPARE: Prepare = Prepare { create, update: keep_status, status };

/// A pod is born pending, its class of service decided once and for all.
fn create(pod: &mut Value) {
    let class = PodNeeds::of_value(&pod["spec"]).qos_class();
    let mut status = json!({"phase": "Pending", "qosClass": class.as_str()});
    if count(&pod["spec"], "schedulingGates") > 0 {
        status["conditions"] = json!([{
            "type": "PodScheduled",
            "status": "False",
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }]);
    }
    pod["status"] = status;
}

fn status(pod: &mut Value, old: &Value) {
    keep_all_but_status(pod, old);
    if !pod["status"].is_object() {
        return;
    }
    let status = &mut pod["status"];
    if is_empty(status, "qosClass") {
        keep(status, &old["status"], "qosClass");
    }
    mirror_address(status, "podIP", "podIPs");
    mirror_address(status, "hostIP", "hostIPs");
}

/// The single address is the first of the list; writers of old set only the single one.
fn mirror_address(status: &mut Value, single: &str, list: &str) {
    let first = text(&status[list][0], "ip").to_owned();
    let alone = text(status, single).to_owned();
    if !first.is_empty() && alone != first {
        status[single] = first.into();
    } else if first.is_empty() && !alone.is_empty() {
        status[list] = json!([{"ip": alone}]);
    }
}

/// For the subresource that adds containers to a running pod.
pub fn keep_all_but_ephemeral_containers(pod: &mut Value, old: &Value) {
    let added = pod["spec"]["ephemeralContainers"].take();
    for field in ["spec", "status"] {
        keep(pod, old, field);
    }
    if let Some(spec) = pod.get_mut("spec").filter(|spec| spec.is_object()) {
        match added {
            Value::Null => remove(spec, "ephemeralContainers"),
            added => spec["ephemeralContainers"] = added,
        }
    }
}

/// For the subresource that gives the containers of a running pod other resources. Containers go by their names.
/// Upstream: `podResizeStrategy`.
pub fn keep_all_but_resources(pod: &mut Value, old: &Value) {
    let wanted = pod["spec"].take();
    for field in ["spec", "status"] {
        keep(pod, old, field);
    }
    for (list_name, fields) in [("containers", &["resources", "resizePolicy"][..]), ("initContainers", &["resources"])]
    {
        let containers = pod["spec"].get_mut(list_name).and_then(Value::as_array_mut).into_iter().flatten();
        for container in containers {
            let new = list(&wanted, list_name).iter().find(|new| text(new, "name") == text(container, "name"));
            let Some(new) = new else { continue };
            fields.iter().for_each(|field| keep(container, new, field));
        }
    }
}
