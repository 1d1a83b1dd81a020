//! The scheduler's decision: which node a pod goes to, or why none will have it.
//!
//! Pure: the driver keeps a [`Cluster`] up to date from informers and binds what [`schedule`] decides.
//!
//! Upstream: `pkg/scheduler/framework/plugins`; the default profile's filters and scores, one file each under `rules/`.

pub mod cluster;
mod news;
pub mod pod;
mod preemption;
pub mod rules;

pub use cluster::{Cluster, Node};
pub use news::{NAME, READ, makes_room};
pub use pod::PodFacts;
pub use rules::{Refusal, Rule};

use std::collections::BTreeMap;

/// The answer for one pod.
#[derive(Debug, Clone)]
pub enum Decision {
    Bind {
        node: String,
    },
    /// No node has room now, but this one will have when these less important pods are gone.
    Preempt {
        node: String,
        victims: Vec<PodFacts>,
        message: String,
    },
    Refused {
        /// The text of the FailedScheduling event and of the PodScheduled condition.
        message: String,
        /// Room is made for it nowhere (any more).
        is_hopeless: bool,
    },
}

const NO_NODES: &str = "no nodes available to schedule pods";

/// Takes the best of the nodes that no rule refuses. Among equals the name decides, so that every replica of us
/// decides alike.
pub fn schedule(pod: &PodFacts, cluster: &Cluster) -> Decision {
    let (mut fits, mut refusals) = (Vec::new(), Vec::new());
    if let Err(reason) = rules::precheck(pod, cluster) {
        refusals.extend(cluster.nodes().map(|node| (node, Refusal::default())));
        let message = match refusals.is_empty() {
            true => NO_NODES.to_owned(),
            false => format!("0/{} nodes are available: {reason}.", refusals.len()),
        };
        return preemption::attempt(pod, cluster, &refusals, message);
    }
    for node in cluster.nodes() {
        match preemption::filter_with_nominated(pod, node, cluster) {
            // Room was made for it here.
            Ok(()) if node.name == pod.nominated => return Decision::Bind { node: node.name.clone() },
            Ok(()) => fits.push(node),
            Err(refusal) => refusals.push((node, refusal)),
        }
    }
    if fits.is_empty() {
        let message = message(refusals.iter().map(|(_, refusal)| refusal));
        return preemption::attempt(pod, cluster, &refusals, message);
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
fn message<'a>(refusals: impl Iterator<Item = &'a Refusal>) -> String {
    let (mut nodes, mut counts) = (0, BTreeMap::<&str, usize>::new());
    for refusal in refusals {
        nodes += 1;
        for reason in &refusal.reasons {
            *counts.entry(reason).or_default() += 1;
        }
    }
    if nodes == 0 {
        return NO_NODES.to_owned();
    }
    let mut reasons: Vec<String> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    reasons.sort();
    format!("0/{nodes} nodes are available: {}.", reasons.join(", "))
}

#[cfg(test)]
mod tests;
