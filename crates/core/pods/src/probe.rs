//! Startup, liveness and readiness: when to probe, and what the answers mean.
//!
//! Upstream: `pkg/kubelet/prober/worker.go`.

use crate::seen::{ContainerSeen, ContainerState};
use crate::wanted::Item;
use k8s_openapi::api::core::v1::Probe;
use std::collections::BTreeMap;
use std::time::Duration;
use stdx::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProbeKind {
    Startup,
    Liveness,
    Readiness,
}

impl ProbeKind {
    pub(crate) const ALL: [Self; 3] = [Self::Startup, Self::Liveness, Self::Readiness];

    /// `Readiness`: as events begin.
    pub fn title(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
        }
    }

    /// The probe of this kind in a container's spec.
    pub fn of<'a>(self, item: &Item<'a>) -> Option<&'a Probe> {
        let container = item.container?;
        match self {
            Self::Startup => container.startup_probe.as_ref(),
            Self::Liveness => container.liveness_probe.as_ref(),
            Self::Readiness => container.readiness_probe.as_ref(),
        }
    }
}

/// What one probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Success,
    /// As good as success, with something to tell.
    Warning(String),
    /// With the probe's output.
    Failure(String),
    /// It could not be carried out: changes nothing.
    Unknown(String),
}

/// One probe of one attempt of a container.
#[derive(Debug, Clone)]
struct Worker {
    attempt: u32,
    /// The verdict; None until the threshold is reached for the first time.
    verdict: Option<bool>,
    successes: i32,
    failures: i32,
    due: Timestamp,
    is_running: bool,
}

/// What the pod's status says of this very attempt: true for containers that outlived the agent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Before {
    pub is_started: bool,
    pub is_ready: bool,
}

/// All probes of a pod.
#[derive(Debug, Clone, Default)]
pub(crate) struct Probes {
    workers: BTreeMap<(String, ProbeKind), Worker>,
}

impl Probes {
    /// Probes due now, and when the next one is.
    pub fn due(
        &mut self,
        item: &Item<'_>,
        seen: &ContainerSeen,
        before: Before,
        kinds: &[ProbeKind],
        now: Timestamp,
    ) -> (Vec<ProbeKind>, Option<Timestamp>) {
        let ContainerState::Running { since } = seen.state else { return (Vec::new(), None) };
        if before.is_started {
            self.adopt_started(item, seen.attempt, now);
        }
        let started = self.is_started(item, seen);
        let (mut due, mut next) = (Vec::new(), None::<Timestamp>);
        for &kind in kinds {
            let Some(probe) = kind.of(item) else { continue };
            if started == (kind == ProbeKind::Startup) {
                continue;
            }
            let delay = Duration::from_secs(probe.initial_delay_seconds.unwrap_or(0).max(0).unsigned_abs().into());
            let verdict = (kind == ProbeKind::Readiness && before.is_ready).then_some(true);
            let fresh = Worker {
                attempt: seen.attempt,
                verdict,
                successes: 0,
                failures: 0,
                due: since + delay,
                is_running: false,
            };
            let worker = self.workers.entry((item.name.to_owned(), kind)).or_insert_with(|| fresh.clone());
            if worker.attempt != seen.attempt {
                *worker = Worker { verdict: None, ..fresh };
            }
            // A container that is to be restarted for its probe is not asked again.
            if worker.is_running || (kind != ProbeKind::Readiness && worker.verdict == Some(false)) {
                continue;
            }
            if worker.due <= now {
                worker.is_running = true;
                worker.due = now;
                due.push(kind);
            } else {
                next = Some(next.map_or(worker.due, |next| next.min(worker.due)));
            }
        }
        (due, next)
    }

