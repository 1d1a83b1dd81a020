//! Services: cluster addresses and node ports, each given to one Service at a time.
//!
//! Invariants
//! - Each number a stored Service shows has a key of its own, written and deleted in the same transaction as the Service
//!   shows or loses it. So no two have the same, whichever of several servers wrote them.
//! - The keys are in the watch cache: which numbers are free is looked up there, and the transaction decides.
//!
//! Upstream: `pkg/registry/core/service/storage/alloc.go`; its keys are objects of kind IPAddress.

use super::Habit;
use super::claims::{Claim, Claims, place};
use super::ranges::{Numbers, addresses, reserved_addresses};
use crate::cache::Shelf;
use crate::server::{Config, Server};
use apimachinery::{ApiError, ApiResult, GroupVersionKind, Problems, Value, meta};
use kinds::corev1::service_addresses::set_single_family;
use serde_json::json;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::Arc;

const SERVICE: GroupVersionKind = GroupVersionKind::of("", "v1", "Service");
/// Node ports kept for those who ask by number. Upstream: the static band, a sixteenth plus.
const RESERVED_PORTS: u32 = 86;
const ADDRESSES: &str = "serviceips";
const PORTS: &str = "servicenodeports";
/// What has keys.
pub const KINDS: [&str; 2] = [ADDRESSES, PORTS];

pub struct Services {
    addresses: Numbers,
    ports: Numbers,
    address_range: String,
    port_range: RangeInclusive<u16>,
}

/// Numbers in a Service.
#[derive(Debug, Default)]
struct Held {
    addresses: Vec<u32>,
    ports: Vec<u32>,
}

/// One write of a Service, while its numbers are chosen.
struct Choice<'a> {
    of: &'a Services,
    name: String,
    before: Held,
    dry_run: bool,
    taken_addresses: Arc<Shelf>,
    taken_ports: Arc<Shelf>,
    claims: Claims,
    problems: Problems,
}

impl Services {
    pub fn new(config: &Config) -> Self {
        let (base, prefix) = config.service_range;
        let range = addresses(base, prefix);
        let ports = u32::from(*config.node_ports.start())..=u32::from(*config.node_ports.end());
        Self {
            addresses: Numbers::new(range.clone(), reserved_addresses(&range)),
            ports: Numbers::new(ports, RESERVED_PORTS),
            address_range: format!("{base}/{prefix}"),
            port_range: config.node_ports.clone(),
        }
    }

    fn claim(&self, server: &Server, new: &mut Value, old: &Value, dry_run: bool) -> ApiResult<Claims> {
        let mut choice = Choice {
            of: self,
            name: meta::name(new).to_owned(),
            before: held(old),
            dry_run,
            taken_addresses: server.cache.shelf_at(&place(ADDRESSES)),
            taken_ports: server.cache.shelf_at(&place(PORTS)),
            claims: Claims::of(meta::namespace(new), meta::name(new)),
            problems: Problems::default(),
        };
        choice.address(new);
        choice.node_ports(new);
        if !choice.problems.is_empty() {
            return Err(ApiError::invalid(&SERVICE, meta::name(new), choice.problems.list()));
        }
        let kept = keys(&held(new));
        choice.claims.free = keys(&choice.before).into_iter().filter(|key| !kept.contains(key)).collect();
        Ok(choice.claims)
    }
}

impl Habit for Services {
    fn returns_deleted(&self) -> bool {
        true
    }

    fn claims(&self) -> bool {
        true
    }

    fn claim_create(&self, server: &Server, service: &mut Value, dry_run: bool) -> ApiResult<Claims> {
        self.claim(server, service, &Value::Null, dry_run)
    }

    fn claim_update(&self, server: &Server, new: &mut Value, old: &Value, dry_run: bool) -> ApiResult<Claims> {
        if new["spec"] == old["spec"] {
            return Ok(Claims::default());
        }
        self.claim(server, new, old, dry_run)
    }

    fn claimed(&self, service: &Value) -> Vec<String> {
        keys(&held(service))
    }
}

