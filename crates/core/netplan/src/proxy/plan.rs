//! What the rules must say.
//!
//! Upstream: `pkg/proxy/nftables/proxier.go`, for what happens to which traffic; the shape of the rules is ours.

use super::endpoints::{self, Endpoints, Target};
use crate::world::{Name, Service, ServicePort, World};
use crate::{Cidr, HostPort, Protocol};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// What the rules depend on besides API objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFacts {
    pub name: String,
    pub pod_cidr: Cidr,
    pub cluster_cidr: Cidr,
    pub service_cidr: Cidr,
    /// A local address of every node; not ours to translate.
    pub dns_ip: Ipv4Addr,
    /// Names of interface and table: letters, digits, `-`, `_`.
    pub bridge: String,
    pub table: String,
    /// Draws of up to so many endpoints stand in the table from the start: nft 1.0.6 cannot add a rule that looks into a
    /// map it did not load itself, so a draw more means loading the whole table.
    pub ready_draws: usize,
}

/// Maps and sets of the table; what each means is said where [`super::rules`] declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Map {
    Services,
    NodePorts,
    LocalServices,
    LocalNodePorts,
    ServiceEndpoints,
    NodePortEndpoints,
    LocalServiceEndpoints,
    LocalNodePortEndpoints,
    Refused,
    RefusedPorts,
    Hairpin,
}

/// A chain that draws one of `count` endpoints, shared by all Services with as many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Draw {
    /// One of the four maps of endpoints.
    pub from: Map,
    pub masquerade: bool,
    pub count: usize,
}

/// Chains of a Service port with session affinity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sticky {
    pub protocol: Protocol,
    pub seconds: u32,
    pub targets: Vec<Target>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UdpKey {
    Service(Ipv4Addr, u16),
    NodePort(u16),
}

/// The whole of it. Two equal plans mean equal rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub(super) node: NodeFacts,
    /// Key and value as nft writes them; the value of a set's element is empty.
    pub(super) elements: BTreeMap<Map, BTreeMap<Box<str>, Box<str>>>,
    pub(super) draws: BTreeSet<Draw>,
    /// By chain name.
    pub(super) sticky: BTreeMap<String, Sticky>,
    pub(super) udp: BTreeMap<UdpKey, BTreeSet<Target>>,
}

/// A destination as the keys of the maps name it.
#[derive(Clone, Copy)]
enum At {
    Address(Ipv4Addr, Protocol, u16),
    AnyLocal(Protocol, u16),
}

/// The plan for one node. `host_ports` are those of its own pods; a Service's claim to a port comes first.
pub fn plan(world: &World, node: &NodeFacts, host_ports: &[(Ipv4Addr, HostPort)]) -> Plan {
    let mut plan = Plan {
        node: node.clone(),
        elements: BTreeMap::new(),
        draws: ready_draws(node.ready_draws),
        sticky: BTreeMap::new(),
        udp: BTreeMap::new(),
    };
    // Headless and ExternalName Services have no address to translate, whatever else they ask for.
    for (name, service) in world.services().filter(|(_, service)| service.ours && !service.cluster_ips.is_empty()) {
        for port in &service.ports {
            plan.add_port(world, name, service, port);
        }
    }
    for (pod, port) in host_ports {
        plan.add_host_port(*pod, port);
    }
    plan
}

/// One destination and where it leads.
struct Lead<'a> {
    at: At,
    /// Only for clients outside of the cluster.
    outside: bool,
    masquerade: bool,
    affinity_seconds: Option<u32>,
    /// Name of the chain, if affinity needs one.
    chain: String,
    targets: &'a [Target],
}

