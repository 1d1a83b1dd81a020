//! What a node's part of the overlay must look like, and what the node tells the others.

use super::annotation::{BACKEND_DATA, BACKEND_TYPE, MANAGED, PUBLIC_IP, PUBLIC_IP_OVERWRITE, VXLAN};
use super::{Entries, Node, VNI};
use crate::{Cidr, Mac};
use apimachinery::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

/// The node that is planned for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    pub name: String,
    pub pod_cidr: Cidr,
    /// All nodes' pods: what a node claims beyond is not routed to it.
    pub cluster_cidr: Cidr,
    /// Under which others reach it, as long as its Node object tells no InternalIP.
    pub address: Option<Ipv4Addr>,
}

/// The node's own VXLAN device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The first address of the pod range; nothing else has it.
    pub address: Ipv4Addr,
    pub mac: Mac,
    /// The source of VXLAN packets, if the node has this address; else the kernel chooses.
    pub local: Option<Ipv4Addr>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    pub device: Device,
    pub entries: Entries,
    /// Nodes whose pods cannot be reached, and why.
    pub left_out: BTreeMap<String, Why>,
}

/// Why another node's pods cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    NoRange,
    NoAddress,
    OtherBackend(String),
    OtherNetwork(String),
    Outside { range: Cidr, cluster: Cidr },
    Overlap { range: Cidr, of: String },
}

/// Another node, as far as it is known.
struct Peer {
    range: Cidr,
    address: Ipv4Addr,
    mac: Mac,
}

/// The plan for one node. `nodes` are all, itself included or not, in an order that does not change by itself: of two
/// with the same range the first has it.
pub fn plan<'a>(nodes: impl IntoIterator<Item = &'a Node>, me: &Me) -> Overlay {
    let (mut entries, mut left_out, mut local) = (Entries::default(), BTreeMap::new(), me.address);
    let mut ranges = vec![(me.pod_cidr, me.name.clone())];
    for node in nodes {
        if node.name == me.name {
            local = node.internal_ip.or(me.address);
            continue;
        }
        match peer(node, me.cluster_cidr, &ranges) {
            Ok(peer) => {
                ranges.push((peer.range, node.name.clone()));
                entries.forwarding.insert((peer.mac, peer.address));
                entries.neighbours.insert((peer.range.base(), peer.mac));
                entries.routes.insert((peer.range, peer.range.base()));
            }
            Err(why) => _ = left_out.insert(node.name.clone(), why),
        }
    }
    let address = me.pod_cidr.base();
    Overlay { device: Device { address, mac: Mac::of(address), local }, entries, left_out }
}

fn peer(node: &Node, cluster: Cidr, ranges: &[(Cidr, String)]) -> Result<Peer, Why> {
    let range = node.pod_cidr.ok_or(Why::NoRange)?;
    if !cluster.contains(range.base()) || range.prefix() < cluster.prefix() {
        return Err(Why::Outside { range, cluster });
    }
    if let Some((_, of)) = ranges.iter().find(|(other, _)| other.overlaps(&range)) {
        return Err(Why::Overlap { range, of: of.clone() });
    }
    if let Some(other) = node.annotation(BACKEND_TYPE).filter(|kind| *kind != VXLAN) {
        return Err(Why::OtherBackend(other.to_owned()));
    }
    let mac = match node.annotation(BACKEND_DATA) {
        Some(data) => mac_in(data).ok_or_else(|| Why::OtherNetwork(data.to_owned()))?,
        None => Mac::of(range.base()),
    };
    let address = node.address_in(PUBLIC_IP).or(node.internal_ip).ok_or(Why::NoAddress)?;
    Ok(Peer { range, address, mac })
}

/// The device's hardware address, if it is of our network.
fn mac_in(data: &str) -> Option<Mac> {
    let data: Value = serde_json::from_str(data).ok()?;
    let mac = data["VtepMAC"].as_str()?.parse().ok().filter(Mac::is_unicast);
    mac.filter(|_| data["VNI"] == VNI)
}

/// The merge patch that makes our own Node object tell what others need; None if it does already, or if nobody knows an
/// address of ours.
pub fn publish(own: &Node, me: &Me) -> Option<Value> {
    let public = own.address_in(PUBLIC_IP_OVERWRITE).or(own.internal_ip).or(me.address)?;
    let mac = Mac::of(me.pod_cidr.base());
    let wanted = [
        (BACKEND_DATA, format!(r#"{{"VNI":{VNI},"VtepMAC":"{mac}"}}"#)),
        (BACKEND_TYPE, VXLAN.to_owned()),
        (MANAGED, "true".to_owned()),
        (PUBLIC_IP, public.to_string()),
    ];
    let differs = wanted.iter().any(|(name, value)| own.annotation(name) != Some(value));
    let annotations: BTreeMap<&str, String> = wanted.into();
    differs.then(|| json!({"metadata": {"uid": own.uid, "annotations": annotations}}))
}

impl Why {
    /// Whether somebody must do something about it; else it is a node that has only just joined.
    pub fn is_wrong(&self) -> bool {
        !matches!(self, Self::NoRange | Self::NoAddress)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRange => write!(f, "it has no pod range yet"),
            Self::NoAddress => write!(f, "it tells no address yet"),
            Self::OtherBackend(kind) => write!(f, "it speaks {kind}, not {VXLAN}"),
            Self::OtherNetwork(data) => write!(f, "its {BACKEND_DATA} {data:?} is not of network {VNI}"),
            Self::Outside { range, cluster } => write!(f, "its pod range {range} is not inside {cluster}"),
            Self::Overlap { range, of } => write!(f, "its pod range {range} overlaps that of {of}"),
        }
    }
}
