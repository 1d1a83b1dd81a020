//! What a node may do: the Node authorizer, asked before RBAC.
//!
//! A node reads only what pods bound to it refer to. [`Graph`] knows that from pods and volumes, kept up by the watch
//! cache before any reader sees the change: a node that has seen its pod may read the pod's Secrets from that server.
//!
//! Upstream: `plugin/pkg/auth/authorizer/node`.

mod authorizer;
mod graph;
mod references;

pub use authorizer::opinion;
pub use graph::{Graph, Kind};
pub use references::kinds_of_pod;

use super::user::{NODES, UserInfo};

const PREFIX: &str = "system:node:";

/// The node's name, for members of `system:nodes` called `system:node:<name>`; empty for a member called otherwise.
/// None for everybody else. Upstream: `nodeidentifier`.
pub fn node_of(user: &UserInfo) -> Option<&str> {
    let name = user.name.strip_prefix(PREFIX)?;
    user.is_in(NODES).then_some(name)
}

#[cfg(test)]
mod tests;
