//! The status of a pod and of its containers.
//!
//! Upstream: `kubelet_pods.go` (`generateAPIPodStatus`, `convertToAPIContainerStatuses`), `status_manager.go`.

use crate::life::Life;
use crate::seen::{ContainerSeen, ContainerState as State, Exit, SandboxSeen, Seen};
use crate::wanted::{Item, Role, items, long_name, restart_policy};
use crate::{conditions, phase, resize};
use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus, HostIP,
    Pod, PodIP, PodStatus, VolumeMountStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use stdx::Timestamp;

/// What a status is made from.
pub(crate) struct View<'a> {
    pub life: &'a Life,
    pub pod: &'a Pod,
    pub seen: &'a Seen,
    pub before: &'a PodStatus,
    pub is_stopping: bool,
    pub now: Timestamp,
}

pub(crate) fn is_terminal(status: &PodStatus) -> bool {
    matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"))
}

/// Whole seconds: as the API writes times.
pub(crate) fn time(at: Timestamp) -> Time {
    Time(k8s_openapi::jiff::Timestamp::from_second(at.secs()).unwrap_or_default())
}

/// The entry of a container in a pod's status.
pub(crate) fn of_container<'a>(status: &'a PodStatus, item: &Item<'_>) -> Option<&'a ContainerStatus> {
    let list = match item.role {
        Role::Init | Role::Sidecar => &status.init_container_statuses,
        Role::Main => &status.container_statuses,
        Role::Ephemeral => &status.ephemeral_container_statuses,
    };
    list.iter().flatten().find(|entry| entry.name == item.name)
}

pub(crate) fn build(view: &View<'_>) -> PodStatus {
    let items = items(view.pod);
    let mut status = view.before.clone();
    let of = |wanted: fn(Role) -> bool| {
        let entries: Vec<_> = items.iter().filter(|item| wanted(item.role)).map(|item| container(view, item)).collect();
        (!entries.is_empty()).then_some(entries)
    };
    status.init_container_statuses = of(|role| matches!(role, Role::Init | Role::Sidecar));
    status.container_statuses = of(|role| role == Role::Main);
    status.ephemeral_container_statuses = of(|role| role == Role::Ephemeral);
    status.start_time.get_or_insert_with(|| time(view.now));
    status.observed_generation = view.pod.metadata.generation;
    status.nominated_node_name = None;
    status.qos_class.get_or_insert_with(|| kinds::corev1::pod::facts::qos_class(view.pod).as_str().to_owned());
    set_addresses(&mut status, view.seen);
    set_phase(&mut status, view, &items);
    conditions::set(&mut status, view, &items);
    status
}

fn set_addresses(status: &mut PodStatus, seen: &Seen) {
    if let Some(first) = seen.host_ips.first() {
        status.host_ip = Some(first.clone());
        status.host_ips = Some(seen.host_ips.iter().map(|ip| HostIP { ip: ip.clone() }).collect());
    }
    if let Some(first) = seen.pod_ips.first() {
        status.pod_ip = Some(first.clone());
        status.pod_ips = Some(seen.pod_ips.iter().map(|ip| PodIP { ip: ip.clone() }).collect());
    }
}

fn set_phase(status: &mut PodStatus, view: &View<'_>, items: &[Item<'_>]) {
    let is_still = is_still(view);
    let phase = phase::of(status, items, restart_policy(view.pod), view.is_stopping && is_still);
    // Terminal phases are for good: not before the last container (a sidecar) has ended.
    if !is_still && matches!(phase, "Succeeded" | "Failed") {
        return;
    }
    status.phase = Some(phase.to_owned());
    if let Some(ended) = view.life.ended.as_ref().filter(|_| is_still) {
        status.reason = Some(ended.reason.clone());
        status.message = Some(ended.message.clone());
        status.phase = Some("Failed".to_owned());
    }
}

/// Nothing of the pod runs or is about to.
fn is_still(view: &View<'_>) -> bool {
    view.seen.starting.is_empty()
        && view.seen.stopping.is_empty()
        && !view.seen.containers.iter().any(ContainerSeen::is_alive)
}

