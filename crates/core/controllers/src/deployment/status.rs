//! The Deployment's status: counts, and the conditions Available, Progressing and ReplicaFailure.
//!
//! Upstream: `progress.go`, `sync.go` (`calculateStatus`), `deployment_util.go`.

use super::sets::{Set, Sets};
use super::{KIND, Round, new_set};
use crate::Action;
use apimachinery::Value;
use k8s_openapi::api::apps::v1::{DeploymentCondition, DeploymentStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff;
use kinds::resources::DEPLOYMENTS;
use serde_json::json;
use std::time::Duration;
use stdx::Timestamp;

/// `told`: what the round just did, for the Progressing condition.
pub fn write(
    round: &Round<'_>,
    sets: &Sets,
    told: Option<(&'static str, String)>,
    again: &mut Option<Duration>,
) -> Option<Action> {
    let old = round.deployment.status.clone().unwrap_or_default();
    let mut new = counts(round, sets, &old);
    let mut conditions = old.conditions.clone().unwrap_or_default();
    set(&mut conditions, available(round, &new), round.now);
    progressing(round, sets, &old, &new, told, &mut conditions, again);
    failure(sets, &mut conditions, round.now);
    new.conditions = Some(conditions);
    let patch = || Action::patch(&DEPLOYMENTS, &round.object, "status", json!({"status": body(&new)}));
    (bare(&new) != bare(&old)).then(patch)
}

/// The set of the present template could not be made.
pub fn refused(round: &Round<'_>, sets: &Sets, why: &str) -> Vec<Action> {
    let reason = "ReplicaSetCreateError";
    let message = format!("Failed to create new replica set {:?}: {why}", new_set::name(round));
    let old = round.deployment.status.clone().unwrap_or_default();
    let mut new = counts(round, sets, &old);
    let mut conditions = old.conditions.clone().unwrap_or_default();
    if round.deployment.spec.as_ref().is_some_and(|spec| spec.progress_deadline_seconds.is_some()) {
        set(&mut conditions, condition("Progressing", false, reason, message.clone()), round.now);
    }
    new.conditions = Some(conditions);
    let about = KIND.regarding(&round.object);
    let mut actions = vec![Action::Event { about, warning: true, reason, message }];
    if bare(&new) != bare(&old) {
        actions.push(Action::patch(&DEPLOYMENTS, &round.object, "status", json!({"status": body(&new)})));
    }
    actions
}

pub fn has_progressing(round: &Round<'_>) -> bool {
    let conditions = round.deployment.status.iter().filter_map(|status| status.conditions.as_ref()).flatten();
    conditions.into_iter().any(|condition| condition.type_ == "Progressing")
}

/// Every pod is of the new template and serves, and no old one is left.
pub fn is_complete(round: &Round<'_>, sets: &Sets) -> bool {
    let old = round.deployment.status.clone().unwrap_or_default();
    complete(round, &counts(round, sets, &old))
}

fn counts(round: &Round<'_>, sets: &Sets, old: &DeploymentStatus) -> DeploymentStatus {
    let replicas = sets.actual();
    let available = sets.available();
    DeploymentStatus {
        observed_generation: Some(round.object.head.generation),
        replicas: Some(replicas),
        updated_replicas: Some(sets.new.as_ref().map_or(0, Set::actual)),
        ready_replicas: Some(sets.all().map(Set::ready).sum()),
        available_replicas: Some(available),
        unavailable_replicas: Some((sets.wanted() - available).max(0)),
        terminating_replicas: sets.all().map(Set::terminating).sum(),
        collision_count: old.collision_count,
        conditions: None,
    }
}

fn complete(round: &Round<'_>, status: &DeploymentStatus) -> bool {
    let wanted = Some(round.replicas());
    status.updated_replicas == wanted && status.replicas == wanted && status.available_replicas == wanted
}

fn available(round: &Round<'_>, status: &DeploymentStatus) -> DeploymentCondition {
    let least = round.replicas() - round.max_unavailable();
    if status.available_replicas.unwrap_or(0) >= least {
        let message = "Deployment has minimum availability.";
        condition("Available", true, "MinimumReplicasAvailable", message.to_owned())
    } else {
        let message = "Deployment does not have minimum availability.";
        condition("Available", false, "MinimumReplicasUnavailable", message.to_owned())
    }
}

fn progressing(
    round: &Round<'_>,
    sets: &Sets,
    old: &DeploymentStatus,
    new: &DeploymentStatus,
    told: Option<(&'static str, String)>,
    conditions: &mut Vec<DeploymentCondition>,
    again: &mut Option<Duration>,
) {
    let Some(deadline) = round.deployment.spec.as_ref().and_then(|spec| spec.progress_deadline_seconds) else {
        return conditions.retain(|condition| condition.type_ != "Progressing");
    };
    let deadline = Duration::from_secs(u64::try_from(deadline).unwrap_or(0));
    let current = conditions.iter().find(|condition| condition.type_ == "Progressing").cloned();
    if let Some(paused) = pause(round, current.as_ref()) {
        return set(conditions, paused, round.now);
    }
    if round.paused() {
        return;
    }
    if let Some((reason, message)) = told {
        set(conditions, condition("Progressing", true, reason, message), round.now);
        *again = sooner(*again, deadline);
        return;
    }
    let reason = current.as_ref().and_then(|current| current.reason.as_deref()).unwrap_or_default();
    if new.replicas == new.updated_replicas && reason == "NewReplicaSetAvailable" {
        return;
    }
    let name = match &sets.new {
        Some(new) => format!("ReplicaSet {:?}", new.name()),
        None => format!("Deployment {:?}", round.object.head.name),
    };
    if complete(round, new) {
        let message = format!("{name} has successfully progressed.");
        set(conditions, condition("Progressing", true, "NewReplicaSetAvailable", message), round.now);
    } else if progressed(old, new) {
        let mut now = condition("Progressing", true, "ReplicaSetUpdated", format!("{name} is progressing."));
        let was_true = current.as_ref().filter(|current| current.status == "True");
        now.last_transition_time = was_true.and_then(|current| current.last_transition_time.clone());
        conditions.retain(|condition| condition.type_ != "Progressing");
        set(conditions, now, round.now);
        *again = sooner(*again, deadline);
    } else if let Some(left) = current.as_ref().and_then(|current| left(current, deadline, round.now)) {
        if left.is_zero() {
            let message = format!("{name} has timed out progressing.");
            set(conditions, condition("Progressing", false, "ProgressDeadlineExceeded", message), round.now);
        } else {
            *again = sooner(*again, left);
        }
    }
}

/// The Progressing condition when the Deployment has just been paused or resumed.
fn pause(round: &Round<'_>, current: Option<&DeploymentCondition>) -> Option<DeploymentCondition> {
    let reason = current.and_then(|current| current.reason.as_deref()).unwrap_or_default();
    let (reason, message) = match (round.paused(), reason) {
        (_, "ProgressDeadlineExceeded") => return None,
        (true, "DeploymentPaused") => return None,
        (true, _) => ("DeploymentPaused", "Deployment is paused"),
        (false, "DeploymentPaused") => ("DeploymentResumed", "Deployment is resumed"),
        (false, _) => return None,
    };
    let mut condition = condition("Progressing", true, reason, message.to_owned());
    condition.status = "Unknown".to_owned();
    Some(condition)
}

fn progressed(old: &DeploymentStatus, new: &DeploymentStatus) -> bool {
    let number = |count: Option<i32>| count.unwrap_or(0);
    let outdated = |status: &DeploymentStatus| number(status.replicas) - number(status.updated_replicas);
    number(new.updated_replicas) > number(old.updated_replicas)
        || outdated(new) < outdated(old)
        || number(new.ready_replicas) > number(old.ready_replicas)
        || number(new.available_replicas) > number(old.available_replicas)
}

/// Time left before the deadline passes; None where no clock runs.
fn left(current: &DeploymentCondition, deadline: Duration, now: Timestamp) -> Option<Duration> {
    let standing = ["NewReplicaSetAvailable", "ProgressDeadlineExceeded", "DeploymentPaused"];
    if standing.contains(&current.reason.as_deref().unwrap_or_default()) {
        return None;
    }
    let since = current.last_update_time.as_ref()?.0.as_second();
    Some(deadline.saturating_sub(now.since(Timestamp::from_secs(u64::try_from(since).unwrap_or(0)))))
}

/// A ReplicaSet that cannot create its pods says so in its own condition.
fn failure(sets: &Sets, conditions: &mut Vec<DeploymentCondition>, now: Timestamp) {
    let all = sets.new.iter().chain(&sets.old);
    let statuses = all.filter_map(|set| set.set.status.as_ref()?.conditions.as_ref());
    let failed = statuses.flatten().find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True");
    match failed {
        Some(failed) => {
            let reason = failed.reason.clone().unwrap_or_default();
            let message = failed.message.clone().unwrap_or_default();
            let mut told = condition("ReplicaFailure", true, "", message);
            told.reason = Some(reason);
            set(conditions, told, now);
        }
        None => conditions.retain(|condition| condition.type_ != "ReplicaFailure"),
    }
}

fn condition(name: &str, holds: bool, reason: &str, message: String) -> DeploymentCondition {
    DeploymentCondition {
        type_: name.to_owned(),
        status: if holds { "True" } else { "False" }.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: None,
        last_update_time: None,
    }
}

/// Same status and reason: nothing is written, so that an idle Deployment stays silent.
fn set(conditions: &mut Vec<DeploymentCondition>, mut condition: DeploymentCondition, now: Timestamp) {
    let at = Time(jiff::Timestamp::from_second(now.secs()).unwrap_or_default());
    let current = conditions.iter().find(|current| current.type_ == condition.type_);
    if let Some(current) = current {
        if current.status == condition.status && current.reason == condition.reason {
            return;
        }
        if current.status == condition.status {
            condition.last_transition_time = current.last_transition_time.clone();
        }
    }
    condition.last_update_time = Some(at.clone());
    condition.last_transition_time = condition.last_transition_time.or(Some(at));
    conditions.retain(|current| current.type_ != condition.type_);
    conditions.push(condition);
}

fn sooner(now: Option<Duration>, than: Duration) -> Option<Duration> {
    Some(now.map_or(than, |now| now.min(than)))
}

/// The status with zeroes left out, as it is written and compared.
fn bare(status: &DeploymentStatus) -> Value {
    let mut value = body(status);
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !value.is_null());
    }
    value
}

/// Zero counts are written as null, so that a merge patch takes them away.
fn body(status: &DeploymentStatus) -> Value {
    let count = |count: Option<i32>| count.filter(|count| *count != 0);
    let mut value = json!({
        "observedGeneration": status.observed_generation,
        "replicas": count(status.replicas), "updatedReplicas": count(status.updated_replicas),
        "readyReplicas": count(status.ready_replicas), "availableReplicas": count(status.available_replicas),
        "unavailableReplicas": count(status.unavailable_replicas),
        "terminatingReplicas": status.terminating_replicas,
        "conditions": status.conditions.as_ref().filter(|all| !all.is_empty()),
    });
    if let Some(collisions) = status.collision_count {
        value["collisionCount"] = collisions.into();
    }
    value
}