impl Choice<'_> {
    fn address(&mut self, service: &mut Value) {
        if service["spec"]["type"] == "ExternalName" {
            return;
        }
        let wanted = service["spec"]["clusterIP"].as_str().unwrap_or_default().to_owned();
        if wanted.is_empty() {
            self.any_address(service);
        } else if let Ok(address) = wanted.parse::<Ipv4Addr>()
            && !self.before.addresses.contains(&u32::from(address))
        {
            self.wanted_address(&wanted, u32::from(address));
        }
        // One family, IPv4: what this cluster has.
        set_single_family(&mut service["spec"], "IPv4", &mut self.problems);
    }

    fn any_address(&mut self, service: &mut Value) {
        let taken = &self.taken_addresses;
        match self.of.addresses.choose(rand::random(), |number| taken.get(&address_key(number)).is_some()) {
            Some(address) => {
                self.claims.take.push(Claim::chosen(address_key(address)));
                let text = Ipv4Addr::from(address).to_string();
                service["spec"]["clusterIPs"] = json!([text]);
                service["spec"]["clusterIP"] = text.into();
            }
            None => self.problems.invalid("spec.clusterIPs", json!([]), "failed to allocate IP: range is full"),
        }
    }

    fn wanted_address(&mut self, wanted: &str, address: u32) {
        let field = "spec.clusterIPs";
        if !self.of.addresses.contains(address) {
            let range = &self.of.address_range;
            let why = format!(
                "failed to allocate IP {wanted}: the provided IP ({wanted}) is not in the valid range. The range of \
                 valid IPs is {range}"
            );
            return self.problems.invalid(field, json!([wanted]), &why);
        }
        let why = format!("failed to allocate IP {wanted}: provided IP is already allocated");
        self.wish(address_key(address), field.to_owned(), json!([wanted]), &why);
    }

    fn node_ports(&mut self, service: &mut Value) {
        let spec = &mut service["spec"];
        let balanced = spec["type"] == "LoadBalancer";
        let automatic = !balanced || spec["allocateLoadBalancerNodePorts"] != false;
        if spec["type"] != "NodePort" && !balanced {
            return;
        }
        for (index, port) in spec["ports"].as_array_mut().into_iter().flatten().enumerate() {
            let wanted = port["nodePort"].as_u64().unwrap_or(0) as u32;
            if wanted != 0 {
                self.wanted_port(index, wanted);
            } else if automatic {
                match self.any_port() {
                    Some(number) => port["nodePort"] = number.into(),
                    None => {
                        let why = "failed to allocate a nodePort: range is full";
                        self.problems.invalid(node_port_field(index), 0, why);
                    }
                }
            }
        }
        if balanced && spec["externalTrafficPolicy"] == "Local" {
            self.health_check_port(spec);
        }
    }

    fn any_port(&mut self) -> Option<u32> {
        let (taken, claims) = (&self.taken_ports, &self.claims);
        let is_taken = |number| {
            let key = port_key(number);
            taken.get(&key).is_some() || claims.takes(&key) || self.before.ports.contains(&number)
        };
        let number = self.of.ports.choose(rand::random(), is_taken)?;
        self.claims.take.push(Claim::chosen(port_key(number)));
        Some(number)
    }

    fn wanted_port(&mut self, index: usize, wanted: u32) {
        // One Service may use a number for several protocols.
        if self.claims.takes(&port_key(wanted)) || self.before.ports.contains(&wanted) {
            return;
        }
        if !self.of.ports.contains(wanted) {
            let (low, high) = (self.of.port_range.start(), self.of.port_range.end());
            let why = format!("provided port is not in the valid range. The range of valid ports is {low}-{high}");
            return self.problems.invalid(node_port_field(index), wanted, &why);
        }
        let why = "provided port is already allocated";
        self.wish(port_key(wanted), node_port_field(index), wanted.into(), why);
    }

    fn health_check_port(&mut self, spec: &mut Value) {
        let wanted = spec["healthCheckNodePort"].as_u64().unwrap_or(0) as u32;
        if self.before.ports.contains(&wanted) {
            return;
        }
        let field = "spec.healthCheckNodePort";
        let text = |why: &str| format!("failed to allocate requested HealthCheck NodePort {wanted}: {why}");
        if wanted == 0 {
            match self.any_port() {
                Some(number) => spec["healthCheckNodePort"] = number.into(),
                None => self.problems.invalid(field, wanted, &text("range is full")),
            }
        } else if self.claims.takes(&port_key(wanted)) {
            self.problems.invalid(field, wanted, &text("provided port is already allocated"));
        } else if !self.of.ports.contains(wanted) {
            self.problems.invalid(field, wanted, &text("provided port is not in the valid range"));
        } else {
            let why = text("provided port is already allocated");
            self.wish(port_key(wanted), field.to_owned(), wanted.into(), &why);
        }
    }

    /// A number that the client asks for: the transaction says whether it can be had. What writes nothing is answered
    /// by what the cache knows.
    fn wish(&mut self, key: String, field: String, value: Value, why: &str) {
        let shelf = if key.starts_with(&place(PORTS)) { &self.taken_ports } else { &self.taken_addresses };
        if self.dry_run && shelf.get(&key).is_some() {
            return self.problems.invalid(field, value, why);
        }
        let mut problems = Problems::default();
        problems.invalid(field, value, why);
        let refusal = ApiError::invalid(&SERVICE, &self.name, problems.list());
        self.claims.take.push(Claim { key, refusal: Some(refusal) });
    }
}

fn address_key(address: u32) -> String {
    format!("{}{}", place(ADDRESSES), Ipv4Addr::from(address))
}

fn port_key(port: u32) -> String {
    format!("{}{port}", place(PORTS))
}

fn keys(held: &Held) -> Vec<String> {
    let addresses = held.addresses.iter().map(|address| address_key(*address));
    addresses.chain(held.ports.iter().map(|port| port_key(*port))).collect()
}

/// What a Service holds of both ranges.
fn held(service: &Value) -> Held {
    let spec = &service["spec"];
    let addresses = spec["clusterIPs"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut addresses: Vec<u32> = addresses.filter_map(|text| text.parse::<Ipv4Addr>().ok()).map(u32::from).collect();
    if let Some(single) = spec["clusterIP"].as_str().and_then(|text| text.parse::<Ipv4Addr>().ok()).map(u32::from)
        && !addresses.contains(&single)
    {
        addresses.push(single);
    }
    let listed = spec["ports"].as_array().into_iter().flatten().map(|port| &port["nodePort"]);
    let numbers = listed.chain([&spec["healthCheckNodePort"]]).filter_map(Value::as_u64).filter(|port| *port != 0);
    let mut ports: Vec<u32> = numbers.map(|port| port as u32).collect();
    ports.sort_unstable();
    ports.dedup();
    Held { addresses, ports }
}

fn node_port_field(index: usize) -> String {
    format!("spec.ports[{index}].nodePort")
}
