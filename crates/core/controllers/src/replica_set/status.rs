//! A ReplicaSet's status: its pods counted, and whether it fails to make or delete them.
//!
//! Upstream: `replica_set_utils.go` (`calculateStatus`).

use super::Member;
use crate::{Action, owned};
use apimachinery::{Object, Value};
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff;
use kinds::resources::REPLICA_SETS;
use serde_json::json;
use std::time::Duration;
use stdx::Timestamp;

const FAILURE: &str = "ReplicaFailure";

/// The counts, and when to count again.
pub fn of(
    object: &Object,
    set: &ReplicaSet,
    members: &[Member],
    now: Timestamp,
) -> (ReplicaSetStatus, Option<Duration>) {
    let spec = set.spec.clone().unwrap_or_default();
    let min_ready = Duration::from_secs(u64::try_from(spec.min_ready_seconds.unwrap_or(0)).unwrap_or(0));
    let live: Vec<&Member> = members.iter().filter(|member| owned::is_active(&member.pod)).collect();
    let ending =
        members.iter().filter(|member| member.object.head.is_deleting() && !owned::is_finished(&member.pod)).count();
    let waits: Vec<Duration> = live.iter().filter_map(|m| owned::available_in(&m.pod, min_ready, now)).collect();
    let available = waits.iter().filter(|wait| wait.is_zero()).count();
    let again = waits.iter().filter(|wait| !wait.is_zero()).min().copied();
    let template_labels = spec.template.and_then(|template| template.metadata).and_then(|meta| meta.labels);
    let labelled = live.iter().filter(|member| {
        let labels = &member.object.head.labels;
        template_labels.iter().flatten().all(|(name, value)| labels.get(name) == Some(value))
    });
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let status = ReplicaSetStatus {
        replicas: number(live.len()),
        fully_labeled_replicas: Some(number(labelled.count())),
        ready_replicas: Some(number(live.iter().filter(|member| owned::is_ready(&member.pod)).count())),
        available_replicas: Some(number(available)),
        terminating_replicas: Some(number(ending)),
        observed_generation: Some(object.head.generation),
        conditions: None,
    };
    (status, again)
}

/// Only if something differs. `failure`: reason and message of what the API refused.
pub fn write(
    object: &Object,
    set: &ReplicaSet,
    mut status: ReplicaSetStatus,
    failure: Option<(&str, &str)>,
    now: Timestamp,
) -> Option<Action> {
    let old = set.status.clone().unwrap_or_default();
    status.conditions = conditions(old.conditions.clone().unwrap_or_default(), failure, now);
    let body = body(&status);
    (body != self::body(&old)).then(|| Action::patch(&REPLICA_SETS, object, "status", json!({"status": body})))
}

/// Those of others stay.
fn conditions(
    mut conditions: Vec<ReplicaSetCondition>,
    failure: Option<(&str, &str)>,
    now: Timestamp,
) -> Option<Vec<ReplicaSetCondition>> {
    // As upstream, another message is no news: messages name pods that were never made, and each write brings us back.
    let is_same = |condition: &ReplicaSetCondition| {
        condition.type_ == FAILURE && condition.reason.as_deref() == failure.map(|(reason, _)| reason)
    };
    if !conditions.iter().any(is_same) {
        conditions.retain(|condition| condition.type_ != FAILURE);
        conditions.extend(failure.map(|(reason, message)| ReplicaSetCondition {
            type_: FAILURE.to_owned(),
            status: "True".to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()),
            last_transition_time: Some(Time(jiff::Timestamp::from_second(now.secs()).unwrap_or_default())),
        }));
    }
    (!conditions.is_empty()).then_some(conditions)
}

/// Zero counts are written as null, so that a merge patch takes them away.
fn body(status: &ReplicaSetStatus) -> Value {
    let count = |count: Option<i32>| count.filter(|count| *count != 0);
    json!({
        "replicas": status.replicas, "fullyLabeledReplicas": count(status.fully_labeled_replicas),
        "readyReplicas": count(status.ready_replicas), "availableReplicas": count(status.available_replicas),
        "terminatingReplicas": status.terminating_replicas, "observedGeneration": status.observed_generation,
        "conditions": status.conditions,
    })
}
