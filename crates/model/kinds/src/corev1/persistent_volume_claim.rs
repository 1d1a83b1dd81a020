//! `v1` PersistentVolumeClaim: a wish for storage.

use crate::{KindDef, Prepare, Subresource};

pub const KIND: KindDef = KindDef {
    short_names: &["pvc"],
    subresources: &[Subresource::Status],
    prepare: Prepare::STATUS,
    ..KindDef::new(
        ("", "v1", "PersistentVolumeClaim"),
        ("persistentvolumeclaims", "persistentvolumeclaim"),
        "io.k8s.api.core.v1.PersistentVolumeClaim",
    )
};
