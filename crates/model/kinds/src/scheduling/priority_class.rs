//! `scheduling.k8s.io/v1` PriorityClass: a name for a pod priority.

use crate::edit::default;
use crate::{KindDef, Scope};
use apimachinery::Value;

pub const KIND: KindDef = KindDef {
    short_names: &["pc"],
    scope: Scope::Cluster,
    set_defaults,
    ..KindDef::new(
        ("scheduling.k8s.io", "v1", "PriorityClass"),
        ("priorityclasses", "priorityclass"),
        "io.k8s.api.scheduling.v1.PriorityClass",
    )
};

fn set_defaults(class: &mut Value) {
    default(class, "preemptionPolicy", "PreemptLowerPriority");
}
