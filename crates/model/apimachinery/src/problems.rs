//! What is wrong with an object, all of it at once, in upstream's words.
//!
//! Upstream: `apimachinery/pkg/util/validation/field/errors.go`. Scripts match on these texts.

use crate::Value;

/// One cause of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Upstream's `FieldValueInvalid`, `FieldValueRequired`, ...
    pub reason: &'static str,
    /// `spec.containers[0].name`.
    pub field: String,
    /// `Invalid value: "x": must be ...`
    pub message: String,
}

/// Collects problems while an object is checked.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
}

impl Problems {
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn into_vec(self) -> Vec<Problem> {
        self.list
    }

    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// Adds one that was found elsewhere.
    pub fn add(&mut self, problem: Problem) {
        self.list.push(problem);
    }

    pub fn invalid(&mut self, field: impl Into<String>, value: impl Into<Value>, detail: &str) {
        let value = value.into();
        self.push("FieldValueInvalid", field, format!("Invalid value: {}: {detail}", shown(&value)));
    }

    pub fn required(&mut self, field: impl Into<String>, detail: &str) {
        self.push("FieldValueRequired", field, with_detail("Required value", detail));
    }

    pub fn duplicate(&mut self, field: impl Into<String>, value: impl Into<Value>) {
        self.push("FieldValueDuplicate", field, format!("Duplicate value: {}", shown(&value.into())));
    }

    pub fn forbidden(&mut self, field: impl Into<String>, detail: &str) {
        self.push("FieldValueForbidden", field, with_detail("Forbidden", detail));
    }

    pub fn not_found(&mut self, field: impl Into<String>, value: impl Into<Value>) {
        self.push("FieldValueNotFound", field, format!("Not found: {}", shown(&value.into())));
    }

    pub fn not_supported(&mut self, field: impl Into<String>, value: impl Into<Value>, supported: &[&str]) {
        let known: Vec<String> = supported.iter().map(|text| format!("{text:?}")).collect();
        let message = format!("Unsupported value: {}: supported values: {}", shown(&value.into()), known.join(", "));
        self.push("FieldValueNotSupported", field, message);
    }

    pub fn too_long(&mut self, field: impl Into<String>, max_bytes: usize) {
        self.push("FieldValueTooLong", field, format!("Too long: may not be more than {max_bytes} bytes"));
    }

    pub fn too_many(&mut self, field: impl Into<String>, count: usize, max_items: usize) {
        self.push("FieldValueTooMany", field, format!("Too many: {count}: must have at most {max_items} items"));
    }

    pub fn type_invalid(&mut self, field: impl Into<String>, value: impl Into<Value>, detail: &str) {
        self.push("FieldValueTypeInvalid", field, format!("Invalid value: {}: {detail}", shown(&value.into())));
    }

    fn push(&mut self, reason: &'static str, field: impl Into<String>, message: String) {
        self.list.push(Problem { reason, field: field.into(), message });
    }
}

fn with_detail(text: &str, detail: &str) -> String {
    if detail.is_empty() { text.to_owned() } else { format!("{text}: {detail}") }
}

/// Texts are quoted as Go quotes them, everything else is its JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}
