//! The facts of an EndpointSlice.
//!
//! Upstream: `discovery/v1/types.go`; what absent conditions mean: `pkg/proxy/endpointslicecache.go`.

use crate::Protocol;
use apimachinery::Object;
use serde::Deserialize;
use std::net::IpAddr;

/// Names the Service a slice belongs to. Upstream: `discovery.LabelServiceName`.
pub const SERVICE_LABEL: &str = "kubernetes.io/service-name";

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    pub ports: Vec<SlicePort>,
    pub endpoints: Vec<Endpoint>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlicePort {
    pub name: String,
    pub protocol: Protocol,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Consumers use the first alone. Upstream: `Endpoint.Addresses`.
    pub address: IpAddr,
    /// True for those of a Service that publishes addresses that are not ready.
    pub ready: bool,
    pub serving: bool,
    pub terminating: bool,
    pub node: Option<String>,
    pub hostname: Option<String>,
}

#[derive(Deserialize)]
struct Document {
    ports: Option<Vec<Port>>,
    endpoints: Option<Vec<Item>>,
}

#[derive(Deserialize)]
struct Port {
    name: Option<String>,
    protocol: Option<String>,
    port: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(default)]
    addresses: Option<Vec<String>>,
    #[serde(default)]
    conditions: Option<Conditions>,
    hostname: Option<String>,
    node_name: Option<String>,
}

#[derive(Default, Deserialize)]
struct Conditions {
    ready: Option<bool>,
    serving: Option<bool>,
    terminating: Option<bool>,
}

impl Slice {
    /// # Errors
    /// If the object is no EndpointSlice.
    pub fn from_object(object: &Object) -> Result<Self, serde_json::Error> {
        let document: Document = object.decode()?;
        Ok(Self {
            ports: document.ports.unwrap_or_default().into_iter().filter_map(port).collect(),
            endpoints: document.endpoints.unwrap_or_default().into_iter().filter_map(endpoint).collect(),
        })
    }

    pub fn addresses(&self) -> Vec<IpAddr> {
        self.endpoints.iter().map(|endpoint| endpoint.address).collect()
    }
}

/// A port without a number means all ports; upstream's proxy leaves such out too.
fn port(port: Port) -> Option<SlicePort> {
    Some(SlicePort {
        name: port.name.unwrap_or_default(),
        protocol: Protocol::parse(port.protocol.as_deref())?,
        port: port.port?,
    })
}

fn endpoint(item: Item) -> Option<Endpoint> {
    let conditions = item.conditions.unwrap_or_default();
    let ready = conditions.ready.unwrap_or(true);
    Some(Endpoint {
        address: item.addresses?.first()?.parse().ok()?,
        ready,
        serving: conditions.serving.unwrap_or(ready),
        terminating: conditions.terminating.unwrap_or(false),
        node: item.node_name,
        hostname: item.hostname,
    })
}
