//! `v1` Namespace: the room names of most kinds live in.

use crate::{KindDef, NameRule, Prepare, Scope, Subresource};

pub const KIND: KindDef = KindDef {
    short_names: &["ns"],
    scope: Scope::Cluster,
    verbs: &["create", "delete", "get", "list", "patch", "update", "watch"],
    subresources: &[
        Subresource::Special { name: "finalize", kind: ("", "v1", "Namespace"), verbs: &["update"] },
        Subresource::Status,
    ],
    selectable: &[("status.phase", "/status/phase")],
    prepare: Prepare::STATUS,
    name_rule: NameRule::Label,
    ..KindDef::new(("", "v1", "Namespace"), ("namespaces", "namespace"), "io.k8s.api.core.v1.Namespace")
};
