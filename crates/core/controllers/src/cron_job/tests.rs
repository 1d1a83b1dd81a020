//! CronJobs over minutes of a world whose Jobs end when the test says.

use super::CronJobs;
use crate::world::World;
use crate::{Controller, View};
use kinds::resources::{CRON_JOBS, JOBS};
use serde_json::{Value, json};
use stdx::Timestamp;

const KEY: &str = "d/c";
/// 2019-01-01T00:00:00Z, the first full minute after creation.
const START: u64 = 1_546_300_800;

fn world(spec: Value) -> World {
    let world = World::default();
    let mut cron = json!({"metadata": {"name": "c", "namespace": "d", "uid": "u",
        "creationTimestamp": "2018-12-31T23:59:30Z"},
        "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": {"spec": {"containers": []}}}}}});
    json_patch::merge(&mut cron["spec"], &spec);
    world.put(&CRON_JOBS, cron);
    world
}

fn settle(world: &World, second: u64) -> String {
    let mut said = String::new();
    for _ in 0..10 {
        let done = world.round(&CronJobs, KEY, Timestamp::from_secs(second));
        if done.is_empty() {
            return said;
        }
        said += &done;
        said += "\n";
    }
    panic!("does not come to rest:\n{said}");
}

fn jobs(world: &World) -> Vec<String> {
    world.list(&JOBS, "d").iter().map(|job| job.head.name.clone()).collect()
}

fn end(world: &World, name: &str, how: &str, second: u64) {
    let at = apimachinery::time::format_seconds(second as i64);
    let mut status = json!({"startTime": at, "conditions": [{"type": how, "status": "True"}]});
    if how == "Complete" {
        status["completionTime"] = at.into();
    }
    world.patch(&JOBS, &format!("d/{name}"), &json!({"status": status}));
}

#[test]
fn named_after_the_minute_and_never_twice() {
    let world = world(json!({}));
    settle(&world, START + 5);
    assert_eq!(jobs(&world), ["c-25771680"]);
    settle(&world, START + 30);
    assert_eq!(jobs(&world).len(), 1);
    let plan = CronJobs.reconcile(KEY, &world, Timestamp::from_secs(START + 30));
    assert_eq!(plan.again, Some(std::time::Duration::from_secs(30)), "wakes at the next minute");
}

#[test]
fn three_successes_and_one_failure_are_kept() {
    let world = world(json!({}));
    for minute in 0..6 {
        let now = START + minute * 60 + 1;
        settle(&world, now);
        let name = format!("c-{}", 25_771_680 + minute);
        end(&world, &name, if minute % 3 == 2 { "Failed" } else { "Complete" }, now + 5);
        settle(&world, now + 10);
    }
    assert_eq!(jobs(&world), ["c-25771681", "c-25771683", "c-25771684", "c-25771685"]);
    let cron = world.get(&CRON_JOBS, KEY).unwrap().to_value();
    assert_eq!(cron["status"]["lastSuccessfulTime"], "2019-01-01T00:04:06Z");
    assert_eq!(cron["status"]["lastScheduleTime"], "2019-01-01T00:05:00Z");
}

#[test]
fn forbid_waits_and_replace_does_not() {
    let forbids = world(json!({"concurrencyPolicy": "Forbid"}));
    settle(&forbids, START + 1);
    let said = forbids.round(&CronJobs, KEY, Timestamp::from_secs(START + 61));
    assert!(said.contains("JobAlreadyActive"), "{said}");
    assert_eq!(jobs(&forbids).len(), 1);

    let replaces = world(json!({"concurrencyPolicy": "Replace"}));
    settle(&replaces, START + 1);
    settle(&replaces, START + 61);
    assert_eq!(jobs(&replaces), ["c-25771681"]);
}

#[test]
fn a_missed_start_is_made_up_once_or_given_up() {
    let late = world(json!({}));
    settle(&late, START + 3600);
    assert_eq!(jobs(&late), ["c-25771740"], "only the last of sixty");

    let strict = world(json!({"schedule": "0 * * * *", "startingDeadlineSeconds": 10}));
    settle(&strict, START + 1800);
    assert!(jobs(&strict).is_empty());
}

#[test]
fn suspended_starts_nothing() {
    let world = world(json!({"suspend": true}));
    settle(&world, START + 100);
    assert!(jobs(&world).is_empty());
}

#[test]
fn jobs_of_others_and_jobs_that_vanish_are_told() {
    let world = world(json!({"concurrencyPolicy": "Forbid"}));
    settle(&world, START + 1);
    world.put(
        &JOBS,
        json!({"metadata": {"name": "manual", "namespace": "d", "ownerReferences": [
        {"apiVersion": "batch/v1", "kind": "CronJob", "name": "c", "uid": "u", "controller": true}]}}),
    );
    let said = world.round(&CronJobs, KEY, Timestamp::from_secs(START + 2));
    assert!(
        said.contains("event UnexpectedJob: Saw a job that the controller did not create or forgot: manual"),
        "{said}"
    );
    world.remove(&JOBS, "d/manual");
    world.remove(&JOBS, "d/c-25771680");
    let said = world.round(&CronJobs, KEY, Timestamp::from_secs(START + 3));
    assert!(said.contains("event MissingJob: Active job went missing: c-25771680"), "{said}");
    assert_eq!(world.round(&CronJobs, KEY, Timestamp::from_secs(START + 4)), "");
}
