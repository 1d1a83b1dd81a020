//! Pods leave a node with a NoExecute taint, at once or when their toleration runs out.

use crate::owned::{self, OwnerKind};
use crate::{Action, Change, Controller, Plan, View, Wanted};
use apimachinery::{Object, Value};
use kinds::resources::{NODES, PODS};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use stdx::Timestamp;

const KIND: OwnerKind = OwnerKind { api_version: "v1", kind: "Pod" };

/// Upstream's clock: how long a pod may stay counts from when it was first seen with its node's taints.
#[derive(Default)]
pub struct TaintEviction {
    /// By key of the pods whose time runs: uid, and since when. Bounded by the pods there are.
    since: Mutex<BTreeMap<String, (String, Timestamp)>>,
}

impl Controller for TaintEviction {
    fn name(&self) -> &'static str {
        "taint-eviction-controller"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&PODS, &NODES] }
    }

    /// The pods of a node whose taints changed.
    fn affected(&self, change: Change<'_>, view: &dyn View) -> Vec<String> {
        let Some(node) = change.new.filter(|_| *change.of == NODES) else { return Vec::new() };
        let old = change.old.map(|old| executing(&old.to_value())).unwrap_or_default();
        if executing(&node.to_value()) == old {
            return Vec::new();
        }
        let pods = view.list(&PODS, "");
        let on_node = |pod: &Object| pod.to_value()["spec"]["nodeName"] == *node.head.name;
        pods.iter().filter(|pod| on_node(pod)).map(|pod| pod.key()).collect()
    }

    fn reconcile(&self, key: &str, view: &dyn View, now: Timestamp) -> Plan {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pod) = view.get(&PODS, key).filter(|pod| !pod.head.is_deleting()) else {
            since.remove(key);
            return Plan::rest();
        };
        let value = pod.to_value();
        let node = value["spec"]["nodeName"].as_str().and_then(|name| view.get(&NODES, name));
        let taints = node.map(|node| executing(&node.to_value())).unwrap_or_default();
        let Some(allowed) = may_stay(&value, &taints) else {
            let waited = since.remove(key).filter(|(uid, _)| *uid == pod.head.uid);
            return Plan::of(waited.map(|_| event(&pod, "Cancelling deletion of Pod")).into_iter().collect());
        };
        let began = match since.get(key) {
            Some((uid, began)) if *uid == pod.head.uid => *began,
            _ => now,
        };
        let left = allowed.saturating_sub(now.since(began));
        since.insert(key.to_owned(), (pod.head.uid.clone(), began));
        if left.is_zero() { Plan::of(evict(&pod, now)) } else { Plan { actions: Vec::new(), again: Some(left) } }
    }
}

fn event(pod: &Object, what: &str) -> Action {
    let message = format!("{what} {}", pod.key());
    Action::Event { about: KIND.regarding(pod), warning: false, reason: "TaintManagerEviction", message }
}

fn evict(pod: &Object, now: Timestamp) -> Vec<Action> {
    let delete = Action::delete(&PODS, pod);
    let Some(mark) =
        owned::disrupt(pod, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint", now)
    else {
        // Marked and told before; the view has not seen it go yet, or it has to be tried again.
        return vec![delete];
    };
    let mark = Action::patch_seen(&PODS, pod, "status", json!({"status": mark}));
    vec![mark, delete, event(pod, "Marking for deletion Pod")]
}

fn executing(node: &Value) -> Vec<Value> {
    let taints = node["spec"]["taints"].as_array().into_iter().flatten();
    taints.filter(|taint| taint["effect"] == "NoExecute").cloned().collect()
}

/// How long the pod may stay: None for ever, zero not at all.
fn may_stay(pod: &Value, taints: &[Value]) -> Option<Duration> {
    taints.iter().filter_map(|taint| may_stay_with(pod, taint)).min()
}

fn may_stay_with(pod: &Value, taint: &Value) -> Option<Duration> {
    let tolerations: Vec<&Value> = pod["spec"]["tolerations"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|toleration| tolerates(toleration, taint))
        .collect();
    if tolerations.is_empty() {
        return Some(Duration::ZERO);
    }
    // The shortest counts; without a time it means for ever.
    let seconds = tolerations.iter().filter_map(|toleration| toleration["tolerationSeconds"].as_i64()).min()?;
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// Upstream: `Toleration.ToleratesTaint`.
fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let fits = |field: &str| text(&toleration[field]).is_empty() || toleration[field] == taint[field];
    let exists = toleration["operator"] == "Exists";
    fits("effect") && fits("key") && (exists || text(&toleration["value"]) == text(&taint["value"]))
}
