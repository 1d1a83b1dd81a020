//! What others ask about a pod again and again, in both forms a pod comes in.
//!
//! Upstream: `pkg/api/v1/pod/util.go`.

use super::resources::PodNeeds;
use crate::read::{list, text};
use apimachinery::Value;
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use serde_json::json;

pub use super::resources::QosClass;

/// The condition of a pod that the cluster takes away; `at` is the time as text. Upstream: `DisruptionTarget`.
pub fn disruption_target(reason: &str, message: &str, at: &str) -> Value {
    json!({
        "type": "DisruptionTarget", "status": "True", "reason": reason, "message": message,
        "lastProbeTime": null, "lastTransitionTime": at,
    })
}

/// Whether all containers have ended for good.
pub fn is_terminal(pod: &Pod) -> bool {
    is_terminal_phase(pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or(""))
}

pub fn is_terminal_value(pod: &Value) -> bool {
    is_terminal_phase(text(&pod["status"], "phase"))
}

pub fn is_terminal_phase(phase: &str) -> bool {
    matches!(phase, "Succeeded" | "Failed")
}

/// The condition of a kind (`Ready`, `PodScheduled`), if the pod has it.
pub fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    pod.status.as_ref()?.conditions.iter().flatten().find(|condition| condition.type_ == kind)
}

/// Whether the pod may get traffic.
pub fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|condition| condition.status == "True")
}

pub fn is_ready_value(pod: &Value) -> bool {
    let ready = |condition: &Value| text(condition, "type") == "Ready" && text(condition, "status") == "True";
    list(&pod["status"], "conditions").iter().any(ready)
}

/// Whether the pod has been ready for `min_ready_seconds` at `now` (seconds since 1970).
pub fn is_available(pod: &Pod, min_ready_seconds: i64, now: i64) -> bool {
    let Some(ready) = condition(pod, "Ready").filter(|condition| condition.status == "True") else { return false };
    if min_ready_seconds == 0 {
        return true;
    }
    let since = ready.last_transition_time.as_ref().map(|time| time.0.as_second());
    since.is_some_and(|since| since + min_ready_seconds <= now)
}

/// Whether somebody has asked for the pod's deletion.
pub fn is_terminating(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// Whether the pod counts as living for those who keep a number of pods: not ended, not being deleted.
pub fn is_active(pod: &Pod) -> bool {
    !is_terminal(pod) && !is_terminating(pod)
}

/// The class written in the status, or else the one that follows from the spec.
pub fn qos_class(pod: &Pod) -> QosClass {
    match pod.status.as_ref().and_then(|status| status.qos_class.as_deref()) {
        Some("Guaranteed") => QosClass::Guaranteed,
        Some("Burstable") => QosClass::Burstable,
        Some("BestEffort") => QosClass::BestEffort,
        _ => PodNeeds::of_pod(pod).qos_class(),
    }
}