fn container(view: &View<'_>, item: &Item<'_>) -> ContainerStatus {
    let before = of_container(view.before, item);
    // An attempt that is being started is not shown before its postStart hook is done.
    let is_starting = view.seen.starting.contains(item.name);
    let latest = view.seen.latest(item.name);
    let shown = latest.filter(|latest| has_begun(latest));
    let mut status = match shown {
        Some(shown) if is_starting && shown.is_alive() => unchanged_or_waiting(view, item, before),
        Some(_) if is_starting && before.is_some_and(is_waiting) => unchanged_or_waiting(view, item, before),
        Some(shown) => of_attempt(view, item, shown, before),
        None => without_attempt(view, item, before),
    };
    status.volume_mounts = volume_mounts(item);
    (status.resources, status.allocated_resources) = resize::shown(view.pod, view.seen, item, shown);
    status
}

/// An attempt that was ended before its command ran is none; one whose command could not run is.
fn has_begun(seen: &ContainerSeen) -> bool {
    match &seen.state {
        State::Created => false,
        State::Running { .. } => true,
        State::Exited(exit) => exit.started_at.is_some() || exit.reason == "StartError",
    }
}

fn is_waiting(status: &ContainerStatus) -> bool {
    status.state.as_ref().is_some_and(|state| state.waiting.is_some())
}

fn unchanged_or_waiting(view: &View<'_>, item: &Item<'_>, before: Option<&ContainerStatus>) -> ContainerStatus {
    before.cloned().unwrap_or_else(|| blank(item, waiting_state(view, item)))
}

fn blank(item: &Item<'_>, state: ContainerState) -> ContainerStatus {
    let started = (item.role != Role::Ephemeral).then_some(false);
    ContainerStatus {
        name: item.name.to_owned(),
        image: item.image.to_owned(),
        state: Some(state),
        last_state: Some(ContainerState::default()),
        started,
        ..ContainerStatus::default()
    }
}

fn of_attempt(
    view: &View<'_>,
    item: &Item<'_>,
    shown: &ContainerSeen,
    before: Option<&ContainerStatus>,
) -> ContainerStatus {
    let mut status = blank(item, ContainerState::default());
    status.image.clone_from(&shown.image);
    status.image_id.clone_from(&shown.image_id);
    status.container_id = Some(shown.id.clone());
    status.restart_count = i32::try_from(shown.attempt).unwrap_or(i32::MAX);
    status.last_state = Some(last_state(view, item, shown, before));
    status.user.clone_from(&shown.user);
    match &shown.state {
        State::Running { since } => {
            status.started = Some(view.life.probes.is_started(item, shown));
            status.ready = view.life.probes.is_ready(item, shown);
            let running = ContainerStateRunning { started_at: Some(time(*since)) };
            status.state = Some(ContainerState { running: Some(running), ..ContainerState::default() });
        }
        State::Exited(exit) => {
            status.ready = item.role == Role::Init && exit.code == 0;
            let ended = terminated(&shown.id, exit);
            match restart_wait(view, item, shown.attempt, exit) {
                Some(waiting) => {
                    status.state = Some(waiting);
                    status.last_state = Some(ended);
                }
                None => status.state = Some(ended),
            }
        }
        State::Created => {}
    }
    status
}

/// What an ended container that will run again waits for; None shows its end.
fn restart_wait(view: &View<'_>, item: &Item<'_>, attempt: u32, exit: &Exit) -> Option<ContainerState> {
    if view.is_stopping || !item.restarts(restart_policy(view.pod), exit.code) {
        return None;
    }
    if let Some(held) = view.life.held.get(item.name) {
        let trouble = held.shown(view.now);
        return Some(waiting(&trouble.reason, &trouble.message));
    }
    let wait = view.life.restarts.get(item.name)?.held_back(attempt, exit.finished_at, view.now)?;
    let seconds = apimachinery::time::format_go_duration(i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX));
    let pod = long_name(view.pod);
    let message = format!("back-off {seconds} restarting failed container={} pod={pod}", item.name);
    Some(waiting("CrashLoopBackOff", &message))
}

