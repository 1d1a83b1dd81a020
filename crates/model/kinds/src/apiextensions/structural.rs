//! Whether the schema of a custom resource is structural: says of every value what shape it has, so that unknown
//! fields can be dropped and defaults filled in.
//!
//! Upstream: `apiextensions-apiserver/pkg/apiserver/schema` (structural.go, validation.go) and
//! `pkg/apis/apiextensions/validation`.

use crate::path::Path;
use crate::read::{entries, flag, has, is_empty, list, text};
use apimachinery::{Problems, Value};

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

/// Parts of JSON schema that upstream has no use for.
const UNSUPPORTED: [&str; 8] =
    ["$ref", "$schema", "additionalItems", "definitions", "dependencies", "id", "patternProperties", "deprecated"];

/// Checks the schema of a version; `at` names it.
pub fn validate(schema: &Value, at: Path, problems: &mut Problems) {
    match text(schema, "type") {
        "" => problems.required(at.field("type"), "must not be empty at the root"),
        "object" => {}
        other => problems.invalid(at.field("type"), other, "must be object at the root"),
    }
    node(schema, at, problems);
}

/// A value below the root. `place` is what upstream calls it: `object fields` or `array items`.
fn below(schema: &Value, place: &str, at: Path, problems: &mut Problems) {
    let shapeless = flag(schema, "x-kubernetes-int-or-string") || flag(schema, "x-kubernetes-preserve-unknown-fields");
    match text(schema, "type") {
        "" if !shapeless => {
            problems.required(at.field("type"), &format!("must not be empty for specified {place}"));
        }
        "" => {}
        kind if !TYPES.contains(&kind) => problems.not_supported(at.field("type"), kind, &TYPES),
        _ => {}
    }
    node(schema, at, problems);
}

fn node(schema: &Value, at: Path, problems: &mut Problems) {
    for field in UNSUPPORTED.iter().filter(|field| has(schema, field)) {
        problems.forbidden(at.field(field), &format!("{field} is not supported"));
    }
    if flag(schema, "uniqueItems") {
        let message = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        problems.forbidden(at.field("uniqueItems"), message);
    }
    if flag(schema, "x-kubernetes-int-or-string") && !is_empty(schema, "type") {
        let message = "must be empty if x-kubernetes-int-or-string is true";
        problems.invalid(at.field("type"), text(schema, "type"), message);
    }
    fields(schema, at, problems);
    items(schema, at, problems);
    for (list_name, at) in [("allOf", at.field("allOf")), ("anyOf", at.field("anyOf")), ("oneOf", at.field("oneOf"))] {
        for (index, branch) in list(schema, list_name).iter().enumerate() {
            value_validation(branch, at.index(index), problems);
        }
    }
    if has(schema, "not") {
        value_validation(&schema["not"], at.field("not"), problems);
    }
}

fn fields(schema: &Value, at: Path, problems: &mut Problems) {
    let properties = at.field("properties");
    for (name, property) in entries(schema, "properties") {
        below(property, "object fields", properties.key(name), problems);
    }
    let additional = at.field("additionalProperties");
    match &schema["additionalProperties"] {
        Value::Bool(false) => problems.forbidden(additional, "additionalProperties cannot be set to false"),
        Value::Object(_) if !is_empty(schema, "properties") => {
            problems.forbidden(additional, "additionalProperties and properties are mutual exclusive");
        }
        values @ Value::Object(_) => below(values, "object fields", additional, problems),
        _ => {}
    }
}

fn items(schema: &Value, at: Path, problems: &mut Problems) {
    if text(schema, "type") == "array" && !has(schema, "items") {
        problems.required(at.field("items"), "must be specified");
    }
    if schema["items"].is_array() {
        problems.forbidden(at.field("items"), "items must be a schema object and not an array");
    } else if has(schema, "items") {
        below(&schema["items"], "array items", at.field("items"), problems);
    }
    let kind = text(schema, "x-kubernetes-list-type");
    if !matches!(kind, "" | "atomic" | "map" | "set") {
        problems.not_supported(at.field("x-kubernetes-list-type"), kind, &["atomic", "map", "set"]);
    }
    if kind == "map" && is_empty(schema, "x-kubernetes-list-map-keys") {
        let message = "must not be empty if x-kubernetes-list-type is map";
        problems.required(at.field("x-kubernetes-list-map-keys"), message);
    }
    if kind == "map" && text(&schema["items"], "type") != "object" {
        let at = at.field("items");
        let message = "must be object if parent array's x-kubernetes-list-type is map";
        problems.invalid(at.field("type"), text(&schema["items"], "type"), message);
    }
}

/// Branches may narrow values, but not say what shape they have.
fn value_validation(schema: &Value, at: Path, problems: &mut Problems) {
    const SHAPE: [&str; 5] = ["additionalProperties", "default", "description", "nullable", "title"];
    for field in SHAPE.iter().filter(|field| has(schema, field)) {
        problems.forbidden(at.field(field), "must be undefined to be structural");
    }
    let properties = at.field("properties");
    for (name, property) in entries(schema, "properties") {
        value_validation(property, properties.key(name), problems);
    }
    if has(schema, "items") {
        value_validation(&schema["items"], at.field("items"), problems);
    }
}
