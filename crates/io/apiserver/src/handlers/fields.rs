//! Who owns which field: `metadata.managedFields` on every write.

use super::Call;
use super::write::now_text;
use apimachinery::apply::{self, Writer};
use apimachinery::{ApiResult, Value};

/// How a change is made, as far as ownership of fields goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The whole object or a patch of it: what differs is the manager's now.
    Update,
    /// Server-side apply: merged and recorded already.
    Applied,
}

pub fn on_create(call: &Call<'_>, object: &mut Value, way: Way) {
    if way == Way::Update {
        with_writer(call, |writer| apply::update(None, object, call.resource.schema(), writer));
    }
}

pub fn on_update(call: &Call<'_>, new: &mut Value, old: &Value, way: Way) {
    if way == Way::Update {
        with_writer(call, |writer| apply::update(Some(old), new, call.resource.schema(), writer));
    }
}

/// Whether a document can be applied at all.
///
/// # Errors
/// 400 for one of another version or kind, 500 (as upstream) for one that does not fit the schema.
pub fn check_applied(call: &Call<'_>, patch: &Value) -> ApiResult<()> {
    Ok(with_writer(call, |writer| apply::check_patch(patch, call.resource.schema(), &call.resource.gvk.kind, writer))?)
}

/// Merges an applied document into the present object, or makes a new one of it.
///
/// # Errors
/// 409 if others own what it would change, 400 if it cannot be applied.
pub fn merged(call: &Call<'_>, patch: &Value, old: Option<&Value>) -> ApiResult<Value> {
    let schema = call.resource.schema();
    Ok(with_writer(call, |writer| apply::apply(old, patch, schema, writer, call.params.force))?)
}

fn with_writer<T>(call: &Call<'_>, run: impl FnOnce(&Writer<'_>) -> T) -> T {
    const NOTHING: &[&[&str]] = &[];
    const STATUS: &[&[&str]] = &[&["status"]];
    const ALL_BUT_STATUS: &[&[&str]] = &[&["spec"]];
    let reset = match call.subresource {
        "" if call.resource.has_status() => STATUS,
        "status" => ALL_BUT_STATUS,
        _ => NOTHING,
    };
    let manager = if call.params.manager.is_empty() { "unknown" } else { &call.params.manager };
    let api_version = call.resource.gvk.api_version();
    run(&Writer { manager, api_version: &api_version, subresource: call.subresource, now: &now_text(), reset })
}
