//! TaintToleration: NoSchedule and NoExecute taints must be tolerated; PreferNoSchedule ones are avoided.

use super::{Refusal, refuse};
use crate::cluster::Taint;
use crate::{Cluster, Node, PodFacts};

pub fn filter(pod: &PodFacts, node: &Node, _: &Cluster) -> Result<(), Refusal> {
    let hard = node.taints.iter().filter(|taint| taint.effect != "PreferNoSchedule");
    if hard.into_iter().all(|taint| tolerated(pod, taint)) {
        Ok(())
    } else {
        refuse("node(s) had untolerated taint(s)")
    }
}

pub fn score(pod: &PodFacts, nodes: &[&Node], _: &Cluster) -> Vec<f64> {
    let disliked = |node: &&Node| {
        node.taints.iter().filter(|taint| taint.effect == "PreferNoSchedule" && !tolerated(pod, taint)).count() as f64
    };
    let most = nodes.iter().map(disliked).fold(0.0, f64::max);
    nodes.iter().map(|node| if most == 0.0 { 100.0 } else { 100.0 * (1.0 - disliked(node) / most) }).collect()
}

fn tolerated(pod: &PodFacts, taint: &Taint) -> bool {
    pod.tolerations.iter().any(|toleration| toleration.tolerates(&taint.key, &taint.value, &taint.effect))
}
