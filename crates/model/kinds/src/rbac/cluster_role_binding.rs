//! `rbac.authorization.k8s.io/v1` ClusterRoleBinding: who has a ClusterRole everywhere.

use super::columns;
use super::defaults::set_binding_defaults;
use crate::{KindDef, NameRule, Scope};

pub const KIND: KindDef = KindDef {
    scope: Scope::Cluster,
    name_rule: NameRule::PathSegment,
    set_defaults: set_binding_defaults,
    columns: columns::BINDING,
    ..KindDef::new(
        ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"),
        ("clusterrolebindings", "clusterrolebinding"),
        "io.k8s.api.rbac.v1.ClusterRoleBinding",
    )
};
