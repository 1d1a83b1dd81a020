//! `v1` PersistentVolumeClaim: a wish for storage.

use super::persistent_volume::phase;
use crate::cells::{AGE, NAME, access_modes, column, or, storage_class, wide};
use crate::checks::{
    access_modes as access_modes_of, label_selector, one_of, optional_name, positive_quantity, required, same,
};
use crate::edit::{default, default_text, object, object_or_new};
use crate::path::Path;
use crate::prepare::keep;
use crate::quantities;
use crate::read::{has, text};
use crate::{KindDef, Prepare, Subresource};
use apimachinery::validate::is_dns1123_subdomain;
use apimachinery::{Problems, Quantity, Value};
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
    validate,
    validate_update,
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

const SPEC: Path = Path::new("spec");

fn validate(claim: &Value, problems: &mut Problems) {
    validate_spec(&claim["spec"], SPEC, problems);
}

/// The spec of a claim, or of the template of one.
pub fn validate_spec(spec: &Value, at: Path, problems: &mut Problems) {
    access_modes_of(spec, at, "at least 1 access mode is required", problems);
    label_selector(&spec["selector"], at.field("selector"), problems);
    let resources = at.field("resources");
    positive_quantity(&spec["resources"]["requests"], "storage", resources.field("requests"), problems);
    for field in ["storageClassName", "volumeAttributesClassName"] {
        optional_name(spec, field, at, is_dns1123_subdomain, problems);
    }
    one_of(spec, "volumeMode", at, &["Block", "Filesystem"], problems);
    for field in ["dataSource", "dataSourceRef"].iter().filter(|field| has(spec, field)) {
        let at = at.field(field);
        required(&spec[*field], "name", at, problems);
        required(&spec[*field], "kind", at, problems);
    }
}

/// Only growing is allowed once a claim is made; until it is bound the binder names volume and class.
fn validate_update(new: &Value, old: &Value, problems: &mut Problems) {
    let bound = text(&old["status"], "phase") == "Bound";
    let (new_spec, old_spec) = (&new["spec"], &old["spec"]);
    let mut wanted = new_spec.clone();
    if text(old_spec, "volumeName").is_empty() {
        keep(&mut wanted, old_spec, "volumeName");
        // A default class that appears later is filled in.
        if !has(old_spec, "storageClassName") {
            keep(&mut wanted, old_spec, "storageClassName");
        }
    }
    let (wanted_size, old_size) = (size(new_spec), size(old_spec));
    if bound {
        keep(&mut wanted, old_spec, "volumeAttributesClassName");
        if let Some(resources) = object(&mut wanted, "resources") {
            keep(resources, &old_spec["resources"], "requests");
        }
        if wanted_size < old_size && wanted_size < quantities::parse(&new["status"]["capacity"]["storage"]) {
            let at = SPEC.field("resources");
            let at = at.field("requests");
            problems.forbidden(at.field("storage"), "field can not be less than status.capacity");
        }
    }
    if !same(&wanted, old_spec) {
        let message =
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        problems.forbidden(SPEC, message);
    }
}

fn size(spec: &Value) -> Option<Quantity> {
    quantities::parse(&spec["resources"]["requests"]["storage"])
}
