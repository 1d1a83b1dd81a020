//! Job controller: runs pods until enough of them have succeeded, or it is clear that they will not.
//!
//! Invariants
//! - A finished pod is counted once: it keeps our finalizer until the status that counts it is written.
//! - A finished Job creates nothing, and its terminal condition comes after its last pod.
//!
//! Upstream: `pkg/controller/job` (job_controller.go, tracking_utils.go, indexed_job_utils.go, pod_failure_policy.go).

mod backoff;
mod claims;
mod conditions;
mod failure_policy;
mod indexes;
mod make;
mod tally;
mod ttl;

use crate::owned::{self, OwnerKind};
use crate::{Action, Change, Controller, Plan, View, Wanted};
use apimachinery::{Object, Value};
use conditions::Verdict;
use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use kinds::resources::{JOBS, PODS};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use stdx::Timestamp;
use tally::Tally;

const KIND: OwnerKind = OwnerKind { api_version: "batch/v1", kind: "Job" };

/// Held on every pod of a Job until it is counted.
const TRACKING: &str = "batch.kubernetes.io/job-tracking";
const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// Pods created or deleted in one round, at most. Upstream: `MaxPodCreateDeletePerSync`.
const BURST: usize = 500;

pub struct Jobs;

/// A pod with the object it came from.
struct Member {
    object: Arc<Object>,
    pod: Pod,
}

struct Round {
    object: Arc<Object>,
    spec: JobSpec,
    status: JobStatus,
    pods: Vec<Member>,
    now: Timestamp,
}

impl Controller for Jobs {
    fn name(&self) -> &'static str {
        "job-controller"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&JOBS, &PODS] }
    }

    fn affected(&self, change: Change<'_>, view: &dyn View) -> Vec<String> {
        if *change.of != PODS {
            return Vec::new();
        }
        let mut keys = KIND.owners(change);
        if let Some(free) = change.new.filter(|pod| pod.head.controller().is_none()) {
            keys.extend(claims::concerned(free, view));
        }
        keys
    }

    fn reconcile(&self, key: &str, view: &dyn View, now: Timestamp) -> Plan {
        let Some(object) = view.get(&JOBS, key) else { return Plan::of(claims::let_go(key, view)) };
        let Ok(job) = object.decode::<Job>() else { return Plan::rest() };
        let managed_by = job.spec.as_ref().and_then(|spec| spec.managed_by.clone());
        if managed_by.is_some_and(|name| name != "kubernetes.io/job-controller") {
            return Plan::rest();
        }
        let is_over = job.status.as_ref().is_some_and(|status| conditions::finished(status).is_some());
        if !is_over && !object.head.is_deleting() {
            let claims = claims::settle(&object, &job, view);
            if !claims.is_empty() {
                // The next round sees whose the pods are.
                return Plan::of(claims);
            }
        }
        let pods = view.owned_by(&PODS, &object.head.uid).into_iter();
        let pods = pods.filter_map(|object| Some(Member { pod: object.decode().ok()?, object })).collect();
        let (spec, status) = (job.spec.unwrap_or_default(), job.status.unwrap_or_default());
        Round { object, spec, status, pods, now }.plan()
    }
}

fn is_tracked(pod: &Object) -> bool {
    pod.head.finalizers.iter().any(|finalizer| finalizer == TRACKING)
}

/// Takes our finalizer off; the finalizers must be those we saw.
fn untrack(pod: &Object) -> Action {
    Action::patch_seen(&PODS, pod, "", json!({"metadata": {"finalizers": untracked(pod)}}))
}

/// Its finalizers but ours.
fn untracked(pod: &Object) -> Vec<&str> {
    pod.head.finalizers.iter().map(String::as_str).filter(|finalizer| *finalizer != TRACKING).collect()
}

impl Round {
    fn plan(&self) -> Plan {
        let mut plan = Plan::default();
        if let Some(finished) = conditions::finished(&self.status) {
            plan.actions.extend(self.pods.iter().filter(|m| is_tracked(&m.object)).map(|m| untrack(&m.object)));
            ttl::apply(self, finished, &mut plan);
            return plan;
        }
        let tally = Tally::count(self);
        let verdict = if self.object.head.is_deleting() { None } else { conditions::judge(self, &tally, &mut plan) };
        let mut work = self.work(&tally, verdict.as_ref(), &mut plan);
        let mut status = tally.status(self);
        let created = work.iter().filter(|action| matches!(action, Action::Create { .. })).count();
        let deleted = work.iter().filter(|action| matches!(action, Action::Delete { .. })).count();
        let told = conditions::write(self, &tally, verdict.as_ref(), created, deleted, &mut status);
        plan.actions.extend(self.write_status(status));
        plan.actions.extend(tally.counted.iter().map(|at| untrack(&self.pods[*at].object)));
        plan.actions.append(&mut work);
        plan.actions.extend(told);
        plan
    }

