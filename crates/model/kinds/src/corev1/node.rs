//! `v1` Node: a machine that runs pods.

use crate::edit::{default, object};
use crate::quantities;
use crate::{KindDef, Prepare, Scope, Subresource};
use apimachinery::Value;

pub const KIND: KindDef = KindDef {
    short_names: &["no"],
    scope: Scope::Cluster,
    subresources: &[Subresource::Status],
    selectable: &[("spec.unschedulable", "/spec/unschedulable")],
    prepare: Prepare::STATUS,
    set_defaults,
    ..KindDef::new(("", "v1", "Node"), ("nodes", "node"), "io.k8s.api.core.v1.Node")
};

fn set_defaults(node: &mut Value) {
    if let Some(status) = object(node, "status") {
        let capacity = status.get("capacity").filter(|capacity| capacity.is_object()).cloned();
        if let Some(capacity) = capacity {
            default(status, "allocatable", capacity);
        }
        quantities::canonicalize(status, "capacity");
        quantities::canonicalize(status, "allocatable");
    }
}
