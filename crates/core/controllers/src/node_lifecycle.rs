//! Node lifecycle: nodes that fall silent, taints that follow conditions, and pods that may stay no longer.
//!
//! Upstream: `pkg/controller/nodelifecycle`, `pkg/controller/tainteviction`.
//!
//! Invariants
//! - A node is never called silent sooner than [`GRACE`] after we started to listen.
//! - If no node at all is ready, the fault is likely ours: nobody is evicted.

mod eviction;
mod health;
#[cfg(test)]
mod tests;

pub use eviction::TaintEviction;
pub use health::NodeLifecycle;

use std::time::Duration;

/// How long a node may be silent. Upstream: `--node-monitor-grace-period`, 40 s of lease.
pub const GRACE: Duration = Duration::from_secs(40);

pub const NOT_READY: &str = "node.kubernetes.io/not-ready";
pub const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
pub const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
