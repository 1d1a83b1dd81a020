//! Answers to questions about the cluster.

use super::packet::Query;
use crate::world::{Endpoint, Name as ServiceName, Service, ServicePort, Slice, World};
use crate::{Cidr, Protocol};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use std::net::{IpAddr, Ipv4Addr};

/// Seconds an answer may be kept. Upstream: CoreDNS's default for the cluster.
const TTL: u32 = 5;
/// Version of the specification, for `dns-version`.
const VERSION: &str = "1.1.0";

/// The cluster's part of the name space.
#[derive(Debug, Clone)]
pub struct Zone {
    domain: Name,
    dns_ip: Ipv4Addr,
    /// Ranges whose reverse names nobody else knows.
    ranges: Vec<Cidr>,
}

#[derive(Debug)]
pub enum Outcome {
    Reply(Message),
    /// Not the cluster's: ask the node's name servers.
    Forward,
    /// The name is another's; ask for that and put both together with [`with_chased`].
    Chase {
        reply: Message,
        target: Name,
    },
}

/// What a name in the zone stands for.
enum Found {
    Records(Vec<RData>),
    /// Records of other names that the client will want next come along.
    Services(Vec<RData>, Vec<Record>),
    Alias(Name),
    /// The name exists, without records of this type.
    Nothing,
    NoName,
}

impl Zone {
    /// # Errors
    /// If the domain is no DNS name.
    pub fn new(domain: &str, dns_ip: Ipv4Addr, ranges: Vec<Cidr>) -> Result<Self, String> {
        let mut name = Name::from_ascii(domain).map_err(|error| format!("cluster domain {domain:?}: {error}"))?;
        name.set_fqdn(true);
        Ok(Self { domain: name.to_lowercase(), dns_ip, ranges })
    }

    pub fn contains(&self, name: &Name) -> bool {
        self.domain.zone_of(name)
    }

    fn name(&self, labels: &[&str]) -> Option<Name> {
        let name = Name::from_labels(labels.iter().map(|label| label.as_bytes())).ok()?;
        name.append_domain(&self.domain).ok()
    }

    fn service_name(&self, name: &ServiceName) -> Option<Name> {
        self.name(&[&name.name, &name.namespace, "svc"])
    }

    fn soa(&self) -> Option<RData> {
        let (master, mailbox) = (self.name(&["ns", "dns"])?, self.name(&["hostmaster"])?);
        Some(RData::SOA(SOA::new(master, mailbox, 1, 7200, 1800, 86400, TTL)))
    }
}

/// Answers, or tells where to ask.
pub fn answer(query: &Query, world: &World, zone: &Zone) -> Outcome {
    if let Some(address) = reverse(query.name()) {
        return answer_reverse(query, address, world, zone);
    }
    if !zone.contains(query.name()) {
        return Outcome::Forward;
    }
    let labels = labels_before(query.name(), &zone.domain);
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    match find(&labels, query.kind(), world, zone) {
        Found::Records(records) => Outcome::Reply(positive(query, records, Vec::new())),
        Found::Services(records, more) => Outcome::Reply(positive(query, records, more)),
        Found::Alias(target) => alias(query, target),
        Found::Nothing => Outcome::Reply(negative(query, ResponseCode::NoError, zone)),
        Found::NoName => Outcome::Reply(negative(query, ResponseCode::NXDomain, zone)),
    }
}

/// The answer to an alias with what was found out about its target.
pub fn with_chased(mut reply: Message, chased: Message) -> Message {
    reply.answers.extend(chased.answers);
    reply.metadata.response_code = chased.metadata.response_code;
    reply.metadata.authoritative = false;
    reply
}

fn alias(query: &Query, target: Name) -> Outcome {
    let reply = positive(query, vec![RData::CNAME(CNAME(target.clone()))], Vec::new());
    match query.kind() {
        RecordType::CNAME => Outcome::Reply(reply),
        _ => Outcome::Chase { reply, target },
    }
}

fn find(labels: &[&str], kind: RecordType, world: &World, zone: &Zone) -> Found {
    match *labels {
        [] => apex(kind, zone),
        ["dns-version"] => of_kind(kind, vec![RData::TXT(TXT::new(vec![VERSION.to_owned()]))]),
        ["dns"] | ["svc"] | ["pod"] => Found::Nothing,
        ["ns", "dns"] => of_kind(kind, vec![address(zone.dns_ip.into())]),
        [namespace, "svc" | "pod"] if world.has_namespace(namespace) => Found::Nothing,
        [pod, _namespace, "pod"] => of_pod(pod, kind),
        [.., service, namespace, "svc"] => {
            let name = ServiceName { namespace: namespace.to_owned(), name: service.to_owned() };
            let Some((name, service)) = world.service(&name).map(|service| (&name, service)) else {
                return Found::NoName;
            };
            Lookup { name, service, world, zone, kind }.find(&labels[..labels.len() - 3])
        }
        _ => Found::NoName,
    }
}

