//! NodeResourcesFit: the sum of requests stays within what the node can give; emptier and more even nodes are liked.

use super::Refusal;
use crate::{Cluster, Node, PodFacts};
use apimachinery::Quantity;

/// What a pod without requests counts as when nodes are compared. Upstream: 100m and 200 MB.
const UNSTATED_CPU: f64 = 0.1;
const UNSTATED_MEMORY: f64 = 200e6;

pub fn filter(pod: &PodFacts, node: &Node, _: &Cluster) -> Result<(), Refusal> {
    let (mut reasons, mut is_crowded) = (Vec::new(), true);
    let room = node.allocatable.get("pods").map_or(110, Quantity::value);
    if node.pods.len() as i64 >= room {
        reasons.push("Too many pods".to_owned());
    }
    for (name, wanted) in pod.requests.iter().filter(|(name, wanted)| !wanted.is_zero() && node.free(name) < **wanted) {
        reasons.push(format!("Insufficient {name}"));
        // More than the node has at all.
        is_crowded &= node.allocatable.get(name).is_some_and(|all| all >= wanted);
    }
    if reasons.is_empty() { Ok(()) } else { Err(Refusal { reasons, is_crowded }) }
}

/// Upstream's LeastAllocated, and BalancedAllocation as a small addition.
pub fn score(pod: &PodFacts, nodes: &[&Node], _: &Cluster) -> Vec<f64> {
    nodes.iter().map(|node| one(pod, node)).collect()
}

fn one(pod: &PodFacts, node: &Node) -> f64 {
    let cpu = used(pod, node, "cpu", UNSTATED_CPU);
    let memory = used(pod, node, "memory", UNSTATED_MEMORY);
    let free = (2.0 - cpu - memory) / 2.0;
    let even = 1.0 - (cpu - memory).abs() / 2.0;
    (free * 100.0 + even * 100.0) / 2.0
}

/// The share of a resource that would be taken, 0 to 1.
fn used(pod: &PodFacts, node: &Node, resource: &str, unstated: f64) -> f64 {
    let of = |pod: &PodFacts| pod.requests.get(resource).filter(|q| !q.is_zero()).map_or(unstated, Quantity::as_f64);
    let all = node.allocatable.get(resource).map_or(0.0, Quantity::as_f64);
    let taken: f64 = node.pods.values().map(of).sum::<f64>() + of(pod);
    if all <= 0.0 { 1.0 } else { (taken / all).min(1.0) }
}
