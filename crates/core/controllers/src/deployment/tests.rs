//! Rollouts in a world where pods become ready at once, or never.

use super::Deployments;
use crate::world::World;
use crate::{Controller, View};
use expect_test::{Expect, expect};
use kinds::resources::{DEPLOYMENTS, REPLICA_SETS};
use serde_json::{Value, json};
use stdx::Timestamp;

const KEY: &str = "d/web";

fn deployment(replicas: i32, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "d", "uid": "u", "generation": 1},
        "spec": {
            "replicas": replicas, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]}},
        },
    })
}

/// Every set's pods are there and serve, but for sets whose image is `broken`.
fn settle(world: &World) {
    for set in world.list(&REPLICA_SETS, "d") {
        let value = set.to_value();
        let wanted = &value["spec"]["replicas"];
        let broken = value["spec"]["template"]["spec"]["containers"][0]["image"] == "broken";
        let serving = if broken { &Value::Null } else { wanted };
        let status = json!({"replicas": wanted, "readyReplicas": serving, "availableReplicas": serving,
            "observedGeneration": set.head.generation});
        world.patch(&REPLICA_SETS, &set.key(), &json!({"status": status}));
    }
}

/// Sizes of the sets by image, a line a round, until nothing changes.
fn roll(world: &World) -> String {
    let mut lines: Vec<String> = Vec::new();
    for second in 0..40 {
        let actions = world.round(&Deployments, KEY, Timestamp::from_secs(1000 + second));
        settle(world);
        let mut sets: Vec<(String, i64)> = (world.list(&REPLICA_SETS, "d").iter())
            .map(|set| set.to_value())
            .map(|set| {
                (
                    set["spec"]["template"]["spec"]["containers"][0]["image"].to_string(),
                    set["spec"]["replicas"].as_i64().unwrap(),
                )
            })
            .collect();
        sets.sort();
        let line = sets
            .iter()
            .map(|(image, size)| format!("{}={size}", image.trim_matches('"')))
            .collect::<Vec<_>>()
            .join(" ");
        if lines.last() != Some(&line) {
            lines.push(line);
        }
        if actions.is_empty() {
            return lines.join("\n");
        }
    }
    panic!("does not come to rest:\n{}", lines.join("\n"));
}

