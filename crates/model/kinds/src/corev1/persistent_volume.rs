//! `v1` PersistentVolume: a piece of storage.

use crate::{KindDef, Prepare, Scope, Subresource};

pub const KIND: KindDef = KindDef {
    short_names: &["pv"],
    scope: Scope::Cluster,
    subresources: &[Subresource::Status],
    prepare: Prepare::STATUS,
    ..KindDef::new(
        ("", "v1", "PersistentVolume"),
        ("persistentvolumes", "persistentvolume"),
        "io.k8s.api.core.v1.PersistentVolume",
    )
};
