//! PodTopologySpread: matching pods are spread evenly over the domains of a node label.

use super::{Refusal, crowded, refuse};
use crate::pod::Spread;
use crate::{Cluster, Node, PodFacts};
use std::collections::BTreeMap;

pub fn filter(pod: &PodFacts, node: &Node, cluster: &Cluster) -> Result<(), Refusal> {
    for constraint in pod.spread.iter().filter(|constraint| constraint.must) {
        let Some(domain) = node.labels.get(&constraint.topology_key) else {
            return refuse("node(s) didn't match pod topology spread constraints (missing required label)");
        };
        let counts = counts(pod, constraint, cluster);
        let fewest = if (counts.len() as i64) < constraint.min_domains { 0 } else { fewest(&counts) };
        let own = i64::from(constraint.selector.matches(&pod.labels));
        let here = counts.get(domain.as_str()).copied().unwrap_or(0);
        if here + own - fewest > constraint.max_skew {
            return crowded("node(s) didn't match pod topology spread constraints");
        }
    }
    Ok(())
}

/// Fewer matching pods in the node's domains is better.
pub fn score(pod: &PodFacts, nodes: &[&Node], cluster: &Cluster) -> Vec<f64> {
    let soft: Vec<_> = pod.spread.iter().filter(|constraint| !constraint.must).collect();
    let counts: Vec<_> = soft.iter().map(|constraint| counts(pod, constraint, cluster)).collect();
    let crowd = |node: &&Node| -> f64 {
        let of = |(constraint, counts): (&&Spread, &BTreeMap<&str, i64>)| {
            let domain = node.labels.get(&constraint.topology_key);
            domain.and_then(|domain| counts.get(domain.as_str())).copied().unwrap_or(0) as f64
        };
        soft.iter().zip(&counts).map(of).sum()
    };
    let most = nodes.iter().map(crowd).fold(0.0, f64::max);
    nodes.iter().map(|node| if most == 0.0 { 100.0 } else { 100.0 * (1.0 - crowd(node) / most) }).collect()
}

/// Matching pods in each domain that the pod could go to.
fn counts<'a>(pod: &PodFacts, constraint: &Spread, cluster: &'a Cluster) -> BTreeMap<&'a str, i64> {
    let mut counts = BTreeMap::new();
    for node in cluster.nodes().filter(|node| counts_for(pod, constraint, node, cluster)) {
        let Some(domain) = node.labels.get(&constraint.topology_key) else { continue };
        let matching = node.pods.values().filter(|other| {
            other.namespace == pod.namespace && !other.is_deleting && constraint.selector.matches(&other.labels)
        });
        *counts.entry(domain.as_str()).or_default() += matching.count() as i64;
    }
    counts
}

/// Whether the node's domain counts, by the constraint's policies.
fn counts_for(pod: &PodFacts, constraint: &Spread, node: &Node, cluster: &Cluster) -> bool {
    (constraint.ignores_affinity || super::node_affinity::filter(pod, node, cluster).is_ok())
        && (!constraint.honours_taints || super::taints::filter(pod, node, cluster).is_ok())
}

fn fewest(counts: &BTreeMap<&str, i64>) -> i64 {
    counts.values().copied().min().unwrap_or(0)
}
