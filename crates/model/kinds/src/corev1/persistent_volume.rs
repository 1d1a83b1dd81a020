//! `v1` PersistentVolume: a piece of storage.

use super::pod::volume_defaults::set_source_defaults;
use crate::cells::{AGE, NAME, access_modes, column, or, storage_class, wide};
use crate::edit::{default, default_text, object, object_or_new};
use crate::quantities;
use crate::read::{has, text};
use crate::{KindDef, Prepare, Scope, Subresource};
use apimachinery::Value;
use serde_json::json;

pub const KIND: KindDef = KindDef {
    short_names: &["pv"],
    scope: Scope::Cluster,
    subresources: &[Subresource::Status],
    prepare: Prepare { create: |object| object["status"] = json!({"phase": "Pending"}), ..Prepare::STATUS },
    set_defaults,
    columns: &[
        NAME,
        column("Capacity", "How much room there is.", |volume, _| {
            or(text(&volume["spec"]["capacity"], "storage"), "0")
        }),
        column("Access Modes", "How the volume can be mounted.", |volume, _| access_modes(&volume["spec"]).into()),
        column("Reclaim Policy", "What becomes of the volume when its claim is gone.", |volume, _| {
            text(&volume["spec"], "persistentVolumeReclaimPolicy").into()
        }),
        column("Status", "Whether the volume is free, bound or released.", |volume, _| phase(volume).into()),
        column("Claim", "The claim the volume is bound to.", |volume, _| claim(&volume["spec"]).into()),
        column("StorageClass", "StorageClass of the pv", |volume, _| storage_class(volume).into()),
        column("VolumeAttributesClass", "VolumeAttributesClass of the pv", |volume, _| {
            or(text(&volume["spec"], "volumeAttributesClassName"), "<unset>")
        }),
        column("Reason", "Why the volume is in this state.", |volume, _| text(&volume["status"], "reason").into()),
        AGE,
        wide("VolumeMode", "Filesystem or block device.", |volume, _| {
            or(text(&volume["spec"], "volumeMode"), "<unset>")
        }),
    ],
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

/// The phase of a volume or claim as it is shown.
pub fn phase(object: &Value) -> &str {
    if has(&object["metadata"], "deletionTimestamp") { "Terminating" } else { text(&object["status"], "phase") }
}

fn claim(spec: &Value) -> String {
    if !has(spec, "claimRef") {
        return String::new();
    }
    format!("{}/{}", text(&spec["claimRef"], "namespace"), text(&spec["claimRef"], "name"))
}
