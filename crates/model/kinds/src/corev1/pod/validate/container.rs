//! Containers of all three lists.

use super::{env, probe, resources, security, volume};
use crate::checks::{descending_path, follows, no_backsteps, one_of, port_number, required_name, unique_names};
use crate::path::Path;
use crate::read::{count, flag, has, list, number, text};
use apimachinery::validate::{is_dns1123_label, is_valid_port_name};
use apimachinery::{Problems, Value};
use std::collections::BTreeSet;

/// What of a container is only for containers that live as long as the pod.
const LONG_LIVED_ONLY: [&str; 4] = ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"];

/// What may be set on an ephemeral container. Upstream: `allowedEphemeralContainerFields`.
const NOT_FOR_EPHEMERAL: [&str; 7] =
    ["ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resources", "resizePolicy"];

pub fn all(spec: &Value, at: Path, problems: &mut Problems) {
    let mut names = BTreeSet::new();
    let mut host_ports = BTreeSet::new();
    if count(spec, "containers") == 0 {
        problems.required(at.field("containers"), "");
    }
    for list_name in ["containers", "initContainers"] {
        let at = at.field(list_name);
        for (index, container) in list(spec, list_name).iter().enumerate() {
            let at = at.index(index);
            common(container, spec, at, problems);
            name_once(container, &mut names, at, problems);
            restarts(container, list_name == "initContainers", at, problems);
            probe::probes(container, spec, at, problems);
            // Init containers run one after the other, and so may use the same port.
            if list_name == "containers" || is_sidecar(container) {
                host_ports_once(container, &mut host_ports, at, problems);
            }
            if flag(spec, "hostNetwork") {
                host_network_ports(container, at, problems);
            }
        }
    }
    let at = at.field("ephemeralContainers");
    for (index, container) in list(spec, "ephemeralContainers").iter().enumerate() {
        let at = at.index(index);
        common(container, spec, at, problems);
        name_once(container, &mut names, at, problems);
        ephemeral(container, spec, at, problems);
    }
}

fn is_sidecar(container: &Value) -> bool {
    text(container, "restartPolicy") == "Always"
}

fn common(container: &Value, spec: &Value, at: Path, problems: &mut Problems) {
    required_name(container, "name", at, is_dns1123_label, problems);
    let image = text(container, "image");
    if image.is_empty() {
        problems.required(at.field("image"), "");
    } else if image.trim() != image {
        problems.invalid(at.field("image"), image, "must not have leading or trailing whitespace");
    }
    one_of(container, "terminationMessagePolicy", at, &["FallbackToLogsOnError", "File"], problems);
    one_of(container, "imagePullPolicy", at, &["Always", "IfNotPresent", "Never"], problems);
    ports(container, at.field("ports"), problems);
    env::env(container, at, problems);
    mounts(container, spec, at, problems);
    volume::devices(container, spec, at, problems);
    resources::requirements(&container["resources"], at.field("resources"), problems);
    security::container(container, spec, at.field("securityContext"), problems);
}

fn name_once<'a>(container: &'a Value, names: &mut BTreeSet<&'a str>, at: Path, problems: &mut Problems) {
    let name = text(container, "name");
    if !name.is_empty() && !names.insert(name) {
        problems.duplicate(at.field("name"), name);
    }
}

/// What only makes sense for containers that stay: an init container is one of them if it always restarts.
fn restarts(container: &Value, init: bool, at: Path, problems: &mut Problems) {
    if has(container, "restartPolicy") {
        one_of(container, "restartPolicy", at, &["Always", "Never", "OnFailure"], problems);
    }
    if !init || is_sidecar(container) {
        return;
    }
    for field in LONG_LIVED_ONLY.iter().filter(|field| has(container, field)) {
        problems.forbidden(at.field(field), "may not be set for init containers without restartPolicy=Always");
    }
}

fn ephemeral(container: &Value, spec: &Value, at: Path, problems: &mut Problems) {
    for field in NOT_FOR_EPHEMERAL {
        let set = match &container[field] {
            Value::Object(fields) => !fields.is_empty(),
            Value::Array(items) => !items.is_empty(),
            other => !other.is_null(),
        };
        if set {
            problems.forbidden(at.field(field), "cannot be set for an Ephemeral Container");
        }
    }
    let target = text(container, "targetContainerName");
    let known = ["containers", "initContainers"].iter().flat_map(|name| list(spec, name));
    if !target.is_empty() && !known.into_iter().any(|other| text(other, "name") == target) {
        problems.not_found(at.field("targetContainerName"), target);
    }
    let mounts = at.field("volumeMounts");
    for (index, mount) in list(container, "volumeMounts").iter().enumerate() {
        for field in ["subPath", "subPathExpr"].iter().filter(|field| !text(mount, field).is_empty()) {
            problems.forbidden(mounts.index(index).field(field), "cannot be set for an Ephemeral Container");
        }
    }
}

