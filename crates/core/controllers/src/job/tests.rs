//! Jobs in a world whose pods end as the test says.

use super::Jobs;
use crate::View;
use crate::world::World;
use expect_test::{Expect, expect};
use kinds::resources::{JOBS, PODS};
use serde_json::{Value, json};
use stdx::Timestamp;

const KEY: &str = "d/j";

fn world(spec: Value) -> World {
    let world = World::default();
    let mut job = json!({"metadata": {"name": "j", "namespace": "d", "uid": "u"}, "spec": {
        "parallelism": 1, "completions": 1, "backoffLimit": 2, "completionMode": "NonIndexed",
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c"}]}}}});
    json_patch::merge(&mut job["spec"], &spec);
    world.put(&JOBS, job);
    world
}

/// Rounds until nothing is left to do at that second.
fn settle(world: &World, second: u64) {
    for _ in 0..20 {
        if world.round(&Jobs, KEY, Timestamp::from_secs(second)).is_empty() {
            return;
        }
    }
    panic!("does not come to rest");
}

/// Ends all running pods in this phase.
fn end(world: &World, phase: &str, second: i64) {
    for pod in world.list(&PODS, "d") {
        if pod.to_value()["status"]["phase"].is_null() {
            let at = apimachinery::time::format_seconds(second);
            world.patch(
                &PODS,
                &pod.key(),
                &json!({"status": {"phase": phase, "containerStatuses": [
                {"name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
                 "state": {"terminated": {"exitCode": if phase == "Failed" { 1 } else { 0 }, "finishedAt": at}}}]}}),
            );
        }
    }
}

fn shown(world: &World) -> String {
    let job = world.get(&JOBS, KEY).unwrap().to_value();
    let status = &job["status"];
    let conditions: Vec<String> = (status["conditions"].as_array().into_iter().flatten())
        .filter(|condition| condition["status"] == "True")
        .map(|condition| format!("{}({})", condition["type"].as_str().unwrap(), condition["reason"].as_str().unwrap()))
        .collect();
    let number = |name: &str| status[name].as_i64().unwrap_or(0);
    format!(
        "active {} ok {} failed {} {}",
        number("active"),
        number("succeeded"),
        number("failed"),
        conditions.join(" ")
    )
    .trim_end()
    .to_owned()
}

#[track_caller]
fn check(world: &World, expected: Expect) {
    expected.assert_eq(&shown(world));
}

#[test]
fn one_pod_succeeds() {
    let world = world(json!({}));
    settle(&world, 100);
    check(&world, expect!["active 1 ok 0 failed 0"]);
    end(&world, "Succeeded", 101);
    settle(&world, 102);
    check(
        &world,
        expect!["active 0 ok 1 failed 0 SuccessCriteriaMet(CompletionsReached) Complete(CompletionsReached)"],
    );
    assert!(world.list(&PODS, "d")[0].head.finalizers.is_empty(), "a counted pod is let go");
}

#[test]
fn failures_wait_then_end_the_job() {
    let world = world(json!({}));
    let mut now = 100;
    for failures in 1..=2 {
        settle(&world, now);
        end(&world, "Failed", now as i64);
        settle(&world, now + 1);
        assert_eq!(world.list(&PODS, "d").len(), failures, "not before its wait");
        now += 10 << failures;
    }
    settle(&world, now);
    end(&world, "Failed", now as i64);
    settle(&world, now + 1);
    check(&world, expect!["active 0 ok 0 failed 3 FailureTarget(BackoffLimitExceeded) Failed(BackoffLimitExceeded)"]);
}

#[test]
fn parallel_pods_up_to_the_completions() {
    let world = world(json!({"parallelism": 3, "completions": 5}));
    settle(&world, 100);
    check(&world, expect!["active 3 ok 0 failed 0"]);
    end(&world, "Succeeded", 101);
    settle(&world, 102);
    check(&world, expect!["active 2 ok 3 failed 0"]);
    end(&world, "Succeeded", 103);
    settle(&world, 104);
    check(
        &world,
        expect!["active 0 ok 5 failed 0 SuccessCriteriaMet(CompletionsReached) Complete(CompletionsReached)"],
    );
}

#[test]
fn every_index_once() {
    let world = world(json!({"parallelism": 2, "completions": 3, "completionMode": "Indexed"}));
    settle(&world, 100);
    end(&world, "Succeeded", 101);
    settle(&world, 102);
    assert_eq!(world.get(&JOBS, KEY).unwrap().to_value()["status"]["completedIndexes"], "0,1");
    end(&world, "Succeeded", 103);
    settle(&world, 104);
    assert_eq!(world.get(&JOBS, KEY).unwrap().to_value()["status"]["completedIndexes"], "0-2");
    let mut names: Vec<String> =
        world.list(&PODS, "d").iter().map(|pod| pod.head.labels[super::INDEX].clone()).collect();
    names.sort();
    assert_eq!(names, ["0", "1", "2"]);
}

#[test]
fn a_suspended_job_has_no_pods_and_goes_on_later() {
    let world = world(json!({}));
    settle(&world, 100);
    world.patch(&JOBS, KEY, &json!({"spec": {"suspend": true}}));
    settle(&world, 101);
    check(&world, expect!["active 0 ok 0 failed 0 Suspended(JobSuspended)"]);
    assert!(world.list(&PODS, "d").is_empty());
    world.patch(&JOBS, KEY, &json!({"spec": {"suspend": false}}));
    settle(&world, 102);
    check(&world, expect!["active 1 ok 0 failed 0"]);
}

#[test]
fn the_deadline_ends_it() {
    let world = world(json!({"activeDeadlineSeconds": 5}));
    settle(&world, 100);
    settle(&world, 106);
    check(&world, expect!["active 0 ok 0 failed 0 FailureTarget(DeadlineExceeded) Failed(DeadlineExceeded)"]);
}

#[test]
fn a_failure_rule_ends_it_at_once() {
    let rule = json!({"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}});
    let world = world(json!({"podFailurePolicy": {"rules": [rule]}}));
    settle(&world, 100);
    end(&world, "Failed", 101);
    settle(&world, 102);
    check(&world, expect!["active 0 ok 0 failed 1 FailureTarget(PodFailurePolicy) Failed(PodFailurePolicy)"]);
}

#[test]
fn a_finished_job_goes_after_its_time() {
    let world = world(json!({"ttlSecondsAfterFinished": 10}));
    settle(&world, 100);
    end(&world, "Succeeded", 101);
    settle(&world, 102);
    settle(&world, 113);
    assert!(world.get(&JOBS, KEY).is_none());
}
