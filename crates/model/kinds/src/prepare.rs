//! Strategies shared by most kinds: who may write `status`, and who everything else.
//!
//! Upstream: `registry/*/strategy.go` (PrepareForCreate, PrepareForUpdate and the status strategies).

use crate::Prepare;
use apimachinery::Value;

impl Prepare {
    /// For kinds without a status.
    pub const NOTHING: Self = Self { create: |_| {}, update: |_, _| {}, status: |_, _| {} };

    /// For kinds with a status subresource: status is written there and only there.
    pub const STATUS: Self = Self { create: drop_status, update: keep_status, status: keep_all_but_status };

    /// For kinds that carry an empty status from the start, as a type that is always written does.
    pub const EMPTY_STATUS: Self = Self { create: empty_status, ..Self::STATUS };

    /// The same; labels too are kept when the status is written (the kinds of apps/v1 and CRDs).
    pub const STATUS_AND_LABELS: Self = Self {
        status: |new, old| {
            keep_all_but_status(new, old);
            keep(&mut new["metadata"], &old["metadata"], "labels");
        },
        ..Self::EMPTY_STATUS
    };
}

pub fn empty_status(object: &mut Value) {
    if let Value::Object(fields) = object {
        fields.insert("status".to_owned(), serde_json::Map::new().into());
    }
}

pub fn drop_status(object: &mut Value) {
    if let Value::Object(fields) = object {
        fields.remove("status");
    }
}

pub fn keep_status(new: &mut Value, old: &Value) {
    keep(new, old, "status");
}

/// Metadata may change along with the status, as upstream has it, but not the owners.
pub fn keep_all_but_status(new: &mut Value, old: &Value) {
    let Value::Object(written) = new.take() else { return };
    *new = old.clone();
    for field in ["kind", "apiVersion", "metadata", "status"] {
        match written.get(field) {
            Some(value) => new[field] = value.clone(),
            None => _ = new.as_object_mut().and_then(|fields| fields.remove(field)),
        }
    }
    keep(&mut new["metadata"], &old["metadata"], "ownerReferences");
}

/// Makes one field of `new` what it was in `old`, absent if it was absent.
pub fn keep(new: &mut Value, old: &Value, field: &str) {
    let Value::Object(fields) = new else { return };
    match old.get(field) {
        Some(value) => _ = fields.insert(field.to_owned(), value.clone()),
        None => _ = fields.remove(field),
    }
}
