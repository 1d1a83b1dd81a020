//! What a node's conditions are, and the taints that follow from them.

use super::{GRACE, NOT_READY, UNREACHABLE, UNSCHEDULABLE};
use crate::owned::OwnerKind;
use crate::{Action, Change, Controller, Plan, View, Wanted};
use apimachinery::{Object, Value, time};
use kinds::resources::{LEASES, NODES, PODS};
use serde_json::json;
use std::sync::OnceLock;
use std::time::Duration;
use stdx::Timestamp;

const LEASES_NAMESPACE: &str = "kube-node-lease";
const KIND: OwnerKind = OwnerKind { api_version: "v1", kind: "Node" };

/// What a silent node can no longer vouch for.
const VOUCHED: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// A condition, its bad status, and the taint that keeps new pods away.
const TAINTS: [(&str, &str, &str); 6] = [
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
];

#[derive(Default)]
pub struct NodeLifecycle {
    /// When we began to listen: what was said before counts as said then.
    listening_since: OnceLock<Timestamp>,
}

impl Controller for NodeLifecycle {
    fn name(&self) -> &'static str {
        "node-controller"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&NODES, &LEASES, &PODS] }
    }

    /// A node's own lease; and when one node comes or goes, the others, since [`nobody_is_ready`] may have changed.
    fn affected(&self, change: Change<'_>, view: &dyn View) -> Vec<String> {
        let Some(object) = change.object() else { return Vec::new() };
        if *change.of == LEASES && object.head.namespace == LEASES_NAMESPACE {
            return vec![object.head.name.clone()];
        }
        let readiness = |node: Option<&Object>| node.map(|node| ready_status(&node.to_value()).to_owned());
        if *change.of == NODES && readiness(change.old) != readiness(change.new) {
            return view.list(&NODES, "").iter().map(|node| node.key()).collect();
        }
        Vec::new()
    }

    fn reconcile(&self, key: &str, view: &dyn View, now: Timestamp) -> Plan {
        let Some(node) = view.get(&NODES, key) else { return Plan::rest() };
        let listening_since = *self.listening_since.get_or_init(|| now);
        let value = node.to_value();
        let silent = now.since(last_heard(&value, key, view).unwrap_or_default().max(listening_since));
        let mut plan = Plan::rest();
        if silent >= GRACE {
            plan.actions.extend(call_silent(&node, &value, view, now));
        } else {
            plan.look_again(GRACE - silent + Duration::from_millis(1));
        }
        if plan.actions.is_empty() {
            // Otherwise the changed conditions bring us back.
            plan.actions.extend(taint(&node, &value, view, now));
            plan.actions.extend(extended(&node, &value));
        }
        plan
    }
}

/// The newer of the lease's renewal and the status's heartbeat.
fn last_heard(node: &Value, name: &str, view: &dyn View) -> Option<Timestamp> {
    let lease = view.get(&LEASES, &format!("{LEASES_NAMESPACE}/{name}")).map(|lease| lease.to_value());
    let renewed = lease.and_then(|lease| time::parse_micros(lease["spec"]["renewTime"].as_str()?));
    let heartbeat =
        condition(node, "Ready").and_then(|ready| time::parse_seconds(ready["lastHeartbeatTime"].as_str()?));
    let renewed = renewed.and_then(|micros| Some(Timestamp(Duration::from_micros(u64::try_from(micros).ok()?))));
    let heartbeat = heartbeat.and_then(|seconds| Some(Timestamp::from_secs(u64::try_from(seconds).ok()?)));
    renewed.max(heartbeat)
}

