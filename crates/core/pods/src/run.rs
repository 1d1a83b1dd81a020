//! A round for a pod that is to run: sandbox, init containers in order, the others, their probes and restarts.

use crate::life::{Action, Ended, Life, Note, POD};
use crate::probe::{Before, ProbeKind};
use crate::resize::{self, Change};
use crate::seen::{ContainerSeen, ContainerState, SandboxSeen, Seen};
use crate::wanted::{Item, RestartPolicy, Role, grace, items, long_name, restart_policy, spec};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use std::time::Duration;
use stdx::Timestamp;

/// How often a resize that waits for room is tried again.
const LOOK_FOR_ROOM: Duration = Duration::from_secs(10);

pub(crate) struct Round<'a> {
    pub life: &'a mut Life,
    pub pod: &'a Pod,
    pub seen: &'a Seen,
    pub before: &'a PodStatus,
    pub items: Vec<Item<'a>>,
    pub policy: RestartPolicy,
    pub now: Timestamp,
    /// Why the node does not give the pod what it asks for: the reason.
    refusal: Option<&'static str>,
    actions: Vec<Action>,
    notes: Vec<Note>,
    wake: Option<Timestamp>,
}

impl<'a> Round<'a> {
    pub fn new(life: &'a mut Life, pod: &'a Pod, seen: &'a Seen, before: &'a PodStatus, now: Timestamp) -> Self {
        let (items, policy) = (items(pod), restart_policy(pod));
        let (actions, notes, wake) = (Vec::new(), Vec::new(), None);
        let refusal = resize::refusal(pod, seen).map(|(reason, _)| reason);
        Self { life, pod, seen, before, items, policy, now, refusal, actions, notes, wake }
    }

    pub fn finish(self) -> (Vec<Action>, Vec<Note>, Option<Timestamp>) {
        (self.actions, self.notes, self.wake)
    }

    pub fn ask(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn wake_at(&mut self, at: Timestamp) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }

    fn tell(&mut self, container: &str, warning: bool, reason: &'static str, message: String) {
        self.notes.push(Note { container: Some(container.to_owned()), warning, reason, message });
    }

    /// Upstream: `active_deadline.go`.
    pub fn check_deadline(&mut self) {
        let seconds = spec(self.pod).and_then(|spec| spec.active_deadline_seconds);
        let started = self.before.start_time.as_ref().map(|time| time.0.as_second());
        let (Some(seconds), Some(started)) = (seconds, started) else { return };
        let deadline = Timestamp::from_secs((started + seconds).max(0).unsigned_abs());
        if self.now < deadline {
            return self.wake_at(deadline);
        }
        if self.life.ended.is_none() && !crate::status::is_terminal(self.before) {
            let message = "Pod was active on the node longer than the specified deadline".to_owned();
            let note = Note { container: None, warning: false, reason: "DeadlineExceeded", message: message.clone() };
            self.notes.push(note);
            self.life.ended = Some(Ended { reason: "DeadlineExceeded".to_owned(), message });
        }
    }

    /// Deleted, ended before its time, or lost with no right to begin anew.
    pub fn must_stop(&self) -> bool {
        self.seen.is_gone
            || self.pod.metadata.deletion_timestamp.is_some()
            || self.life.ended.is_some()
            || self.is_lost()
    }

    /// Its containers have run, are gone, and may not run again.
    fn is_lost(&self) -> bool {
        let statuses = self.before.container_statuses.iter().chain(&self.before.init_container_statuses).flatten();
        let has_run = statuses.into_iter().any(|status| status.container_id.is_some());
        let is_without = self.seen.sandbox != SandboxSeen::Ready && !self.seen.sandbox_busy;
        self.policy == RestartPolicy::Never && has_run && is_without
    }

    pub fn run(&mut self) {
        if self.seen.sandbox_busy {
            return;
        }
        if self.seen.sandbox != SandboxSeen::Ready {
            return match self.life.held.get(POD).map(|held| held.retry_at).filter(|at| *at > self.now) {
                Some(at) => self.wake_at(at),
                None => self.ask(Action::Prepare),
            };
        }
        let items = std::mem::take(&mut self.items);
        if self.is_done(&items) {
            self.stop_sidecars(&items);
        } else if self.initialize(&items) {
            items.iter().filter(|item| item.role == Role::Main).for_each(|item| self.keep_running(item));
            items.iter().filter(|item| item.role == Role::Ephemeral).for_each(|item| self.start_once(item));
        }
        for item in &items {
            self.watch(item);
            self.forget_old(item);
        }
        self.items = items;
    }