fn last_state(
    view: &View<'_>,
    item: &Item<'_>,
    shown: &ContainerSeen,
    before: Option<&ContainerStatus>,
) -> ContainerState {
    let Some(previous) = shown.attempt.checked_sub(1) else { return ContainerState::default() };
    if let Some(seen) = view.seen.attempt(item.name, previous)
        && let Some(exit) = seen.exit()
    {
        return terminated(&seen.id, exit);
    }
    let Some(before) = before else { return ContainerState::default() };
    match before.restart_count.unsigned_abs() {
        count if count == previous && before.state.as_ref().is_some_and(|state| state.terminated.is_some()) => {
            before.state.clone().unwrap_or_default()
        }
        _ => before.last_state.clone().unwrap_or_default(),
    }
}

/// The runtime knows nothing of it: not begun yet, or gone with its sandbox.
fn without_attempt(view: &View<'_>, item: &Item<'_>, before: Option<&ContainerStatus>) -> ContainerStatus {
    let Some(before) = before.filter(|before| before.container_id.is_some()) else {
        return blank(item, waiting_state(view, item));
    };
    let mut status = before.clone();
    status.ready &= item.role == Role::Init;
    if item.role != Role::Ephemeral {
        status.started = Some(false);
    }
    let ended = before.state.clone().filter(|state| state.terminated.is_some());
    if view.is_stopping || item.role == Role::Ephemeral {
        status.state = Some(ended.unwrap_or_else(|| unknown(before)));
        return status;
    }
    // It begins anew in a new sandbox.
    if !is_waiting(before) {
        status.last_state = Some(ended.unwrap_or_else(|| unknown(before)));
    }
    status.state = Some(waiting_state(view, item));
    status.ready = false;
    status
}

fn unknown(before: &ContainerStatus) -> ContainerState {
    let terminated = ContainerStateTerminated {
        exit_code: 137,
        reason: Some("ContainerStatusUnknown".to_owned()),
        message: Some("The container could not be located when the pod was terminated".to_owned()),
        container_id: before.container_id.clone(),
        ..ContainerStateTerminated::default()
    };
    ContainerState { terminated: Some(terminated), ..ContainerState::default() }
}

fn waiting_state(view: &View<'_>, item: &Item<'_>) -> ContainerState {
    if let Some(held) = view.life.held.get(item.name) {
        let trouble = held.shown(view.now);
        return waiting(&trouble.reason, &trouble.message);
    }
    let has_init = view.pod.spec.as_ref().is_some_and(|spec| spec.init_containers.iter().flatten().next().is_some());
    waiting(if has_init { "PodInitializing" } else { "ContainerCreating" }, "")
}

fn waiting(reason: &str, message: &str) -> ContainerState {
    let message = (!message.is_empty()).then(|| message.to_owned());
    let waiting = ContainerStateWaiting { reason: Some(reason.to_owned()), message };
    ContainerState { waiting: Some(waiting), ..ContainerState::default() }
}

fn terminated(id: &str, exit: &Exit) -> ContainerState {
    let terminated = ContainerStateTerminated {
        container_id: Some(id.to_owned()),
        exit_code: exit.code,
        signal: None,
        reason: Some(exit.reason.clone()),
        message: (!exit.message.is_empty()).then(|| exit.message.clone()),
        started_at: exit.started_at.map(time),
        finished_at: Some(time(exit.finished_at)),
    };
    ContainerState { terminated: Some(terminated), ..ContainerState::default() }
}

fn volume_mounts(item: &Item<'_>) -> Option<Vec<VolumeMountStatus>> {
    let mounts = item.container?.volume_mounts.as_ref().filter(|mounts| !mounts.is_empty())?;
    let shown = mounts.iter().map(|mount| VolumeMountStatus {
        name: mount.name.clone(),
        mount_path: mount.mount_path.clone(),
        read_only: mount.read_only.filter(|read_only| *read_only),
        recursive_read_only: mount.read_only.filter(|read_only| *read_only).map(|_| {
            mount.recursive_read_only.clone().filter(|wanted| wanted != "IfPossible").unwrap_or("Disabled".to_owned())
        }),
    });
    Some(shown.collect())
}

/// For conditions: the sandbox is there.
pub(crate) fn is_sandbox_ready(seen: &Seen) -> bool {
    seen.sandbox == SandboxSeen::Ready
}
