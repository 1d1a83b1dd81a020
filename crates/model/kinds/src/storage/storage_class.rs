//! `storage.k8s.io/v1` StorageClass: a way to make volumes.

use crate::{KindDef, Scope};

pub const KIND: KindDef = KindDef {
    short_names: &["sc"],
    scope: Scope::Cluster,
    ..KindDef::new(
        ("storage.k8s.io", "v1", "StorageClass"),
        ("storageclasses", "storageclass"),
        "io.k8s.api.storage.v1.StorageClass",
    )
};
