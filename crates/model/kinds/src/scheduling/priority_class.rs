//! `scheduling.k8s.io/v1` PriorityClass: a name for a pod priority.

use crate::cells::{AGE, NAME, boolean, column, integer};
use crate::edit::default;
use crate::read::{flag, number, text};
use crate::{KindDef, Scope};
use apimachinery::Value;

pub const KIND: KindDef = KindDef {
    short_names: &["pc"],
    scope: Scope::Cluster,
    set_defaults,
    columns: &[
        NAME,
        integer("Value", "The priority.", |class, _| number(class, "value").into()),
        boolean("Global-Default", "Whether pods that name no class get this one.", |class, _| {
            flag(class, "globalDefault").into()
        }),
        AGE,
        column("PreemptionPolicy", "Whether pods of this class may displace others.", |class, _| {
            text(class, "preemptionPolicy").into()
        }),
    ],
    ..KindDef::new(
        ("scheduling.k8s.io", "v1", "PriorityClass"),
        ("priorityclasses", "priorityclass"),
        "io.k8s.api.scheduling.v1.PriorityClass",
    )
};

fn set_defaults(class: &mut Value) {
    default(class, "preemptionPolicy", "PreemptLowerPriority");
}