impl Plan {
    fn add_port(&mut self, world: &World, name: &Name, service: &Service, port: &ServicePort) {
        let endpoints = endpoints::of_port(world, name, port, &self.node.name);
        for (address, _) in &endpoints.local {
            self.may_meet_itself(*address);
        }
        let chain = format!("{}/{}/{}/{}", name.namespace, name.name, port.protocol.lower(), port.port);
        let dns_ip = self.node.dns_ip;
        for address in service.cluster_ips.iter().filter_map(v4).filter(|address| *address != dns_ip) {
            self.add_internal(At::Address(address, port.protocol, port.port), service, &chain, &endpoints);
        }
        for address in service.external_ips.iter().chain(&service.balancer_ips) {
            self.add_external(At::Address(*address, port.protocol, port.port), service, &chain, &endpoints);
        }
        if let Some(number) = port.node_port {
            self.add_external(At::AnyLocal(port.protocol, number), service, &chain, &endpoints);
        }
    }

    /// A cluster IP. Its clients are pods and nodes.
    fn add_internal(&mut self, at: At, service: &Service, chain: &str, endpoints: &Endpoints) {
        let (set, targets) = match service.internal_local {
            true => ("sticky-local", &endpoints.local),
            false => ("sticky", &endpoints.cluster),
        };
        if targets.is_empty() && !endpoints.cluster.is_empty() {
            self.put(Map::services(at, false), at, "drop".to_owned());
            return;
        }
        let (affinity_seconds, chain) = (service.affinity_seconds, format!("{set}/{chain}"));
        self.lead(Lead { at, outside: false, masquerade: false, affinity_seconds, chain, targets });
    }

    /// A node port, external IP or balancer IP. Pods and the node itself reach every endpoint even with
    /// `externalTrafficPolicy: Local`; only who comes from outside stays on this node, and is not masqueraded.
    fn add_external(&mut self, at: At, service: &Service, chain: &str, endpoints: &Endpoints) {
        let (affinity_seconds, masquerade) = (service.affinity_seconds, !service.external_local);
        let (targets, name) = (&endpoints.cluster, format!("sticky/{chain}"));
        self.lead(Lead { at, outside: false, masquerade, affinity_seconds, chain: name, targets });
        if !service.external_local || targets.is_empty() {
            return;
        }
        if endpoints.local.is_empty() {
            self.put(Map::services(at, true), at, "drop".to_owned());
            return;
        }
        let (targets, chain) = (&endpoints.local, format!("sticky-local/{chain}"));
        self.lead(Lead { at, outside: true, masquerade: false, affinity_seconds, chain, targets });
    }

    fn add_host_port(&mut self, pod: Ipv4Addr, port: &HostPort) {
        let at = match port.host_ip {
            Some(address) if !address.is_unspecified() => At::Address(address, port.protocol, port.host_port),
            _ => At::AnyLocal(port.protocol, port.host_port),
        };
        self.may_meet_itself(pod);
        let targets = &[(pod, port.container_port)];
        let chain = String::new();
        self.lead(Lead { at, outside: false, masquerade: false, affinity_seconds: None, chain, targets });
    }

    /// A pod of this node may be led to itself; it must see another source then, or it would answer itself directly.
    fn may_meet_itself(&mut self, pod: Ipv4Addr) {
        if self.node.pod_cidr.contains(pod) {
            let key = format!("{pod} . {pod}");
            self.elements.entry(Map::Hairpin).or_default().insert(key.into(), "".into());
        }
    }

    fn lead(&mut self, lead: Lead<'_>) {
        if lead.targets.is_empty() {
            self.put(Map::refused(lead.at), lead.at, "goto refuse".to_owned());
            return;
        }
        let won = match lead.affinity_seconds {
            Some(seconds) if is_chain_name(&lead.chain) => self.stick(&lead, seconds),
            _ => self.draw(&lead),
        };
        if won {
            self.remember(lead.at, lead.targets);
        }
    }

    fn draw(&mut self, lead: &Lead<'_>) -> bool {
        let from = Map::endpoints(lead.at, lead.outside);
        let draw = Draw { from, masquerade: lead.masquerade, count: lead.targets.len() };
        if !self.put(Map::services(lead.at, lead.outside), lead.at, format!("goto {draw}")) {
            return false;
        }
        self.draws.insert(draw);
        self.draws.insert(Draw { masquerade: false, ..draw });
        let map = self.elements.entry(from).or_default();
        for (index, (address, port)) in lead.targets.iter().enumerate() {
            map.insert(format!("{} . {index}", lead.at).into(), format!("{address} . {port}").into());
        }
        true
    }

