//! What the overlay needs of a Node object; the whole one is a hundred times that.

use super::annotation::{BACKEND_DATA, BACKEND_TYPE, MANAGED, PUBLIC_IP, PUBLIC_IP_OVERWRITE};
use crate::Cidr;
use apimachinery::{Object, Value};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    pub uid: String,
    /// The first IPv4 address of type InternalIP.
    pub internal_ip: Option<Ipv4Addr>,
    /// The first IPv4 range of `spec.podCIDRs`.
    pub pod_cidr: Option<Cidr>,
    /// Those of the overlay.
    pub(super) annotations: BTreeMap<String, String>,
}

impl Node {
    /// What does not read as it should counts as not told: the API server lets no such thing in.
    pub fn from_object(object: &Object) -> Self {
        let value = object.to_value();
        Self {
            name: object.head.name.clone(),
            uid: object.head.uid.clone(),
            internal_ip: internal_ip(&value),
            pod_cidr: pod_cidr(&value),
            annotations: annotations(&value),
        }
    }

    pub(super) fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name).map(String::as_str)
    }

    pub(super) fn address_in(&self, annotation: &str) -> Option<Ipv4Addr> {
        self.annotation(annotation)?.parse().ok()
    }
}

fn internal_ip(node: &Value) -> Option<Ipv4Addr> {
    let addresses = node["status"]["addresses"].as_array().into_iter().flatten();
    let internal = addresses.filter(|address| address["type"] == "InternalIP");
    internal.filter_map(|address| address["address"].as_str()?.parse().ok()).next()
}

fn pod_cidr(node: &Value) -> Option<Cidr> {
    let all = node["spec"]["podCIDRs"].as_array().into_iter().flatten().chain([&node["spec"]["podCIDR"]]);
    all.filter_map(|range| range.as_str()?.parse().ok()).next()
}

fn annotations(node: &Value) -> BTreeMap<String, String> {
    let read = |name: &str| Some((name.to_owned(), node["metadata"]["annotations"][name].as_str()?.to_owned()));
    [PUBLIC_IP, PUBLIC_IP_OVERWRITE, BACKEND_TYPE, BACKEND_DATA, MANAGED].into_iter().filter_map(read).collect()
}
