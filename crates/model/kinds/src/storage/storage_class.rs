//! `storage.k8s.io/v1` StorageClass: a way to make volumes.

use crate::Column;
use crate::cells::{AGE, NAME, column};
use crate::checks::{immutable, same};
use crate::edit::default;
use crate::path::Path;
use crate::read::{flag, text};
use crate::{KindDef, Scope};
use apimachinery::validate::is_qualified_name;
use apimachinery::{Problems, Value};

pub const KIND: KindDef = KindDef {
    short_names: &["sc"],
    scope: Scope::Cluster,
    set_defaults,
    columns: &[
        Column { cell: |class, _| shown_name(class).into(), ..NAME },
        column("Provisioner", "Who makes the volumes.", |class, _| text(class, "provisioner").into()),
        column("ReclaimPolicy", "What becomes of a volume when its claim is gone.", |class, _| {
            text(class, "reclaimPolicy").into()
        }),
        column("VolumeBindingMode", "When volumes are made and bound.", |class, _| {
            text(class, "volumeBindingMode").into()
        }),
        column("AllowVolumeExpansion", "Whether volumes may grow.", |class, _| {
            flag(class, "allowVolumeExpansion").into()
        }),
        AGE,
    ],
    validate,
    validate_update,
    ..KindDef::new(
        ("storage.k8s.io", "v1", "StorageClass"),
        ("storageclasses", "storageclass"),
        "io.k8s.api.storage.v1.StorageClass",
    )
};

fn set_defaults(class: &mut Value) {
    default(class, "reclaimPolicy", "Delete");
    default(class, "volumeBindingMode", "Immediate");
}

/// The annotations, new and old, that make a class the one of claims that name none.
pub const DEFAULT_CLASS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

/// Whether claims that name no class get this one.
pub fn is_default(class: &Value) -> bool {
    DEFAULT_CLASS.iter().any(|annotation| text(&class["metadata"]["annotations"], annotation) == "true")
}

fn shown_name(class: &Value) -> String {
    let name = text(&class["metadata"], "name");
    if is_default(class) { format!("{name} (default)") } else { name.to_owned() }
}

fn validate(class: &Value, problems: &mut Problems) {
    match text(class, "provisioner") {
        "" => problems.required("provisioner", ""),
        provisioner => {
            for message in is_qualified_name(&provisioner.to_lowercase()) {
                problems.invalid("provisioner", provisioner, &message);
            }
        }
    }
    for (policy, known) in
        [("reclaimPolicy", ["Delete", "Retain"]), ("volumeBindingMode", ["Immediate", "WaitForFirstConsumer"])]
    {
        match text(class, policy) {
            "" => problems.required(policy, ""),
            value if !known.contains(&value) => problems.not_supported(policy, value, &known),
            _ => {}
        }
    }
}

fn validate_update(new: &Value, old: &Value, problems: &mut Problems) {
    for field in ["parameters", "provisioner", "reclaimPolicy"] {
        if !same(&new[field], &old[field]) {
            problems.forbidden(field, &format!("updates to {field} are forbidden."));
        }
    }
    immutable(&new["volumeBindingMode"], &old["volumeBindingMode"], Path::new("volumeBindingMode"), problems);
}