/// Conditions become Unknown and its pods not ready.
fn call_silent(node: &Object, value: &Value, view: &dyn View, now: Timestamp) -> Vec<Action> {
    if condition(value, "Ready").is_some_and(|ready| ready["status"] == "Unknown") {
        return Vec::new();
    }
    let mut conditions = value["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let at = time::format_seconds(now.secs());
    for name in VOUCHED {
        let Some(old) = conditions.iter_mut().find(|condition| condition["type"] == name) else {
            conditions.push(json!({
                "type": name, "status": "Unknown", "reason": "NodeStatusNeverUpdated",
                "message": "Kubelet never posted node status.",
                "lastHeartbeatTime": value["metadata"]["creationTimestamp"], "lastTransitionTime": at,
            }));
            continue;
        };
        old["status"] = "Unknown".into();
        old["reason"] = "NodeStatusUnknown".into();
        old["message"] = "Kubelet stopped posting node status.".into();
        old["lastTransitionTime"] = at.as_str().into();
    }
    let event = Action::Event {
        about: KIND.regarding(node),
        warning: false,
        reason: "NodeNotReady",
        message: format!("Node {} status is now: NodeNotReady", node.head.name),
    };
    let status = Action::patch_seen(&NODES, node, "status", json!({"status": {"conditions": conditions}}));
    let mut actions: Vec<Action> = view.list(&PODS, "").iter().filter_map(|pod| unready(pod, node, &at)).collect();
    // The node last: were it first, a failure would leave the pods as they are for ever.
    actions.extend([status, event]);
    actions
}

/// A pod of a silent node serves no more.
fn unready(pod: &Object, node: &Object, at: &str) -> Option<Action> {
    let value = pod.to_value();
    if value["spec"]["nodeName"] != *node.head.name {
        return None;
    }
    let mut conditions = value["status"]["conditions"].as_array().cloned()?;
    let ready = conditions.iter_mut().find(|condition| condition["type"] == "Ready")?;
    if ready["status"] != "True" {
        return None;
    }
    ready["status"] = "False".into();
    ready["lastTransitionTime"] = at.into();
    Some(Action::patch_seen(&PODS, pod, "status", json!({"status": {"conditions": conditions}})))
}

fn taint(node: &Object, value: &Value, view: &dyn View, now: Timestamp) -> Option<Action> {
    let old = value["spec"]["taints"].as_array().cloned().unwrap_or_default();
    let wanted = wanted(value, nobody_is_ready(view));
    let mut taints: Vec<Value> = old.iter().filter(|taint| !is_ours(taint) || has(&wanted, taint)).cloned().collect();
    for (key, effect) in &wanted {
        if !taints.iter().any(|taint| taint["key"] == *key && taint["effect"] == *effect) {
            let at = time::format_seconds(now.secs());
            taints.push(json!({"key": key, "effect": effect, "timeAdded": at}));
        }
    }
    if taints == old {
        return None;
    }
    let taints = if taints.is_empty() { Value::Null } else { taints.into() };
    Some(Action::patch_seen(&NODES, node, "", json!({"spec": {"taints": taints}})))
}

/// Extended resources are whole or not at all: pods may have what the node says it has. Upstream's kubelet copies them
/// with its next report; here they follow at once.
fn extended(node: &Object, value: &Value) -> Option<Action> {
    let of = |field: &str| value["status"][field].as_object().cloned().unwrap_or_default();
    let (capacity, allocatable) = (of("capacity"), of("allocatable"));
    let mut changes = serde_json::Map::new();
    for (name, amount) in capacity.iter().filter(|(name, _)| is_extended(name)) {
        if allocatable.get(name) != Some(amount) {
            changes.insert(name.clone(), amount.clone());
        }
    }
    for name in allocatable.keys().filter(|name| is_extended(name) && !capacity.contains_key(*name)) {
        changes.insert(name.clone(), Value::Null);
    }
    if changes.is_empty() {
        return None;
    }
    Some(Action::patch_seen(&NODES, node, "status", json!({"status": {"allocatable": changes}})))
}

/// Upstream: `IsExtendedResourceName`.
fn is_extended(resource: &str) -> bool {
    resource.contains('/') && !resource.contains("kubernetes.io/") && !resource.starts_with("requests.")
}

fn wanted(node: &Value, nobody_is_ready: bool) -> Vec<(&'static str, &'static str)> {
    let mut wanted = Vec::new();
    for (name, bad, key) in TAINTS {
        // A node that has said nothing yet is not ready.
        let status = condition(node, name).and_then(|condition| condition["status"].as_str());
        let status = status.unwrap_or(if name == "Ready" { "False" } else { "" });
        if status != bad {
            continue;
        }
        wanted.push((key, "NoSchedule"));
        if name == "Ready" && !nobody_is_ready {
            wanted.push((key, "NoExecute"));
        }
    }
    if node["spec"]["unschedulable"] == true {
        wanted.push((UNSCHEDULABLE, "NoSchedule"));
    }
    wanted
}

fn has(wanted: &[(&str, &str)], taint: &Value) -> bool {
    wanted.iter().any(|(key, effect)| taint["key"] == *key && taint["effect"] == *effect)
}

/// Whether the taint is one we put and take away.
fn is_ours(taint: &Value) -> bool {
    let is_condition = |key: &str| TAINTS.iter().any(|(_, _, own)| *own == key) || key == UNSCHEDULABLE;
    match (taint["key"].as_str(), taint["effect"].as_str()) {
        (Some(key), Some("NoSchedule")) => is_condition(key),
        (Some(key), Some("NoExecute")) => key == NOT_READY || key == UNREACHABLE,
        _ => false,
    }
}

fn nobody_is_ready(view: &dyn View) -> bool {
    view.list(&NODES, "").iter().all(|node| ready_status(&node.to_value()) != "True")
}

fn ready_status(node: &Value) -> &str {
    condition(node, "Ready").and_then(|ready| ready["status"].as_str()).unwrap_or_default()
}

fn condition<'a>(node: &'a Value, name: &str) -> Option<&'a Value> {
    node["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == name)
}
