//! What the node's network is told at start.

use netplan::Cidr;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// What protects packets between nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encryption {
    /// Nothing: VXLAN.
    #[default]
    None,
    /// WireGuard, in this process.
    WireGuard,
}

/// Ranges must not overlap each other nor a network the node is attached to.
#[derive(Debug, Clone)]
pub struct Config {
    /// This node's `metadata.name`.
    pub node_name: String,
    /// This node's pods; its first address becomes the node's own on the bridge. Where a controller gives ranges, see
    /// [`Network::own_pod_cidr`](crate::Network::own_pod_cidr).
    pub pod_cidr: Cidr,
    /// All nodes' pods. Traffic from pods to anywhere else leaves under the node's address.
    pub cluster_cidr: Cidr,
    /// Whether pods of other nodes are reached; else this node is the only one. Default false.
    pub overlay: bool,
    /// Name of the VXLAN device. At most 15 bytes. Default `barque.1`.
    pub overlay_device: String,
    /// Whether what nodes send each other for pods is encrypted; all of a cluster must agree. Default none. Of use with
    /// `overlay` only.
    pub encryption: Encryption,
    /// Name of the device of an encrypted node. At most 15 bytes. Default `barque.wg`.
    pub wireguard_device: String,
    /// The node's own key, made if it is not there. Default `/var/lib/barque/wireguard.key`.
    pub wireguard_key: PathBuf,
    /// Under which other nodes reach this one, until its Node object tells an InternalIP; the MTU of pods follows from
    /// that of its link. Default None: the link of the default route decides. Of use with `overlay` only.
    pub node_ip: Option<Ipv4Addr>,
    pub service_cidr: Cidr,
    /// Where cluster DNS answers; inside `service_cidr`.
    pub dns_ip: Ipv4Addr,
    /// `cluster.local`.
    pub cluster_domain: String,
    /// Name of the bridge and of the nftables table. At most 15 bytes. Default `barque0`.
    pub bridge: String,
    /// Name of our nftables table. Default `barque`.
    pub table: String,
    /// Address leases; of use only as long as the namespaces live, so a folder that a reboot empties is best.
    /// Default `/run/barque/network`.
    pub state_dir: PathBuf,
    /// Network namespaces of pods, one bind mount each. Default `/run/barque/netns`.
    pub netns_dir: PathBuf,
    /// The node's resolv.conf, whose name servers answer what is outside the cluster. Default `/etc/resolv.conf`.
    pub resolv_conf: PathBuf,
}

impl Config {
    /// The defaults for a node; ranges as upstream's installers choose them.
    pub fn for_node(node_name: impl Into<String>) -> Self {
        Self {
            node_name: node_name.into(),
            pod_cidr: Cidr::new(Ipv4Addr::new(10, 244, 0, 0), 24),
            cluster_cidr: Cidr::new(Ipv4Addr::new(10, 244, 0, 0), 16),
            overlay: false,
            overlay_device: "barque.1".to_owned(),
            encryption: Encryption::None,
            wireguard_device: "barque.wg".to_owned(),
            wireguard_key: "/var/lib/barque/wireguard.key".into(),
            node_ip: None,
            service_cidr: Cidr::new(Ipv4Addr::new(10, 96, 0, 0), 12),
            dns_ip: Ipv4Addr::new(10, 96, 0, 10),
            cluster_domain: "cluster.local".to_owned(),
            bridge: "barque0".to_owned(),
            table: "barque".to_owned(),
            state_dir: "/run/barque/network".into(),
            netns_dir: "/run/barque/netns".into(),
            resolv_conf: "/etc/resolv.conf".into(),
        }
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.overlay && self.encryption == Encryption::WireGuard
    }
}
