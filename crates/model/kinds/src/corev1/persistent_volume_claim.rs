//! `v1` PersistentVolumeClaim: a wish for storage.

use super::persistent_volume::phase;
use crate::cells::{AGE, NAME, access_modes, column, or, storage_class, wide};
use crate::edit::{default, default_text, object, object_or_new};
use crate::quantities;
use crate::read::text;
use crate::{KindDef, Prepare, Subresource};
use apimachinery::Value;
use serde_json::json;

pub const KIND: KindDef = KindDef {
    short_names: &["pvc"],
    subresources: &[Subresource::Status],
    prepare: Prepare { create: |object| object["status"] = json!({"phase": "Pending"}), ..Prepare::STATUS },
    set_defaults,
    columns: &[
        NAME,
        column("Status", "Whether the claim is bound.", |claim, _| phase(claim).into()),
        column("Volume", "The volume the claim is bound to.", |claim, _| text(&claim["spec"], "volumeName").into()),
        column("Capacity", "How much room there is.", |claim, _| {
            if is_bound(claim) { or(text(&claim["status"]["capacity"], "storage"), "0") } else { "".into() }
        }),
        column("Access Modes", "How the volume can be mounted.", |claim, _| {
            if is_bound(claim) { access_modes(&claim["status"]).into() } else { "".into() }
        }),
        column("StorageClass", "StorageClass of the pvc", |claim, _| storage_class(claim).into()),
        column("VolumeAttributesClass", "VolumeAttributesClass of the pvc", |claim, _| {
            or(text(&claim["spec"], "volumeAttributesClassName"), "<unset>")
        }),
        AGE,
        wide("VolumeMode", "Filesystem or block device.", |claim, _| or(text(&claim["spec"], "volumeMode"), "<unset>")),
    ],
    ..KindDef::new(
        ("", "v1", "PersistentVolumeClaim"),
        ("persistentvolumeclaims", "persistentvolumeclaim"),
        "io.k8s.api.core.v1.PersistentVolumeClaim",
    )
};

fn set_defaults(claim: &mut Value) {
    if let Some(status) = object_or_new(claim, "status") {
        default_text(status, "phase", "Pending");
    }
    if let Some(spec) = object(claim, "spec") {
        default(spec, "volumeMode", "Filesystem");
        if let Some(resources) = object(spec, "resources") {
            quantities::canonicalize_requirements(resources);
        }
        mirror_data_source(spec);
    }
}

/// The two fields that say what a claim is filled from are kept alike, unless the newer one names a namespace.
fn mirror_data_source(spec: &mut Value) {
    let source = spec.get("dataSource").filter(|source| source.is_object()).cloned();
    let reference = spec.get("dataSourceRef").filter(|source| source.is_object()).cloned();
    match (source, reference) {
        (Some(source), None) => default(spec, "dataSourceRef", source),
        (None, Some(reference)) if text(&reference, "namespace").is_empty() => default(spec, "dataSource", reference),
        _ => {}
    }
}

fn is_bound(claim: &Value) -> bool {
    !text(&claim["spec"], "volumeName").is_empty()
}
