//! Resources of running containers that were changed in the spec: what that takes, and what the status says of it.
//!
//! Upstream: `pkg/kubelet/allocation`, `kuberuntime_manager.go` (`computePodResizeAction`), KEP-1287.

use crate::seen::{ContainerSeen, ContainerState, Seen};
use crate::status::is_terminal;
use crate::wanted::{Item, Role, items, spec};
use apimachinery::Quantity;
use k8s_openapi::api::core::v1::{Pod, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use kinds::corev1::pod::resources::PodNeeds;
use std::collections::BTreeMap;

/// What can change while a container runs.
const RESIZABLE: [&str; 2] = ["cpu", "memory"];

const PENDING: &str = "PodResizePending";
const IN_PROGRESS: &str = "PodResizeInProgress";

const INFEASIBLE: &str = "Infeasible";
pub(crate) const DEFERRED: &str = "Deferred";

/// The conditions that are ours alone; they are there only while they are true.
pub(crate) const CONDITIONS: [&str; 2] = [PENDING, IN_PROGRESS];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    InPlace,
    /// `resizePolicy` of what changed says so.
    Restart,
}

/// What must be done for the container to have the resources of its spec.
pub(crate) fn change(item: &Item<'_>, seen: &ContainerSeen) -> Option<Change> {
    let container = item.container?;
    let (had, wanted) = (seen.resources.as_ref()?, container.resources.clone().unwrap_or_default());
    let differs = |name: &str| {
        amount(&had.requests, name) != amount(&wanted.requests, name)
            || amount(&had.limits, name) != amount(&wanted.limits, name)
    };
    let policies = container.resize_policy.as_deref().unwrap_or_default();
    let restarts = |name: &str| {
        policies.iter().any(|policy| policy.resource_name == name && policy.restart_policy == "RestartContainer")
    };
    let changed: Vec<&str> = RESIZABLE.into_iter().filter(|name| differs(name)).collect();
    let change = if changed.iter().any(|name| restarts(name)) { Change::Restart } else { Change::InPlace };
    (!changed.is_empty()).then_some(change)
}

/// Whether a container has other resources than its spec says.
pub fn is_resized(pod: &Pod, seen: &[ContainerSeen]) -> bool {
    let of = |item: &Item<'_>| seen.iter().filter(|seen| seen.name == item.name).max_by_key(|seen| seen.attempt);
    items(pod).iter().any(|item| of(item).is_some_and(|seen| change(item, seen).is_some()))
}

fn amount(list: &Option<BTreeMap<String, Text>>, name: &str) -> Option<Quantity> {
    Quantity::parse(&list.as_ref()?.get(name)?.0).ok()
}

/// Why the pod as a whole is not given what it asks for here: reason and message, in upstream's words. `Infeasible` is
/// for good, `Deferred` until other pods leave room.
pub(crate) fn refusal(pod: &Pod, seen: &Seen) -> Option<(&'static str, String)> {
    let requests = PodNeeds::of_pod(pod).requests();
    let amounts = |name: &'static str| {
        let shown = |amount: &Quantity| if name == "cpu" { amount.milli_value() } else { amount.value() };
        let taken = seen.taken.get(name).map_or(0, shown);
        Some((name, shown(requests.get(name)?), taken, shown(seen.allocatable.get(name)?)))
    };
    let all: Vec<_> = RESIZABLE.into_iter().filter_map(amounts).collect();
    let infeasible = all.iter().find(|(_, requested, _, capacity)| requested > capacity);
    let infeasible = infeasible.map(|(name, requested, _, capacity)| {
        let text = format!("Node didn't have enough capacity: {name}, requested: {requested}, capacity: {capacity}");
        (INFEASIBLE, text)
    });
    infeasible.or_else(|| {
        let crowded = all.iter().find(|(_, requested, taken, capacity)| requested + taken > *capacity);
        crowded.map(|(name, requested, taken, capacity)| {
            let amounts = format!("requested: {requested}, used: {taken}, capacity: {capacity}");
            (DEFERRED, format!("Node didn't have enough resource: {name}, {amounts}"))
        })
    })
}

/// `status.resources` and `status.allocatedResources`: what it has, or is to be started with.
pub(crate) fn shown(
    item: &Item<'_>,
    seen: Option<&ContainerSeen>,
) -> (Option<ResourceRequirements>, Option<BTreeMap<String, Text>>) {
    let Some(container) = item.container.filter(|_| item.role != Role::Ephemeral) else { return (None, None) };
    let running = seen.filter(|seen| matches!(seen.state, ContainerState::Running { .. }));
    let applied = running.and_then(|seen| seen.resources.clone());
    let resources = applied.unwrap_or_else(|| container.resources.clone().unwrap_or_default());
    let requests = resources.requests.clone().filter(|requests| !requests.is_empty());
    (Some(resources), requests)
}

/// Type, reason and message of the conditions that hold.
pub(crate) fn conditions(pod: &Pod, seen: &Seen, items: &[Item<'_>]) -> Vec<(&'static str, &'static str, String)> {
    let has_ended = pod.status.as_ref().is_some_and(is_terminal);
    let is_gone = pod.metadata.deletion_timestamp.is_some() || spec(pod).is_none();
    if has_ended || is_gone {
        return Vec::new();
    }
    let running = |item: &Item<'_>| {
        seen.latest(item.name).filter(|latest| matches!(latest.state, ContainerState::Running { .. })).cloned()
    };
    let changes = |item: &&Item<'_>| running(item).is_some_and(|seen| change(item, &seen).is_some());
    if !items.iter().any(|item| changes(&item)) {
        return Vec::new();
    }
    if let Some((reason, message)) = refusal(pod, seen) {
        return vec![(PENDING, reason, message)];
    }
    let problem = seen.resizing.values().find(|problem| !problem.is_empty());
    let (reason, message) = problem.map_or(("", String::new()), |problem| ("Error", problem.clone()));
    vec![(IN_PROGRESS, reason, message)]
}
