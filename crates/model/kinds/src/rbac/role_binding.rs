//! `rbac.authorization.k8s.io/v1` RoleBinding: who has a role in one namespace.

use super::columns;
use super::defaults::set_binding_defaults;
use crate::{KindDef, NameRule};

pub const KIND: KindDef = KindDef {
    name_rule: NameRule::PathSegment,
    set_defaults: set_binding_defaults,
    columns: columns::BINDING,
    ..KindDef::new(
        ("rbac.authorization.k8s.io", "v1", "RoleBinding"),
        ("rolebindings", "rolebinding"),
        "io.k8s.api.rbac.v1.RoleBinding",
    )
};
