//! `apiextensions.k8s.io/v1` CustomResourceDefinition: a kind made by users.

use crate::cells::{CREATED_AT, NAME};
use crate::edit::{default, default_text, object, object_or_new};
use crate::read::text;
use crate::{KindDef, Prepare, Scope, Subresource};
use apimachinery::Value;

pub const KIND: KindDef = KindDef {
    short_names: &["crd", "crds"],
    categories: &["api-extensions"],
    scope: Scope::Cluster,
    subresources: &[Subresource::Status],
    generation: true,
    prepare: Prepare::STATUS_AND_LABELS,
    set_defaults,
    columns: &[NAME, CREATED_AT],
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