    /// Takes in an answer; true if the verdict changed.
    pub fn take(&mut self, item: &Item<'_>, attempt: u32, kind: ProbeKind, outcome: &Outcome, now: Timestamp) -> bool {
        let (Some(probe), Some(worker)) = (kind.of(item), self.workers.get_mut(&(item.name.to_owned(), kind))) else {
            return false;
        };
        if worker.attempt != attempt {
            return false;
        }
        worker.is_running = false;
        let period = Duration::from_secs(probe.period_seconds.unwrap_or(10).max(1).unsigned_abs().into());
        worker.due = (worker.due + period).max(now);
        let before = worker.verdict;
        match outcome {
            Outcome::Success | Outcome::Warning(_) => {
                worker.failures = 0;
                worker.successes += 1;
                if worker.successes >= probe.success_threshold.unwrap_or(1) {
                    worker.verdict = Some(true);
                }
            }
            Outcome::Failure(_) => {
                worker.successes = 0;
                worker.failures += 1;
                if worker.failures >= probe.failure_threshold.unwrap_or(3) {
                    worker.verdict = Some(false);
                }
            }
            Outcome::Unknown(_) => {}
        }
        before != worker.verdict
    }

    fn verdict(&self, item: &Item<'_>, seen: &ContainerSeen, kind: ProbeKind) -> Option<bool> {
        let worker = self.workers.get(&(item.name.to_owned(), kind))?;
        worker.verdict.filter(|_| worker.attempt == seen.attempt)
    }

    /// Running, and past its startup probe.
    pub fn is_started(&self, item: &Item<'_>, seen: &ContainerSeen) -> bool {
        matches!(seen.state, ContainerState::Running { .. })
            && (ProbeKind::Startup.of(item).is_none() || self.verdict(item, seen, ProbeKind::Startup) == Some(true))
    }

    pub fn is_ready(&self, item: &Item<'_>, seen: &ContainerSeen) -> bool {
        self.is_started(item, seen)
            && match ProbeKind::Readiness.of(item) {
                None => !seen.is_opening,
                Some(_) => self.verdict(item, seen, ProbeKind::Readiness) == Some(true),
            }
    }

    /// The probe for whose sake the container must be restarted.
    pub fn condemned(&self, item: &Item<'_>, seen: &ContainerSeen) -> Option<ProbeKind> {
        [ProbeKind::Startup, ProbeKind::Liveness]
            .into_iter()
            .find(|kind| self.verdict(item, seen, *kind) == Some(false))
    }

    /// An adopted container's startup probe has been passed already.
    fn adopt_started(&mut self, item: &Item<'_>, attempt: u32, now: Timestamp) {
        let worker = Worker { attempt, verdict: Some(true), successes: 1, failures: 0, due: now, is_running: false };
        self.workers.entry((item.name.to_owned(), ProbeKind::Startup)).or_insert(worker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    #[test]
    fn without_a_probe_ready_is_who_runs_and_listens() {
        let pod: Pod = serde_json::from_value(json!({"spec": {"containers": [
            {"name": "plain"},
            {"name": "probed", "readinessProbe": {"tcpSocket": {"port": 80}}},
        ]}}))
        .unwrap();
        let items = crate::items(&pod);
        let seen = |is_opening| ContainerSeen {
            name: String::new(),
            attempt: 0,
            id: String::new(),
            image: String::new(),
            image_id: String::new(),
            state: ContainerState::Running { since: Timestamp(Duration::ZERO) },
            is_opening,
            resources: None,
            user: None,
        };
        let mut probes = Probes::default();
        let ready = |probes: &Probes| {
            let all = |is_opening| items.iter().map(move |item| (item, seen(is_opening)));
            [true, false]
                .map(|is_opening| all(is_opening).map(|(item, seen)| probes.is_ready(item, &seen)).collect::<Vec<_>>())
        };
        assert_eq!(ready(&probes), [vec![false, false], vec![true, false]]);
        // A probe that was passed is the last word.
        let now = Timestamp(Duration::ZERO);
        probes.due(&items[1], &seen(true), Before::default(), &[ProbeKind::Readiness], now);
        probes.take(&items[1], 0, ProbeKind::Readiness, &Outcome::Success, now);
        assert_eq!(ready(&probes), [vec![false, true], vec![true, true]]);
    }
}
