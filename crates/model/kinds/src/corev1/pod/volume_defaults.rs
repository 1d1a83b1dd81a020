//! Defaults of volumes, by type.
//!
//! Upstream: `pkg/apis/core/v1/defaults.go` (SetDefaults_*VolumeSource).

use super::defaults::{field_version, pull_policy};
use crate::edit::{default, default_text, each, items, object};
use crate::read::text;
use apimachinery::Value;

/// Permissions of files made from secrets, config maps and the like: 0644.
const FILE_MODE: i64 = 0o644;

/// Texts that sources of several homes (pods and persistent volumes) are given: source, field, value.
const TEXTS: &[(&str, &str, &str)] = &[
    ("iscsi", "iscsiInterface", "default"),
    ("rbd", "pool", "rbd"),
    ("rbd", "user", "admin"),
    ("rbd", "keyring", "/etc/ceph/keyring"),
    ("azureDisk", "cachingMode", "ReadWrite"),
    ("azureDisk", "kind", "Shared"),
    ("azureDisk", "fsType", "ext4"),
    ("scaleIO", "storageMode", "ThinProvisioned"),
    ("scaleIO", "fsType", "xfs"),
];

/// A volume of a pod.
pub fn set_defaults(volume: &mut Value) {
    let named_only =
        volume.as_object().is_some_and(|fields| fields.iter().all(|(key, value)| key == "name" || value.is_null()));
    if named_only {
        default(volume, "emptyDir", serde_json::Map::new());
    }
    set_source_defaults(volume);
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = object(volume, source) {
            default(source, "defaultMode", FILE_MODE);
        }
    }
    if let Some(source) = object(volume, "downwardAPI") {
        each(source, "items", field_version);
    }
    if let Some(source) = object(volume, "projected") {
        each(source, "sources", projection);
    }
    if let Some(image) = object(volume, "image") {
        let policy = pull_policy(text(image, "reference"));
        default_text(image, "pullPolicy", policy);
    }
    if let Some(claim) = object(volume, "ephemeral").and_then(|source| object(source, "volumeClaimTemplate"))
        && let Some(spec) = object(claim, "spec")
    {
        default(spec, "volumeMode", "Filesystem");
    }
}

/// The sources that persistent volumes have too.
pub fn set_source_defaults(parent: &mut Value) {
    if let Some(source) = object(parent, "hostPath") {
        default(source, "type", "");
    }
    for (source, field, value) in TEXTS {
        if let Some(source) = object(parent, source) {
            default_text(source, field, value);
        }
    }
    if let Some(source) = object(parent, "azureDisk") {
        default(source, "readOnly", false);
    }
}

fn projection(source: &mut Value) {
    if let Some(token) = object(source, "serviceAccountToken") {
        default(token, "expirationSeconds", 3600);
    }
    if let Some(downward) = object(source, "downwardAPI") {
        for item in items(downward, "items") {
            field_version(item);
        }
    }
}
