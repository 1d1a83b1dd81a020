//! A pod's conditions.
//!
//! Upstream: `pkg/kubelet/status/generate.go`; other components' conditions stay as they are.

use crate::resize;
use crate::status::{View, is_sandbox_ready, is_terminal, of_container, time};
use crate::wanted::{Item, Role};
use k8s_openapi::api::core::v1::{ContainerStatus, PodCondition, PodStatus};

struct Verdict {
    is_true: bool,
    reason: &'static str,
    message: String,
}

impl Verdict {
    fn yes() -> Self {
        Self { is_true: true, reason: "", message: String::new() }
    }

    fn no(reason: &'static str, message: String) -> Self {
        Self { is_true: false, reason, message }
    }
}

/// Writes the kubelet's five conditions over those the status had before.
pub(crate) fn set(status: &mut PodStatus, view: &View<'_>, items: &[Item<'_>]) {
    let containers = containers_ready(status, items);
    let ready = ready(view, &containers);
    // What has ended has no use for its sandbox, which is taken away after this status was the last.
    let has_sandbox = is_sandbox_ready(view.seen) && !is_terminal(status);
    let sandbox = Verdict { is_true: has_sandbox, reason: "", message: String::new() };
    let ours = [
        ("PodReadyToStartContainers", sandbox),
        ("Initialized", initialized(status, items)),
        ("Ready", ready),
        ("ContainersReady", containers),
        ("PodScheduled", Verdict::yes()),
    ];
    let before = view.before.conditions.as_deref().unwrap_or_default();
    let mut conditions: Vec<PodCondition> =
        ours.iter().map(|(kind, verdict)| condition(kind, verdict, before, view)).collect();
    conditions.extend(
        resize::conditions(view.pod, view.seen, items)
            .into_iter()
            .map(|(kind, reason, message)| condition(kind, &Verdict { is_true: true, reason, message }, before, view)),
    );
    // Those of others: as the API has them now, since they are not ours to keep.
    let theirs = view.pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let is_ours = |kind: &str| ours.iter().any(|(our, _)| *our == kind) || resize::CONDITIONS.contains(&kind);
    conditions.extend(theirs.iter().filter(|other| !is_ours(&other.type_)).cloned());
    status.conditions = Some(conditions);
}

fn condition(kind: &str, verdict: &Verdict, before: &[PodCondition], view: &View<'_>) -> PodCondition {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let word = if verdict.is_true { "True" } else { "False" };
    let same = before.iter().find(|old| old.type_ == kind && old.status == word);
    PodCondition {
        type_: kind.to_owned(),
        status: word.to_owned(),
        reason: text(verdict.reason),
        message: text(&verdict.message),
        last_probe_time: None,
        last_transition_time: same.and_then(|old| old.last_transition_time.clone()).or_else(|| Some(time(view.now))),
        observed_generation: view.pod.metadata.generation,
    }
}

fn initialized(status: &PodStatus, items: &[Item<'_>]) -> Verdict {
    if status.phase.as_deref() == Some("Succeeded") {
        return Verdict { reason: "PodCompleted", ..Verdict::yes() };
    }
    let mains_have_run = items
        .iter()
        .filter(|item| item.role == Role::Main)
        .any(|item| of_container(status, item).is_some_and(|status| status.container_id.is_some()));
    let is_open = |item: &&Item<'_>| match (item.role, of_container(status, item)) {
        (Role::Init, status) => !mains_have_run && !status.is_some_and(has_succeeded),
        (Role::Sidecar, status) => !mains_have_run && status.is_none_or(|status| status.started != Some(true)),
        _ => false,
    };
    let open: Vec<&str> = items.iter().filter(is_open).map(|item| item.name).collect();
    match open.is_empty() {
        true => Verdict::yes(),
        false => Verdict::no("ContainersNotInitialized", format!("containers with incomplete status: {}", list(&open))),
    }
}

fn has_succeeded(status: &ContainerStatus) -> bool {
    let ended = status.state.as_ref().and_then(|state| state.terminated.as_ref());
    ended.is_some_and(|ended| ended.exit_code == 0)
}

fn containers_ready(status: &PodStatus, items: &[Item<'_>]) -> Verdict {
    match status.phase.as_deref() {
        Some("Succeeded") => return Verdict::no("PodCompleted", String::new()),
        Some("Failed") => return Verdict::no("PodFailed", String::new()),
        _ => {}
    }
    let counts = |item: &&Item<'_>| matches!(item.role, Role::Main | Role::Sidecar);
    let is_ready = |item: &&Item<'_>| of_container(status, item).is_some_and(|status| status.ready);
    let unready: Vec<&str> = items.iter().filter(counts).filter(|item| !is_ready(item)).map(|item| item.name).collect();
    match unready.is_empty() {
        true => Verdict::yes(),
        false => Verdict::no("ContainersNotReady", format!("containers with unready status: {}", list(&unready))),
    }
}

fn ready(view: &View<'_>, containers: &Verdict) -> Verdict {
    if !containers.is_true {
        return Verdict { is_true: false, reason: containers.reason, message: containers.message.clone() };
    }
    let gates = view.pod.spec.as_ref().and_then(|spec| spec.readiness_gates.as_deref()).unwrap_or_default();
    let problems: Vec<String> = gates.iter().filter_map(|gate| gate_problem(view, &gate.condition_type)).collect();
    match problems.is_empty() {
        true => Verdict::yes(),
        false => Verdict::no("ReadinessGatesNotReady", problems.join(", ")),
    }
}

fn gate_problem(view: &View<'_>, gate: &str) -> Option<String> {
    let conditions = view.pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    match conditions.iter().find(|condition| condition.type_ == gate) {
        None => Some(format!("corresponding condition of pod readiness gate \"{gate}\" does not exist.")),
        Some(found) if found.status != "True" => {
            let status = &found.status;
            Some(format!("the status of pod readiness gate \"{gate}\" is not \"True\", but {status}"))
        }
        Some(_) => None,
    }
}

/// `[a b]`, as Go prints a slice.
fn list(names: &[&str]) -> String {
    format!("[{}]", names.join(" "))
}
