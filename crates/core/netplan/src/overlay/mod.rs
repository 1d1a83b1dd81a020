//! How pods of different nodes reach each other: VXLAN as flannel runs it, so that nodes of both kinds can be mixed.
//!
//! Each node has one VXLAN device with the first address of its pod range. For every other node it holds three entries:
//! the node's pod range is routed to that node's device address, the address has a known hardware address, and the
//! hardware address is behind the node's public address. Nothing is learned from traffic and nobody is asked by ARP.
//!
//! Where the cluster is encrypted, the device is WireGuard's instead: routes lead to it, and a peer per node says by which
//! key and to which address packets for the node's range go.
//!
//! Nodes tell their addresses by annotations of their Node objects. What a node does not tell follows from its object:
//! the InternalIP, and the hardware address that [`Mac::of`] gives its device.
//!
//! Upstream: flannel, `pkg/backend/vxlan`, `pkg/backend/wireguard`, `pkg/subnet/kube`; VXLAN itself: RFC 7348;
//! WireGuard: its protocol description at wireguard.com/protocol.
//!
//! [`Mac::of`]: crate::Mac::of

mod entries;
mod key;
mod node;
mod peer;
mod plan;
#[cfg(test)]
mod tests;
mod why;

pub use entries::{Change, Entries};
pub use key::{NotAKey, PublicKey};
pub use node::Node;
pub use peer::{Backend, Peer};
pub use plan::{Device, Me, Overlay, plan, publish};
pub use why::Why;

/// The network's number in VXLAN headers. Flannel: `VNI`, default 1.
pub const VNI: u32 = 1;
/// The UDP port VXLAN packets are sent to. Flannel: `Port`, default 8472, the Linux kernel's own.
pub const PORT: u16 = 8472;
/// Bytes that VXLAN over IPv4 adds to a packet: IPv4, UDP, VXLAN and inner Ethernet headers.
pub const OVERHEAD: u32 = 20 + 8 + 8 + 14;
/// The UDP port of WireGuard. Flannel: `ListenPort`, default 51820.
pub const WIREGUARD_PORT: u16 = 51820;
/// Bytes that WireGuard over IPv4 adds to a packet: IPv4, UDP, its own header and the seal.
pub const WIREGUARD_OVERHEAD: u32 = 20 + 8 + 16 + 16;

/// Annotations of a Node, and the values that are always the same.
mod annotation {
    pub const PUBLIC_IP: &str = "flannel.alpha.coreos.com/public-ip";
    /// What an administrator sets where others reach the node under another address than it knows itself.
    pub const PUBLIC_IP_OVERWRITE: &str = "flannel.alpha.coreos.com/public-ip-overwrite";
    pub const BACKEND_TYPE: &str = "flannel.alpha.coreos.com/backend-type";
    pub const BACKEND_DATA: &str = "flannel.alpha.coreos.com/backend-data";
    pub const MANAGED: &str = "flannel.alpha.coreos.com/kube-subnet-manager";
    pub const VXLAN: &str = "vxlan";
    pub const WIREGUARD: &str = "wireguard";
}