fn apex(kind: RecordType, zone: &Zone) -> Found {
    let server = zone.name(&["ns", "dns"]).map(|name| RData::NS(NS(name)));
    of_kind(kind, zone.soa().into_iter().chain(server).collect())
}

/// `10-42-0-5.default.pod`: what the name says, whether there is such a pod or not.
fn of_pod(dashed: &str, kind: RecordType) -> Found {
    let v4 = dashed.replace('-', ".").parse().map(IpAddr::V4);
    match v4.or_else(|_| dashed.replace('-', ":").parse().map(IpAddr::V6)) {
        Ok(found) => of_kind(kind, vec![address(found)]),
        Err(_) => Found::NoName,
    }
}

struct Lookup<'a> {
    name: &'a ServiceName,
    service: &'a Service,
    world: &'a World,
    zone: &'a Zone,
    kind: RecordType,
}

impl Lookup<'_> {
    fn find(&self, before: &[&str]) -> Found {
        if let Some(target) = &self.service.external_name {
            return if before.is_empty() { self.external(target) } else { Found::NoName };
        }
        match *before {
            [] if self.kind == RecordType::SRV => self.ports(|_, _| true),
            [] if self.service.headless => {
                of_kind(self.kind, self.ready().map(|(_, it)| address(it.address)).collect())
            }
            [] => of_kind(self.kind, self.service.cluster_ips.iter().copied().map(address).collect()),
            [protocol] if protocol.starts_with('_') => self.port_names(|_, of| dashed(of.lower()) == protocol),
            [port, protocol] if port.starts_with('_') && protocol.starts_with('_') => {
                self.port_names(|name, of| dashed(name) == port && dashed(of.lower()) == protocol)
            }
            [host] => self.endpoint(host),
            _ => Found::NoName,
        }
    }

    fn external(&self, target: &str) -> Found {
        let Ok(mut target) = Name::from_ascii(target) else { return Found::Nothing };
        target.set_fqdn(true);
        Found::Alias(target)
    }

    fn ready(&self) -> impl Iterator<Item = (&Slice, &Endpoint)> {
        let slices = self.world.slices(self.name);
        slices.flat_map(|slice| slice.endpoints.iter().filter(|it| it.ready).map(move |it| (slice, it)))
    }

    fn endpoint(&self, host: &str) -> Found {
        let found: Vec<RData> =
            self.ready().filter(|(_, it)| host_of(it) == host).map(|(_, it)| address(it.address)).collect();
        if found.is_empty() { Found::NoName } else { of_kind(self.kind, found) }
    }

    /// `_http._tcp`: exists if there is such a port, and then has SRV records only.
    fn port_names(&self, fits: impl Fn(&str, Protocol) -> bool) -> Found {
        let of_service = |port: &ServicePort| fits(&port.name, port.protocol);
        let in_slice = |slice: &Slice| slice.ports.iter().any(|port| fits(&port.name, port.protocol));
        if !self.service.ports.iter().any(of_service) && !self.world.slices(self.name).any(in_slice) {
            return Found::NoName;
        }
        if self.kind == RecordType::SRV { self.ports(fits) } else { Found::Nothing }
    }

    fn ports(&self, fits: impl Fn(&str, Protocol) -> bool) -> Found {
        let (mut records, mut more) = (Vec::new(), Vec::new());
        if self.service.headless {
            for (slice, endpoint) in self.ready() {
                let Some(target) = self.host_name(endpoint) else { continue };
                let numbers = slice.ports.iter().filter(|port| fits(&port.name, port.protocol)).map(|port| port.port);
                records.extend(numbers.map(|port| srv(port, &target)));
                push_new(&mut more, Record::from_rdata(target, TTL, address(endpoint.address)));
            }
        } else if let Some(target) = self.zone.service_name(self.name) {
            let numbers =
                self.service.ports.iter().filter(|port| fits(&port.name, port.protocol)).map(|port| port.port);
            records.extend(numbers.map(|port| srv(port, &target)));
            let addresses = self.service.cluster_ips.iter().copied();
            more.extend(addresses.map(|ip| Record::from_rdata(target.clone(), TTL, address(ip))));
        }
        if records.is_empty() { Found::Nothing } else { Found::Services(records, more) }
    }

    fn host_name(&self, endpoint: &Endpoint) -> Option<Name> {
        self.zone.name(&[&host_of(endpoint), &self.name.name, &self.name.namespace, "svc"])
    }
}

