//! What a ReplicaSet makes, adopts, lets go and says.

use super::*;
use crate::world::World;
use expect_test::{Expect, expect};
use serde_json::json;

const KEY: &str = "d/web";

fn world(replicas: i32) -> World {
    let world = World::default();
    world.put(
        &REPLICA_SETS,
        json!({"metadata": {"name": "web", "namespace": "d", "uid": "u", "generation": 1}, "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c"}]}}}}),
    );
    world
}

#[track_caller]
fn check(world: &World, expected: Expect) {
    expected.assert_eq(&world.round(&ReplicaSets, KEY, Timestamp::from_secs(100)));
}

#[test]
fn makes_what_is_missing_and_counts_what_is_there() {
    let world = world(2);
    check(
        &world,
        expect![[r#"
            create pods web-
            create pods web-
            patch replicasets/status web {"observedGeneration":1,"replicas":0,"terminatingReplicas":0}"#]],
    );
    check(
        &world,
        expect![[
            r#"patch replicasets/status web {"fullyLabeledReplicas":2,"observedGeneration":1,"replicas":2,"terminatingReplicas":0}"#
        ]],
    );
    check(&world, expect![""]);
    let pod = world.list(&PODS, "d")[0].key();
    world.patch(&PODS, &pod, &json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}));
    check(
        &world,
        expect![[r#"
            create pods web-
            patch replicasets/status web {"fullyLabeledReplicas":1,"observedGeneration":1,"replicas":1,"terminatingReplicas":1}"#]],
    );
}

#[test]
fn a_refusal_is_told_until_it_is_over() {
    let world = world(1);
    let fails = |world: &World, second: u64, why: &str| {
        let actions = ReplicaSets.refused(KEY, world, Timestamp::from_secs(second), why);
        world.execute(Plan::of(actions));
        world.get(&REPLICA_SETS, KEY).unwrap().to_value()["status"].clone()
    };
    let first = fails(&world, 100, "no more pods");
    let told = json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "no more pods",
        "lastTransitionTime": "1970-01-01T00:01:40Z"}]);
    assert_eq!(first["conditions"], told);
    assert_eq!(first["observedGeneration"], 1);
    assert_eq!(fails(&world, 200, "no more pods, again"), first, "told once");
    world.round(&ReplicaSets, KEY, Timestamp::from_secs(300));
    assert!(world.get(&REPLICA_SETS, KEY).unwrap().to_value()["status"]["conditions"].is_null());
}

#[test]
fn takes_over_and_lets_go() {
    let world = world(1);
    world.put(&PODS, json!({"metadata": {"name": "free", "namespace": "d", "labels": {"app": "web"}}}));
    check(&world, expect!["patch pods free {}"]);
    check(
        &world,
        expect![[
            r#"patch replicasets/status web {"fullyLabeledReplicas":1,"observedGeneration":1,"replicas":1,"terminatingReplicas":0}"#
        ]],
    );
    world.patch(&PODS, "d/free", &json!({"metadata": {"labels": {"app": "other"}}}));
    check(&world, expect!["patch pods free {}"]);
    check(
        &world,
        expect![[r#"
        create pods web-
        patch replicasets/status web {"observedGeneration":1,"replicas":0,"terminatingReplicas":0}"#]],
    );
    assert!(world.get(&PODS, "d/free").unwrap().head.controller().is_none());
}
