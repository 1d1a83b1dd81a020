//! `v1` Node: a machine that runs pods.

use crate::{KindDef, Prepare, Scope, Subresource};

pub const KIND: KindDef = KindDef {
    short_names: &["no"],
    scope: Scope::Cluster,
    subresources: &[Subresource::Status],
    selectable: &[("spec.unschedulable", "/spec/unschedulable")],
    prepare: Prepare::STATUS,
    ..KindDef::new(("", "v1", "Node"), ("nodes", "node"), "io.k8s.api.core.v1.Node")
};
