//! Counting: what has succeeded and failed so far, which pods are newly counted, which are still at work.

use super::failure_policy::{self, Judgement};
use super::indexes::{self, Indexes};
use super::{Round, is_tracked};
use crate::owned;
use k8s_openapi::api::batch::v1::{JobStatus, UncountedTerminatedPods};
use k8s_openapi::api::core::v1::Pod;
use std::collections::BTreeSet;

/// Pods named in the status at a time: it must stay small. Upstream: `MaxUncountedPods`.
const UNCOUNTED: usize = 500;

#[derive(Debug, Default)]
pub struct Tally {
    /// Places in the round's pods: running or pending, not being deleted.
    pub active: Vec<usize>,
    pub ready: usize,
    /// Being deleted and not ended.
    pub terminating: usize,
    pub succeeded: usize,
    pub failed: usize,
    /// Tracked pods that the new status counts: their finalizers may go once it is written.
    pub counted: Vec<usize>,
    pub completed_indexes: Indexes,
    pub failed_indexes: Indexes,
    /// A rule of the pod failure policy that ends the Job: its message.
    pub fatal: Option<String>,
    uncounted_succeeded: Vec<String>,
    uncounted_failed: Vec<String>,
    base_succeeded: i32,
    base_failed: i32,
}

impl Tally {
    pub fn count(round: &Round) -> Self {
        let mut tally = Self::default();
        tally.settle_earlier(round);
        // A Job with indexes may have got fewer of them.
        let known = |text: &Option<String>| {
            indexes::parse(text.as_deref().unwrap_or_default()).into_iter().filter(|index| round.has_index(*index))
        };
        tally.completed_indexes = known(&round.status.completed_indexes).collect();
        tally.failed_indexes = known(&round.status.failed_indexes).collect();
        for (at, member) in round.pods.iter().enumerate() {
            tally.take(round, at, &member.pod);
        }
        tally.fail_indexes(round);
        if round.is_indexed() {
            tally.succeeded = tally.completed_indexes.len();
        } else {
            tally.succeeded = usize::try_from(tally.base_succeeded).unwrap_or(0) + tally.uncounted_succeeded.len();
        }
        tally.failed = usize::try_from(tally.base_failed).unwrap_or(0) + tally.uncounted_failed.len();
        tally
    }

    /// Pods named in the status whose finalizer is off (or that are gone) become numbers.
    fn settle_earlier(&mut self, round: &Round) {
        (self.base_succeeded, self.base_failed) =
            (round.status.succeeded.unwrap_or(0), round.status.failed.unwrap_or(0));
        let tracked: BTreeSet<&str> = round
            .pods
            .iter()
            .filter(|member| is_tracked(&member.object))
            .map(|member| member.object.head.uid.as_str())
            .collect();
        let Some(earlier) = &round.status.uncounted_terminated_pods else { return };
        for uid in earlier.succeeded.iter().flatten() {
            if tracked.contains(uid.as_str()) {
                self.uncounted_succeeded.push(uid.clone());
            } else {
                self.base_succeeded += 1;
            }
        }
        for uid in earlier.failed.iter().flatten() {
            if tracked.contains(uid.as_str()) {
                self.uncounted_failed.push(uid.clone());
            } else {
                self.base_failed += 1;
            }
        }
    }

    fn take(&mut self, round: &Round, at: usize, pod: &Pod) {
        let member = &round.pods[at];
        let deleting = member.object.head.is_deleting();
        let phase = owned::phase(pod);
        if phase != "Succeeded" && phase != "Failed" {
            if deleting {
                self.terminating += 1;
            } else {
                self.active.push(at);
                self.ready += usize::from(owned::is_ready(pod));
            }
        }
        if !is_tracked(&member.object) {
            return;
        }
        // One that is being deleted may never reach a final phase: it counts as failed, unless only those that
        // really failed are replaced.
        let failed = phase == "Failed" || (deleting && phase != "Succeeded" && !round.replaces_only_failed());
        let uid = &member.object.head.uid;
        if phase == "Succeeded" {
            self.succeed(round, at, uid);
        } else if failed {
            self.fail(round, at, uid);
        }
    }

    fn succeed(&mut self, round: &Round, at: usize, uid: &str) {
        if round.is_indexed() {
            if let Some(index) = indexes::of(&round.pods[at].pod).filter(|index| round.has_index(*index)) {
                self.completed_indexes.insert(index);
            }
            self.counted.push(at);
        } else if name_once(&mut self.uncounted_succeeded, uid) {
            self.counted.push(at);
        }
    }

    fn fail(&mut self, round: &Round, at: usize, uid: &str) {
        match failure_policy::judge(&round.spec, &round.pods[at].pod) {
            Judgement::Ignore => return self.counted.push(at),
            Judgement::FailJob(message) => self.fatal = self.fatal.take().or(Some(message)),
            Judgement::FailIndex => self.failed_indexes.extend(indexes::of(&round.pods[at].pod)),
            Judgement::Count => {}
        }
        if name_once(&mut self.uncounted_failed, uid) {
            self.counted.push(at);
        }
    }

    /// With `backoffLimitPerIndex`, an index that failed too often is given up.
    fn fail_indexes(&mut self, round: &Round) {
        let Some(limit) = round.spec.backoff_limit_per_index else { return };
        let failed = round.pods.iter().filter(|member| owned::phase(&member.pod) == "Failed");
        let spent: Vec<i32> = failed
            .filter(|member| indexes::failures(&member.pod) >= limit)
            .filter_map(|member| indexes::of(&member.pod))
            .filter(|index| !self.completed_indexes.contains(index))
            .collect();
        self.failed_indexes.extend(spent);
    }

    /// The status these counts make; conditions are added elsewhere.
    pub fn status(&self, round: &Round) -> JobStatus {
        let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let some = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
        let succeeded = if round.is_indexed() { number(self.completed_indexes.len()) } else { self.base_succeeded };
        let positive = |count: i32| (count > 0).then_some(count);
        JobStatus {
            active: positive(number(self.active.len())),
            ready: Some(number(self.ready)),
            terminating: Some(number(self.terminating)),
            succeeded: positive(succeeded),
            failed: positive(self.base_failed),
            uncounted_terminated_pods: Some(UncountedTerminatedPods {
                succeeded: some(&self.uncounted_succeeded),
                failed: some(&self.uncounted_failed),
            }),
            completed_indexes: round
                .is_indexed()
                .then(|| indexes::text(&self.completed_indexes))
                .filter(|t| !t.is_empty()),
            failed_indexes: round.spec.backoff_limit_per_index.map(|_| indexes::text(&self.failed_indexes)),
            ..round.status.clone()
        }
    }
}

/// Whether the uid is (now) in the list; a full list takes no more until it has been settled.
fn name_once(list: &mut Vec<String>, uid: &str) -> bool {
    let known = list.iter().any(|known| known == uid);
    if !known && list.len() < UNCOUNTED {
        list.push(uid.to_owned());
    }
    known || list.last().is_some_and(|last| last == uid)
}
