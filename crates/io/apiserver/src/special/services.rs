//! Services: cluster addresses and node ports, each given to one Service at a time.
//!
//! Invariants
//! - What a stored Service shows is taken; what is taken and not stored is given back when the write fails.
//! - The books are made anew from the stored Services at every start.
//!
//! Upstream: `pkg/registry/core/service/storage/alloc.go`.

use super::ranges::{Numbers, Refused, addresses, reserved_addresses};
use super::{Habit, Ticket};
use crate::server::{Config, Server};
use apimachinery::{ApiError, ApiResult, GroupVersionKind, Problems, Value, meta};
use kinds::corev1::service_addresses::set_single_family;
use serde_json::json;
use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SERVICE: GroupVersionKind = GroupVersionKind::of("", "v1", "Service");
/// Node ports kept for those who ask by number. Upstream: the static band, a sixteenth plus.
const RESERVED_PORTS: u32 = 86;

pub struct Services {
    books: Arc<Books>,
}

struct Books {
    addresses: Mutex<Numbers>,
    ports: Mutex<Numbers>,
    address_range: String,
    port_range: RangeInclusive<u16>,
}

/// What one write took and what it no longer needs.
struct Reserved {
    books: Arc<Books>,
    taken: Held,
    /// Given back when the write is done.
    left: Held,
    kept: bool,
}

/// Numbers in a Service.
#[derive(Debug, Default)]
struct Held {
    addresses: Vec<u32>,
    ports: Vec<u32>,
}

impl Services {
    pub fn new(config: &Config) -> Self {
        let (base, prefix) = config.service_range;
        let range = addresses(base, prefix);
        let ports = u32::from(*config.node_ports.start())..=u32::from(*config.node_ports.end());
        let books = Books {
            addresses: Mutex::new(Numbers::new(range.clone(), reserved_addresses(&range))),
            ports: Mutex::new(Numbers::new(ports, RESERVED_PORTS)),
            address_range: format!("{base}/{prefix}"),
            port_range: config.node_ports.clone(),
        };
        Self { books: Arc::new(books) }
    }
}

impl Habit for Services {
    fn start(&self, server: &Server) {
        let shelf = server.cache.shelf_at("/registry/core/services/");
        for (key, _) in shelf.keys() {
            if let Some(service) = shelf.get(&key) {
                self.books.enter(&service.to_value());
            }
        }
    }

    fn returns_deleted(&self) -> bool {
        true
    }

    fn begin_create(&self, _server: &Server, service: &mut Value, _dry: bool) -> ApiResult<Option<Box<dyn Ticket>>> {
        self.books.reserve(service, &Value::Null)
    }

    fn begin_update(
        &self,
        _server: &Server,
        new: &mut Value,
        old: &Value,
        _dry: bool,
    ) -> ApiResult<Option<Box<dyn Ticket>>> {
        if new["spec"] == old["spec"] {
            return Ok(None);
        }
        self.books.reserve(new, old)
    }

    fn deleted(&self, _server: &Server, service: &Value) {
        self.books.release(&held(service));
    }
}

impl Books {
    /// Notes a stored Service.
    fn enter(&self, service: &Value) {
        let held = held(service);
        let mut addresses = lock(&self.addresses);
        for address in held.addresses {
            if addresses.take(address) == Err(Refused::Taken) {
                tracing::warn!(address = %Ipv4Addr::from(address), "two services have the same cluster IP");
            }
        }
        let mut ports = lock(&self.ports);
        for port in held.ports {
            if ports.take(port) == Err(Refused::Taken) {
                tracing::warn!(port, "two services have the same node port");
            }
        }
    }

    fn release(&self, held: &Held) {
        held.addresses.iter().for_each(|address| lock(&self.addresses).release(*address));
        held.ports.iter().for_each(|port| lock(&self.ports).release(*port));
    }

    fn reserve(self: &Arc<Self>, new: &mut Value, old: &Value) -> ApiResult<Option<Box<dyn Ticket>>> {
        let before = held(old);
        let mut reserved = Reserved { books: self.clone(), taken: Held::default(), left: Held::default(), kept: false };
        let mut problems = Problems::default();
        self.address(new, &before, &mut reserved.taken, &mut problems);
        self.node_ports(new, &before, &mut reserved.taken, &mut problems);
        if !problems.is_empty() {
            return Err(ApiError::invalid(&SERVICE, meta::name(new), problems.list()));
        }
        let after = held(new);
        reserved.left.addresses = without(&before.addresses, &after.addresses);
        reserved.left.ports = without(&before.ports, &after.ports);
        Ok(Some(Box::new(reserved)))
    }

