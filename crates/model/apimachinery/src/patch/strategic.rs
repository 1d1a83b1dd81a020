//! Strategic merge patches.
use super::PatchError;
use crate::Value;
use schema::SchemaRef;

pub fn apply(_original: Value, _patch: &Value, _schema: SchemaRef<'_>) -> Result<Value, PatchError> {
    todo!()
}

/// What Go's decoder calls the kind of a JSON value.
pub(super) fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
