//! Which pods of this node are restricted, and what each may still do.

use super::facts::{Peer, Pod, Policy, Port, Rule};
use super::world::Policies;
use crate::{PodKey, Protocol};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// What the rules depend on besides API objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Name of the nftables table.
    pub table: String,
    /// Where the node answers DNS.
    pub dns_ip: Ipv4Addr,
}

/// The whole of it. Two equal plans mean equal rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub(super) facts: Facts,
    /// Matches of packets that a restricted pod may get, by the pod's address.
    pub(super) ingress: BTreeMap<Ipv4Addr, Vec<String>>,
    /// Matches of packets that it may send.
    pub(super) egress: BTreeMap<Ipv4Addr, Vec<String>>,
    pub(super) sets: BTreeMap<String, Set>,
}

/// A set and its elements as nft writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set {
    pub of: &'static str,
    pub elements: BTreeSet<String>,
}

const ADDRESSES: &str = "ipv4_addr";
const PORTS: &str = "ipv4_addr . inet_proto . inet_service";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

/// The plan for the pods that have an address on this node: theirs are known here before the API tells them.
pub fn plan(world: &Policies, facts: &Facts, local: &[(PodKey, Ipv4Addr)]) -> Plan {
    let mut plan =
        Plan { facts: facts.clone(), ingress: BTreeMap::new(), egress: BTreeMap::new(), sets: BTreeMap::new() };
    let addresses = local.iter().map(|(pod, ip)| (pod.to_string(), *ip)).collect();
    let mut planner = Planner { world, addresses, plan: &mut plan };
    for (key, ip) in local {
        if let Some(pod) = world.pods.get(&key.to_string()) {
            planner.restrict(pod, *ip);
        }
    }
    plan
}

struct Planner<'a> {
    world: &'a Policies,
    /// Of this node's pods, by `namespace/name`.
    addresses: BTreeMap<String, Ipv4Addr>,
    plan: &'a mut Plan,
}

impl Planner<'_> {
    fn restrict(&mut self, pod: &Pod, ip: Ipv4Addr) {
        let world = self.world;
        let about = |policy: &&Policy| policy.namespace == pod.namespace && policy.selector.matches(&pod.labels);
        for policy in world.policies.values().filter(about) {
            if let Some(rules) = &policy.ingress {
                let matches = self.matches(policy, rules, Direction::Ingress, pod);
                self.plan.ingress.entry(ip).or_default().extend(matches);
            }
            if let Some(rules) = &policy.egress {
                let matches = self.matches(policy, rules, Direction::Egress, pod);
                self.plan.egress.entry(ip).or_default().extend(matches);
            }
        }
    }

    fn matches(&mut self, policy: &Policy, rules: &[Rule], direction: Direction, pod: &Pod) -> Vec<String> {
        let mut matches = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let set = format!("{}/{}/{index}", direction.name(), policy.uid);
            match &rule.ports {
                None => matches.extend(self.peers(policy, rule, direction, &set)),
                Some(ports) => {
                    for (number, (protocol, port)) in ports.iter().enumerate() {
                        matches.extend(match (port, direction) {
                            (Port::Named(name), Direction::Egress) => {
                                self.named(policy, rule, (*protocol, name), format!("{set}/{number}"))
                            }
                            _ => {
                                let peers = self.peers(policy, rule, direction, &set);
                                let ports = ports_of(pod, *protocol, port);
                                ports.iter().flat_map(|port| peers.iter().map(move |peer| join(peer, port))).collect()
                            }
                        });
                    }
                }
            }
        }
        matches
    }

    /// One match for the selected pods together, one for each block of addresses.
    fn peers(&mut self, policy: &Policy, rule: &Rule, direction: Direction, set: &str) -> Vec<String> {
        let Some(peers) = &rule.peers else { return vec![String::new()] };
        let mut matches = Vec::new();
        let side = direction.peer();
        if peers.iter().any(|peer| matches!(peer, Peer::Pods { .. })) {
            if !self.plan.sets.contains_key(set) {
                let selected = self.world.selected(&policy.namespace, peers);
                let elements = selected.filter_map(|pod| Some(self.address(pod)?.to_string())).collect();
                self.plan.sets.insert(set.to_owned(), Set { of: ADDRESSES, elements });
            }
            matches.push(format!("ip {side} @{set}"));
        }
        for peer in peers {
            if let Peer::Block { cidr, except } = peer {
                let except: String = except.iter().map(|except| format!(" ip {side} != {except}")).collect();
                matches.push(format!("ip {side} {cidr}{except}"));
            }
        }
        matches
    }

    /// A named port means another number with each destination. Blocks of addresses have no names.
    fn named(&mut self, policy: &Policy, rule: &Rule, port: (Protocol, &str), set: String) -> Vec<String> {
        let found = format!("ip daddr . meta l4proto . th dport @{set}");
        if !self.plan.sets.contains_key(&set) {
            let elements = self.destinations(policy, rule, port);
            self.plan.sets.insert(set, Set { of: PORTS, elements });
        }
        vec![found]
    }

    fn destinations(&self, policy: &Policy, rule: &Rule, (protocol, name): (Protocol, &str)) -> BTreeSet<String> {
        let everybody = [Peer::Pods { namespaces: Some(Default::default()), pods: Default::default() }];
        let peers = rule.peers.as_deref().unwrap_or(&everybody);
        let mut found = BTreeSet::new();
        for pod in self.world.selected(&policy.namespace, peers) {
            let Some(ip) = self.address(pod) else { continue };
            let numbers = numbers_of(pod, protocol, name);
            found.extend(numbers.map(|number| format!("{ip} . {} . {number}", protocol.lower())));
        }
        found
    }

    fn address(&self, pod: &Pod) -> Option<Ipv4Addr> {
        let own = self.addresses.get(&format!("{}/{}", pod.namespace, pod.name));
        own.copied().or(pod.address)
    }
}

impl Direction {
    fn name(self) -> &'static str {
        if self == Self::Ingress { "from" } else { "to" }
    }

    /// Which address of a packet is the peer's.
    fn peer(self) -> &'static str {
        if self == Self::Ingress { "saddr" } else { "daddr" }
    }
}

/// Matches of a port; a name is one of `destination`'s, and none if it has no such port.
fn ports_of(destination: &Pod, protocol: Protocol, port: &Port) -> Vec<String> {
    let lower = protocol.lower();
    match port {
        Port::Any => vec![format!("meta l4proto {lower}")],
        Port::Range(first, last) if first == last => vec![format!("{lower} dport {first}")],
        Port::Range(first, last) => vec![format!("{lower} dport {first}-{last}")],
        Port::Named(name) => {
            numbers_of(destination, protocol, name).map(|number| format!("{lower} dport {number}")).collect()
        }
    }
}

fn numbers_of<'a>(pod: &'a Pod, protocol: Protocol, name: &'a str) -> impl Iterator<Item = u16> + 'a {
    pod.ports.iter().filter(move |(known, of, _)| known == name && *of == protocol).map(|(.., number)| *number)
}

fn join(peer: &str, port: &str) -> String {
    if peer.is_empty() { port.to_owned() } else { format!("{peer} {port}") }
}
