//! `v1` PersistentVolumeClaim: a wish for storage.

use crate::edit::{default, default_text, object, object_or_new};
use crate::quantities;
use crate::read::text;
use crate::{KindDef, Prepare, Subresource};
use apimachinery::Value;

pub const KIND: KindDef = KindDef {
    short_names: &["pvc"],
    subresources: &[Subresource::Status],
    prepare: Prepare::STATUS,
    set_defaults,
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
