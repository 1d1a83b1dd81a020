//! Whether a document to apply fits its schema, in upstream's words.
//!
//! Upstream: `structured-merge-diff/typed/validate.go`.

use super::fieldset::shown;
use super::typed::{Form, form, item_name};
use crate::Value;
use schema::{ListType, Scalar, SchemaRef, Shape};
use std::collections::HashSet;

/// Problems told of one document; the rest would not be read.
const MAX_TOLD: usize = 50;

/// # Errors
/// `.spec.foo: field not declared in schema`, and the like; several as a list of lines.
pub(super) fn check(document: &Value, schema: SchemaRef<'_>) -> Result<(), String> {
    let mut wrong = Vec::new();
    walk(document, schema, "", &mut wrong);
    match wrong.len() {
        0 => Ok(()),
        1 => Err(wrong.swap_remove(0)),
        _ => Err(format!("errors:\n  {}", wrong.join("\n  "))),
    }
}

fn walk(value: &Value, schema: SchemaRef<'_>, path: &str, wrong: &mut Vec<String>) {
    if value.is_null() || wrong.len() >= MAX_TOLD {
        return;
    }
    if let Some(expected) = mismatch(value, schema.shape()) {
        wrong.push(format!("{}expected {expected}, got {}", prefix(path), got(value)));
        return;
    }
    match (schema.shape(), value) {
        (Shape::Struct { .. }, Value::Object(map)) => {
            for (name, value) in map {
                let path = format!("{path}.{name}");
                match schema.field(name) {
                    Some(below) => walk(value, below, &path, wrong),
                    None => wrong.push(format!("{path}: field not declared in schema")),
                }
            }
        }
        (Shape::Map { .. }, Value::Object(map)) => {
            map.iter().for_each(|(name, value)| walk(value, schema.elem(), &format!("{path}.{name}"), wrong));
        }
        (Shape::List(ListType::Atomic), Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, schema.elem(), &format!("{path}[{index}]"), wrong);
            }
        }
        (Shape::List(_), Value::Array(items)) => walk_items(items, form(schema, value), schema, path, wrong),
        _ => {}
    }
}

fn walk_items(items: &[Value], form: Form<'_>, schema: SchemaRef<'_>, path: &str, wrong: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for (index, item) in items.iter().enumerate() {
        match item_name(form, schema.elem(), item) {
            Err(why) => wrong.push(format!("{}element {index}: {why}", prefix(path))),
            Ok(name) => {
                let step = shown(&name);
                walk(item, schema.elem(), &format!("{path}{step}"), wrong);
                if !seen.insert(name) {
                    wrong.push(format!("{}duplicate entries for key {step}", prefix(path)));
                }
            }
        }
    }
}

fn prefix(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("{path}: ") }
}

/// What the schema expects, if the value is something else.
fn mismatch(value: &Value, shape: Shape<'_>) -> Option<&'static str> {
    let (ok, expected) = match shape {
        Shape::Struct { .. } | Shape::Map { .. } => (value.is_object(), "map"),
        Shape::List(_) => (value.is_array(), "list"),
        Shape::Scalar(Scalar::String | Scalar::Bytes) => (value.is_string(), "string"),
        Shape::Scalar(Scalar::Bool) => (value.is_boolean(), "boolean"),
        Shape::Scalar(Scalar::Int32 | Scalar::Int64 | Scalar::Double) => (value.is_number(), "numeric (int or float)"),
        Shape::Scalar(_) => (!value.is_object() && !value.is_array(), "any scalar"),
        Shape::Any => (true, ""),
    };
    (!ok).then_some(expected)
}

/// Scalars are shown as Go prints the wrapper upstream puts around them.
fn got(value: &Value) -> String {
    format!("&value.valueUnstructured{{Value:{value}}}")
}
