//! `storage.k8s.io/v1` StorageClass: a way to make volumes.

use crate::edit::default;
use crate::{KindDef, Scope};
use apimachinery::Value;

pub const KIND: KindDef = KindDef {
    short_names: &["sc"],
    scope: Scope::Cluster,
    set_defaults,
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
