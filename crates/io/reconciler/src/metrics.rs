//! What the controllers' queues and the scheduler count, under upstream's names.
//!
//! Upstream: `component-base/metrics/prometheus/workqueue`, `pkg/scheduler/metrics`. A queue is named after its
//! controller.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use scheduler::NAME;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfQueue {
    name: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPending {
    queue: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfAttempt {
    profile: &'static str,
    result: &'static str,
}

/// The families of all of them. Clone it freely; the default is read by nobody.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    depth: Family<OfQueue, Gauge>,
    adds: Family<OfQueue, Counter>,
    retries: Family<OfQueue, Counter>,
    pending: Family<OfPending, Gauge>,
    attempts: Family<OfAttempt, Counter>,
}

/// Numbers of one queue.
#[derive(Debug, Clone, Default)]
pub(crate) struct OfOneQueue {
    /// Keys that could be worked on now.
    pub depth: Gauge,
    pub adds: Counter,
    /// Keys that are to be looked at later, after failures and otherwise.
    pub retries: Counter,
}

/// How an attempt to schedule a pod ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    Scheduled,
    Unschedulable,
    Error,
}

impl Metrics {
    /// Call it once a process: names stand once in what scrapers read.
    pub fn new(of_process: &telemetry::Metrics) -> Self {
        let new = Self::default();
        of_process.register("workqueue_depth", "[ALPHA] Current depth of workqueue", new.depth.clone());
        of_process.register("workqueue_adds", "[ALPHA] Total number of adds handled by workqueue", new.adds.clone());
        let help = "[ALPHA] Total number of retries handled by workqueue";
        of_process.register("workqueue_retries", help, new.retries.clone());
        let help = "[STABLE] Number of pending pods, by the queue type. 'active' means number of pods that are to be tried \
                    now; 'backoff' those that are tried again later; 'unschedulable' those that fit nowhere";
        of_process.register("scheduler_pending_pods", help, new.pending.clone());
        let help = "[STABLE] Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be \
                    scheduled, while 'error' means an internal scheduler problem";
        of_process.register("scheduler_schedule_attempts", help, new.attempts.clone());
        new
    }

    pub(crate) fn queue(&self, name: &'static str) -> OfOneQueue {
        let of = OfQueue { name };
        OfOneQueue {
            depth: self.depth.get_or_create_owned(&of),
            adds: self.adds.get_or_create_owned(&of),
            retries: self.retries.get_or_create_owned(&of),
        }
    }

    pub(crate) fn pending(&self, queue: &'static str, count: usize) {
        self.pending.get_or_create(&OfPending { queue }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn attempt(&self, attempt: Attempt) {
        let result = match attempt {
            Attempt::Scheduled => "scheduled",
            Attempt::Unschedulable => "unschedulable",
            Attempt::Error => "error",
        };
        self.attempts.get_or_create(&OfAttempt { profile: NAME, result }).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{Outcome, Queue};
    use tokio::time::Instant;

    #[test]
    fn names_and_labels_are_upstreams() {
        let of_process = telemetry::Metrics::default();
        let metrics = Metrics::new(&of_process);
        let mut queue = Queue::counted(metrics.queue("a-controller"));
        // One name for two queues: the sum.
        Queue::counted(metrics.queue("a-controller")).add("x".into());
        for key in ["a", "b", "a", "c"] {
            queue.add(key.into());
        }
        let (key, now) = (queue.take(Instant::now()).unwrap(), Instant::now());
        queue.add(key.clone());
        queue.done(&key, now, Outcome::Failed);
        metrics.pending("unschedulable", 2);
        metrics.attempt(Attempt::Scheduled);
        let text = of_process.text();
        for line in [
            "# TYPE workqueue_depth gauge",
            "workqueue_depth{name=\"a-controller\"} 4",
            "# TYPE workqueue_adds_total counter",
            "workqueue_adds_total{name=\"a-controller\"} 5",
            "workqueue_retries_total{name=\"a-controller\"} 1",
            "scheduler_pending_pods{queue=\"unschedulable\"} 2",
            "scheduler_schedule_attempts_total{profile=\"default-scheduler\",result=\"scheduled\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