    fn stick(&mut self, lead: &Lead<'_>, seconds: u32) -> bool {
        let verdict = match lead.masquerade {
            true => format!("goto masquerade-{}", lead.chain),
            false => format!("goto {}", lead.chain),
        };
        let won = self.put(Map::services(lead.at, lead.outside), lead.at, verdict);
        if won {
            let sticky = Sticky { protocol: lead.at.protocol(), seconds, targets: lead.targets.to_vec() };
            self.sticky.insert(lead.chain.clone(), sticky);
        }
        won
    }

    /// False if another Service was there first.
    fn put(&mut self, map: Map, at: At, verdict: String) -> bool {
        let map = self.elements.entry(map).or_default();
        let key: Box<str> = at.to_string().into();
        let vacant = !map.contains_key(&key);
        if vacant {
            map.insert(key, verdict.into());
        }
        vacant
    }

    fn remember(&mut self, at: At, targets: &[Target]) {
        let key = match at {
            At::Address(address, Protocol::Udp, port) => UdpKey::Service(address, port),
            At::AnyLocal(Protocol::Udp, port) => UdpKey::NodePort(port),
            _ => return,
        };
        self.udp.entry(key).or_default().extend(targets);
    }
}

impl Map {
    /// `outside`: the map in which only traffic from outside of the cluster is looked up.
    fn services(at: At, outside: bool) -> Self {
        match (at, outside) {
            (At::Address(..), false) => Self::Services,
            (At::Address(..), true) => Self::LocalServices,
            (At::AnyLocal(..), false) => Self::NodePorts,
            (At::AnyLocal(..), true) => Self::LocalNodePorts,
        }
    }

    fn endpoints(at: At, outside: bool) -> Self {
        match (at, outside) {
            (At::Address(..), false) => Self::ServiceEndpoints,
            (At::Address(..), true) => Self::LocalServiceEndpoints,
            (At::AnyLocal(..), false) => Self::NodePortEndpoints,
            (At::AnyLocal(..), true) => Self::LocalNodePortEndpoints,
        }
    }

    fn refused(at: At) -> Self {
        match at {
            At::Address(..) => Self::Refused,
            At::AnyLocal(..) => Self::RefusedPorts,
        }
    }
}

impl At {
    fn protocol(self) -> Protocol {
        match self {
            Self::Address(_, protocol, _) | Self::AnyLocal(protocol, _) => protocol,
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address, protocol, port) => write!(f, "{address} . {} . {port}", protocol.lower()),
            Self::AnyLocal(protocol, port) => write!(f, "{} . {port}", protocol.lower()),
        }
    }
}

impl fmt::Display for Draw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = match self.from {
            Map::ServiceEndpoints => "service",
            Map::LocalServiceEndpoints => "local-service",
            Map::NodePortEndpoints => "node-port",
            _ => "local-node-port",
        };
        let masquerade = if self.masquerade { "masquerade-" } else { "" };
        write!(f, "{masquerade}{set}-{}", self.count)
    }
}

/// The API server lets no other names in; text that nft could read as something else must not get there.
fn is_chain_name(name: &str) -> bool {
    name.len() < 200 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-/".contains(&byte))
}

fn v4(address: &IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(*address),
        IpAddr::V6(_) => None,
    }
}

fn ready_draws(most: usize) -> BTreeSet<Draw> {
    let maps = [Map::ServiceEndpoints, Map::NodePortEndpoints, Map::LocalServiceEndpoints, Map::LocalNodePortEndpoints];
    let draws = (1..=most).flat_map(|count| {
        maps.into_iter().flat_map(move |from| [true, false].map(|masquerade| Draw { from, masquerade, count }))
    });
    draws.collect()
}
