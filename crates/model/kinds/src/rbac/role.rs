//! `rbac.authorization.k8s.io/v1` Role: verbs on resources of one namespace.

use super::rules;
use crate::cells::{CREATED_AT, NAME};
use crate::{KindDef, NameRule};

pub const KIND: KindDef = KindDef {
    create_on_update: true,
    name_rule: NameRule::PathSegment,
    columns: &[NAME, CREATED_AT],
    validate: |role, problems| rules::role(role, true, problems),
    ..KindDef::new(("rbac.authorization.k8s.io", "v1", "Role"), ("roles", "role"), "io.k8s.api.rbac.v1.Role")
};
