//! `v1` PersistentVolume: a piece of storage.

use super::pod::validate::{node_selector, validate_source};
use super::pod::volume_defaults::set_source_defaults;
use crate::cells::{AGE, NAME, access_modes, column, or, storage_class, wide};
use crate::checks::{
    access_modes as access_modes_of, immutable_fields, one_of, optional_name, positive_quantity, same,
};
use crate::edit::{default, default_text, object, object_or_new};
use crate::path::Path;
use crate::quantities;
use crate::read::{count, entries, has, is_empty, text};
use crate::{KindDef, Prepare, Scope, Subresource};
use apimachinery::validate::is_dns1123_subdomain;
use apimachinery::{Problems, Value};
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
    validate,
    validate_update,
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

/// Every source a persistent volume can have.
const SOURCES: [&str; 22] = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
];

const SPEC: Path = Path::new("spec");

fn validate(volume: &Value, problems: &mut Problems) {
    let spec = &volume["spec"];
    access_modes_of(spec, SPEC, "", problems);
    let capacity = SPEC.field("capacity");
    if is_empty(spec, "capacity") {
        problems.required(capacity, "");
    } else if !has(&spec["capacity"], "storage") || count(spec, "capacity") > 1 {
        problems.not_supported(capacity, spec["capacity"].clone(), &["storage"]);
    }
    for (name, _) in entries(spec, "capacity") {
        positive_quantity(&spec["capacity"], name, capacity, problems);
    }
    one_of(spec, "persistentVolumeReclaimPolicy", SPEC, &["Delete", "Recycle", "Retain"], problems);
    one_of(spec, "volumeMode", SPEC, &["Block", "Filesystem"], problems);
    optional_name(spec, "storageClassName", SPEC, is_dns1123_subdomain, problems);
    source(spec, problems);
    if has(&spec["nodeAffinity"], "required") {
        let at = SPEC.field("nodeAffinity");
        node_selector(&spec["nodeAffinity"]["required"], at.field("required"), problems);
    } else if has(spec, "local") {
        problems.required(SPEC.field("nodeAffinity"), "Local volume requires node affinity");
    }
}

fn source(spec: &Value, problems: &mut Problems) {
    let mut given = SOURCES.iter().filter(|name| has(spec, name));
    let Some(name) = given.next() else {
        return problems.required(SPEC, "must specify a volume type");
    };
    validate_source(name, &spec[*name], SPEC.field(name), problems);
    for more in given {
        problems.forbidden(SPEC.field(more), "may not specify more than 1 volume type");
    }
    if text(&spec["hostPath"], "path") == "/" && text(spec, "persistentVolumeReclaimPolicy") == "Recycle" {
        let at = SPEC.field("persistentVolumeReclaimPolicy");
        problems.forbidden(at, "may not be 'recycle' for a hostPath of '/'");
    }
}

fn validate_update(new: &Value, old: &Value, problems: &mut Problems) {
    let (new, old) = (&new["spec"], &old["spec"]);
    if SOURCES.iter().any(|name| !same(&new[*name], &old[*name])) {
        let at = SPEC.field("persistentvolumesource");
        problems.forbidden(at, "spec.persistentvolumesource is immutable after creation");
    }
    immutable_fields(new, old, &["volumeMode"], SPEC, problems);
    if has(old, "nodeAffinity") {
        immutable_fields(new, old, &["nodeAffinity"], SPEC, problems);
    }
}