    /// Pods to create or to delete now.
    fn work(&self, tally: &Tally, verdict: Option<&Verdict>, plan: &mut Plan) -> Vec<Action> {
        if self.object.head.is_deleting() {
            return Vec::new();
        }
        if verdict.is_some() || self.suspended() {
            return self.delete(&tally.active, tally.active.len());
        }
        let wanted = self.wanted(tally);
        if tally.active.len() > wanted {
            return self.delete(&tally.active, tally.active.len() - wanted);
        }
        let present = tally.active.len() + if self.replaces_only_failed() { tally.terminating } else { 0 };
        let missing = wanted.saturating_sub(present).min(BURST);
        if missing == 0 {
            return Vec::new();
        }
        if self.spec.backoff_limit_per_index.is_some() {
            let (ready, waits): (Vec<i32>, Vec<i32>) =
                make::free_indexes(self, tally).partition(|index| backoff::left_for(self, *index).is_zero());
            if let Some(wait) = waits.into_iter().map(|index| backoff::left_for(self, index)).min() {
                plan.look_again(wait);
            }
            return make::indexed_pods(self, ready.into_iter().take(missing));
        }
        let wait = backoff::left(self);
        if !wait.is_zero() {
            plan.look_again(wait);
            return Vec::new();
        }
        make::pods(self, tally, missing)
    }

    /// How many pods should run.
    fn wanted(&self, tally: &Tally) -> usize {
        let parallelism = usize::try_from(self.spec.parallelism.unwrap_or(1)).unwrap_or(0);
        match self.spec.completions {
            None if tally.succeeded > 0 => tally.active.len().min(parallelism),
            None => parallelism,
            Some(completions) => {
                let done = tally.succeeded + tally.failed_indexes.len();
                usize::try_from(completions).unwrap_or(0).saturating_sub(done).min(parallelism)
            }
        }
    }

    fn delete(&self, active: &[usize], count: usize) -> Vec<Action> {
        // Pods of indexes that are wanted no more go first; then those that do not serve yet lose least.
        let is_wanted = |pod: &Pod| !self.is_indexed() || indexes::of(pod).is_some_and(|index| self.has_index(index));
        let mut order = active.to_vec();
        order.sort_by_key(|at| {
            let Member { object, pod } = &self.pods[*at];
            (is_wanted(pod), owned::is_ready(pod), std::cmp::Reverse(object.key()))
        });
        let victims: Vec<&Member> = order.iter().take(count.min(BURST)).map(|at| &self.pods[*at]).collect();
        let deletes = victims.iter().map(|member| Action::delete(&PODS, &member.object));
        let events = victims
            .iter()
            .map(|member| self.event(false, "SuccessfulDelete", format!("Deleted pod: {}", member.object.head.name)));
        deletes.chain(events).collect()
    }

    fn event(&self, warning: bool, reason: &'static str, message: String) -> Action {
        Action::Event { about: KIND.regarding(&self.object), warning, reason, message }
    }

    fn suspended(&self) -> bool {
        self.spec.suspend.unwrap_or(false)
    }

    fn is_indexed(&self) -> bool {
        self.spec.completion_mode.as_deref() == Some("Indexed")
    }

    /// Whether the Job has this index (still).
    fn has_index(&self, index: i32) -> bool {
        self.spec.completions.is_some_and(|completions| index < completions)
    }

    fn replaces_only_failed(&self) -> bool {
        self.spec.pod_replacement_policy.as_deref() == Some("Failed")
    }

    fn started(&self) -> Option<Timestamp> {
        let seconds = self.status.start_time.as_ref()?.0.as_second();
        Some(Timestamp::from_secs(u64::try_from(seconds).unwrap_or(0)))
    }

    fn deadline(&self) -> Option<Duration> {
        Some(Duration::from_secs(u64::try_from(self.spec.active_deadline_seconds?).unwrap_or(0)))
    }

    /// Only if something differs. The revision is the precondition: counts build on counts.
    fn write_status(&self, status: JobStatus) -> Option<Action> {
        if status == self.status {
            return None;
        }
        let mut old = serde_json::to_value(&self.status).unwrap_or_default();
        let new = serde_json::to_value(status).unwrap_or_default();
        // A merge patch takes away what is null.
        let mut patch = new.clone();
        for (name, _) in old.as_object_mut().into_iter().flatten() {
            if new.get(name).is_none() {
                patch[name.as_str()] = Value::Null;
            }
        }
        // Lists inside stay unless they are taken away by name.
        for list in ["succeeded", "failed"] {
            if patch["uncountedTerminatedPods"][list].is_null() {
                patch["uncountedTerminatedPods"][list] = Value::Null;
            }
        }
        Some(Action::patch_seen(&JOBS, &self.object, "status", json!({"status": patch})))
    }
}

#[cfg(test)]
mod tests;
