//! Whether the Job is to end, and the conditions that say so.
//!
//! First `SuccessCriteriaMet` or `FailureTarget`: no new pods. When the last pod has ended, `Complete` or `Failed`.

use super::Round;
use super::tally::Tally;
use crate::{Action, Plan, owned};
use k8s_openapi::api::batch::v1::{JobCondition, JobStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff;
use stdx::Timestamp;

/// Why a Job ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub succeeded: bool,
    pub reason: String,
    pub message: String,
}

/// When the Job finished, if it has.
pub fn finished(status: &JobStatus) -> Option<Timestamp> {
    let conditions = status.conditions.iter().flatten();
    let mut terminal = conditions
        .filter(|condition| matches!(condition.type_.as_str(), "Complete" | "Failed") && condition.status == "True");
    let at = terminal.next()?.last_transition_time.as_ref().map_or(0, |at| at.0.as_second());
    Some(Timestamp::from_secs(u64::try_from(at).unwrap_or(0)))
}

pub fn judge(round: &Round, tally: &Tally, plan: &mut Plan) -> Option<Verdict> {
    if let Some(earlier) = earlier(&round.status) {
        return Some(earlier);
    }
    let fail = |reason: &str, message: String| Some(Verdict { succeeded: false, reason: reason.to_owned(), message });
    if let Some(message) = &tally.fatal {
        return fail("PodFailurePolicy", message.clone());
    }
    if tally.failed > usize::try_from(round.spec.backoff_limit.unwrap_or(6)).unwrap_or(0) || restarted_too_often(round)
    {
        return fail("BackoffLimitExceeded", "Job has reached the specified backoff limit".to_owned());
    }
    if past_deadline(round, plan) {
        return fail("DeadlineExceeded", "Job was active longer than specified deadline".to_owned());
    }
    if let Some(most) = round.spec.max_failed_indexes
        && tally.failed_indexes.len() > usize::try_from(most).unwrap_or(0)
    {
        return fail(
            "MaxFailedIndexesExceeded",
            "Job has exceeded the specified maximal number of failed indexes".to_owned(),
        );
    }
    success(round, tally)
}

fn success(round: &Round, tally: &Tally) -> Option<Verdict> {
    let succeeded = |reason: &str, message: &str| {
        Some(Verdict { succeeded: true, reason: reason.to_owned(), message: message.to_owned() })
    };
    if let Some(rule) = policy_met(round, tally) {
        return succeeded("SuccessPolicy", &format!("Matched rules at index {rule}"));
    }
    let enough = match round.spec.completions {
        None => tally.succeeded > 0 && tally.active.is_empty(),
        Some(completions) => {
            let wanted = usize::try_from(completions).unwrap_or(0);
            if tally.succeeded + tally.failed_indexes.len() >= wanted && !tally.failed_indexes.is_empty() {
                return Some(Verdict {
                    succeeded: false,
                    reason: "FailedIndexes".to_owned(),
                    message: "Job has failed indexes".to_owned(),
                });
            }
            tally.succeeded >= wanted
        }
    };
    if enough { succeeded("CompletionsReached", "Reached expected number of succeeded pods") } else { None }
}

/// `spec.successPolicy`: the first rule that is met; one is enough.
fn policy_met(round: &Round, tally: &Tally) -> Option<usize> {
    let rules = round.spec.success_policy.iter().filter(|_| round.is_indexed()).flat_map(|policy| &policy.rules);
    rules.into_iter().position(|rule| {
        let named = rule.succeeded_indexes.as_deref().map(super::indexes::parse);
        let done = match &named {
            Some(named) => named.intersection(&tally.completed_indexes).count(),
            None => tally.completed_indexes.len(),
        };
        let wanted = rule.succeeded_count.and_then(|count| usize::try_from(count).ok());
        done >= wanted.or(named.map(|named| named.len())).unwrap_or(usize::MAX)
    })
}

/// With `OnFailure`, containers restart in their pod: their restarts count.
fn restarted_too_often(round: &Round) -> bool {
    let policy = round.spec.template.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
    if policy != Some("OnFailure") {
        return false;
    }
    let live = round.pods.iter().filter(|member| matches!(owned::phase(&member.pod), "Running" | "Pending"));
    let statuses = live.filter_map(|member| member.pod.status.as_ref()).flat_map(|status| {
        status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten())
    });
    let restarts: i32 = statuses.map(|status| status.restart_count).sum();
    match round.spec.backoff_limit.unwrap_or(6) {
        0 => restarts > 0,
        limit => restarts >= limit,
    }
}

