//! The roles and bindings every cluster starts with, and their repair at each start.
//!
//! Upstream: `plugin/pkg/auth/authorizer/rbac/bootstrappolicy`, `pkg/registry/rbac/reconciliation`.
//!
//! Nodes are authorized by [`super::node`]; the ClusterRole `system:node` is bound to nobody, as upstream. What a
//! node's network, door and volumes need beside is in roles of ours that are bound to the group `system:nodes`; none of
//! them reads Secrets.

mod cluster_roles;
mod controller_roles;
mod join_roles;
mod reconcile;
mod table;

pub use reconcile::reconcile;
pub use table::{node_rules, objects};
