//! ReplicaSet controller: makes the number of live pods equal `spec.replicas`.
//!
//! A lost or refused action needs no handling: the next view still shows the difference.
//!
//! Invariants
//! - Converges: in the world our actions lead to, nothing is left to do.
//! - Never deletes a pod that somebody else controls; adopts matching pods that nobody controls.
//! - Changes at most [`BURST`] pods a round, so that a broken template cannot flood the cluster.
//!
//! Upstream: `pkg/controller/replicaset/replica_set.go`.

mod status;

use crate::owned::{self, OwnerKind};
use crate::{Action, Announce, Change, Controller, Plan, View, Wanted};
use apimachinery::Object;
use apimachinery::selector::label::LabelSelector;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use kinds::resources::{PODS, REPLICA_SETS};
use std::collections::BTreeMap;
use std::sync::Arc;
use stdx::Timestamp;

/// Pods created or deleted in one round, at most. Upstream: `burstReplicas`.
const BURST: usize = 500;

/// Annotation by which a user says which pods to lose first. Upstream: `core.PodDeletionCost`.
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

const KIND: OwnerKind = OwnerKind { api_version: "apps/v1", kind: "ReplicaSet" };

pub struct ReplicaSets;

/// A pod with the bytes it came from.
struct Member {
    object: Arc<Object>,
    pod: Pod,
}

impl Controller for ReplicaSets {
    fn name(&self) -> &'static str {
        "replicaset-controller"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&REPLICA_SETS, &PODS] }
    }

    fn affected(&self, change: Change<'_>, view: &dyn View) -> Vec<String> {
        if *change.of != PODS {
            return Vec::new();
        }
        let mut keys = KIND.owners(change);
        if let Some(orphan) = change.new.filter(|pod| pod.head.controller().is_none()) {
            keys.extend(sets_matching(orphan, view));
        }
        keys
    }

    fn reconcile(&self, key: &str, view: &dyn View, now: Timestamp) -> Plan {
        let Some(object) = view.get(&REPLICA_SETS, key) else { return Plan::rest() };
        let Ok(set) = object.decode::<ReplicaSet>() else { return Plan::rest() };
        let mut plan = Plan::default();
        let claims = claims(&object, &set, view);
        if !object.head.is_deleting() && !claims.is_empty() {
            // The next round sees whose the pods are: until then one too many might be made.
            return Plan::of(claims);
        }
        let members = members(&object, &set, view);
        let live: Vec<&Member> = members.iter().filter(|member| owned::is_active(&member.pod)).collect();
        if !object.head.is_deleting() {
            let siblings = ready_by_node(&members);
            plan.actions.extend(level(&object, &set, &live, &siblings));
        }
        let (status, again) = status::of(&object, &set, &members, now);
        plan.actions.extend(status::write(&object, &set, status, None, now));
        plan.again = again;
        plan
    }

    /// Says so in the status, as long as it lasts.
    fn refused(&self, key: &str, view: &dyn View, now: Timestamp, why: &str) -> Vec<Action> {
        let Some(object) = view.get(&REPLICA_SETS, key).filter(|object| !object.head.is_deleting()) else {
            return Vec::new();
        };
        let Ok(set) = object.decode::<ReplicaSet>() else { return Vec::new() };
        let members = members(&object, &set, view);
        let (status, _) = status::of(&object, &set, &members, now);
        let reason = match status.replicas.cmp(&replicas(&set)) {
            std::cmp::Ordering::Less => "FailedCreate",
            std::cmp::Ordering::Greater => "FailedDelete",
            std::cmp::Ordering::Equal => return Vec::new(),
        };
        status::write(&object, &set, status, Some((reason, why)), now).into_iter().collect()
    }
}

fn sets_matching(pod: &Object, view: &dyn View) -> Vec<String> {
    let sets = view.list(&REPLICA_SETS, &pod.head.namespace);
    let matching = sets.iter().filter(|object| {
        let set = object.decode::<ReplicaSet>().ok();
        set.and_then(|set| set.spec).is_some_and(|spec| owned::matcher(&spec.selector).matches(&pod.head.labels))
    });
    matching.map(|set| set.key()).collect()
}

