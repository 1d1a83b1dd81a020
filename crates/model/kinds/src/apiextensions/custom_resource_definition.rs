//! `apiextensions.k8s.io/v1` CustomResourceDefinition: a kind made by users.

use crate::{KindDef, Prepare, Scope, Subresource};

pub const KIND: KindDef = KindDef {
    short_names: &["crd", "crds"],
    categories: &["api-extensions"],
    scope: Scope::Cluster,
    subresources: &[Subresource::Status],
    generation: true,
    prepare: Prepare::STATUS_AND_LABELS,
    ..KindDef::new(
        ("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
        ("customresourcedefinitions", "customresourcedefinition"),
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
    )
};
