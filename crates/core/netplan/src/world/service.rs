//! The facts of a Service.
//!
//! Upstream: `core/v1/types.go`.

use crate::Protocol;
use apimachinery::Object;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr};

/// Somebody else proxies Services with this label. Upstream: `apis.LabelServiceProxyName`.
const OTHER_PROXY: &str = "service.kubernetes.io/service-proxy-name";
/// Upstream: `DefaultClientIPServiceAffinitySeconds`.
const DEFAULT_AFFINITY_SECONDS: u32 = 10_800;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// Empty for headless and ExternalName Services.
    pub cluster_ips: Vec<IpAddr>,
    pub headless: bool,
    /// Where an ExternalName Service leads.
    pub external_name: Option<String>,
    pub external_ips: Vec<Ipv4Addr>,
    /// Addresses a load balancer sends from outside with the destination unchanged (`ipMode: VIP`).
    pub balancer_ips: Vec<Ipv4Addr>,
    pub ports: Vec<ServicePort>,
    /// How long a client stays with its endpoint, in seconds; None without affinity.
    pub affinity_seconds: Option<u32>,
    /// `externalTrafficPolicy: Local`.
    pub external_local: bool,
    /// `internalTrafficPolicy: Local`.
    pub internal_local: bool,
    /// Where a balancer asks whether this node has endpoints; only with `externalTrafficPolicy: Local`.
    pub health_check_port: Option<u16>,
    /// False if a label leaves this Service to another proxy.
    pub ours: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// Empty for the only port of a Service.
    pub name: String,
    pub protocol: Protocol,
    pub port: u16,
    pub node_port: Option<u16>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    r#type: Option<String>,
    #[serde(rename = "clusterIP")]
    cluster_ip: Option<String>,
    #[serde(rename = "clusterIPs")]
    cluster_ips: Option<Vec<String>>,
    #[serde(rename = "externalIPs")]
    external_ips: Option<Vec<String>>,
    external_name: Option<String>,
    ports: Option<Vec<Port>>,
    session_affinity: Option<String>,
    session_affinity_config: Option<AffinityConfig>,
    external_traffic_policy: Option<String>,
    internal_traffic_policy: Option<String>,
    health_check_node_port: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Port {
    name: Option<String>,
    protocol: Option<String>,
    port: u16,
    node_port: Option<u16>,
}

#[derive(Default, Deserialize)]
struct AffinityConfig {
    #[serde(rename = "clientIP", default)]
    client_ip: Option<ClientIp>,
}

#[derive(Deserialize)]
struct ClientIp {
    #[serde(rename = "timeoutSeconds")]
    timeout_seconds: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    load_balancer: Option<LoadBalancer>,
}

#[derive(Deserialize)]
struct LoadBalancer {
    ingress: Option<Vec<Ingress>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ingress {
    ip: Option<String>,
    ip_mode: Option<String>,
}

impl Service {
    /// # Errors
    /// If the object is no Service.
    pub fn from_object(object: &Object) -> Result<Self, serde_json::Error> {
        let Document { spec, status } = object.decode()?;
        let ours = !object.head.labels.contains_key(OTHER_PROXY);
        let headless = spec.cluster_ip.as_deref() == Some("None");
        let external_local = spec.external_traffic_policy.as_deref() == Some("Local");
        let is_checked = external_local && ours && spec.r#type.as_deref() == Some("LoadBalancer");
        let external_name = spec.external_name.clone().filter(|_| spec.r#type.as_deref() == Some("ExternalName"));
        Ok(Self {
            cluster_ips: if external_name.is_some() { Vec::new() } else { cluster_ips(&spec) },
            headless,
            external_name,
            external_ips: parsed(spec.external_ips.iter().flatten().map(String::as_str)),
            balancer_ips: balancer_ips(status),
            affinity_seconds: affinity(&spec),
            external_local,
            health_check_port: spec.health_check_node_port.filter(|port| is_checked && *port > 0),
            internal_local: spec.internal_traffic_policy.as_deref() == Some("Local"),
            ports: spec.ports.unwrap_or_default().into_iter().filter_map(port).collect(),
            ours,
        })
    }
}

fn port(port: Port) -> Option<ServicePort> {
    Some(ServicePort {
        name: port.name.unwrap_or_default(),
        protocol: Protocol::parse(port.protocol.as_deref())?,
        port: port.port,
        node_port: port.node_port.filter(|port| *port > 0),
    })
}

/// Old clients fill in `clusterIP` alone.
fn cluster_ips(spec: &Spec) -> Vec<IpAddr> {
    let all = parsed(spec.cluster_ips.iter().flatten().map(String::as_str));
    if all.is_empty() { parsed(spec.cluster_ip.as_deref()) } else { all }
}

fn balancer_ips(status: Option<Status>) -> Vec<Ipv4Addr> {
    let ingress = status.and_then(|status| status.load_balancer?.ingress).unwrap_or_default();
    let direct = ingress.iter().filter(|ingress| ingress.ip_mode.as_deref() != Some("Proxy"));
    parsed(direct.filter_map(|ingress| ingress.ip.as_deref()))
}

fn affinity(spec: &Spec) -> Option<u32> {
    let config = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref()?.timeout_seconds);
    (spec.session_affinity.as_deref() == Some("ClientIP")).then(|| config.unwrap_or(DEFAULT_AFFINITY_SECONDS))
}

fn parsed<'a, T: std::str::FromStr>(texts: impl IntoIterator<Item = &'a str>) -> Vec<T> {
    texts.into_iter().filter_map(|text| text.parse().ok()).collect()
}
