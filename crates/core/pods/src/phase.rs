//! A pod's phase.
//!
//! Upstream: `pkg/kubelet/kubelet_pods.go` (`getPhase`).

use crate::status::of_container;
use crate::wanted::{Item, RestartPolicy, Role};
use k8s_openapi::api::core::v1::{ContainerStatus, PodStatus};

#[derive(Default)]
struct Count {
    pending_init: usize,
    /// Failed and not started again.
    failed_init: usize,
    waiting: usize,
    running: usize,
    stopped: usize,
    succeeded: usize,
    /// Of the stopped: will be started again.
    restarting: usize,
}

/// `is_final`: nothing runs and nothing will.
pub(crate) fn of(status: &PodStatus, items: &[Item<'_>], policy: RestartPolicy, is_final: bool) -> &'static str {
    let mut count = Count::default();
    for item in items {
        match item.role {
            Role::Init | Role::Sidecar => count.init(item, policy, of_container(status, item)),
            Role::Main => count.main(item, policy, of_container(status, item)),
            Role::Ephemeral => {}
        }
    }
    let all_succeeded = count.stopped == count.succeeded;
    if count.failed_init > 0 {
        return "Failed";
    }
    if is_final {
        let is_whole = count.stopped > 0 && count.waiting == 0 && count.pending_init == 0;
        return if is_whole && all_succeeded { "Succeeded" } else { "Failed" };
    }
    if count.pending_init > 0 || count.waiting > 0 {
        return "Pending";
    }
    if count.running > 0 || count.sidecars_only_left(status, items) {
        return "Running";
    }
    match () {
        () if count.stopped == 0 => "Pending",
        () if count.restarting > 0 => "Running",
        () if all_succeeded => "Succeeded",
        () => "Failed",
    }
}

impl Count {
    fn init(&mut self, item: &Item<'_>, policy: RestartPolicy, status: Option<&ContainerStatus>) {
        let state = status.and_then(|status| status.state.as_ref());
        let ended = state.and_then(|state| state.terminated.as_ref());
        let last = status.and_then(|status| status.last_state.as_ref()).and_then(|state| state.terminated.as_ref());
        let is_waiting = state.is_some_and(|state| state.waiting.is_some());
        match (item.role, ended) {
            // Once started, a sidecar that ended is only being restarted.
            (Role::Sidecar, Some(_)) => {}
            (Role::Sidecar, None) => {
                let is_running = state.is_some_and(|state| state.running.is_some());
                let is_started = status.and_then(|status| status.started) == Some(true);
                if !(is_running && is_started || is_waiting && last.is_some()) {
                    self.pending_init += 1;
                }
            }
            (_, Some(ended)) if ended.exit_code != 0 => {
                self.pending_init += 1;
                self.failed_init += usize::from(!item.restarts(policy, ended.exit_code));
            }
            (_, Some(_)) => {}
            (_, None) => self.pending_init += 1,
        }
    }

    fn main(&mut self, item: &Item<'_>, policy: RestartPolicy, status: Option<&ContainerStatus>) {
        let state = status.and_then(|status| status.state.as_ref());
        let last = status.and_then(|status| status.last_state.as_ref()).and_then(|state| state.terminated.as_ref());
        match state {
            Some(state) if state.running.is_some() => self.running += 1,
            Some(state) if state.terminated.is_some() => {
                self.stopped += 1;
                let code = state.terminated.as_ref().map_or(1, |ended| ended.exit_code);
                self.succeeded += usize::from(code == 0);
                self.restarting += usize::from(item.restarts(policy, code));
            }
            // It waits for its next start.
            _ if last.is_some() => {
                self.stopped += 1;
                self.restarting += 1;
            }
            _ => self.waiting += 1,
        }
    }

    /// All main containers have ended, but a sidecar has yet to be stopped.
    fn sidecars_only_left(&self, status: &PodStatus, items: &[Item<'_>]) -> bool {
        let runs = |item: &&Item<'_>| {
            let state = of_container(status, item).and_then(|status| status.state.as_ref());
            item.role == Role::Sidecar && state.is_some_and(|state| state.running.is_some())
        };
        self.stopped > 0 && items.iter().any(|item| runs(&item))
    }
}