fn srv(port: u16, target: &Name) -> RData {
    RData::SRV(SRV::new(0, 100, port, target.clone()))
}

fn push_new(to: &mut Vec<Record>, record: Record) {
    if !to.contains(&record) {
        to.push(record);
    }
}

/// The hostname its pod was given, or its address with dashes.
fn host_of(endpoint: &Endpoint) -> String {
    endpoint.hostname.clone().unwrap_or_else(|| endpoint.address.to_string().replace(['.', ':'], "-"))
}

fn dashed(text: &str) -> String {
    format!("_{text}")
}

fn address(address: IpAddr) -> RData {
    match address {
        IpAddr::V4(address) => RData::A(A(address)),
        IpAddr::V6(address) => RData::AAAA(AAAA(address)),
    }
}

fn of_kind(kind: RecordType, records: Vec<RData>) -> Found {
    let fitting: Vec<RData> =
        records.into_iter().filter(|record| kind == RecordType::ANY || record.record_type() == kind).collect();
    if fitting.is_empty() { Found::Nothing } else { Found::Records(fitting) }
}

/// Every client starts with another record, so that those who take the first share the load.
fn positive(query: &Query, mut records: Vec<RData>, more: Vec<Record>) -> Message {
    let first = usize::from(query.message.metadata.id) % records.len().max(1);
    records.rotate_left(first);
    let mut reply = query.reply(ResponseCode::NoError);
    reply.metadata.authoritative = true;
    let name = query.name().clone();
    reply.answers = records.into_iter().map(|record| Record::from_rdata(name.clone(), TTL, record)).collect();
    reply.additionals = more;
    reply
}

fn negative(query: &Query, code: ResponseCode, zone: &Zone) -> Message {
    let mut reply = query.reply(code);
    reply.metadata.authoritative = true;
    let soa = zone.soa().filter(|_| zone.contains(query.name()));
    reply.authorities = soa.into_iter().map(|soa| Record::from_rdata(zone.domain.clone(), TTL, soa)).collect();
    reply
}

fn answer_reverse(query: &Query, address: IpAddr, world: &World, zone: &Zone) -> Outcome {
    let names: Vec<RData> = names_of(address, world, zone).into_iter().map(|name| RData::PTR(PTR(name))).collect();
    let ours = matches!(address, IpAddr::V4(v4) if zone.ranges.iter().any(|range| range.contains(v4)));
    match (names.is_empty(), query.kind()) {
        (true, _) if ours => Outcome::Reply(negative(query, ResponseCode::NXDomain, zone)),
        (true, _) => Outcome::Forward,
        (false, RecordType::PTR | RecordType::ANY) => Outcome::Reply(positive(query, names, Vec::new())),
        (false, _) => Outcome::Reply(negative(query, ResponseCode::NoError, zone)),
    }
}

/// A Service's own address belongs to it alone; an endpoint's to every Service it serves.
fn names_of(address: IpAddr, world: &World, zone: &Zone) -> Vec<Name> {
    let mut names = Vec::new();
    for (name, service) in world.at(address) {
        if service.cluster_ips.contains(&address) {
            return zone.service_name(name).into_iter().collect();
        }
        let lookup = Lookup { name, service, world, zone, kind: RecordType::PTR };
        for (_, endpoint) in lookup.ready().filter(|(_, it)| it.address == address) {
            names.extend(lookup.host_name(endpoint).filter(|found| !names.contains(found)));
        }
    }
    names
}

/// The address in a whole `in-addr.arpa` or `ip6.arpa` name.
fn reverse(name: &Name) -> Option<IpAddr> {
    let labels = labels_before(name, &Name::root());
    let (top, digits) =
        labels.split_last().filter(|(top, _)| *top == "arpa").and_then(|(_, rest)| rest.split_last())?;
    match (top.as_str(), digits.len()) {
        ("in-addr", 4) => {
            let text: Vec<&str> = digits.iter().rev().map(String::as_str).collect();
            text.join(".").parse().ok().map(IpAddr::V4)
        }
        ("ip6", 32) => {
            let nibbles = digits.iter().rev().map(|digit| u128::from_str_radix(digit, 16).ok().filter(|it| *it < 16));
            let bits = nibbles.into_iter().try_fold(0u128, |bits, nibble| Some(bits << 4 | nibble?))?;
            Some(IpAddr::V6(bits.into()))
        }
        _ => None,
    }
}

/// The labels of `name` in front of `domain`, in small letters.
fn labels_before(name: &Name, domain: &Name) -> Vec<String> {
    let count = usize::from(name.num_labels()).saturating_sub(usize::from(domain.num_labels()));
    name.iter().take(count).map(|label| String::from_utf8_lossy(label).to_ascii_lowercase()).collect()
}
