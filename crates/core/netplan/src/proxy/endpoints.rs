//! Which endpoints get traffic.
//!
//! Upstream: `pkg/proxy/topology.go` (`CategorizeEndpoints`).

use crate::world::{Name, ServicePort, World};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// Address and port of an endpoint.
pub type Target = (Ipv4Addr, u16);

/// The endpoints of one port of a Service.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Those on any node.
    pub cluster: Vec<Target>,
    /// Those on this node.
    pub local: Vec<Target>,
}

#[derive(Clone, Copy)]
struct Candidate {
    ready: bool,
    /// Ready but for being about to end.
    last_resort: bool,
    local: bool,
}

/// Ready ones; where there are none, those that still serve while they terminate.
pub fn of_port(world: &World, name: &Name, port: &ServicePort, node: &str) -> Endpoints {
    let mut found: BTreeMap<Target, Candidate> = BTreeMap::new();
    for slice in world.slices(name) {
        let numbers = slice.ports.iter().filter(|known| known.name == port.name && known.protocol == port.protocol);
        for number in numbers.map(|known| known.port) {
            for endpoint in &slice.endpoints {
                let IpAddr::V4(address) = endpoint.address else { continue };
                let candidate = Candidate {
                    ready: endpoint.ready,
                    last_resort: endpoint.serving && endpoint.terminating,
                    local: endpoint.node.as_deref() == Some(node),
                };
                // While an endpoint moves from slice to slice it may stand in both; the better state counts.
                let known = found.entry((address, number)).or_insert(candidate);
                known.ready |= candidate.ready;
                known.last_resort |= candidate.last_resort;
                known.local |= candidate.local;
            }
        }
    }
    Endpoints { cluster: usable(&found, |_| true), local: usable(&found, |candidate| candidate.local) }
}

fn usable(found: &BTreeMap<Target, Candidate>, here: impl Fn(&Candidate) -> bool) -> Vec<Target> {
    let pick = |fits: fn(&Candidate) -> bool| -> Vec<Target> {
        found.iter().filter(|(_, it)| here(it) && fits(it)).map(|(target, _)| *target).collect()
    };
    let ready = pick(|candidate| candidate.ready);
    if ready.is_empty() { pick(|candidate| candidate.last_resort) } else { ready }
}
