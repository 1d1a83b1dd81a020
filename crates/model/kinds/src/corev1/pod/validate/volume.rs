//! Volumes of a pod: names, and that each has exactly one source.

use super::volume_source;
use crate::checks::{no_backsteps, required_name, unique_names};
use crate::path::Path;
use crate::read::{has, list, text};
use apimachinery::validate::is_dns1123_label;
use apimachinery::{Problems, Value};

/// Every source a pod's volume can have, in upstream's order (the first one found is the one meant).
const SOURCES: [&str; 30] = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "azureFile",
    "flocker",
    "flexVolume",
    "configMap",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
];

pub fn volumes(spec: &Value, at: Path, problems: &mut Problems) {
    let at = at.field("volumes");
    let volumes = list(spec, "volumes");
    for (index, volume) in volumes.iter().enumerate() {
        let at = at.index(index);
        source(volume, at, problems);
        required_name(volume, "name", at, is_dns1123_label, problems);
    }
    unique_names(volumes, at, problems);
}

fn source(volume: &Value, at: Path, problems: &mut Problems) {
    let mut given = SOURCES.iter().filter(|name| has(volume, name));
    let Some(name) = given.next() else {
        return problems.required(at, "must specify a volume type");
    };
    volume_source::validate(name, &volume[*name], at.field(name), problems);
    for more in given {
        problems.forbidden(at.field(more), "may not specify more than 1 volume type");
    }
}

/// Block devices of a container.
pub fn devices(container: &Value, spec: &Value, at: Path, problems: &mut Problems) {
    let at = at.field("volumeDevices");
    let devices = list(container, "volumeDevices");
    for (index, device) in devices.iter().enumerate() {
        let at = at.index(index);
        let (name, path) = (text(device, "name"), text(device, "devicePath"));
        let volume = list(spec, "volumes").iter().find(|volume| text(volume, "name") == name);
        match volume {
            _ if name.is_empty() => problems.required(at.field("name"), ""),
            None => problems.not_found(at.field("name"), name),
            Some(volume) if !has(volume, "persistentVolumeClaim") && !has(volume, "ephemeral") => {
                let message = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                problems.invalid(at.field("name"), name, message);
            }
            Some(_) => {}
        }
        if path.is_empty() {
            problems.required(at.field("devicePath"), "");
        } else if devices[..index].iter().any(|other| text(other, "devicePath") == path) {
            problems.invalid(at.field("devicePath"), path, "must be unique");
        } else {
            no_backsteps(path, at.field("devicePath"), problems);
        }
    }
}
