//! What another node's annotations say of the way to it: for VXLAN a hardware address, for WireGuard a key.

use super::annotation::{BACKEND_DATA, BACKEND_TYPE, PUBLIC_IP, VXLAN, WIREGUARD};
use super::{Node, PublicKey, VNI, Why};
use crate::{Cidr, Mac};
use apimachinery::Value;
use serde_json::json;
use std::fmt;
use std::net::Ipv4Addr;

/// How packets travel between nodes; all of a cluster must have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    #[default]
    Vxlan,
    /// Encrypted; with the node's own key.
    WireGuard(PublicKey),
}

/// Another node as WireGuard knows it: what is sent into `range` is encrypted for `key` and goes to `endpoint`, and what
/// comes from it must have a source in `range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    pub range: Cidr,
    pub key: PublicKey,
    /// On UDP port [`WIREGUARD_PORT`](super::WIREGUARD_PORT).
    pub endpoint: Ipv4Addr,
}

/// What makes another node's device known to ours.
pub(super) enum Identity {
    Mac(Mac),
    Key(PublicKey),
}

impl Backend {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Vxlan => VXLAN,
            Self::WireGuard(_) => WIREGUARD,
        }
    }

    /// The node's own, for others.
    pub(super) fn data(self, device: Ipv4Addr) -> String {
        match self {
            Self::Vxlan => format!(r#"{{"VNI":{VNI},"VtepMAC":"{}"}}"#, Mac::of(device)),
            Self::WireGuard(key) => json!({"PublicKey": key.to_string()}).to_string(),
        }
    }

    /// What follows from a pod range needs not be told; a key does not.
    pub(super) fn identity(self, node: &Node, range: Cidr) -> Result<Identity, Why> {
        if let Some(speaks) = node.annotation(BACKEND_TYPE).filter(|kind| *kind != self.name()) {
            return Err(Why::OtherBackend { speaks: speaks.to_owned(), needed: self.name() });
        }
        match (self, node.annotation(BACKEND_DATA)) {
            (Self::Vxlan, None) => Ok(Identity::Mac(Mac::of(range.base()))),
            (Self::Vxlan, Some(data)) => {
                mac_in(data).map(Identity::Mac).ok_or_else(|| Why::OtherNetwork(data.to_owned()))
            }
            (Self::WireGuard(_), None) => Err(Why::NoKey),
            (Self::WireGuard(own), Some(data)) => match key_in(data) {
                Some(key) if key == own => Err(Why::SameKey),
                Some(key) => Ok(Identity::Key(key)),
                None => Err(Why::BadKey(data.to_owned())),
            },
        }
    }
}

/// Where packets for the node's pods are sent.
pub(super) fn address(node: &Node) -> Result<Ipv4Addr, Why> {
    node.address_in(PUBLIC_IP).or(node.internal_ip).ok_or(Why::NoAddress)
}

/// The device's hardware address, if it is of our network.
fn mac_in(data: &str) -> Option<Mac> {
    let data: Value = serde_json::from_str(data).ok()?;
    let mac = data["VtepMAC"].as_str()?.parse().ok().filter(Mac::is_unicast);
    mac.filter(|_| data["VNI"] == VNI)
}

fn key_in(data: &str) -> Option<PublicKey> {
    let data: Value = serde_json::from_str(data).ok()?;
    data["PublicKey"].as_str()?.parse().ok()
}

/// As `wg show` shows it.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer {} endpoint {} allowed {}", self.key, self.endpoint, self.range)
    }
}
