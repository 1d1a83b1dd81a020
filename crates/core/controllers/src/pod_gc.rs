//! Pod garbage collection: pods nobody will ever end.
//!
//! Upstream: `pkg/controller/podgc/gc_controller.go`.
//!
//! Invariant: a pod whose node is missing stays for [`QUARANTINE`], since the node may register again.

use crate::{Action, Change, Controller, Plan, View, Wanted, owned};
use apimachinery::{Object, Value};
use k8s_openapi::api::core::v1::Pod;
use kinds::resources::{NODES, PODS};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use stdx::Timestamp;

/// Upstream: `quarantineTime`.
const QUARANTINE: Duration = Duration::from_secs(40);
/// Ended pods kept, at most. Upstream: `--terminated-pod-gc-threshold`.
const KEPT: usize = 12_500;

#[derive(Default)]
pub struct PodGc {
    /// Since when a node that pods name is missing. Bounded by the nodes there ever were at a time.
    missing: Mutex<BTreeMap<String, Timestamp>>,
}

impl Controller for PodGc {
    fn name(&self) -> &'static str {
        "pod-garbage-collector"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&PODS, &NODES] }
    }

    /// The pods of a node that went.
    fn affected(&self, change: Change<'_>, view: &dyn View) -> Vec<String> {
        let Some(node) = change.old.filter(|_| *change.of == NODES && change.new.is_none()) else { return Vec::new() };
        let pods = view.list(&PODS, "");
        let on_node = |pod: &Object| pod.to_value()["spec"]["nodeName"] == *node.head.name;
        pods.iter().filter(|pod| on_node(pod)).map(|pod| pod.key()).collect()
    }

    fn reconcile(&self, key: &str, view: &dyn View, now: Timestamp) -> Plan {
        let Some(object) = view.get(&PODS, key) else { return Plan::rest() };
        let Ok(pod) = object.decode::<Pod>() else { return Plan::rest() };
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
        if node.is_empty() {
            let is_stuck = object.head.is_deleting();
            return if is_stuck { Plan::of(end(&object, &pod, None)) } else { Plan::rest() };
        }
        if let Some(missing) = self.missing_for(node, view, now) {
            return orphan(&object, &pod, missing, now);
        }
        if owned::is_finished(&pod) { Plan::of(surplus(view)) } else { Plan::rest() }
    }
}

impl PodGc {
    /// How long the node has been missing; None if it is there.
    fn missing_for(&self, node: &str, view: &dyn View, now: Timestamp) -> Option<Duration> {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        if view.get(&NODES, node).is_some() {
            missing.remove(node);
            return None;
        }
        Some(now.since(*missing.entry(node.to_owned()).or_insert(now)))
    }
}

fn orphan(object: &Object, pod: &Pod, missing: Duration, now: Timestamp) -> Plan {
    if missing < QUARANTINE {
        return Plan { actions: Vec::new(), again: Some(QUARANTINE - missing) };
    }
    Plan::of(end(object, pod, owned::disrupt(object, "DeletionByPodGC", "PodGC: node no longer exists", now)))
}

/// Failed first: nobody else will say so, and whoever counts the pod's end waits for it. Then it goes at once.
fn end(object: &Object, pod: &Pod, status: Option<Value>) -> Vec<Action> {
    let mut actions = Vec::new();
    if !owned::is_finished(pod) {
        let mut status = status.unwrap_or_else(|| json!({}));
        status["phase"] = "Failed".into();
        actions.push(Action::patch_seen(&PODS, object, "status", json!({"status": status})));
    }
    actions.push(delete(object));
    actions
}

/// The oldest of the ended pods above the limit.
fn surplus(view: &dyn View) -> Vec<Action> {
    let pods = view.list(&PODS, "");
    if pods.len() <= KEPT {
        return Vec::new();
    }
    let created =
        |pod: &Object| pod.to_value()["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
    let ended = pods.iter().filter(|pod| pod.decode::<Pod>().is_ok_and(|pod| owned::is_finished(&pod)));
    let mut ended: Vec<_> = ended.map(|pod| (created(pod), pod)).collect();
    ended.sort_by(|a, b| (&a.0, &a.1.head.name).cmp(&(&b.0, &b.1.head.name)));
    let surplus = ended.len().saturating_sub(KEPT);
    ended.iter().take(surplus).map(|(_, pod)| delete(pod)).collect()
}

/// At once: nobody is there to end its containers.
fn delete(pod: &Object) -> Action {
    Action::delete_by(&PODS, pod, None, Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_000 + seconds)
    }

    #[test]
    fn a_pod_outlives_its_node_by_the_quarantine() {
        let (world, gc) = (World::default(), PodGc::default());
        let pod = json!({"metadata": {"name": "p", "namespace": "d"}, "spec": {"nodeName": "n", "containers": []}});
        world.put(&PODS, pod);
        assert_eq!(gc.reconcile("d/p", &world, at(0)).again, Some(QUARANTINE));
        world.put(&NODES, json!({"metadata": {"name": "n"}}));
        assert_eq!(world.round(&gc, "d/p", at(41)), "", "it came back");
        world.remove(&NODES, "n");
        assert_eq!(world.round(&gc, "d/p", at(50)), "");
        assert_eq!(world.round(&gc, "d/p", at(90)), "patch pods/status p {\"phase\":\"Failed\"}\ndelete pods p");
    }

    #[test]
    fn a_pod_that_never_ran_goes_when_it_is_deleted() {
        let (world, gc) = (World::default(), PodGc::default());
        let mut pod = json!({"metadata": {"name": "p", "namespace": "d"}, "spec": {"containers": []}});
        world.put(&PODS, pod.clone());
        assert_eq!(world.round(&gc, "d/p", at(0)), "");
        pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        world.put(&PODS, pod);
        assert_eq!(world.round(&gc, "d/p", at(0)), "patch pods/status p {\"phase\":\"Failed\"}\ndelete pods p");
    }
}
