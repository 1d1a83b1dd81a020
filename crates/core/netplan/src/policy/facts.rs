//! The facts of a NetworkPolicy and of a pod.

use crate::{Cidr, Protocol};
use apimachinery::{LabelSelector, Object, Value};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Upstream: `ConfigMirrorAnnotationKey`.
const MIRROR: &str = "kubernetes.io/config.mirror";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Letters, digits and `-`: names of sets are made of it.
    pub uid: String,
    pub namespace: String,
    pub selector: LabelSelector,
    /// None: it says nothing of this direction. Empty: nobody is allowed.
    pub ingress: Option<Vec<Rule>>,
    pub egress: Option<Vec<Rule>>,
}

/// Peers and ports must both match; None matches all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub peers: Option<Vec<Peer>>,
    pub ports: Option<Vec<(Protocol, Port)>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    Pods {
        /// None: the policy's own.
        namespaces: Option<LabelSelector>,
        pods: LabelSelector,
    },
    Block {
        cidr: Cidr,
        except: Vec<Cidr>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Port {
    Any,
    Range(u16, u16),
    /// A port of the destination's by its name.
    Named(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    pub uid: String,
    /// It stands for a static pod.
    pub is_mirror: bool,
    pub namespace: String,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// None while it has none, and for pods in a node's network or at their end.
    pub address: Option<Ipv4Addr>,
    pub ports: Vec<(String, Protocol, u16)>,
}

impl Policy {
    /// What cannot be read allows nothing: the API server lets no such thing in.
    pub fn from_object(object: &Object) -> Self {
        let value = object.to_value();
        let spec = &value["spec"];
        let types = spec["policyTypes"].as_array();
        let has = |kind: &str| types.is_some_and(|types| types.iter().any(|known| known == kind));
        Self {
            uid: object.head.uid.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect(),
            namespace: object.head.namespace.clone(),
            selector: selector(&spec["podSelector"]).unwrap_or_default(),
            ingress: has("Ingress").then(|| rules(&spec["ingress"], "from")),
            egress: has("Egress").then(|| rules(&spec["egress"], "to")),
        }
    }
}

impl Pod {
    pub fn from_object(object: &Object) -> Self {
        let value = object.to_value();
        let (spec, status) = (&value["spec"], &value["status"]);
        let over = spec["hostNetwork"] == true || status["phase"] == "Succeeded" || status["phase"] == "Failed";
        Self {
            uid: object.head.uid.clone(),
            is_mirror: value["metadata"]["annotations"][MIRROR].is_string(),
            namespace: object.head.namespace.clone(),
            name: object.head.name.clone(),
            labels: object.head.labels.clone().into_iter().collect(),
            address: address(status).filter(|_| !over),
            ports: ["containers", "initContainers"].iter().flat_map(|list| named_ports(&spec[*list])).collect(),
        }
    }
}

fn address(status: &Value) -> Option<Ipv4Addr> {
    let all = status["podIPs"].as_array().into_iter().flatten().map(|one| &one["ip"]).chain([&status["podIP"]]);
    all.filter_map(|ip| ip.as_str()?.parse().ok()).next()
}

fn named_ports(containers: &Value) -> Vec<(String, Protocol, u16)> {
    let ports = containers.as_array().into_iter().flatten().flat_map(|one| one["ports"].as_array()).flatten();
    let named = ports.filter_map(|port| {
        let number = u16::try_from(port["containerPort"].as_u64()?).ok()?;
        Some((port["name"].as_str()?.to_owned(), Protocol::parse(port["protocol"].as_str())?, number))
    });
    named.collect()
}

fn rules(list: &Value, peers: &str) -> Vec<Rule> {
    let rule = |rule: &Value| Rule {
        peers: some(&rule[peers]).map(|all| all.iter().filter_map(peer).collect()),
        ports: some(&rule["ports"]).map(|all| all.iter().filter_map(port).collect()),
    };
    list.as_array().into_iter().flatten().map(rule).collect()
}

/// An empty list means the same as none.
fn some(list: &Value) -> Option<&Vec<Value>> {
    list.as_array().filter(|list| !list.is_empty())
}

/// None for what no IPv4 address can match.
fn peer(peer: &Value) -> Option<Peer> {
    let block = &peer["ipBlock"];
    if block.is_object() {
        let except = block["except"].as_array().into_iter().flatten();
        let except = except.filter_map(|one| one.as_str()?.parse().ok()).collect();
        return Some(Peer::Block { cidr: block["cidr"].as_str()?.parse().ok()?, except });
    }
    let namespaces = &peer["namespaceSelector"];
    Some(Peer::Pods {
        namespaces: if namespaces.is_object() { Some(selector(namespaces)?) } else { None },
        pods: selector(&peer["podSelector"])?,
    })
}

fn port(port: &Value) -> Option<(Protocol, Port)> {
    let number = |value: &Value| u16::try_from(value.as_u64()?).ok();
    let wanted = match &port["port"] {
        Value::Null => Port::Any,
        Value::String(name) => Port::Named(name.clone()),
        first => {
            let first = number(first)?;
            Port::Range(first, number(&port["endPort"]).map_or(first, |last| last.max(first)))
        }
    };
    Some((Protocol::parse(port["protocol"].as_str())?, wanted))
}

/// An absent one selects everything, as upstream's plain field does.
fn selector(value: &Value) -> Option<LabelSelector> {
    if value.is_null() { Some(LabelSelector::everything()) } else { LabelSelector::from_value(value).ok() }
}
