//! Defaults of pods and pod templates.
//!
//! Invariants
//! - Idempotent, and never overwrites what is set.
//! - What only pods get (requests from limits, host ports, service links) is kept out of templates, so that a
//!   template stays as its writer wrote it.
//!
//! Upstream: `pkg/apis/core/v1/defaults.go`, `zz_generated.defaults.go`.

use super::resources::PodNeeds;
use super::volume_defaults;
use crate::edit::{default, default_number, default_text, each, items, object, object_or_new};
use crate::quantities;
use crate::read::{flag, has, number, text};
use apimachinery::Value;

/// The lists of containers of a pod spec.
pub const CONTAINER_LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

pub fn set_defaults(pod: &mut Value) {
    let Some(spec) = object_or_new(pod, "spec") else { return };
    set_spec_defaults(spec);
    for list in ["containers", "initContainers"] {
        each(spec, list, requests_from_limits);
    }
    requests_of_whole_pod(spec);
    default(spec, "enableServiceLinks", true);
    if flag(spec, "hostNetwork") {
        for list in ["containers", "initContainers"] {
            each(spec, list, |container| each(container, "ports", host_port));
        }
    }
}

/// The pod template under `parent.template`, of a workload's spec.
pub fn set_template_defaults(parent: &mut Value) {
    let Some(template) = object_or_new(parent, "template") else { return };
    default(template, "metadata", serde_json::Map::new());
    if let Some(spec) = object_or_new(template, "spec") {
        set_spec_defaults(spec);
    }
}

/// What pods and templates share.
pub fn set_spec_defaults(spec: &mut Value) {
    default_text(spec, "dnsPolicy", "ClusterFirst");
    default_text(spec, "restartPolicy", "Always");
    default(spec, "securityContext", serde_json::Map::new());
    default(spec, "terminationGracePeriodSeconds", 30);
    default_text(spec, "schedulerName", "default-scheduler");
    mirror_service_account(spec);
    for list in CONTAINER_LISTS {
        each(spec, list, container);
    }
    each(spec, "volumes", volume_defaults::set_defaults);
    quantities::canonicalize(spec, "overhead");
    if let Some(resources) = object(spec, "resources") {
        quantities::canonicalize_requirements(resources);
    }
}

/// The old name of the field is kept equal to the new one, as upstream's conversion does.
fn mirror_service_account(spec: &mut Value) {
    let name = match text(spec, "serviceAccountName") {
        "" => text(spec, "serviceAccount"),
        name => name,
    };
    if !name.is_empty() {
        let name = name.to_owned();
        spec["serviceAccountName"] = name.clone().into();
        spec["serviceAccount"] = name.into();
    }
}

fn container(container: &mut Value) {
    let policy = pull_policy(text(container, "image"));
    default_text(container, "imagePullPolicy", policy);
    default_text(container, "terminationMessagePath", "/dev/termination-log");
    default_text(container, "terminationMessagePolicy", "File");
    default(container, "resources", serde_json::Map::new());
    if let Some(resources) = object(container, "resources") {
        quantities::canonicalize_requirements(resources);
    }
    each(container, "ports", |port| default_text(port, "protocol", "TCP"));
    for variable in items(container, "env") {
        if let Some(source) = object(variable, "valueFrom") {
            field_version(source);
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(found) = object(container, name) {
            probe(found);
        }
    }
    if let Some(lifecycle) = object(container, "lifecycle") {
        for moment in ["postStart", "preStop"] {
            if let Some(action) = object(lifecycle, moment).and_then(|handler| object(handler, "httpGet")) {
                http_get(action);
            }
        }
    }
}

/// `Always` for the tag `latest`, written or implied; an image named by digest needs no look.
pub fn pull_policy(image: &str) -> &'static str {
    let (name, digest) = image.split_once('@').map_or((image, ""), |(name, digest)| (name, digest));
    // A colon before the last slash belongs to the registry's port.
    let last = name.rsplit('/').next().unwrap_or(name);
    match last.split_once(':') {
        Some((_, "latest")) => "Always",
        Some(_) => "IfNotPresent",
        None if digest.is_empty() => "Always",
        None => "IfNotPresent",
    }
}

fn probe(probe: &mut Value) {
    default_number(probe, "timeoutSeconds", 1);
    default_number(probe, "periodSeconds", 10);
    default_number(probe, "successThreshold", 1);
    default_number(probe, "failureThreshold", 3);
    if let Some(action) = object(probe, "httpGet") {
        http_get(action);
    }
    if let Some(action) = object(probe, "grpc") {
        default(action, "service", "");
    }
}

fn http_get(action: &mut Value) {
    default_text(action, "path", "/");
    default_text(action, "scheme", "HTTP");
}

/// The version of a `fieldRef`.
pub fn field_version(source: &mut Value) {
    if let Some(field) = object(source, "fieldRef") {
        default_text(field, "apiVersion", "v1");
    }
}

fn requests_from_limits(container: &mut Value) {
    let Some(resources) = object(container, "resources") else { return };
    let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else { return };
    let Some(requests) = object_or_new(resources, "requests") else { return };
    for (name, limit) in limits {
        default(requests, &name, limit);
    }
}

/// Pod-level limits imply pod-level requests: those of all containers together, or else the limit.
fn requests_of_whole_pod(spec: &mut Value) {
    let Some(limits) = spec["resources"]["limits"].as_object().cloned() else { return };
    let of_containers = PodNeeds::of_value(spec).of_containers(|needs| &needs.requests);
    let Some(requests) = object(spec, "resources").and_then(|resources| object_or_new(resources, "requests")) else {
        return;
    };
    for name in ["cpu", "memory"] {
        if let Some(quantity) = of_containers.get(name) {
            default(requests, name, quantity.to_string());
        }
    }
    for (name, limit) in limits {
        default(requests, &name, limit);
    }
}

fn host_port(port: &mut Value) {
    if has(port, "containerPort") {
        let wanted = number(port, "containerPort");
        default_number(port, "hostPort", wanted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pull_policy_follows_the_tag() {
        let check = |image, policy| assert_eq!(pull_policy(image), policy, "{image}");
        check("nginx", "Always");
        check("nginx:latest", "Always");
        check("nginx:1.27", "IfNotPresent");
        check("registry:5000/nginx", "Always");
        check("registry:5000/nginx:1", "IfNotPresent");
        check("nginx@sha256:0123", "IfNotPresent");
        check("nginx:latest@sha256:0123", "Always");
    }
}
