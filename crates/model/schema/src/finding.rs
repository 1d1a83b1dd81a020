//! What is wrong at a place, as plain data: this crate lies below the one that knows error answers.

use serde_json::Value;

/// One cause of a refusal, in upstream's words (`apimachinery/pkg/util/validation/field/errors.go`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Upstream's `FieldValueInvalid`, `FieldValueRequired`, ...
    pub reason: &'static str,
    /// `spec.containers[0].name`; `<nil>` where upstream names none.
    pub field: String,
    /// `Invalid value: "x": must be ...`
    pub message: String,
}

impl Finding {
    pub(crate) fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self::new("FieldValueInvalid", field, format!("Invalid value: {}: {detail}", shown(value)))
    }

    pub(crate) fn type_invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self::new("FieldValueTypeInvalid", field, format!("Invalid value: {}: {detail}", shown(value)))
    }

    pub(crate) fn required(field: impl Into<String>, detail: &str) -> Self {
        let colon = if detail.is_empty() { "" } else { ": " };
        Self::new("FieldValueRequired", field, format!("Required value{colon}{detail}"))
    }

    pub(crate) fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::new("FieldValueForbidden", field, format!("Forbidden: {detail}"))
    }

    pub(crate) fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::new("FieldValueDuplicate", field, format!("Duplicate value: {}", shown(value)))
    }

    pub(crate) fn not_supported(field: impl Into<String>, value: &Value, supported: &[&Value]) -> Self {
        let known: Vec<String> = supported.iter().map(|value| format!("{:?}", text(value))).collect();
        let message = format!("Unsupported value: {}: supported values: {}", shown(value), known.join(", "));
        Self::new("FieldValueNotSupported", field, message)
    }

    pub(crate) fn new(reason: &'static str, field: impl Into<String>, message: String) -> Self {
        Self { reason, field: field.into(), message }
    }
}

/// Texts are quoted as Go quotes them, everything else is its JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
