//! The node's network for real: each test is a node of its own, in network and mount namespaces that end with it.
//! Needs root and the packages nftables and iproute2.

mod cluster;
mod dns;
mod hosts;
mod overlay;
mod pods;
mod policies;
mod proxy;
mod running;
mod sandbox;
mod traffic;
mod wire;
mod wireguard;