/// Live pods that match and that nobody controls become ours; of ours, those that match no more are let go.
fn claims(object: &Object, set: &ReplicaSet, view: &dyn View) -> Vec<Action> {
    let selector = selector(set);
    let ours = view.owned_by(&PODS, &object.head.uid).into_iter();
    let strayed = ours.filter(|pod| !pod.head.is_deleting() && !selector.matches(&pod.head.labels));
    let release = strayed.map(|pod| owned::release(&PODS, &pod, object));
    let orphans = view.owned_by(&PODS, "").into_iter().filter(|pod| pod.head.namespace == object.head.namespace);
    let matching = orphans.filter(|pod| selector.matches(&pod.head.labels));
    let live = matching.filter(|pod| !pod.head.is_deleting() && pod.decode().is_ok_and(|pod| owned::is_active(&pod)));
    release.chain(live.map(|pod| KIND.adopt(&PODS, &pod, object))).collect()
}

/// Our pods that match.
fn members(object: &Object, set: &ReplicaSet, view: &dyn View) -> Vec<Member> {
    let selector = selector(set);
    let ours = view.owned_by(&PODS, &object.head.uid).into_iter().filter(|pod| selector.matches(&pod.head.labels));
    ours.filter_map(|object| Some(Member { pod: object.decode().ok()?, object })).collect()
}

/// Creates what is missing or deletes what is too much.
fn level(object: &Object, set: &ReplicaSet, live: &[&Member], siblings: &BTreeMap<&str, usize>) -> Vec<Action> {
    let wanted = usize::try_from(replicas(set)).unwrap_or(0);
    if live.len() < wanted {
        let template = owned::template_value(set.spec.as_ref().and_then(|spec| spec.template.as_ref()));
        let create = || Action::Create {
            of: &PODS,
            namespace: object.head.namespace.clone(),
            body: owned::pod_from_template(&template, object, KIND),
            announce: Some(Announce::pod(KIND.regarding(object))),
        };
        std::iter::repeat_with(create).take((wanted - live.len()).min(BURST)).collect()
    } else {
        delete(object, live, live.len() - wanted, siblings)
    }
}

fn selector(set: &ReplicaSet) -> LabelSelector {
    set.spec.as_ref().map_or_else(LabelSelector::nothing, |spec| owned::matcher(&spec.selector))
}

fn replicas(set: &ReplicaSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

/// Cheapest losses first. The name decides ties, so that every replica of us picks the same pods.
fn delete(owner: &Object, live: &[&Member], surplus: usize, siblings: &BTreeMap<&str, usize>) -> Vec<Action> {
    let mut victims = live.to_vec();
    victims.sort_by_cached_key(|member| cost(member, siblings));
    let victims = victims.iter().take(surplus.min(BURST));
    let (deletes, events): (Vec<_>, Vec<_>) =
        victims.map(|member| (Action::delete(&PODS, &member.object), deleted(owner, &member.object))).unzip();
    deletes.into_iter().chain(events).collect()
}

fn deleted(owner: &Object, pod: &Object) -> Action {
    let message = format!("Deleted pod: {}", pod.head.name);
    Action::Event { about: KIND.regarding(owner), warning: false, reason: "SuccessfulDelete", message }
}

/// Upstream's order (`ActivePodsWithRanks`): unassigned, pending, not ready, low deletion cost, crowded node, ready
/// for a shorter time, restarted more, younger.
type Cost = (
    bool,
    u8,
    bool,
    i32,
    std::cmp::Reverse<usize>,
    std::cmp::Reverse<u64>,
    std::cmp::Reverse<i32>,
    std::cmp::Reverse<i64>,
    String,
);

fn cost(member: &Member, siblings: &BTreeMap<&str, usize>) -> Cost {
    use std::cmp::Reverse;
    let pod = &member.pod;
    let node = node(pod);
    let phase = match owned::phase(pod) {
        "Pending" | "" => 0,
        "Unknown" => 1,
        _ => 2,
    };
    let said = pod.metadata.annotations.as_ref().and_then(|all| all.get(DELETION_COST));
    let created = pod.metadata.creation_timestamp.as_ref().map_or(0, |at| at.0.as_second());
    (
        !node.is_empty(),
        phase,
        owned::is_ready(pod),
        said.and_then(|text| text.parse().ok()).unwrap_or(0),
        Reverse(siblings.get(node).copied().unwrap_or(0)),
        Reverse(owned::ready_since(pod).map_or(0, |since| since.0.as_secs())),
        Reverse(owned::restarts(pod)),
        Reverse(created),
        member.object.head.name.clone(),
    )
}

fn node(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
}

/// How many of our live pods each node has: losing one on a crowded node hurts least.
fn ready_by_node(members: &[Member]) -> BTreeMap<&str, usize> {
    let mut count = BTreeMap::new();
    for member in members.iter().filter(|member| owned::is_active(&member.pod)) {
        *count.entry(node(&member.pod)).or_default() += 1;
    }
    count
}

#[cfg(test)]
mod tests;
