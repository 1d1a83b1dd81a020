//! `rbac.authorization.k8s.io/v1`.

pub mod cluster_role;
pub mod cluster_role_binding;
pub mod columns;
pub mod defaults;
pub mod role;
pub mod role_binding;
pub mod rules;
