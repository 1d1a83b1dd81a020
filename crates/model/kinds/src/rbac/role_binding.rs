//! `rbac.authorization.k8s.io/v1` RoleBinding: who has a role in one namespace.

use super::defaults::set_binding_defaults;
use super::{columns, rules};
use crate::{KindDef, NameRule};

pub const KIND: KindDef = KindDef {
    create_on_update: true,
    name_rule: NameRule::PathSegment,
    set_defaults: set_binding_defaults,
    columns: columns::BINDING,
    validate: |binding, problems| rules::binding(binding, true, problems),
    validate_update: rules::binding_update,
    ..KindDef::new(
        ("rbac.authorization.k8s.io", "v1", "RoleBinding"),
        ("rolebindings", "rolebinding"),
        "io.k8s.api.rbac.v1.RoleBinding",
    )
};
