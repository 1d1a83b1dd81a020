//! Services, their pods, and what both controllers write of them.

use super::{EndpointSlices, Endpoints};
use crate::View;
use crate::world::World;
use expect_test::expect;
use kinds::resources::{ENDPOINT_SLICES, ENDPOINTS, PODS, SERVICES};
use serde_json::{Value, json};
use stdx::Timestamp;

const KEY: &str = "d/web";

fn world(pods: &[(&str, &str, bool)]) -> World {
    let world = World::default();
    world.put(&SERVICES, json!({"metadata": {"name": "web", "namespace": "d", "uid": "s", "labels": {"a": "b"}}, "spec": {
        "clusterIP": "10.96.0.7", "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http", "protocol": "TCP"}]}}));
    for (name, ip, ready) in pods {
        world.put(&PODS, pod(name, ip, *ready));
    }
    world
}

fn pod(name: &str, ip: &str, ready: bool) -> Value {
    json!({"metadata": {"name": name, "namespace": "d", "uid": format!("u-{name}"), "labels": {"app": "web"}},
        "spec": {"nodeName": "n1", "containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 8080}]}]},
        "status": {"phase": "Running", "podIP": ip, "conditions": [
            {"type": "Ready", "status": if ready { "True" } else { "False" }}]}})
}

fn slices(world: &World) -> String {
    let slices = world.list(&ENDPOINT_SLICES, "d");
    let line = |slice: &Value| {
        let endpoints = slice["endpoints"].as_array().cloned().unwrap_or_default();
        let shown = endpoints.iter().map(|e| {
            format!(
                "{}{}",
                e["addresses"][0].as_str().unwrap(),
                if e["conditions"]["ready"] == true { "" } else { "!" }
            )
        });
        format!("{} [{}]", slice["ports"][0]["port"], shown.collect::<Vec<_>>().join(" "))
    };
    slices.iter().map(|slice| line(&slice.to_value())).collect::<Vec<_>>().join("\n")
}

fn settle(world: &World) {
    for _ in 0..5 {
        let done = world.round(&EndpointSlices, KEY, Timestamp::default());
        let also = world.round(&Endpoints, KEY, Timestamp::default());
        if done.is_empty() && also.is_empty() {
            return;
        }
    }
    panic!("does not come to rest");
}

#[test]
fn ready_and_unready_pods() {
    let world = world(&[("a", "10.1.0.1", true), ("b", "10.1.0.2", false)]);
    settle(&world);
    expect!["8080 [10.1.0.1 10.1.0.2!]"].assert_eq(&slices(&world));
    let endpoints = world.get(&ENDPOINTS, KEY).unwrap().to_value();
    assert_eq!(endpoints["subsets"][0]["addresses"][0]["ip"], "10.1.0.1");
    assert_eq!(endpoints["subsets"][0]["notReadyAddresses"][0]["ip"], "10.1.0.2");
    assert_eq!(endpoints["subsets"][0]["ports"][0]["port"], 8080);
}

#[test]
fn a_service_without_pods_has_an_empty_slice() {
    let world = world(&[]);
    settle(&world);
    expect!["null []"].assert_eq(&slices(&world));
    world.put(&PODS, pod("a", "10.1.0.1", true));
    settle(&world);
    expect!["8080 [10.1.0.1]"].assert_eq(&slices(&world));
}

#[test]
fn a_lost_pod_leaves_only_its_own_slice() {
    let pods: Vec<(String, String)> = (0..150).map(|i| (format!("p{i:03}"), format!("10.1.0.{i}"))).collect();
    let pods: Vec<(&str, &str, bool)> = pods.iter().map(|(name, ip)| (name.as_str(), ip.as_str(), true)).collect();
    let world = world(&pods);
    settle(&world);
    let sizes = |world: &World| -> Vec<usize> {
        let slices = world.list(&ENDPOINT_SLICES, "d");
        slices.iter().map(|slice| slice.to_value()["endpoints"].as_array().unwrap().len()).collect()
    };
    let mut before = sizes(&world);
    before.sort_unstable();
    assert_eq!(before, [50, 100]);
    world.remove(&PODS, "d/p000");
    let written = world.round(&EndpointSlices, KEY, Timestamp::default());
    assert_eq!(written.lines().count(), 1, "{written}");
}

#[test]
fn a_pod_that_ends_serves_no_more() {
    let world = world(&[("a", "10.1.0.1", true)]);
    settle(&world);
    world.patch(&PODS, "d/a", &json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}));
    settle(&world);
    expect!["8080 [10.1.0.1!]"].assert_eq(&slices(&world));
    assert!(world.get(&ENDPOINTS, KEY).unwrap().to_value().get("subsets").is_none());
}

/// A Service that was deleted with its slices orphaned, and made again.
#[test]
fn slices_of_an_earlier_service_of_the_name_go() {
    let world = world(&[("a", "10.1.0.1", true)]);
    let labels = json!({"kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"});
    let slice = |name: &str, labels: &Value| {
        json!({"metadata": {"name": name, "namespace": "d", "uid": name, "labels": labels},
            "addressType": "IPv4", "endpoints": [{"addresses": ["10.1.0.9"], "conditions": {"ready": true}}], "ports": []})
    };
    world.put(&ENDPOINT_SLICES, slice("web-old", &labels));
    let of_somebody = json!({"kubernetes.io/service-name": "web", "endpointslice.kubernetes.io/managed-by": "me"});
    world.put(&ENDPOINT_SLICES, slice("by-hand", &of_somebody));
    settle(&world);
    let left: Vec<String> = world.list(&ENDPOINT_SLICES, "d").iter().map(|slice| slice.head.name.clone()).collect();
    assert!(left.len() == 2 && left.iter().any(|name| name == "by-hand"), "{left:?}");
    assert!(!left.iter().any(|name| name == "web-old"), "{left:?}");
}
