//! What must hold of a volume's source, by type; also of those that persistent volumes have.

use super::env::{FILE_FIELDS, field_ref, resource_ref};
use crate::checks::{descending_path, no_backsteps, one_of, required};
use crate::corev1::persistent_volume_claim::validate_spec as validate_claim;
use crate::path::Path;
use crate::quantities;
use crate::read::{has, list, number, text};
use apimachinery::{Problems, Value};

/// Fields without which a source is of no use. Cloud disks and old network file systems are checked for no more.
const REQUIRED: &[(&str, &[&str])] = &[
    ("awsElasticBlockStore", &["volumeID"]),
    ("azureDisk", &["diskName", "diskURI"]),
    ("azureFile", &["secretName", "shareName"]),
    ("cephfs", &["monitors"]),
    ("cinder", &["volumeID"]),
    ("csi", &["driver"]),
    ("flexVolume", &["driver"]),
    ("gcePersistentDisk", &["pdName"]),
    ("gitRepo", &["repository"]),
    ("glusterfs", &["endpoints", "path"]),
    ("hostPath", &["path"]),
    ("image", &["reference"]),
    ("iscsi", &["targetPortal", "iqn"]),
    ("local", &["path"]),
    ("nfs", &["server", "path"]),
    ("persistentVolumeClaim", &["claimName"]),
    ("photonPersistentDisk", &["pdID"]),
    ("portworxVolume", &["volumeID"]),
    ("quobyte", &["registry", "volume"]),
    ("rbd", &["monitors", "image"]),
    ("scaleIO", &["gateway", "system", "volumeName"]),
    ("secret", &["secretName"]),
    ("vsphereVolume", &["volumePath"]),
];

const HOST_PATH_TYPES: [&str; 8] =
    ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];

/// A source of the named type; `at` ends in its name.
pub fn validate(kind: &str, source: &Value, at: Path, problems: &mut Problems) {
    for field in REQUIRED.iter().filter(|(name, _)| *name == kind).flat_map(|(_, fields)| *fields) {
        required(source, field, at, problems);
    }
    match kind {
        "emptyDir" => empty_dir(source, at, problems),
        "hostPath" => host_path(source, at, problems),
        "nfs" if !text(source, "path").is_empty() && !text(source, "path").starts_with('/') => {
            problems.invalid(at.field("path"), text(source, "path"), "must be an absolute path");
        }
        "secret" | "configMap" => {
            if kind == "configMap" {
                required(source, "name", at, problems);
            }
            file_mode(source, "defaultMode", at, problems);
            keys_to_paths(source, at, problems);
        }
        "downwardAPI" => {
            file_mode(source, "defaultMode", at, problems);
            downward_items(source, at, problems);
        }
        "projected" => projected(source, at, problems),
        "ephemeral" => ephemeral(source, at, problems),
        "image" if has(source, "pullPolicy") => {
            one_of(source, "pullPolicy", at, &["Always", "IfNotPresent", "Never"], problems);
        }
        "local" => no_backsteps(text(source, "path"), at.field("path"), problems),
        _ => {}
    }
}

fn empty_dir(source: &Value, at: Path, problems: &mut Problems) {
    let Some(limit) = source.get("sizeLimit").filter(|limit| !limit.is_null()) else { return };
    if quantities::parse(limit).is_none_or(|limit| limit.sign() < 0) {
        problems.forbidden(at.field("sizeLimit"), "SizeLimit field must be a valid resource quantity");
    }
}

fn host_path(source: &Value, at: Path, problems: &mut Problems) {
    no_backsteps(text(source, "path"), at.field("path"), problems);
    let kind = text(source, "type");
    if !HOST_PATH_TYPES.contains(&kind) {
        problems.not_supported(at.field("type"), kind, &HOST_PATH_TYPES);
    }
}

fn file_mode(source: &Value, field: &str, at: Path, problems: &mut Problems) {
    let Some(mode) = source.get(field).and_then(Value::as_i64) else { return };
    if !(0..=0o777).contains(&mode) {
        problems.invalid(at.field(field), mode, "must be a number between 0 and 0777 (octal), both inclusive");
    }
}

fn keys_to_paths(source: &Value, at: Path, problems: &mut Problems) {
    let items = at.field("items");
    for (index, item) in list(source, "items").iter().enumerate() {
        let at = items.index(index);
        required(item, "key", at, problems);
        file_path(item, at, problems);
        file_mode(item, "mode", at, problems);
    }
}

fn file_path(item: &Value, at: Path, problems: &mut Problems) {
    if !required(item, "path", at, problems) {
        return;
    }
    let path = text(item, "path");
    descending_path(path, at.field("path"), problems);
    // Names that start so belong to the writer of the volume.
    if path.starts_with("..") && path != ".." && !path.starts_with("../") {
        problems.invalid(at.field("path"), path, "must not start with '..'");
    }
}

fn downward_items(source: &Value, at: Path, problems: &mut Problems) {
    let items = at.field("items");
    for (index, item) in list(source, "items").iter().enumerate() {
        let at = items.index(index);
        file_path(item, at, problems);
        match (has(item, "fieldRef"), has(item, "resourceFieldRef")) {
            (true, true) => {
                problems.invalid(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously");
            }
            (true, false) => field_ref(&item["fieldRef"], at.field("fieldRef"), &FILE_FIELDS, problems),
            (false, true) => resource_ref(&item["resourceFieldRef"], true, at.field("resourceFieldRef"), problems),
            (false, false) => problems.required(at, "one of fieldRef and resourceFieldRef is required"),
        }
        file_mode(item, "mode", at, problems);
    }
}

fn projected(source: &Value, at: Path, problems: &mut Problems) {
    file_mode(source, "defaultMode", at, problems);
    let sources = at.field("sources");
    for (index, source) in list(source, "sources").iter().enumerate() {
        let at = sources.index(index);
        let known =
            ["secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate"];
        let mut given = known.iter().filter(|name| has(source, name));
        let Some(name) = given.next() else {
            problems.required(at, "must specify a volume type");
            continue;
        };
        projection(name, &source[*name], at.field(name), problems);
        for more in given {
            problems.forbidden(at.field(more), "may not specify more than 1 volume type per source");
        }
    }
}

fn projection(kind: &str, source: &Value, at: Path, problems: &mut Problems) {
    match kind {
        "secret" | "configMap" => {
            required(source, "name", at, problems);
            keys_to_paths(source, at, problems);
        }
        "downwardAPI" => downward_items(source, at, problems),
        "serviceAccountToken" => token(source, at, problems),
        _ => {}
    }
}

/// A token lives for ten minutes at least.
fn token(source: &Value, at: Path, problems: &mut Problems) {
    const SHORTEST: i64 = 600;
    let seconds = number(source, "expirationSeconds");
    if seconds < SHORTEST {
        problems.invalid(at.field("expirationSeconds"), seconds, "may not specify a duration less than 10 minutes");
    }
    if seconds > 1 << 32 {
        problems.invalid(at.field("expirationSeconds"), seconds, "may not specify a duration larger than 2^32 seconds");
    }
    file_path(source, at, problems);
}

fn ephemeral(source: &Value, at: Path, problems: &mut Problems) {
    let at = at.field("volumeClaimTemplate");
    if !has(source, "volumeClaimTemplate") {
        return problems.required(at, "");
    }
    validate_claim(&source["volumeClaimTemplate"]["spec"], at.field("spec"), problems);
}
