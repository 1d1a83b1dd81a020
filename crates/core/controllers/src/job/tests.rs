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
        "selector": {"matchLabels": {"of": "u"}},
        "parallelism": 1, "completions": 1, "backoffLimit": 2, "completionMode": "NonIndexed",
        "template": {"metadata": {"labels": {"of": "u", "job-name": "j"}}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c"}]}}}});
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

#[test]
fn pods_are_taken_over_and_let_go_with_their_finalizer() {
    let world = world(json!({}));
    settle(&world, 100);
    let pod = world.list(&PODS, "d")[0].clone();
    world.patch(&PODS, &pod.key(), &json!({"metadata": {"ownerReferences": null, "finalizers": null}}));
    settle(&world, 101);
    let adopted = world.get(&PODS, &pod.key()).unwrap();
    assert_eq!(adopted.head.controller().unwrap().uid, "u");
    assert_eq!(adopted.head.finalizers, [super::TRACKING]);
    assert_eq!(world.list(&PODS, "d").len(), 1, "no other was made");
    world.patch(&PODS, &pod.key(), &json!({"metadata": {"labels": null}}));
    settle(&world, 102);
    let released = world.get(&PODS, &pod.key()).unwrap();
    assert!(released.head.controller().is_none() && released.head.finalizers.is_empty());
    assert_eq!(world.list(&PODS, "d").len(), 2, "another took its place");
}

#[test]
fn pods_that_outlive_their_job_are_not_held() {
    let world = world(json!({"parallelism": 2, "completions": 2}));
    settle(&world, 100);
    let first = world.list(&PODS, "d")[0].key();
    world.patch(&PODS, &first, &json!({"metadata": {"ownerReferences": null}}));
    world.remove(&JOBS, KEY);
    settle(&world, 101);
    assert!(world.list(&PODS, "d").iter().all(|pod| pod.head.finalizers.is_empty()));
}

#[test]
fn an_index_that_fails_holds_up_no_other() {
    let world = world(json!({"parallelism": 2, "completions": 4, "completionMode": "Indexed", "backoffLimit": 100,
        "backoffLimitPerIndex": 1}));
    let index = |pod: &apimachinery::Object| pod.head.labels[super::INDEX].clone();
    let end_index = |wanted: &str, phase: &str, second: i64| {
        for pod in world.list(&PODS, "d").into_iter().filter(|pod| index(pod) == wanted) {
            if pod.to_value()["status"]["phase"].is_null() {
                let at = apimachinery::time::format_seconds(second);
                let state = json!({"terminated": {"exitCode": 1, "finishedAt": at}});
                world.patch(
                    &PODS,
                    &pod.key(),
                    &json!({"status": {"phase": phase, "containerStatuses": [
                    {"name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state}]}}),
                );
            }
        }
    };
    settle(&world, 100);
    end_index("0", "Failed", 100);
    settle(&world, 101);
    let live = || {
        let pods = world.list(&PODS, "d").into_iter();
        let mut live: Vec<String> =
            pods.filter(|pod| pod.to_value()["status"]["phase"].is_null()).map(|pod| index(&pod)).collect();
        live.sort();
        live.join(" ")
    };
    assert_eq!(live(), "1 2");
    end_index("1", "Succeeded", 102);
    settle(&world, 103);
    assert_eq!(live(), "2 3");
    end_index("2", "Succeeded", 111);
    settle(&world, 111);
    assert_eq!(live(), "0 3", "after its wait");
    end_index("0", "Failed", 112);
    end_index("3", "Succeeded", 112);
    settle(&world, 113);
    let job = world.get(&JOBS, KEY).unwrap().to_value();
    assert_eq!((&job["status"]["failedIndexes"], &job["status"]["completedIndexes"]), (&json!("0"), &json!("1-3")));
    check(&world, expect!["active 0 ok 3 failed 2 FailureTarget(FailedIndexes) Failed(FailedIndexes)"]);
}

#[test]
fn fewer_indexes_than_before() {
    let world = world(json!({"parallelism": 3, "completions": 3, "completionMode": "Indexed"}));
    settle(&world, 100);
    world.patch(&JOBS, KEY, &json!({"spec": {"parallelism": 1, "completions": 1}}));
    settle(&world, 101);
    let left: Vec<String> = world.list(&PODS, "d").iter().map(|pod| pod.head.labels[super::INDEX].clone()).collect();
    assert_eq!(left, ["0"]);
}

#[test]
fn the_rule_that_is_met_is_told() {
    let rules = json!([{"succeededIndexes": "2"}, {"succeededCount": 1}]);
    let world = world(
        json!({"parallelism": 2, "completions": 3, "completionMode": "Indexed", "successPolicy": {"rules": rules}}),
    );
    settle(&world, 100);
    end(&world, "Succeeded", 101);
    settle(&world, 102);
    let job = world.get(&JOBS, KEY).unwrap().to_value();
    assert_eq!(job["status"]["conditions"][0]["message"], "Matched rules at index 1");
}
