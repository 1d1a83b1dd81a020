//! Pods and nodes written short, decisions checked as text.

use crate::{Cluster, Decision, PodFacts, schedule};
use apimachinery::Object;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

/// Nodes n1.. with 2 cpu and 4Gi, changed by `edit`; then pods `(name, node, spec)`.
fn cluster(nodes: &[Value], pods: &[Value]) -> Cluster {
    let mut cluster = Cluster::default();
    for (index, edit) in nodes.iter().enumerate() {
        let name = format!("n{}", index + 1);
        let mut node = json!({
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}, "spec": {},
            "status": {"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "110"}},
        });
        json_patch::merge(&mut node, edit);
        cluster.put_node(&Object::from_value(&node).unwrap());
    }
    for pod in pods {
        cluster.put_pod(facts(pod));
    }
    cluster
}

fn facts(edit: &Value) -> PodFacts {
    let mut pod = json!({"metadata": {"name": "p", "namespace": "d", "uid": edit["metadata"]["name"].as_str().unwrap_or("p")}, "spec": {"containers": []}});
    json_patch::merge(&mut pod, edit);
    PodFacts::of(&Object::from_value(&pod).unwrap())
}

fn asks(cpu: &str) -> Value {
    json!([{"name": "c", "resources": {"requests": {"cpu": cpu}}}])
}

#[track_caller]
fn check(pod: Value, cluster: &Cluster, expected: Expect) {
    let shown = match schedule(&facts(&pod), cluster) {
        Decision::Bind { node } => node,
        Decision::Preempt { node, victims, message } => {
            let victims: Vec<String> = victims.into_iter().map(|victim| victim.name).collect();
            format!("{message} On {node} go: {}.", victims.join(", "))
        }
        Decision::Refused { message, .. } => message,
    };
    expected.assert_eq(&shown);
}

#[test]
fn the_emptier_node_wins() {
    let busy = json!({"metadata": {"name": "a"}, "spec": {"nodeName": "n1", "containers": asks("1")}});
    let cluster = cluster(&[json!({}), json!({})], &[busy]);
    check(json!({"spec": {"containers": asks("1")}}), &cluster, expect!["n2"]);
}

#[test]
fn every_node_says_why() {
    let nodes = [
        json!({"spec": {"unschedulable": true}}),
        json!({"spec": {"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}}),
        json!({}),
    ];
    let cluster = cluster(&nodes, &[]);
    let expected = expect![
        "0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    ];
    check(json!({"spec": {"containers": asks("3")}}), &cluster, expected);
}

#[test]
fn no_nodes_at_all() {
    check(json!({}), &cluster(&[], &[]), expect!["no nodes available to schedule pods"]);
}

#[test]
fn a_host_port_is_held_once() {
    let ports = json!([{"name": "c", "ports": [{"hostPort": 80, "containerPort": 80}]}]);
    let holder = json!({"metadata": {"name": "a"}, "spec": {"nodeName": "n1", "containers": ports}});
    let cluster = cluster(&[json!({}), json!({})], &[holder]);
    check(json!({"spec": {"containers": ports}}), &cluster, expect!["n2"]);
}

#[test]
fn anti_affinity_keeps_replicas_apart_both_ways() {
    let anti = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "kubernetes.io/hostname"}]}});
    let first =
        json!({"metadata": {"name": "a", "labels": {"app": "db"}}, "spec": {"nodeName": "n1", "affinity": anti}});
    let cluster = cluster(&[json!({})], &[first]);
    let expected = expect![
        "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
    ];
    check(json!({"metadata": {"labels": {"app": "db"}}, "spec": {"affinity": anti}}), &cluster, expected);
    let expected = expect![
        "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
    ];
    check(json!({"metadata": {"labels": {"app": "db"}}}), &cluster, expected);
}

