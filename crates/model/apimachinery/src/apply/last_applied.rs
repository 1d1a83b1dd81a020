//! The way from client-side to server-side apply: `kubectl apply` keeps what it applied in an annotation.
//!
//! Fields of that annotation that still have their applied value may be taken over without `--force-conflicts` by a
//! server-side apply of `kubectl`, and the annotation is kept up to date. Upstream:
//! `apimachinery/pkg/util/managedfields/internal/lastappliedmanager.go`, `lastappliedupdater.go`.

use super::compare::compare;
use super::fieldset::FieldSet;
use super::typed::to_field_set;
use crate::{Value, meta};
use schema::SchemaRef;

/// The only manager this is done for.
pub(super) const MANAGER: &str = "kubectl";
const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Annotations' total; a longer text would make the object invalid.
const MAX_BYTES: usize = 256 * 1024;

/// Fields of the annotation whose live value is the applied one.
pub(super) fn unchanged_fields(live: &Value, schema: SchemaRef<'_>) -> FieldSet {
    let Some(text) = meta::annotation(live, ANNOTATION) else { return FieldSet::default() };
    let Ok(applied) = serde_json::from_str::<Value>(text) else { return FieldSet::default() };
    if applied["apiVersion"] != live["apiVersion"] {
        return FieldSet::default();
    }
    let changes = compare(&applied, live, schema);
    let set = to_field_set(&applied, schema);
    set.difference(&changes.modified).difference(&changes.added).difference(&changes.removed)
}

/// Puts the document just applied into the annotation, where the object has one.
pub(super) fn refresh(object: &mut Value, applied: &Value) {
    if meta::annotation(object, ANNOTATION).is_none() {
        return;
    }
    let mut applied = applied.clone();
    meta::remove(&mut applied, "managedFields");
    meta::remove_annotation(&mut applied, ANNOTATION);
    let text = format!("{applied}\n");
    meta::set_annotation(object, ANNOTATION, if text.len() <= MAX_BYTES { &text } else { "" });
}
