//! `apiextensions.k8s.io/v1` CustomResourceDefinition: a kind made by users.

use super::rules;
use crate::cells::{CREATED_AT, NAME};
use crate::edit::{default, default_text, list_or_new, object, object_or_new};
use crate::prepare::{empty_status, keep_status};
use crate::read::{flag, list, text};
use crate::{KindDef, Prepare, Scope, Subresource};
use apimachinery::Value;

pub const KIND: KindDef = KindDef {
    short_names: &["crd", "crds"],
    categories: &["api-extensions"],
    scope: Scope::Cluster,
    subresources: &[Subresource::Status],
    generation: true,
    prepare: Prepare { create, update, ..Prepare::STATUS_AND_LABELS },
    set_defaults,
    columns: &[NAME, CREATED_AT],
    validate: rules::validate,
    validate_update: rules::validate_update,
    ..KindDef::new(
        ("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
        ("customresourcedefinitions", "customresourcedefinition"),
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
    )
};

fn set_defaults(definition: &mut Value) {
    let Some(spec) = object(definition, "spec") else { return };
    if let Some(names) = object(spec, "names") {
        let kind = text(names, "kind").to_owned();
        if !kind.is_empty() {
            default_text(names, "singular", &kind.to_lowercase());
            default_text(names, "listKind", &format!("{kind}List"));
        }
    }
    if let Some(conversion) = object_or_new(spec, "conversion") {
        default_text(conversion, "strategy", "None");
        if let Some(service) = object(conversion, "webhook")
            .and_then(|webhook| object(webhook, "clientConfig"))
            .and_then(|config| object(config, "service"))
        {
            default(service, "port", 443);
        }
    }
}

fn create(definition: &mut Value) {
    empty_status(definition);
    note_stored_version(definition);
}

fn update(definition: &mut Value, old: &Value) {
    keep_status(definition, old);
    note_stored_version(definition);
}

/// Remembers every version that objects were ever stored in, until somebody has converted them.
fn note_stored_version(definition: &mut Value) {
    let storing = list(&definition["spec"], "versions").iter().find(|version| flag(version, "storage"));
    let Some(name) = storing.map(|version| text(version, "name").to_owned()) else { return };
    if let Some(status) = object_or_new(definition, "status")
        && let Some(versions) = list_or_new(status, "storedVersions")
        && !versions.iter().any(|version| *version == name)
    {
        versions.push(name.into());
    }
}
