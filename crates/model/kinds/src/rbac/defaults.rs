//! Defaults of the RBAC kinds.
//!
//! Upstream: `pkg/apis/rbac/v1/defaults.go`.

use crate::edit::{default_text, each, object};
use crate::read::text;
use apimachinery::Value;

/// The API group of roles, users and groups.
pub const GROUP: &str = "rbac.authorization.k8s.io";

/// Of a RoleBinding or ClusterRoleBinding.
pub fn set_binding_defaults(binding: &mut Value) {
    if let Some(role) = object(binding, "roleRef") {
        default_text(role, "apiGroup", GROUP);
    }
    each(binding, "subjects", |subject| {
        if matches!(text(subject, "kind"), "User" | "Group") {
            default_text(subject, "apiGroup", GROUP);
        }
    });
}
