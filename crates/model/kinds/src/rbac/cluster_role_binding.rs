//! `rbac.authorization.k8s.io/v1` ClusterRoleBinding: who has a ClusterRole everywhere.

use super::defaults::set_binding_defaults;
use super::{columns, rules};
use crate::{KindDef, NameRule, Scope};

pub const KIND: KindDef = KindDef {
    create_on_update: true,
    scope: Scope::Cluster,
    name_rule: NameRule::PathSegment,
    set_defaults: set_binding_defaults,
    columns: columns::BINDING,
    validate: |binding, problems| rules::binding(binding, false, problems),
    validate_update: rules::binding_update,
    ..KindDef::new(
        ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"),
        ("clusterrolebindings", "clusterrolebinding"),
        "io.k8s.api.rbac.v1.ClusterRoleBinding",
    )
};
