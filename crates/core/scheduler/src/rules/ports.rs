//! NodePorts: a host port can be held once on an address.

use super::{Refusal, crowded};
use crate::pod::HostPort;
use crate::{Cluster, Node, PodFacts};

pub fn filter(pod: &PodFacts, node: &Node, _: &Cluster) -> Result<(), Refusal> {
    let held = || node.pods.values().flat_map(|other| &other.host_ports);
    if pod.host_ports.iter().any(|wanted| held().any(|held| clashes(wanted, held))) {
        return crowded("node(s) didn't have free ports for the requested pod ports");
    }
    Ok(())
}

fn clashes(a: &HostPort, b: &HostPort) -> bool {
    let everywhere = |ip: &str| ip.is_empty() || ip == "0.0.0.0" || ip == "::";
    a.port == b.port && a.protocol == b.protocol && (a.ip == b.ip || everywhere(&a.ip) || everywhere(&b.ip))
}
