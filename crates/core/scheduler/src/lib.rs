//! The scheduler's decision: which node a pod goes to, or why none will have it.
//!
//! Pure: the driver keeps a [`Cluster`] up to date from informers and binds what [`schedule`] decides.
//!
//! Upstream: `pkg/scheduler/framework/plugins`; the default profile's filters and scores, one file each under `rules/`.

pub mod cluster;
pub mod pod;
pub mod rules;

pub use cluster::{Cluster, Node};
pub use pod::PodFacts;
pub use rules::{Refusal, Rule};

use std::collections::BTreeMap;

/// The answer for one pod.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    Bind {
        node: String,
    },
    /// The text of the FailedScheduling event and of the PodScheduled condition.
    Refused {
        message: String,
    },
}

/// Takes the best of the nodes that no rule refuses. Among equals the name decides, so that every replica of us
/// decides alike.
pub fn schedule(pod: &PodFacts, cluster: &Cluster) -> Decision {
    let mut refusals: BTreeMap<String, usize> = BTreeMap::new();
    let mut fits = Vec::new();
    for node in cluster.nodes() {
        // As upstream, a node says only what the first rule holds against it.
        let reasons = rules::ALL.iter().find_map(|rule| (rule.filter)(pod, node, cluster).err()).unwrap_or_default();
        if reasons.is_empty() {
            fits.push(node);
        }
        for reason in reasons {
            *refusals.entry(reason).or_default() += 1;
        }
    }
    if fits.is_empty() {
        return Decision::Refused { message: message(cluster.nodes().count(), &refusals) };
    }
    Decision::Bind { node: best(pod, &fits, cluster) }
}

fn best(pod: &PodFacts, fits: &[&Node], cluster: &Cluster) -> String {
    let mut totals = vec![0.0; fits.len()];
    if fits.len() > 1 {
        for rule in rules::ALL {
            for (total, score) in totals.iter_mut().zip((rule.score)(pod, fits, cluster)) {
                *total += score * rule.weight;
            }
        }
    }
    let ranked = fits.iter().zip(totals);
    let best = ranked.max_by(|(a, score_a), (b, score_b)| score_a.total_cmp(score_b).then(b.name.cmp(&a.name)));
    best.map(|(node, _)| node.name.clone()).unwrap_or_default()
}

/// `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s).`
fn message(nodes: usize, refusals: &BTreeMap<String, usize>) -> String {
    if nodes == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let mut reasons: Vec<String> = refusals.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    reasons.sort();
    format!("0/{nodes} nodes are available: {}.", reasons.join(", "))
}

#[cfg(test)]
mod tests;
