//! The rules: each may refuse a node, and may like one more than another.

mod node_affinity;
mod node_name;
mod pod_affinity;
mod ports;
mod resources;
mod spread;
mod taints;
mod unschedulable;
mod volumes;

use crate::{Cluster, Node, PodFacts};

/// Reasons in upstream's words, one for each thing that is wrong with the node.
pub type Refusal = Vec<String>;

pub struct Rule {
    /// Upstream's name of the plug-in.
    pub name: &'static str,
    pub filter: fn(&PodFacts, &Node, &Cluster) -> Result<(), Refusal>,
    /// One score a node, 0 to 100, in the nodes' order.
    pub score: fn(&PodFacts, &[&Node], &Cluster) -> Vec<f64>,
    pub weight: f64,
}

/// A rule more is one file and one line here. Weights are upstream's defaults.
pub const ALL: &[Rule] = &[
    Rule { name: "NodeUnschedulable", filter: unschedulable::filter, score: indifferent, weight: 0.0 },
    Rule { name: "NodeName", filter: node_name::filter, score: indifferent, weight: 0.0 },
    Rule { name: "TaintToleration", filter: taints::filter, score: taints::score, weight: 3.0 },
    Rule { name: "NodeAffinity", filter: node_affinity::filter, score: node_affinity::score, weight: 2.0 },
    Rule { name: "NodePorts", filter: ports::filter, score: indifferent, weight: 0.0 },
    Rule { name: "NodeResourcesFit", filter: resources::filter, score: resources::score, weight: 1.0 },
    Rule { name: "VolumeBinding", filter: volumes::filter, score: indifferent, weight: 0.0 },
    Rule { name: "PodTopologySpread", filter: spread::filter, score: spread::score, weight: 2.0 },
    Rule { name: "InterPodAffinity", filter: pod_affinity::filter, score: pod_affinity::score, weight: 2.0 },
];

fn indifferent(_: &PodFacts, nodes: &[&Node], _: &Cluster) -> Vec<f64> {
    vec![0.0; nodes.len()]
}

fn refuse(reason: impl Into<String>) -> Result<(), Refusal> {
    Err(vec![reason.into()])
}

/// Stretches scores so that the best is 100.
fn normalised(scores: Vec<f64>) -> Vec<f64> {
    let best = scores.iter().copied().fold(0.0, f64::max);
    if best <= 0.0 { scores } else { scores.into_iter().map(|score| score * 100.0 / best).collect() }
}
