//! `v1` PersistentVolume: a piece of storage.

use super::pod::volume_defaults::set_source_defaults;
use crate::edit::{default, default_text, object, object_or_new};
use crate::quantities;
use crate::{KindDef, Prepare, Scope, Subresource};
use apimachinery::Value;

pub const KIND: KindDef = KindDef {
    short_names: &["pv"],
    scope: Scope::Cluster,
    subresources: &[Subresource::Status],
    prepare: Prepare::STATUS,
    set_defaults,
    ..KindDef::new(
        ("", "v1", "PersistentVolume"),
        ("persistentvolumes", "persistentvolume"),
        "io.k8s.api.core.v1.PersistentVolume",
    )
};

fn set_defaults(volume: &mut Value) {
    if let Some(status) = object_or_new(volume, "status") {
        default_text(status, "phase", "Pending");
    }
    if let Some(spec) = object(volume, "spec") {
        default_text(spec, "persistentVolumeReclaimPolicy", "Retain");
        default(spec, "volumeMode", "Filesystem");
        quantities::canonicalize(spec, "capacity");
        set_source_defaults(spec);
    }
}
