//! `v1` Node: a machine that runs pods.

use crate::cells::{AGE, NAME, column, or, wide};
use crate::checks::{follows, one_of, same};
use crate::edit::{default, object};
use crate::path::Path;
use crate::quantities;
use crate::read::{entries, flag, is_empty, list, text};
use crate::{KindDef, Prepare, Scope, Subresource};
use apimachinery::validate::{is_qualified_name, is_valid_label_value};
use apimachinery::{Problems, Value};
use std::collections::BTreeSet;

pub const KIND: KindDef = KindDef {
    short_names: &["no"],
    scope: Scope::Cluster,
    subresources: &[
        Subresource::Status,
        Subresource::Special {
            name: "proxy",
            kind: ("", "v1", "NodeProxyOptions"),
            verbs: &["create", "delete", "get", "patch", "update"],
        },
    ],
    selectable: &[("spec.unschedulable", "/spec/unschedulable")],
    // The node agent writes its status when it registers the node.
    prepare: Prepare { create: |_| {}, ..Prepare::STATUS },
    set_defaults,
    columns: &[
        NAME,
        column("Status", "The status of the node", |node, _| status(node).into()),
        column("Roles", "The roles of the node", |node, _| roles(node)),
        AGE,
        column("Version", "The version of the node agent.", |node, _| text(info(node), "kubeletVersion").into()),
        wide("Internal-IP", "The node's address within the cluster.", |node, _| address(node, "InternalIP")),
        wide("External-IP", "The node's address from outside.", |node, _| address(node, "ExternalIP")),
        wide("OS-Image", "The operating system.", |node, _| or(text(info(node), "osImage"), "<unknown>")),
        wide("Kernel-Version", "The kernel.", |node, _| or(text(info(node), "kernelVersion"), "<unknown>")),
        wide("Container-Runtime", "What runs the containers.", |node, _| {
            or(text(info(node), "containerRuntimeVersion"), "<unknown>")
        }),
    ],
    validate,
    validate_update,
    ..KindDef::new(("", "v1", "Node"), ("nodes", "node"), "io.k8s.api.core.v1.Node")
};

fn set_defaults(node: &mut Value) {
    if let Some(status) = object(node, "status") {
        let capacity = status.get("capacity").filter(|capacity| capacity.is_object()).cloned();
        if let Some(capacity) = capacity {
            default(status, "allocatable", capacity);
        }
        quantities::canonicalize(status, "capacity");
        quantities::canonicalize(status, "allocatable");
    }
}

fn info(node: &Value) -> &Value {
    &node["status"]["nodeInfo"]
}

/// `Ready`, `NotReady,SchedulingDisabled`, `Unknown`.
fn status(node: &Value) -> String {
    let ready = list(&node["status"], "conditions").iter().find(|condition| text(condition, "type") == "Ready");
    let mut shown = match ready.map(|condition| text(condition, "status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if flag(&node["spec"], "unschedulable") {
        shown.push_str(",SchedulingDisabled");
    }
    shown
}

fn roles(node: &Value) -> Value {
    let role_of = |(key, value): (&String, &Value)| match key.strip_prefix("node-role.kubernetes.io/") {
        Some(role) => Some(role.to_owned()),
        None if key == "kubernetes.io/role" => value.as_str().map(str::to_owned),
        None => None,
    };
    let roles: BTreeSet<String> =
        entries(&node["metadata"], "labels").filter_map(role_of).filter(|role| !role.is_empty()).collect();
    or(&roles.into_iter().collect::<Vec<_>>().join(","), "<none>")
}

fn address(node: &Value, kind: &str) -> Value {
    let found = list(&node["status"], "addresses").iter().find(|address| text(address, "type") == kind);
    or(found.map_or("", |address| text(address, "address")), "<none>")
}

fn validate(node: &Value, problems: &mut Problems) {
    let at = Path::new("spec.taints");
    let taints = list(&node["spec"], "taints");
    for (index, taint) in taints.iter().enumerate() {
        let at = at.index(index);
        follows(text(taint, "key"), at.field("key"), is_qualified_name, problems);
        follows(text(taint, "value"), at.field("value"), is_valid_label_value, problems);
        one_of(taint, "effect", at, &["NoExecute", "NoSchedule", "PreferNoSchedule"], problems);
        let same =
            |other: &Value| text(other, "key") == text(taint, "key") && text(other, "effect") == text(taint, "effect");
        if taints[..index].iter().any(same) {
            problems.duplicate(at, taint.clone());
        }
    }
}

/// What a node is given once it keeps.
fn validate_update(new: &Value, old: &Value, problems: &mut Problems) {
    for (field, name) in [("podCIDRs", "podCIDR"), ("providerID", "providerID")] {
        if !is_empty(&old["spec"], field) && !same(&new["spec"][field], &old["spec"][field]) {
            let message = format!("node updates may not change {name} except from \"\" to valid");
            problems.forbidden(Path::new("spec").field(field), &message);
        }
    }
}
