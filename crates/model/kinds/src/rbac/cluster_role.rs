//! `rbac.authorization.k8s.io/v1` ClusterRole: verbs on resources, in all namespaces.

use super::rules;
use crate::cells::{CREATED_AT, NAME};
use crate::{KindDef, NameRule, Scope};

pub const KIND: KindDef = KindDef {
    create_on_update: true,
    scope: Scope::Cluster,
    name_rule: NameRule::PathSegment,
    columns: &[NAME, CREATED_AT],
    validate: |role, problems| rules::role(role, false, problems),
    ..KindDef::new(
        ("rbac.authorization.k8s.io", "v1", "ClusterRole"),
        ("clusterroles", "clusterrole"),
        "io.k8s.api.rbac.v1.ClusterRole",
    )
};