fn past_deadline(round: &Round, plan: &mut Plan) -> bool {
    let (Some(deadline), Some(started)) = (round.deadline(), round.started()) else { return false };
    if round.suspended() {
        return false;
    }
    let left = deadline.saturating_sub(round.now.since(started));
    if !left.is_zero() {
        plan.look_again(left);
    }
    left.is_zero()
}

fn earlier(status: &JobStatus) -> Option<Verdict> {
    let conditions = status.conditions.iter().flatten();
    let mut said = conditions.filter(|condition| {
        matches!(condition.type_.as_str(), "SuccessCriteriaMet" | "FailureTarget") && condition.status == "True"
    });
    said.next().map(|condition| Verdict {
        succeeded: condition.type_ == "SuccessCriteriaMet",
        reason: condition.reason.clone().unwrap_or_default(),
        message: condition.message.clone().unwrap_or_default(),
    })
}

/// Puts conditions and times into the status; returns the events about them. What the round creates and deletes is
/// counted as if it were done already, as upstream does.
pub fn write(
    round: &Round,
    tally: &Tally,
    verdict: Option<&Verdict>,
    created: usize,
    deleted: usize,
    status: &mut JobStatus,
) -> Vec<Action> {
    let mut events = Vec::new();
    let active = tally.active.len() + created - deleted.min(tally.active.len());
    status.active = i32::try_from(active).ok().filter(|count| *count > 0);
    if deleted > 0 {
        status.terminating = i32::try_from(tally.terminating + deleted).ok();
    }
    suspension(round, status, &mut events);
    if let Some(verdict) = verdict {
        let first = if verdict.succeeded { "SuccessCriteriaMet" } else { "FailureTarget" };
        set(status, first, true, &verdict.reason, &verdict.message, round.now);
        if tally.active.is_empty() && tally.terminating == 0 && uncounted(status) == 0 {
            events.push(end(round, verdict, status));
        }
    }
    events
}

fn end(round: &Round, verdict: &Verdict, status: &mut JobStatus) -> Action {
    if verdict.succeeded {
        set(status, "Complete", true, &verdict.reason, &verdict.message, round.now);
        status.completion_time = Some(time(round.now));
        return round.event(false, "Completed", "Job completed".to_owned());
    }
    set(status, "Failed", true, &verdict.reason, &verdict.message, round.now);
    let reason = match verdict.reason.as_str() {
        "BackoffLimitExceeded" => "BackoffLimitExceeded",
        "DeadlineExceeded" => "DeadlineExceeded",
        "PodFailurePolicy" => "PodFailurePolicy",
        "FailedIndexes" => "FailedIndexes",
        _ => "MaxFailedIndexesExceeded",
    };
    round.event(true, reason, verdict.message.clone())
}

fn uncounted(status: &JobStatus) -> usize {
    let named = status.uncounted_terminated_pods.iter();
    named.map(|pods| pods.succeeded.iter().flatten().count() + pods.failed.iter().flatten().count()).sum()
}

fn suspension(round: &Round, status: &mut JobStatus, events: &mut Vec<Action>) {
    let was = status.conditions.iter().flatten().any(|c| c.type_ == "Suspended" && c.status == "True");
    if round.suspended() {
        if !was {
            set(status, "Suspended", true, "JobSuspended", "Job suspended", round.now);
            events.push(round.event(false, "Suspended", "Job suspended".to_owned()));
        }
        status.start_time = None;
        return;
    }
    if was {
        set(status, "Suspended", false, "JobResumed", "Job resumed", round.now);
        events.push(round.event(false, "Resumed", "Job resumed".to_owned()));
    }
    if status.start_time.is_none() {
        status.start_time = Some(time(round.now));
    }
}

fn set(status: &mut JobStatus, name: &str, holds: bool, reason: &str, message: &str, now: Timestamp) {
    let wanted = if holds { "True" } else { "False" };
    let conditions = status.conditions.get_or_insert_default();
    if conditions.iter().any(|c| c.type_ == name && c.status == wanted && c.reason.as_deref() == Some(reason)) {
        return;
    }
    conditions.retain(|condition| condition.type_ != name);
    conditions.push(JobCondition {
        type_: name.to_owned(),
        status: wanted.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_probe_time: Some(time(now)),
        last_transition_time: Some(time(now)),
    });
}

fn time(now: Timestamp) -> Time {
    Time(jiff::Timestamp::from_second(now.secs()).unwrap_or_default())
}
