//! NodeName: a pod that names its node goes nowhere else.

use super::{Refusal, refuse};
use crate::{Cluster, Node, PodFacts};

pub fn filter(pod: &PodFacts, node: &Node, _: &Cluster) -> Result<(), Refusal> {
    if pod.node.is_empty() || pod.node == node.name {
        return Ok(());
    }
    refuse("node(s) didn't match the requested node name")
}
