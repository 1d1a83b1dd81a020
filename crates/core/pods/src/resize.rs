//! Resources of running containers that were changed in the spec: what that takes, and what the status says of it.
//!
//! Upstream: `pkg/kubelet/allocation`, `kuberuntime_manager.go` (`computePodResizeAction`), KEP-1287.

use crate::seen::{ContainerSeen, ContainerState, Seen};
use crate::status::{is_terminal, of_container};
use crate::wanted::{Item, Role, items, spec};
use apimachinery::Quantity;
use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use kinds::corev1::pod::resources::PodNeeds;
use std::borrow::Cow;
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
    change_of(item, seen.resources.as_ref()?)
}

fn change_of(item: &Item<'_>, had: &ResourceRequirements) -> Option<Change> {
    let container = item.container?;
    let wanted = container.resources.clone().unwrap_or_default();
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
    items(pod).iter().any(|item| had(pod, seen, item).is_some_and(|had| change_of(item, had).is_some()))
}

/// What the container was last given; where the runtime no longer knows it, as its status says.
fn had<'a>(pod: &'a Pod, seen: &'a [ContainerSeen], item: &Item<'_>) -> Option<&'a ResourceRequirements> {
    let latest = seen.iter().filter(|seen| seen.name == item.name).max_by_key(|seen| seen.attempt);
    let Some(latest) = latest else { return of_container(pod.status.as_ref()?, item)?.resources.as_ref() };
    latest.resources.as_ref()
}

/// What the container keeps because what its spec says now is refused.
fn kept<'a>(pod: &'a Pod, seen: &'a Seen, item: &Item<'_>) -> Option<&'a ResourceRequirements> {
    let had = had(pod, &seen.containers, item).filter(|had| change_of(item, had).is_some())?;
    refusal(pod, seen).map(|_| had)
}

/// The pod as its containers are to be started: where a change is refused, with what they had before it.
pub fn allocated<'a>(pod: &'a Pod, seen: &Seen) -> Cow<'a, Pod> {
    let kept = |item: Item<'_>| Some((item.name.to_owned(), kept(pod, seen, &item)?.clone()));
    let mut kept: BTreeMap<_, _> = items(pod).into_iter().filter_map(kept).collect();
    if kept.is_empty() {
        return Cow::Borrowed(pod);
    }
    let mut pod = pod.clone();
    for container in containers(&mut pod) {
        container.resources = kept.remove(&container.name).or_else(|| container.resources.take());
    }
    Cow::Owned(pod)
}

/// What a pod takes of its node, by its status: what is asked for and not yet given counts for nobody else, or two pods
/// that grow would wait for each other. Upstream: `UpdatePodFromAllocation`.
pub fn taken(mut pod: Pod) -> BTreeMap<String, Quantity> {
    let status = pod.status.take().unwrap_or_default();
    let entries = status.container_statuses.into_iter().chain(status.init_container_statuses).flatten();
    let given = entries.filter(|entry| entry.resources.is_some()).map(|entry| (entry.name, entry.allocated_resources));
    let mut given: BTreeMap<_, _> = given.collect();
    for container in containers(&mut pod) {
        if let Some(requests) = given.remove(&container.name) {
            container.resources.get_or_insert_default().requests = requests;
        }
    }
    PodNeeds::of_pod(&pod).requests()
}

fn containers(pod: &mut Pod) -> impl Iterator<Item = &mut Container> {
    pod.spec.iter_mut().flat_map(|spec| spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()))
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

/// `status.resources` and `status.allocatedResources`: what it has, or is to be started with; what it may have.
pub(crate) fn shown(
    pod: &Pod,
    seen: &Seen,
    item: &Item<'_>,
    attempt: Option<&ContainerSeen>,
) -> (Option<ResourceRequirements>, Option<BTreeMap<String, Text>>) {
    let Some(container) = item.container.filter(|_| item.role != Role::Ephemeral) else { return (None, None) };
    let allocated = kept(pod, seen, item).or(container.resources.as_ref()).cloned().unwrap_or_default();
    let running = attempt.filter(|attempt| matches!(attempt.state, ContainerState::Running { .. }));
    let applied = running.and_then(|attempt| attempt.resources.clone());
    let requests = allocated.requests.clone().filter(|requests| !requests.is_empty());
    (Some(applied.unwrap_or(allocated)), requests)
}

/// Type, reason and message of the conditions that hold.
pub(crate) fn conditions(pod: &Pod, seen: &Seen, items: &[Item<'_>]) -> Vec<(&'static str, &'static str, String)> {
    let has_ended = pod.status.as_ref().is_some_and(is_terminal);
    let is_gone = pod.metadata.deletion_timestamp.is_some() || spec(pod).is_none();
    if has_ended || is_gone {
        return Vec::new();
    }
    // One that has crashed and is to run again still waits for what was refused.
    if items.iter().any(|item| kept(pod, seen, item).is_some())
        && let Some((reason, message)) = refusal(pod, seen)
    {
        return vec![(PENDING, reason, message)];
    }
    let running = |item: &Item<'_>| {
        seen.latest(item.name).filter(|latest| matches!(latest.state, ContainerState::Running { .. })).cloned()
    };
    let changes = |item: &&Item<'_>| running(item).is_some_and(|seen| change(item, &seen).is_some());
    if !items.iter().any(|item| changes(&item)) {
        return Vec::new();
    }
    let problem = seen.resizing.values().find(|problem| !problem.is_empty());
    let (reason, message) = problem.map_or(("", String::new()), |problem| ("Error", problem.clone()));
    vec![(IN_PROGRESS, reason, message)]
}
