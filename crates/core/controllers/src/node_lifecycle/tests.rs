//! Nodes that fall silent, come back, and the pods on them.

use super::*;
use crate::world::World;
use crate::{Controller, View};
use apimachinery::{Value, time};
use kinds::resources::{LEASES, NODES, PODS};
use serde_json::json;
use stdx::Timestamp;

const START: u64 = 1_000_000;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(START + seconds)
}

fn node(name: &str, ready: &str) -> Value {
    json!({
        "metadata": {"name": name}, "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": ready}, {"type": "DiskPressure", "status": "False"}]},
    })
}

fn renew(world: &World, name: &str, now: Timestamp) {
    let micros = now.secs() * 1_000_000;
    let lease = json!({
        "metadata": {"name": name, "namespace": "kube-node-lease"}, "spec": {"renewTime": time::format_micros(micros)},
    });
    world.put(&LEASES, lease);
}

fn taints(world: &World, name: &str) -> String {
    let node = world.get(&NODES, name).unwrap().to_value();
    let taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    let one = |taint: &Value| format!("{}:{}", taint["key"], taint["effect"]).replace('"', "");
    taints.iter().map(one).collect::<Vec<_>>().join(" ").replace("node.kubernetes.io/", "")
}

#[test]
fn a_silent_node_becomes_unknown_and_is_left_by_its_pods() {
    let (world, nodes) = (World::default(), NodeLifecycle::default());
    world.put(&NODES, node("a", "True"));
    world.put(&NODES, node("b", "True"));
    let pod = json!({
        "metadata": {"name": "p", "namespace": "d"},
        "spec": {"nodeName": "a", "tolerations": [
            {"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
        ]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    });
    world.put(&PODS, pod);
    renew(&world, "a", at(0));
    assert_eq!(world.round(&nodes, "a", at(0)), "");
    assert_eq!(nodes.reconcile("a", &world, at(39)).again, Some(std::time::Duration::from_millis(1001)));
    assert_eq!(
        world.round(&nodes, "a", at(41)),
        "patch pods/status p {}\npatch nodes/status a {}\nevent NodeNotReady: Node a status is now: NodeNotReady"
    );
    let silent = world.get(&NODES, "a").unwrap().to_value();
    assert_eq!(silent["status"]["conditions"][0]["message"], "Kubelet stopped posting node status.");
    world.round(&nodes, "a", at(42));
    assert_eq!(taints(&world, "a"), "unreachable:NoSchedule unreachable:NoExecute");
    assert_eq!(world.round(&nodes, "a", at(43)), "", "peace");

    let eviction = TaintEviction::default();
    assert_eq!(eviction.reconcile("d/p", &world, at(42)).again, Some(std::time::Duration::from_secs(300)));
    assert_eq!(eviction.reconcile("d/p", &world, at(50)).again, Some(std::time::Duration::from_secs(292)));
    assert_eq!(
        world.round(&eviction, "d/p", at(342)),
        "patch pods/status p {}\ndelete pods p\nevent TaintManagerEviction: Marking for deletion Pod d/p"
    );
}

#[test]
fn old_silence_counts_from_our_start() {
    let (world, nodes) = (World::default(), NodeLifecycle::default());
    world.put(&NODES, node("a", "True"));
    renew(&world, "a", Timestamp::from_secs(1));
    assert_eq!(world.round(&nodes, "a", at(0)), "");
    assert!(!world.round(&nodes, "a", at(40)).is_empty());
}

#[test]
fn where_nobody_is_ready_nobody_is_evicted() {
    let (world, nodes) = (World::default(), NodeLifecycle::default());
    world.put(&NODES, node("a", "False"));
    world.round(&nodes, "a", at(0));
    assert_eq!(taints(&world, "a"), "not-ready:NoSchedule");
    world.put(&NODES, node("b", "True"));
    world.round(&nodes, "a", at(1));
    assert_eq!(taints(&world, "a"), "not-ready:NoSchedule not-ready:NoExecute");
}

#[test]
fn taints_follow_conditions_and_leave_those_of_others() {
    let (world, nodes) = (World::default(), NodeLifecycle::default());
    let mut full = node("a", "True");
    full["status"]["conditions"][1]["status"] = "True".into();
    full["spec"] = json!({"unschedulable": true, "taints": [
        {"key": "mine", "effect": "NoExecute"}, {"key": NOT_READY, "effect": "NoSchedule"},
    ]});
    world.put(&NODES, full);
    world.round(&nodes, "a", at(0));
    assert_eq!(taints(&world, "a"), "mine:NoExecute disk-pressure:NoSchedule unschedulable:NoSchedule");
}

#[test]
fn a_pod_without_a_toleration_goes_at_once() {
    let world = World::default();
    let mut tainted = node("a", "True");
    tainted["spec"]["taints"] = json!([{"key": "mine", "value": "x", "effect": "NoExecute"}]);
    world.put(&NODES, tainted);
    for (name, toleration) in [("goes", json!({"key": "mine"})), ("stays", json!({"key": "mine", "value": "x"}))] {
        let pod = json!({
            "metadata": {"name": name, "namespace": "d"}, "spec": {"nodeName": "a", "tolerations": [toleration]},
        });
        world.put(&PODS, pod);
    }
    assert!(world.round(&TaintEviction::default(), "d/goes", at(0)).contains("delete pods goes"));
    assert_eq!(world.round(&TaintEviction::default(), "d/stays", at(0)), "");
}

#[test]
fn extended_resources_may_be_had_in_full() {
    let (world, nodes) = (World::default(), NodeLifecycle::default());
    let mut rich = node("a", "True");
    rich["status"]["capacity"] = json!({"cpu": "2", "example.com/gpu": "3", "node.kubernetes.io/own": "1"});
    rich["status"]["allocatable"] = json!({"cpu": "1", "example.com/gone": "1"});
    world.put(&NODES, rich);
    world.round(&nodes, "a", at(0));
    let node = world.get(&NODES, "a").unwrap().to_value();
    assert_eq!(node["status"]["allocatable"], json!({"cpu": "1", "example.com/gpu": "3"}));
    assert_eq!(world.round(&nodes, "a", at(1)), "", "peace");
}

#[test]
fn a_taint_that_goes_lets_the_pod_stay() {
    let (world, eviction) = (World::default(), TaintEviction::default());
    let mut tainted = node("a", "True");
    tainted["spec"]["taints"] = json!([{"key": "mine", "effect": "NoExecute"}]);
    world.put(&NODES, tainted.clone());
    let toleration = json!({"key": "mine", "operator": "Exists", "tolerationSeconds": 60});
    world.put(
        &PODS,
        json!({"metadata": {"name": "p", "namespace": "d"}, "spec": {"nodeName": "a", "tolerations": [toleration]}}),
    );
    assert_eq!(world.round(&eviction, "d/p", at(0)), "");
    world.put(&NODES, node("a", "True"));
    assert_eq!(world.round(&eviction, "d/p", at(30)), "event TaintManagerEviction: Cancelling deletion of Pod d/p");
    assert_eq!(world.round(&eviction, "d/p", at(61)), "");
    world.put(&NODES, tainted);
    assert_eq!(eviction.reconcile("d/p", &world, at(62)).again, Some(std::time::Duration::from_secs(60)), "anew");
}
