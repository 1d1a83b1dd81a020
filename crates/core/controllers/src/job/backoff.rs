//! How long to wait before a failed pod is replaced: 10 s, doubled with each failure since the last success.
//!
//! Upstream: `backoff_utils.go`.

use super::{Round, indexes};
use crate::owned;
use k8s_openapi::api::core::v1::Pod;
use std::time::Duration;
use stdx::Timestamp;

/// Upstream: `DefaultJobPodFailureBackOff` and `MaxJobPodFailureBackOff`.
const FIRST: Duration = Duration::from_secs(10);
const MOST: Duration = Duration::from_secs(600);

/// Zero: a pod may be created now.
pub fn left(round: &Round) -> Duration {
    let ends = |phase: &str| -> Vec<Timestamp> {
        let pods = round.pods.iter().filter(|member| owned::phase(&member.pod) == phase);
        pods.map(|member| ended_at(&member.pod)).collect()
    };
    let last_success = ends("Succeeded").into_iter().max().unwrap_or_default();
    let failures: Vec<Timestamp> = ends("Failed").into_iter().filter(|end| *end > last_success).collect();
    let Some(last) = failures.iter().max() else { return Duration::ZERO };
    wait(round, failures.len(), *last)
}

/// The same for one index, where each index may fail so often: the others need not wait for it.
pub fn left_for(round: &Round, index: i32) -> Duration {
    let failed = round.pods.iter().map(|member| &member.pod).filter(|pod| owned::phase(pod) == "Failed");
    let same = failed.filter(|pod| indexes::of(pod) == Some(index));
    let Some(last) = same.max_by_key(|pod| indexes::failures(pod)) else { return Duration::ZERO };
    wait(round, usize::try_from(indexes::failures(last)).unwrap_or(0) + 1, ended_at(last))
}

fn wait(round: &Round, failures: usize, last: Timestamp) -> Duration {
    let doubled = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    let wait = FIRST.saturating_mul(1 << doubled).min(MOST);
    wait.saturating_sub(round.now.since(last))
}

/// When its last container ended.
fn ended_at(pod: &Pod) -> Timestamp {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let ends = statuses.filter_map(|status| status.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref());
    let last = ends.map(|at| at.0.as_second()).max();
    let fallback = pod.metadata.deletion_timestamp.as_ref().map(|at| at.0.as_second());
    let created = pod.metadata.creation_timestamp.as_ref().map(|at| at.0.as_second());
    Timestamp::from_secs(last.or(fallback).or(created).and_then(|at| u64::try_from(at).ok()).unwrap_or(0))
}
