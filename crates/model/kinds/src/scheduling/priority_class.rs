//! `scheduling.k8s.io/v1` PriorityClass: a name for a pod priority.

use crate::cells::{AGE, NAME, boolean, column, integer};
use crate::checks::immutable;
use crate::edit::default;
use crate::path::Path;
use crate::read::{flag, number, text};
use crate::{KindDef, Scope};
use apimachinery::{Problems, Value};

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
    validate,
    validate_update,
    generation: true,
    ..KindDef::new(
        ("scheduling.k8s.io", "v1", "PriorityClass"),
        ("priorityclasses", "priorityclass"),
        "io.k8s.api.scheduling.v1.PriorityClass",
    )
};

fn set_defaults(class: &mut Value) {
    default(class, "preemptionPolicy", "PreemptLowerPriority");
}

/// More is for the system's own. Upstream: `HighestUserDefinablePriority`.
pub const HIGHEST_USER_PRIORITY: i64 = 1_000_000_000;

/// Classes of the system and their values. Upstream: `pkg/apis/scheduling/v1/helpers.go`.
pub const SYSTEM_CLASSES: [(&str, i64); 2] =
    [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];

fn validate(class: &Value, problems: &mut Problems) {
    let (name, value) = (text(&class["metadata"], "name"), number(class, "value"));
    let of_system = SYSTEM_CLASSES.contains(&(name, value)) && !flag(class, "globalDefault");
    if name.starts_with("system-") && !of_system {
        let message = "priority class names with 'system-' prefix are reserved for system use only";
        problems.forbidden("metadata.name", message);
    } else if value > HIGHEST_USER_PRIORITY && !of_system {
        let message = format!("maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}");
        problems.forbidden("value", &message);
    }
    let policy = text(class, "preemptionPolicy");
    if !matches!(policy, "" | "Never" | "PreemptLowerPriority") {
        problems.not_supported("preemptionPolicy", policy, &["Never", "PreemptLowerPriority"]);
    }
}

fn validate_update(new: &Value, old: &Value, problems: &mut Problems) {
    if number(new, "value") != number(old, "value") {
        problems.forbidden("value", "may not be changed in an update.");
    }
    immutable(&new["preemptionPolicy"], &old["preemptionPolicy"], Path::new("preemptionPolicy"), problems);
}