#[test]
fn the_first_pod_of_an_affine_group_may_go_anywhere() {
    let near = json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}]}});
    let cluster = cluster(&[json!({})], &[]);
    check(json!({"metadata": {"labels": {"app": "web"}}, "spec": {"affinity": near}}), &cluster, expect!["n1"]);
    let expected = expect![
        "0/1 nodes are available: 1 node(s) didn't match pod affinity rules. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    ];
    check(json!({"spec": {"affinity": near}}), &cluster, expected);
}

#[test]
fn spread_refuses_the_crowded_domain() {
    let spread = json!([{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "w"}}}]);
    let here = json!({"metadata": {"name": "a", "labels": {"app": "w"}}, "spec": {"nodeName": "n1"}});
    let cluster = cluster(&[json!({}), json!({"spec": {"unschedulable": true}})], &[here]);
    let pod = json!({"metadata": {"labels": {"app": "w"}}, "spec": {"topologySpreadConstraints": spread}});
    let expected = expect![
        "0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) were unschedulable. preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."
    ];
    check(pod, &cluster, expected);
}

#[test]
fn a_finished_pod_frees_its_place() {
    let mut cluster = cluster(
        &[json!({})],
        &[json!({"metadata": {"name": "a"}, "spec": {"nodeName": "n1", "containers": asks("2")}})],
    );
    let pod = json!({"spec": {"containers": asks("2")}});
    check(
        pod.clone(),
        &cluster,
        expect![
            "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
        ],
    );
    cluster.put_pod(facts(
        &json!({"metadata": {"name": "a"}, "spec": {"nodeName": "n1"}, "status": {"phase": "Succeeded"}}),
    ));
    check(pod, &cluster, expect!["n1"]);
}

#[test]
fn node_selector_and_affinity() {
    let cluster = cluster(&[json!({"metadata": {"labels": {"disk": "ssd"}}}), json!({})], &[]);
    check(json!({"spec": {"nodeSelector": {"disk": "ssd"}}}), &cluster, expect!["n1"]);
    let not_in = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "disk", "operator": "NotIn", "values": ["ssd"]}]}]}}});
    check(json!({"spec": {"affinity": not_in}}), &cluster, expect!["n2"]);
    let prefer = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": 100, "preference": {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["n2"]}]}}]}});
    check(json!({"spec": {"affinity": prefer}}), &cluster, expect!["n2"]);
}

#[test]
fn claims_must_be_there_and_bound() {
    let mut cluster = cluster(&[json!({})], &[]);
    let pod = json!({"spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}});
    check(
        pod.clone(),
        &cluster,
        expect![[
            r#"0/1 nodes are available: persistentvolumeclaim "c" not found. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."#
        ]],
    );
    let claim = json!({"metadata": {"name": "c", "namespace": "d"}, "spec": {"storageClassName": "slow"}});
    cluster.put_claim(&Object::from_value(&claim).unwrap());
    check(
        pod.clone(),
        &cluster,
        expect![
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
        ],
    );
    let class = json!({"metadata": {"name": "slow"}, "volumeBindingMode": "WaitForFirstConsumer"});
    cluster.put_class(&Object::from_value(&class).unwrap());
    check(pod, &cluster, expect!["n1"]);
}

/// A pod of this priority on `n1` or `n2` that takes this much cpu.
fn placed(name: &str, node: &str, priority: i64, cpu: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"nodeName": node, "priority": priority, "containers": asks(cpu)}})
}

#[test]
fn the_least_important_make_room() {
    let pods = [
        placed("low", "n1", 1, "1"),
        placed("middle", "n1", 5, "1"),
        placed("lower", "n2", 1, "1500m"),
        placed("high", "n2", 100, "500m"),
    ];
    let cluster = cluster(&[json!({}), json!({})], &pods);
    let pod = |cpu: &str, priority: i64| json!({"spec": {"priority": priority, "containers": asks(cpu)}});
    check(pod("1", 10), &cluster, expect!["0/2 nodes are available: 2 Insufficient cpu. On n1 go: low."]);
    check(pod("1600m", 10), &cluster, expect!["0/2 nodes are available: 2 Insufficient cpu. On n1 go: middle, low."]);
    check(pod("1500m", 10), &cluster, expect!["0/2 nodes are available: 2 Insufficient cpu. On n2 go: lower."]);
    check(
        pod("1", 1),
        &cluster,
        expect![
            "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod."
        ],
    );
    check(
        pod("3", 10),
        &cluster,
        expect![
            "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
        ],
    );
    let mut patient = pod("1", 10);
    patient["spec"]["preemptionPolicy"] = "Never".into();
    check(
        patient,
        &cluster,
        expect!["0/2 nodes are available: 2 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never."],
    );
}

