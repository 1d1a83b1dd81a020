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

/// Why a node will not have a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// In upstream's words, one for each thing that is wrong with the node.
    pub reasons: Vec<String>,
    /// Whether the pods on the node are to blame: then fewer of them would help.
    pub is_crowded: bool,
}

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

/// What the whole cluster lacks for a pod, whichever node is looked at.
pub fn precheck(pod: &PodFacts, cluster: &Cluster) -> Result<(), String> {
    volumes::precheck(pod, cluster)
}

/// As upstream, a node says only what the first rule holds against it.
pub fn filter(pod: &PodFacts, node: &Node, cluster: &Cluster) -> Result<(), Refusal> {
    ALL.iter().try_for_each(|rule| (rule.filter)(pod, node, cluster))
}

/// Whatever pods there are.
fn refuse(reason: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal { reasons: vec![reason.into()], is_crowded: false })
}

/// Because of pods that are there.
fn crowded(reason: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal { reasons: vec![reason.into()], is_crowded: true })
}

/// Stretches scores so that the best is 100.
fn normalised(scores: Vec<f64>) -> Vec<f64> {
    let best = scores.iter().copied().fold(0.0, f64::max);
    if best <= 0.0 { scores } else { scores.into_iter().map(|score| score * 100.0 / best).collect() }
}