    /// Brings the init containers forward; true when the main containers may run.
    fn initialize(&mut self, items: &[Item<'_>]) -> bool {
        let has_begun = |item: &Item<'_>| self.seen.latest(item.name).is_some();
        let last_begun = items.iter().rposition(|item| item.role <= Role::Main && has_begun(item)).unwrap_or(0);
        let mains_begun = items.iter().any(|item| item.role == Role::Main && has_begun(item));
        for (index, item) in items.iter().enumerate() {
            match item.role {
                Role::Sidecar => {
                    self.keep_running(item);
                    if !mains_begun && !self.is_started(item) {
                        return false;
                    }
                }
                Role::Init if mains_begun || index < last_begun => {}
                Role::Init => {
                    let code = self.seen.latest(item.name).and_then(ContainerSeen::exit).map(|exit| exit.code);
                    if code != Some(0) || self.seen.is_busy(item.name) {
                        self.keep_running(item);
                        return false;
                    }
                }
                Role::Main | Role::Ephemeral => return true,
            }
        }
        true
    }

    /// An init container has failed for good, or all main containers have ended for good.
    fn is_done(&self, items: &[Item<'_>]) -> bool {
        let ended_code = |item: &Item<'_>| {
            let exit = self.seen.latest(item.name).and_then(ContainerSeen::exit)?;
            let is_final = !self.seen.is_busy(item.name) && !item.restarts(self.policy, exit.code);
            is_final.then_some(exit.code)
        };
        let of = |role: Role| items.iter().filter(move |item| item.role == role);
        of(Role::Init).any(|item| ended_code(item).is_some_and(|code| code != 0))
            || of(Role::Main).all(|item| ended_code(item).is_some())
    }

    fn is_started(&self, item: &Item<'_>) -> bool {
        !self.seen.is_busy(item.name)
            && self.seen.latest(item.name).is_some_and(|seen| self.life.probes.is_started(item, seen))
    }

    fn keep_running(&mut self, item: &Item<'_>) {
        if self.seen.is_busy(item.name) {
            return;
        }
        let Some(latest) = self.seen.latest(item.name) else { return self.start(item, self.first_attempt(item)) };
        match &latest.state {
            ContainerState::Created => self.start(item, latest.attempt),
            ContainerState::Running { .. } if latest.image != item.image => {
                let message = format!("Container {} definition changed, will be restarted", item.name);
                self.stop(item, latest.attempt, grace(self.pod), message);
            }
            ContainerState::Running { .. } => self.resize(item, latest),
            ContainerState::Exited(exit) => {
                let is_changed = latest.image != item.image && item.role != Role::Init
                    || self.refusal.is_none() && resize::change(item, latest) == Some(Change::Restart);
                if is_changed || item.restarts(self.policy, exit.code) {
                    self.restart(item, latest.attempt, exit.finished_at, is_changed);
                }
            }
        }
    }

    /// Changes what the container may use, if its spec did.
    fn resize(&mut self, item: &Item<'_>, seen: &ContainerSeen) {
        let is_under_way = self.seen.resizing.contains_key(item.name);
        match resize::change(item, seen) {
            // Room that others leave is looked for now and then.
            Some(_) if self.refusal == Some(resize::DEFERRED) => self.wake_at(self.now + LOOK_FOR_ROOM),
            Some(_) if self.refusal.is_some() => {}
            Some(Change::InPlace) if !is_under_way => {
                self.ask(Action::Resize { container: item.name.to_owned(), attempt: seen.attempt });
            }
            Some(Change::Restart) => {
                let message = format!("Container {} resize requires restart", item.name);
                self.stop(item, seen.attempt, grace(self.pod), message);
            }
            _ => {}
        }
    }

    fn restart(&mut self, item: &Item<'_>, attempt: u32, finished_at: Timestamp, is_changed: bool) {
        let restarts = self.life.restarts.entry(item.name.to_owned()).or_default();
        if let Some(wait) = restarts.held_back(attempt, finished_at, self.now).filter(|_| !is_changed) {
            let is_told = restarts.told.replace(attempt) == Some(attempt);
            if !is_told {
                let pod = long_name(self.pod);
                let message = format!("Back-off restarting failed container {} in pod {pod}", item.name);
                self.tell(item.name, true, "BackOff", message);
            }
            return self.wake_at(finished_at + wait);
        }
        if self.start_if_free(item, attempt + 1) {
            self.life.restarts.entry(item.name.to_owned()).or_default().raise(attempt, finished_at, self.now);
        }
    }

    fn start_once(&mut self, item: &Item<'_>) {
        if !self.seen.is_busy(item.name) && self.seen.latest(item.name).is_none() {
            self.start(item, self.first_attempt(item));
        }
    }

    /// One more than what the status says of a container that the runtime no longer knows.
    fn first_attempt(&self, item: &Item<'_>) -> u32 {
        let status = crate::status::of_container(self.before, item);
        status.map_or(0, |status| status.restart_count.unsigned_abs() + u32::from(status.container_id.is_some()))
    }

    fn start(&mut self, item: &Item<'_>, attempt: u32) {
        self.start_if_free(item, attempt);
    }

    /// Starts it unless an earlier failure holds it back.
    fn start_if_free(&mut self, item: &Item<'_>, attempt: u32) -> bool {
        let held =
            self.life.held.get_mut(item.name).filter(|held| held.image == item.image && held.retry_at > self.now);
        let Some(held) = held else {
            self.ask(Action::Start { container: item.name.to_owned(), attempt });
            return true;
        };
        let changes_at = held.changes_at(self.now);
        if held.is_backing_off(self.now) && !std::mem::replace(&mut held.told, true) {
            self.tell(item.name, false, "BackOff", format!("Back-off pulling image \"{}\"", item.image));
            self.tell(item.name, true, "Failed", "Error: ImagePullBackOff".to_owned());
        }
        self.wake_at(changes_at);
        false
    }

    pub fn stop(&mut self, item: &Item<'_>, attempt: u32, grace: Duration, message: String) {
        self.ask(Action::Stop { container: item.name.to_owned(), attempt, grace, message });
    }

    /// Probes a running container, and restarts it when its probes say so.
    fn watch(&mut self, item: &Item<'_>) {
        let Some(seen) = self.seen.latest(item.name).filter(|_| !self.seen.is_busy(item.name)) else { return };
        if !matches!(seen.state, ContainerState::Running { .. }) {
            return;
        }
        if let Some(kind) = self.life.probes.condemned(item, seen) {
            return self.stop_condemned(item, seen.attempt, kind);
        }
        self.probe(item, seen, &ProbeKind::ALL);
    }

    /// A container that is being stopped is still asked whether it is ready, and nothing else: clients go elsewhere
    /// as soon as it says no. Upstream: `prober/worker.go`.
    pub fn watch_ending(&mut self, item: &Item<'_>) {
        let latest = self.seen.latest(item.name);
        if let Some(seen) = latest.filter(|seen| matches!(seen.state, ContainerState::Running { .. })) {
            self.probe(item, seen, &[ProbeKind::Readiness]);
        }
    }

    fn probe(&mut self, item: &Item<'_>, seen: &ContainerSeen, kinds: &[ProbeKind]) {
        let status = crate::status::of_container(self.before, item);
        let same = status.filter(|status| status.container_id.as_deref() == Some(&*seen.id));
        let before = Before {
            is_started: same.is_some_and(|status| status.started == Some(true)),
            is_ready: same.is_some_and(|status| status.ready),
        };
        let (due, next) = self.life.probes.due(item, seen, before, kinds, self.now);
        for kind in due {
            self.ask(Action::Probe { container: item.name.to_owned(), attempt: seen.attempt, kind });
        }
        if let Some(next) = next {
            self.wake_at(next);
        }
    }

    fn stop_condemned(&mut self, item: &Item<'_>, attempt: u32, kind: ProbeKind) {
        let own = kind.of(item).and_then(|probe| probe.termination_grace_period_seconds);
        let grace = own.map_or(grace(self.pod), |seconds| Duration::from_secs(seconds.max(1).unsigned_abs()));
        let restarts = if item.restarts(self.policy, 1) { ", will be restarted" } else { "" };
        let message = format!("Container {} failed {} probe{restarts}", item.name, kind.title().to_lowercase());
        self.stop(item, attempt, grace, message);
    }

    /// The runtime keeps the newest attempt and the one before it (`kubectl logs --previous`).
    fn forget_old(&mut self, item: &Item<'_>) {
        let Some(latest) = self.seen.latest(item.name).map(|latest| latest.attempt) else { return };
        let old = self.seen.containers.iter().filter(|seen| seen.name == item.name && seen.attempt + 1 < latest);
        let old: Vec<u32> = old.map(|seen| seen.attempt).collect();
        for attempt in old {
            self.ask(Action::Forget { container: item.name.to_owned(), attempt });
        }
    }
}
