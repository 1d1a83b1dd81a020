//! `v1` Namespace: the room names of most kinds live in.

use crate::cells::{AGE, NAME, column};
use crate::checks::follows;
use crate::edit::{default_text, list_or_new, object, object_or_new};
use crate::path::Path;
use crate::prepare::{keep, keep_status};
use crate::read::{list, text};
use crate::{KindDef, NameRule, Prepare, Scope, Subresource};
use apimachinery::validate::is_qualified_name;
use apimachinery::{Problems, Value};
use serde_json::json;

pub const KIND: KindDef = KindDef {
    short_names: &["ns"],
    scope: Scope::Cluster,
    verbs: &["create", "delete", "get", "list", "patch", "update", "watch"],
    subresources: &[
        Subresource::Special { name: "finalize", kind: ("", "v1", "Namespace"), verbs: &["update"] },
        Subresource::Status,
    ],
    selectable: &[("status.phase", "/status/phase")],
    prepare: Prepare { create: prepare_create, update: prepare_update, ..Prepare::STATUS },
    name_rule: NameRule::Label,
    set_defaults,
    columns: &[
        NAME,
        column("Status", "The status of the namespace", |namespace, _| text(&namespace["status"], "phase").into()),
        AGE,
    ],
    validate,
    ..KindDef::new(("", "v1", "Namespace"), ("namespaces", "namespace"), "io.k8s.api.core.v1.Namespace")
};

/// The finalizer that holds a namespace until it is empty.
pub const FINALIZER: &str = "kubernetes";

/// The label that carries a namespace's own name.
pub const NAME_LABEL: &str = "kubernetes.io/metadata.name";

fn set_defaults(namespace: &mut Value) {
    label_with_name(namespace);
    if let Some(status) = object_or_new(namespace, "status") {
        default_text(status, "phase", "Active");
    }
}

fn label_with_name(namespace: &mut Value) {
    let name = text(&namespace["metadata"], "name").to_owned();
    if !name.is_empty()
        && let Some(metadata) = object(namespace, "metadata")
        && let Some(labels) = object_or_new(metadata, "labels")
    {
        labels[NAME_LABEL] = name.into();
    }
}

/// A namespace is born active and held by its finalizer; afterwards only `finalize` lets go of it.
fn prepare_create(namespace: &mut Value) {
    // A generated name was not known yet when defaults were set.
    label_with_name(namespace);
    namespace["status"] = json!({"phase": "Active"});
    if let Some(spec) = object_or_new(namespace, "spec")
        && let Some(finalizers) = list_or_new(spec, "finalizers")
        && !finalizers.iter().any(|held| held == FINALIZER)
    {
        finalizers.push(FINALIZER.into());
    }
}

fn prepare_update(namespace: &mut Value, old: &Value) {
    keep_status(namespace, old);
    if let Some(spec) = object_or_new(namespace, "spec") {
        keep(spec, &old["spec"], "finalizers");
    }
}

fn validate(namespace: &Value, problems: &mut Problems) {
    let at = Path::new("spec.finalizers");
    for (index, finalizer) in list(&namespace["spec"], "finalizers").iter().enumerate() {
        follows(finalizer.as_str().unwrap_or(""), at.index(index), is_qualified_name, problems);
    }
}
