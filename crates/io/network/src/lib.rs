//! A node's network: pod interfaces, ways to other nodes' pods, the Service proxy in nftables, cluster DNS.
//!
//! `netplan` decides; this crate talks to the kernel and to sockets.
//!
//! Invariants
//! - Everything of ours on the host bears our names: the bridge, the device to other nodes, `veth` + the pod's address in hex, the nftables table,
//!   the folders of [`Config`]. Nothing else is changed but sysctls named in [`host`], and [`Network::purge`] removes it all.
//! - Pods keep their network while this process is dead; the state on disk is enough to go on.
//! - No tokio thread ever changes its network namespace: short-lived threads of their own do.

pub mod config;
mod dns;
pub mod driver;
pub mod error;
mod follow;
mod health_checks;
pub mod host;
mod netlink;
mod nft;
mod obstacles;
mod overlay;
pub mod pods;
mod policies;
mod proxy;
mod sysctl;

pub use config::{Config, Encryption};
pub use dns::node_resolv;
pub use driver::Network;
pub use error::NetworkError;
pub use netplan::hosts::{HostAlias, host_network_hosts, pod_hosts};
pub use netplan::resolv::{DnsPolicy, PodDns, Resolv, resolv_conf};
pub use netplan::{Cidr, HostPort, PodKey, Protocol};
pub use pods::{PodNetwork, Pods};
