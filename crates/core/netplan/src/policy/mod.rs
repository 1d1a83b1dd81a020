//! Network policies of the pods on this node, as an nftables table of their own.
//!
//! Upstream: `networking/v1/types.go` for what a policy means. Where that leaves a choice:
//! - The node itself always reaches its pods (probes), and a pod itself.
//! - Cluster DNS, which is the node's own, is always reached: no selector could name it.
//! - Connections that were allowed when they began stay.
//! - Pods in a node's network are neither restricted nor selected as peers.
//! - What is not allowed is dropped, not refused.

mod facts;
mod plan;
mod rules;
#[cfg(test)]
mod tests;
mod world;

pub use facts::{Peer, Pod, Policy, Port, Rule};
pub use plan::{Facts, Plan, plan};
pub use world::Policies;