    fn address(&self, service: &mut Value, before: &Held, taken: &mut Held, problems: &mut Problems) {
        if service["spec"]["type"] == "ExternalName" {
            return;
        }
        let wanted = service["spec"]["clusterIP"].as_str().unwrap_or_default().to_owned();
        if wanted.is_empty() {
            match lock(&self.addresses).take_any(rand::random()) {
                Ok(address) => {
                    taken.addresses.push(address);
                    let text = Ipv4Addr::from(address).to_string();
                    service["spec"]["clusterIPs"] = json!([text]);
                    service["spec"]["clusterIP"] = text.into();
                }
                Err(_) => problems.invalid("spec.clusterIPs", json!([]), "failed to allocate IP: range is full"),
            }
        } else if let Ok(address) = wanted.parse::<Ipv4Addr>()
            && !before.addresses.contains(&u32::from(address))
        {
            match lock(&self.addresses).take(u32::from(address)) {
                Ok(()) => taken.addresses.push(u32::from(address)),
                Err(refused) => {
                    let why = match refused {
                        Refused::OutOfRange => format!(
                            "failed to allocate IP {wanted}: the provided IP ({wanted}) is not in the valid range. The \
                             range of valid IPs is {}",
                            self.address_range
                        ),
                        _ => format!("failed to allocate IP {wanted}: provided IP is already allocated"),
                    };
                    problems.invalid("spec.clusterIPs", json!([wanted]), &why);
                }
            }
        }
        // One family, IPv4: what this cluster has.
        set_single_family(&mut service["spec"], "IPv4", problems);
    }

    fn node_ports(&self, service: &mut Value, before: &Held, taken: &mut Held, problems: &mut Problems) {
        let spec = &mut service["spec"];
        let balanced = spec["type"] == "LoadBalancer";
        let automatic = !balanced || spec["allocateLoadBalancerNodePorts"] != false;
        if spec["type"] != "NodePort" && !balanced {
            return;
        }
        let mut own: HashSet<u32> = HashSet::new();
        for (index, port) in spec["ports"].as_array_mut().into_iter().flatten().enumerate() {
            let wanted = port["nodePort"].as_u64().unwrap_or(0) as u32;
            if wanted != 0 {
                self.wanted_port(index, wanted, before, &mut own, taken, problems);
            } else if automatic {
                match lock(&self.ports).take_any(rand::random()) {
                    Ok(number) => {
                        taken.ports.push(number);
                        own.insert(number);
                        port["nodePort"] = number.into();
                    }
                    Err(_) => {
                        problems.invalid(node_port_field(index), 0, "failed to allocate a nodePort: range is full");
                    }
                }
            }
        }
        if balanced && spec["externalTrafficPolicy"] == "Local" {
            self.health_check_port(spec, before, &own, taken, problems);
        }
    }

    fn health_check_port(
        &self,
        spec: &mut Value,
        before: &Held,
        own: &HashSet<u32>,
        taken: &mut Held,
        problems: &mut Problems,
    ) {
        let wanted = spec["healthCheckNodePort"].as_u64().unwrap_or(0) as u32;
        if before.ports.contains(&wanted) {
            return;
        }
        let got = match wanted {
            0 => lock(&self.ports).take_any(rand::random()),
            wanted if own.contains(&wanted) => Err(Refused::Taken),
            wanted => lock(&self.ports).take(wanted).map(|()| wanted),
        };
        match got {
            Ok(number) => {
                taken.ports.push(number);
                spec["healthCheckNodePort"] = number.into();
            }
            Err(refused) => {
                let why = match refused {
                    Refused::Taken => "provided port is already allocated",
                    Refused::OutOfRange => "provided port is not in the valid range",
                    Refused::Full => "range is full",
                };
                let text = format!("failed to allocate requested HealthCheck NodePort {wanted}: {why}");
                problems.invalid("spec.healthCheckNodePort", wanted, &text);
            }
        }
    }

    fn wanted_port(
        &self,
        index: usize,
        wanted: u32,
        before: &Held,
        own: &mut HashSet<u32>,
        taken: &mut Held,
        problems: &mut Problems,
    ) {
        // One Service may use a number for several protocols.
        if !own.insert(wanted) || before.ports.contains(&wanted) {
            return;
        }
        match lock(&self.ports).take(wanted) {
            Ok(()) => taken.ports.push(wanted),
            Err(Refused::OutOfRange) => {
                let (low, high) = (self.port_range.start(), self.port_range.end());
                let why = format!("provided port is not in the valid range. The range of valid ports is {low}-{high}");
                problems.invalid(node_port_field(index), wanted, &why);
            }
            Err(_) => problems.invalid(node_port_field(index), wanted, "provided port is already allocated"),
        }
    }
}

impl Ticket for Reserved {
    fn keep(mut self: Box<Self>) {
        self.kept = true;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.books.release(if self.kept { &self.left } else { &self.taken });
    }
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

fn without(all: &[u32], other: &[u32]) -> Vec<u32> {
    all.iter().filter(|number| !other.contains(number)).copied().collect()
}

fn node_port_field(index: usize) -> String {
    format!("spec.ports[{index}].nodePort")
}

fn lock(numbers: &Mutex<Numbers>) -> MutexGuard<'_, Numbers> {
    numbers.lock().unwrap_or_else(PoisonError::into_inner)
}