fn ports(container: &Value, at: Path, problems: &mut Problems) {
    for (index, port) in list(container, "ports").iter().enumerate() {
        let at = at.index(index);
        let name = text(port, "name");
        if !name.is_empty() {
            follows(name, at.field("name"), is_valid_port_name, problems);
        }
        match number(port, "containerPort") {
            0 => problems.required(at.field("containerPort"), ""),
            wanted => port_number(wanted, at.field("containerPort"), problems),
        }
        if number(port, "hostPort") != 0 {
            port_number(number(port, "hostPort"), at.field("hostPort"), problems);
        }
        one_of(port, "protocol", at, &["SCTP", "TCP", "UDP"], problems);
    }
    unique_names(list(container, "ports"), at, problems);
}

fn host_ports_once(container: &Value, used: &mut BTreeSet<String>, at: Path, problems: &mut Problems) {
    let at = at.field("ports");
    for (index, port) in list(container, "ports").iter().enumerate().filter(|(_, port)| number(port, "hostPort") != 0) {
        let taken = format!("{}/{}/{}", text(port, "protocol"), text(port, "hostIP"), number(port, "hostPort"));
        if !used.insert(taken.clone()) {
            problems.duplicate(at.index(index).field("hostPort"), taken);
        }
    }
}

fn host_network_ports(container: &Value, at: Path, problems: &mut Problems) {
    let at = at.field("ports");
    for (index, port) in list(container, "ports").iter().enumerate() {
        let (inside, outside) = (number(port, "containerPort"), number(port, "hostPort"));
        if outside != 0 && outside != inside {
            let message = "must match `hostPort` when `hostNetwork` is true";
            problems.invalid(at.index(index).field("containerPort"), inside, message);
        }
    }
}

fn mounts(container: &Value, spec: &Value, at: Path, problems: &mut Problems) {
    let at = at.field("volumeMounts");
    let mut places = BTreeSet::new();
    for (index, mount) in list(container, "volumeMounts").iter().enumerate() {
        let at = at.index(index);
        let name = text(mount, "name");
        if name.is_empty() {
            problems.required(at.field("name"), "");
        } else if !list(spec, "volumes").iter().any(|volume| text(volume, "name") == name) {
            problems.not_found(at.field("name"), name);
        }
        let place = text(mount, "mountPath");
        if place.is_empty() {
            problems.required(at.field("mountPath"), "");
        } else if !places.insert(place) {
            problems.invalid(at.field("mountPath"), place, "must be unique");
        }
        for field in ["subPath", "subPathExpr"].iter().filter(|field| !text(mount, field).is_empty()) {
            descending_path(text(mount, field), at.field(field), problems);
        }
        if !text(mount, "subPath").is_empty() && !text(mount, "subPathExpr").is_empty() {
            let message = "subPathExpr and subPath are mutually exclusive";
            problems.invalid(at.field("subPathExpr"), text(mount, "subPathExpr"), message);
        }
        propagation(mount, container, at, problems);
    }
    // Devices and mounts share the container's tree.
    let devices = list(container, "volumeDevices").iter().map(|device| text(device, "devicePath"));
    for path in devices.filter(|path| places.contains(path)) {
        no_backsteps(path, at, problems);
        problems.invalid(at, path, "must not already exist in volumeMounts");
    }
}

fn propagation(mount: &Value, container: &Value, at: Path, problems: &mut Problems) {
    const KNOWN: [&str; 3] = ["Bidirectional", "HostToContainer", "None"];
    if !has(mount, "mountPropagation") {
        return;
    }
    one_of(mount, "mountPropagation", at, &KNOWN, problems);
    let shared = text(mount, "mountPropagation") == "Bidirectional";
    if shared && !flag(&container["securityContext"], "privileged") {
        let message = "Bidirectional mount propagation is available only to privileged containers";
        problems.forbidden(at.field("mountPropagation"), message);
    }
}
