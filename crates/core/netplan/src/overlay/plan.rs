//! What a node's part of the overlay must look like, and what the node tells the others.

use super::annotation::{BACKEND_DATA, BACKEND_TYPE, MANAGED, PUBLIC_IP, PUBLIC_IP_OVERWRITE};
use super::peer::{Identity, address};
use super::{Backend, Entries, Node, Peer, Why};
use crate::{Cidr, Mac};
use apimachinery::Value;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
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
    pub backend: Backend,
}

/// The node's own device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The first address of the pod range; nothing else has it.
    pub address: Ipv4Addr,
    /// Of use with VXLAN only.
    pub mac: Mac,
    /// The source of VXLAN packets, if the node has this address; else the kernel chooses.
    pub local: Option<Ipv4Addr>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    pub device: Device,
    pub entries: Entries,
    /// WireGuard's; none with VXLAN.
    pub peers: BTreeSet<Peer>,
    /// Nodes whose pods cannot be reached, and why.
    pub left_out: BTreeMap<String, Why>,
}

/// What is taken already: of two nodes with the same range or key the first has it.
struct Taken {
    ranges: Vec<(Cidr, String)>,
    peers: BTreeSet<Peer>,
}

/// The plan for one node. `nodes` are all, itself included or not, in an order that does not change by itself.
///
/// With WireGuard all of the cluster's range leads to the device: what is meant for a node that is not known (any more)
/// ends there, and does not leave the machine unencrypted by its default route.
pub fn plan<'a>(nodes: impl IntoIterator<Item = &'a Node>, me: &Me) -> Overlay {
    let (mut entries, mut left_out, mut local) = (Entries::default(), BTreeMap::new(), me.address);
    let mut taken = Taken { ranges: vec![(me.pod_cidr, me.name.clone())], peers: BTreeSet::new() };
    if me.backend != Backend::Vxlan {
        entries.routes.insert((me.cluster_cidr, Ipv4Addr::UNSPECIFIED));
    }
    for node in nodes {
        if node.name == me.name {
            local = node.internal_ip.or(me.address);
            continue;
        }
        if let Err(why) = add(node, me, &mut taken, &mut entries) {
            left_out.insert(node.name.clone(), why);
        }
    }
    let address = me.pod_cidr.base();
    Overlay { device: Device { address, mac: Mac::of(address), local }, entries, peers: taken.peers, left_out }
}

fn add(node: &Node, me: &Me, taken: &mut Taken, entries: &mut Entries) -> Result<(), Why> {
    let range = node.pod_cidr.ok_or(Why::NoRange)?;
    let cluster = me.cluster_cidr;
    if !cluster.contains(range.base()) || range.prefix() < cluster.prefix() {
        return Err(Why::Outside { range, cluster });
    }
    if let Some((_, of)) = taken.ranges.iter().find(|(other, _)| other.overlaps(&range)) {
        return Err(Why::Overlap { range, of: of.clone() });
    }
    let identity = me.backend.identity(node, range)?;
    let endpoint = address(node)?;
    match identity {
        Identity::Mac(mac) => {
            entries.forwarding.insert((mac, endpoint));
            entries.neighbours.insert((range.base(), mac));
            entries.routes.insert((range, range.base()));
        }
        Identity::Key(key) if taken.peers.iter().any(|peer| peer.key == key) => return Err(Why::SameKey),
        Identity::Key(key) => {
            taken.peers.insert(Peer { range, key, endpoint });
            entries.routes.insert((range, Ipv4Addr::UNSPECIFIED));
        }
    }
    taken.ranges.push((range, node.name.clone()));
    Ok(())
}

/// The merge patch that makes our own Node object tell what others need; None if it does already, or if nobody knows an
/// address of ours.
pub fn publish(own: &Node, me: &Me) -> Option<Value> {
    let public = own.address_in(PUBLIC_IP_OVERWRITE).or(own.internal_ip).or(me.address)?;
    let wanted = [
        (BACKEND_DATA, me.backend.data(me.pod_cidr.base())),
        (BACKEND_TYPE, me.backend.name().to_owned()),
        (MANAGED, "true".to_owned()),
        (PUBLIC_IP, public.to_string()),
    ];
    let differs = wanted.iter().any(|(name, value)| own.annotation(name) != Some(value));
    let annotations: BTreeMap<&str, String> = wanted.into();
    differs.then(|| json!({"metadata": {"uid": own.uid, "annotations": annotations}}))
}