fn condition(world: &World, name: &str) -> String {
    let deployment = world.get(&DEPLOYMENTS, KEY).unwrap().to_value();
    let conditions = deployment["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.iter().find(|condition| condition["type"] == name);
    found.map(|c| format!("{} {}", c["status"].as_str().unwrap(), c["reason"].as_str().unwrap())).unwrap_or_default()
}

#[track_caller]
fn check(world: &World, expected: Expect) {
    expected.assert_eq(&roll(world));
}

#[test]
fn rolls_by_quarters() {
    let world = World::default();
    world.put(&DEPLOYMENTS, deployment(4, "a"));
    check(&world, expect!["a=4"]);
    assert_eq!(condition(&world, "Progressing"), "True NewReplicaSetAvailable");
    assert_eq!(condition(&world, "Available"), "True MinimumReplicasAvailable");
    world.patch(&DEPLOYMENTS, KEY, &json!({"metadata": {"generation": 2}, "spec": deployment(4, "b")["spec"]}));
    check(
        &world,
        expect![[r#"
        a=4 b=1
        a=2 b=1
        a=2 b=3
        a=0 b=3
        a=0 b=4"#]],
    );
}

#[test]
fn a_broken_template_costs_one_quarter_at_most() {
    let world = World::default();
    world.put(&DEPLOYMENTS, deployment(4, "a"));
    check(&world, expect!["a=4"]);
    world.patch(&DEPLOYMENTS, KEY, &json!({"metadata": {"generation": 2}, "spec": deployment(4, "broken")["spec"]}));
    check(
        &world,
        expect![[r#"
        a=4 broken=1
        a=3 broken=1
        a=3 broken=2"#]],
    );
    world.round(&Deployments, KEY, Timestamp::from_secs(1700));
    assert_eq!(condition(&world, "Progressing"), "False ProgressDeadlineExceeded");
}

#[test]
fn an_undo_takes_the_old_set_again_with_a_new_revision() {
    let world = World::default();
    world.put(&DEPLOYMENTS, deployment(2, "a"));
    roll(&world);
    for image in ["b", "a"] {
        world.patch(&DEPLOYMENTS, KEY, &json!({"spec": deployment(2, image)["spec"]}));
        roll(&world);
    }
    let mut revisions: Vec<String> = world
        .list(&REPLICA_SETS, "d")
        .iter()
        .map(|set| set.to_value()["metadata"]["annotations"][super::REVISION].to_string())
        .collect();
    revisions.sort();
    assert_eq!(revisions, ["\"2\"", "\"3\""]);
    let sets = world.list(&REPLICA_SETS, "d");
    let histories = sets
        .iter()
        .filter_map(|set| set.to_value()["metadata"]["annotations"][super::HISTORY].as_str().map(str::to_owned));
    assert_eq!(histories.collect::<Vec<_>>(), ["1"]);
}

#[test]
fn history_is_kept_to_its_limit() {
    let world = World::default();
    world.put(&DEPLOYMENTS, deployment(1, "a"));
    roll(&world);
    for image in ["b", "c", "d"] {
        world.patch(&DEPLOYMENTS, KEY, &json!({"spec": deployment(1, image)["spec"]}));
        roll(&world);
    }
    check(&world, expect!["c=0 d=1"]);
}

#[test]
fn a_paused_one_scales_but_does_not_roll() {
    let world = World::default();
    world.put(&DEPLOYMENTS, deployment(2, "a"));
    roll(&world);
    let mut spec = deployment(5, "b")["spec"].clone();
    spec["paused"] = true.into();
    world.patch(&DEPLOYMENTS, KEY, &json!({"spec": spec}));
    check(&world, expect!["a=5"]);
    assert_eq!(condition(&world, "Progressing"), "Unknown DeploymentPaused");
}

#[test]
fn scaling_during_a_roll_is_shared_in_proportion() {
    let world = World::default();
    world.put(&DEPLOYMENTS, deployment(4, "a"));
    roll(&world);
    world.patch(&DEPLOYMENTS, KEY, &json!({"spec": deployment(4, "broken")["spec"]}));
    roll(&world);
    world.patch(&DEPLOYMENTS, KEY, &json!({"spec": {"replicas": 8}}));
    world.round(&Deployments, KEY, Timestamp::from_secs(1100));
    let mut sizes: Vec<i64> =
        world.list(&REPLICA_SETS, "d").iter().map(|set| set.to_value()["spec"]["replicas"].as_i64().unwrap()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [4, 6], "8 and a surge of 2, as 3 to 2 was");
}

#[test]
fn recreate_waits_for_the_last_old_pod() {
    let world = World::default();
    let mut first = deployment(1, "a");
    first["spec"]["strategy"] = json!({"type": "Recreate"});
    world.put(&DEPLOYMENTS, first);
    check(&world, expect!["a=1"]);
    let set = world.list(&REPLICA_SETS, "d")[0].clone();
    world.put(&kinds::resources::PODS, json!({"metadata": {"name": "p", "namespace": "d", "ownerReferences": [
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set.head.name, "uid": set.head.uid, "controller": true}]},
        "status": {"phase": "Running"}}));
    let mut spec = deployment(1, "b")["spec"].clone();
    spec["strategy"] = json!({"type": "Recreate", "rollingUpdate": null});
    world.patch(&DEPLOYMENTS, KEY, &json!({"spec": spec}));
    check(&world, expect!["a=0"]);
    world.remove(&kinds::resources::PODS, "d/p");
    check(
        &world,
        expect![[r#"
        a=0 b=1"#]],
    );
}

/// Upstream is stuck here: it sees a scaling, and has no proportions for Recreate.
#[test]
fn recreate_goes_on_when_somebody_scaled_an_old_set() {
    let world = World::default();
    let mut first = deployment(2, "a");
    first["spec"]["strategy"] = json!({"type": "Recreate"});
    world.put(&DEPLOYMENTS, first);
    check(&world, expect!["a=2"]);
    let old = world.list(&REPLICA_SETS, "d")[0].key();
    let mut spec = deployment(2, "b")["spec"].clone();
    spec["strategy"] = json!({"type": "Recreate", "rollingUpdate": null});
    world.patch(&DEPLOYMENTS, KEY, &json!({"spec": spec}));
    check(
        &world,
        expect![[r#"
        a=0
        a=0 b=2"#]],
    );
    world.patch(&REPLICA_SETS, &old, &json!({"spec": {"replicas": 3}}));
    world.patch(&DEPLOYMENTS, KEY, &json!({"spec": {"replicas": 1}}));
    check(
        &world,
        expect![[r#"
        a=0 b=2
        a=0 b=1"#]],
    );
}

#[test]
fn the_new_set_follows_annotations_and_min_ready() {
    let world = World::default();
    world.put(&DEPLOYMENTS, deployment(2, "a"));
    roll(&world);
    let change =
        json!({"metadata": {"annotations": {"kubernetes.io/change-cause": "because"}}, "spec": {"minReadySeconds": 5}});
    world.patch(&DEPLOYMENTS, KEY, &change);
    check(&world, expect!["a=2"]);
    let set = world.list(&REPLICA_SETS, "d")[0].to_value();
    assert_eq!(set["metadata"]["annotations"]["kubernetes.io/change-cause"], "because");
    assert_eq!(set["spec"]["minReadySeconds"], 5);
}

#[test]
fn a_set_that_was_there_is_taken_over_before_pods_are_made() {
    let world = World::default();
    let old = deployment(3, "a");
    let mut set = json!({"metadata": {"name": "before", "namespace": "d", "labels": {"app": "web", "x": "y"},
        "annotations": {(super::REVISION): "3546343826724305832"}}, "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web", "x": "y"}},
        "template": old["spec"]["template"]}});
    set["spec"]["template"]["metadata"]["labels"]["x"] = "y".into();
    world.put(&REPLICA_SETS, set);
    world.put(&DEPLOYMENTS, old);
    settle(&world);
    assert_eq!(world.round(&Deployments, KEY, Timestamp::from_secs(1000)), "patch replicasets before {}");
    roll(&world);
    let annotations = &world.get(&DEPLOYMENTS, KEY).unwrap().to_value()["metadata"]["annotations"];
    assert_eq!(annotations[super::REVISION], "3546343826724305833");
    world.patch(&REPLICA_SETS, "d/before", &json!({"metadata": {"labels": {"app": "other"}}}));
    roll(&world);
    assert!(world.get(&REPLICA_SETS, "d/before").unwrap().head.controller().is_none(), "let go");
}

#[test]
fn a_set_that_is_refused_is_told() {
    let world = World::default();
    world.put(&DEPLOYMENTS, deployment(1, "a"));
    let refused = |second: u64| {
        let actions = Deployments.refused(KEY, &world, Timestamp::from_secs(second), "no more sets");
        let lines: Vec<String> = actions.iter().map(crate::world::brief).collect();
        world.execute(crate::Plan::of(actions));
        lines.join("\n")
    };
    let first = refused(1000);
    assert!(first.starts_with("event ReplicaSetCreateError: Failed to create new replica set \"web-"), "{first}");
    assert!(first.contains("\": no more sets\npatch deployments/status web"), "{first}");
    assert_eq!(condition(&world, "Progressing"), "False ReplicaSetCreateError");
    assert_eq!(refused(1001).lines().count(), 1, "the condition stands");
    check(&world, expect!["a=1"]);
    assert_eq!(condition(&world, "Progressing"), "True NewReplicaSetAvailable");
}

#[test]
fn reads_its_own_kind_first() {
    assert_eq!(*Deployments.reads()[0], DEPLOYMENTS);
}
