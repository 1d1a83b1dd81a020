//! Room for a pod that fits nowhere: less important pods that would have to go, as few and as unimportant as will do.
//!
//! Differs from upstream: all nodes are looked at, not a sample, so that every replica of us decides alike.
//!
//! Upstream: `framework/preemption`, `plugins/defaultpreemption`, `RunFilterPluginsWithNominatedPods`.

use crate::{Cluster, Decision, Node, PodFacts, Refusal, rules};
use std::cmp::Reverse;

/// What keeps a pod away that could not be helped by fewer pods.
const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";
const NO_VICTIMS: &str = "No preemption victims found for incoming pod";

/// A node has to have the pod with and without those that wait for room on it and come first.
pub fn filter_with_nominated(pod: &PodFacts, node: &Node, cluster: &Cluster) -> Result<(), Refusal> {
    let mut before = cluster.nominated_before(pod, &node.name).peekable();
    if before.peek().is_some() {
        let mut crowd = cluster.clone();
        for other in before {
            crowd.put_pod(PodFacts { node: node.name.clone(), ..other.clone() });
        }
        if let Some(node) = crowd.node(&node.name) {
            rules::filter(pod, node, &crowd)?;
        }
    }
    rules::filter(pod, node, cluster)
}

/// What to do for a pod that every node refused; `message` says why they did.
pub fn attempt(pod: &PodFacts, cluster: &Cluster, refusals: &[(&Node, Refusal)], message: String) -> Decision {
    if refusals.is_empty() {
        return Decision::Refused { message, is_hopeless: true };
    }
    if let Some(why) = may_not(pod, cluster, refusals) {
        return Decision::Refused { message: format!("{message} preemption: {why}"), is_hopeless: false };
    }
    let (mut candidates, mut failures) = (Vec::new(), Vec::new());
    for (node, refusal) in refusals {
        let found = if refusal.is_crowded { victims(pod, node, cluster) } else { fail(NOT_HELPFUL) };
        match found {
            Ok(victims) => candidates.push((node.name.clone(), victims)),
            Err(refusal) => failures.push(refusal),
        }
    }
    match candidates.into_iter().min_by_key(|(name, victims)| loss(name, victims)) {
        Some((node, victims)) => Decision::Preempt { node, victims, message },
        None => {
            let message = format!("{message} preemption: {}", crate::message(failures.iter()));
            Decision::Refused { message, is_hopeless: true }
        }
    }
}

/// Why this pod may make no other pod go.
fn may_not(pod: &PodFacts, cluster: &Cluster, refusals: &[(&Node, Refusal)]) -> Option<&'static str> {
    if pod.never_preempts {
        return Some("not eligible due to preemptionPolicy=Never.");
    }
    let is_lost = refusals.iter().any(|(node, refusal)| node.name == pod.nominated && !refusal.is_crowded);
    let nominated = cluster.node(&pod.nominated).filter(|_| !is_lost)?;
    let makes_room = nominated.pods.values().any(|other| other.is_preempted && other.priority < pod.priority);
    makes_room.then_some("not eligible due to a terminating pod on the nominated node.")
}

/// The pods that have to leave this node, the most important first.
fn victims(pod: &PodFacts, node: &Node, cluster: &Cluster) -> Result<Vec<PodFacts>, Refusal> {
    let mut lesser: Vec<&PodFacts> = node.pods.values().filter(|other| other.priority < pod.priority).collect();
    if lesser.is_empty() {
        return fail(NO_VICTIMS);
    }
    lesser.sort_by_key(|other| importance(other));
    let mut rest = cluster.clone();
    lesser.iter().for_each(|other| rest.remove_pod(&other.uid));
    fits(pod, node, &rest)?;
    // As many as can stay do, the most important first.
    let mut victims = Vec::new();
    for other in lesser {
        rest.put_pod(other.clone());
        if fits(pod, node, &rest).is_err() {
            rest.remove_pod(&other.uid);
            victims.push(other.clone());
        }
    }
    Ok(victims)
}

fn fits(pod: &PodFacts, node: &Node, cluster: &Cluster) -> Result<(), Refusal> {
    cluster.node(&node.name).map_or(Ok(()), |node| filter_with_nominated(pod, node, cluster))
}

fn fail<T>(reason: &str) -> Result<T, Refusal> {
    Err(Refusal { reasons: vec![reason.to_owned()], is_crowded: false })
}

/// Sorts the most important first: high priority, then long at work. One that has not started came last.
fn importance(pod: &PodFacts) -> (Reverse<i64>, bool, &str, &str) {
    (Reverse(pod.priority), pod.started.is_empty(), &pod.started, &pod.name)
}

/// Sorts the least loss first: the most important victim, all their priorities together, their number; then the victims
/// at work for the shortest time. Upstream: `pickOneNodeForPreemption`.
fn loss(node: &str, victims: &[PodFacts]) -> (i64, i64, usize, bool, Reverse<String>, String) {
    let highest = victims.iter().map(|victim| victim.priority).max().unwrap_or(i64::MIN);
    // Raised above zero, so that more victims never seem less.
    let sum = victims.iter().map(|victim| victim.priority + i64::from(i32::MAX) + 1).sum();
    let first = victims.iter().filter(|victim| victim.priority == highest).map(|victim| &victim.started);
    let started = first.clone().filter(|started| !started.is_empty()).min().cloned();
    (highest, sum, victims.len(), started.is_some(), Reverse(started.unwrap_or_default()), node.to_owned())
}
