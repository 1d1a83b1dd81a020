//! Pods leave a node with a NoExecute taint, at once or when their toleration runs out.

use crate::owned::{self, OwnerKind};
use crate::{Action, Change, Controller, Plan, View, Wanted};
use apimachinery::{Object, Value, time};
use kinds::resources::{NODES, PODS};
use serde_json::json;
use std::time::Duration;
use stdx::Timestamp;

const KIND: OwnerKind = OwnerKind { api_version: "v1", kind: "Pod" };

pub struct TaintEviction;

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
        let Some(pod) = view.get(&PODS, key).filter(|pod| !pod.head.is_deleting()) else { return Plan::rest() };
        let value = pod.to_value();
        let Some(node) = value["spec"]["nodeName"].as_str().and_then(|name| view.get(&NODES, name)) else {
            return Plan::rest();
        };
        match may_stay(&value, &executing(&node.to_value()), now) {
            None => Plan::rest(),
            Some(Duration::ZERO) => Plan::of(evict(&pod, now)),
            Some(left) => Plan { actions: Vec::new(), again: Some(left) },
        }
    }
}

fn evict(pod: &Object, now: Timestamp) -> Vec<Action> {
    let event = Action::Event {
        about: KIND.regarding(pod),
        warning: false,
        reason: "TaintManagerEviction",
        message: format!("Marking for deletion Pod {}", pod.key()),
    };
    let mark = owned::disrupt(pod, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint", now);
    let mark = mark.map(|status| Action::patch_seen(&PODS, pod, "status", json!({"status": status})));
    // The event last: if a write is refused, all is tried again.
    mark.into_iter().chain([Action::delete(&PODS, pod), event]).collect()
}

fn executing(node: &Value) -> Vec<Value> {
    let taints = node["spec"]["taints"].as_array().into_iter().flatten();
    taints.filter(|taint| taint["effect"] == "NoExecute").cloned().collect()
}

/// How much longer the pod may stay: None for ever, zero not at all.
fn may_stay(pod: &Value, taints: &[Value], now: Timestamp) -> Option<Duration> {
    taints.iter().filter_map(|taint| may_stay_with(pod, taint, now)).min()
}

fn may_stay_with(pod: &Value, taint: &Value, now: Timestamp) -> Option<Duration> {
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
    let added = taint["timeAdded"].as_str().and_then(time::parse_seconds).unwrap_or_else(|| now.secs());
    let added = Timestamp::from_secs(u64::try_from(added).unwrap_or(0));
    let until = added + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    Some(until.since(now))
}

/// Upstream: `Toleration.ToleratesTaint`.
fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let fits = |field: &str| text(&toleration[field]).is_empty() || toleration[field] == taint[field];
    let exists = toleration["operator"] == "Exists";
    fits("effect") && fits("key") && (exists || text(&toleration["value"]) == text(&taint["value"]))
}