#[test]
fn room_is_kept_for_whom_it_is_made() {
    let mut cluster = cluster(&[json!({})], &[placed("old", "n1", 1, "2")]);
    let mut important = json!({"metadata": {"name": "important"}, "spec": {"priority": 10, "containers": asks("1500m")},
        "status": {"nominatedNodeName": "n1"}});
    let mut going = placed("old", "n1", 1, "2");
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    going["status"] = json!({"conditions": [
        {"type": "DisruptionTarget", "status": "True", "reason": crate::pod::PREEMPTION}]});
    cluster.put_pod(facts(&going));
    cluster.put_pod(facts(&important));
    check(
        important.clone(),
        &cluster,
        expect![
            "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to a terminating pod on the nominated node."
        ],
    );
    cluster.remove_pod("old");
    check(
        json!({"metadata": {"name": "other"}, "spec": {"priority": 9, "containers": asks("1")}}),
        &cluster,
        expect![
            "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
        ],
    );
    check(
        json!({"metadata": {"name": "urgent"}, "spec": {"priority": 11, "containers": asks("1")}}),
        &cluster,
        expect!["n1"],
    );
    check(important.clone(), &cluster, expect!["n1"]);
    important["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    cluster.put_pod(facts(&important));
    check(json!({"spec": {"containers": asks("1")}}), &cluster, expect!["n1"]);
}

#[test]
fn pods_in_the_way_of_spread_go_too() {
    let spread = json!([{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "w"}}}]);
    let zone =
        |name: &str| json!({"metadata": {"labels": {"zone": name}}, "status": {"allocatable": {"x.io/r": "10"}}});
    let pod = |name: &str, node: &str, priority: i64, amount: i64| {
        json!({"metadata": {"name": name, "labels": {"app": "w"}}, "spec": {"nodeName": node, "priority": priority,
            "containers": [{"name": "c", "resources": {"requests": {"x.io/r": amount.to_string()}}}]}})
    };
    let pods = [pod("high", "n1", 100, 9), pod("low1", "n2", 1, 3), pod("low2", "n2", 1, 3), pod("low3", "n2", 1, 3)];
    let cluster = cluster(&[zone("a"), zone("b")], &pods);
    let mut medium = pod("medium", "", 10, 3);
    medium["spec"]["topologySpreadConstraints"] = spread;
    check(medium, &cluster, expect!["0/2 nodes are available: 2 Insufficient x.io/r. On n2 go: low2, low3."]);
}

#[test]
fn affinity_terms_mean_one_group_of_pods() {
    let term =
        |name: &str| json!({"labelSelector": {"matchLabels": {name: "y"}}, "topologyKey": "kubernetes.io/hostname"});
    let near = json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term("a"), term("b")]}});
    let only = |name: &str| json!({"metadata": {"name": name, "labels": {name: "y"}}, "spec": {"nodeName": "n1"}});
    let mut cluster = cluster(&[json!({}), json!({})], &[only("a"), only("b")]);
    let pod = json!({"spec": {"affinity": near}});
    let expected = expect![
        "0/2 nodes are available: 2 node(s) didn't match pod affinity rules. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    ];
    check(pod.clone(), &cluster, expected);
    let both = json!({"metadata": {"name": "both", "labels": {"a": "y", "b": "y"}}, "spec": {"nodeName": "n2"}});
    cluster.put_pod(facts(&both));
    check(pod, &cluster, expect!["n2"]);
}
