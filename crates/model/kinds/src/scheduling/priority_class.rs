//! `scheduling.k8s.io/v1` PriorityClass: a name for a pod priority.

use crate::{KindDef, Scope};

pub const KIND: KindDef = KindDef {
    short_names: &["pc"],
    scope: Scope::Cluster,
    ..KindDef::new(
        ("scheduling.k8s.io", "v1", "PriorityClass"),
        ("priorityclasses", "priorityclass"),
        "io.k8s.api.scheduling.v1.PriorityClass",
    )
};
