//! The roles and bindings every cluster starts with, and their repair at each start.
//!
//! Upstream: `plugin/pkg/auth/authorizer/rbac/bootstrappolicy`, `pkg/registry/rbac/reconciliation`.
//!
//! Nodes are authorized by the ClusterRole `system:node` bound to the group `system:nodes`. Upstream has a node
//! authorizer beside it, which lets a node read only the Secrets, ConfigMaps and volumes of its own pods; that is not
//! here yet, so a node's credentials can read those of all pods.

mod cluster_roles;
mod controller_roles;
mod join_roles;
mod reconcile;
mod table;

pub use reconcile::reconcile;
pub use table::objects;
