//! NodeUnschedulable: a cordoned node takes only pods that tolerate it.

use super::{Refusal, refuse};
use crate::{Cluster, Node, PodFacts};

pub fn filter(pod: &PodFacts, node: &Node, _: &Cluster) -> Result<(), Refusal> {
    let tolerated = || {
        pod.tolerations
            .iter()
            .any(|toleration| toleration.tolerates("node.kubernetes.io/unschedulable", "", "NoSchedule"))
    };
    if !node.unschedulable || tolerated() { Ok(()) } else { refuse("node(s) were unschedulable") }
}
