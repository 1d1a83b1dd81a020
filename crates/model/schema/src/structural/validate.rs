//! Checks a document against its structural schema, in the words of upstream's OpenAPI validator.
//!
//! Upstream: `kube-openapi/pkg/validation/validate`, `apiextensions-apiserver/pkg/apiserver/validation`.

use super::{List, Place, Structural, Type, Values, formats};
use crate::finding::Finding;
use serde_json::{Map, Number, Value};

/// More findings than this of one document help nobody.
const MAX_FINDINGS: usize = 100;

impl Structural {
    /// Adds all that is wrong with the document, but for its metadata.
    pub fn validate(&self, value: &Value, problems: &mut Vec<Finding>) {
        check(self, value, &Place::Root, problems);
        problems.truncate(MAX_FINDINGS);
    }
}

fn check(node: &Structural, value: &Value, place: &Place<'_>, problems: &mut Vec<Finding>) {
    if problems.len() >= MAX_FINDINGS {
        return;
    }
    if value.is_null() && node.nullable {
        return;
    }
    if !fits(node, value) {
        let wanted = if node.int_or_string { "integer,string" } else { node.kind.name() };
        let found = type_of(value);
        let detail = format!("{} must be of type {wanted}: {found:?}", in_body(place));
        problems.push(Finding::type_invalid(place.to_string(), &found.into(), &detail));
        return;
    }
    if let Some(values) = &node.values {
        limits(values, value, place, problems);
        branches(values, value, place, problems);
    }
    match value {
        Value::Object(map) => {
            if node.resource && !matches!(place, Place::Root) {
                embedded(map, place, problems);
            }
            for (name, value) in map {
                let builtin = node.resource && name == "metadata";
                if let Some(child) = node.properties.get(name).or(node.additional.as_deref()).filter(|_| !builtin) {
                    check(child, value, &Place::Field(place, name), problems);
                }
            }
        }
        Value::Array(list) => {
            unique(&node.list, list, place, problems);
            let Some(child) = &node.items else { return };
            for (index, value) in list.iter().enumerate() {
                check(child, value, &Place::Item(place, index), problems);
            }
        }
        _ => {}
    }
}

/// An object inside of an object says what it is. Upstream: `pkg/apiserver/schema/objectmeta/validation.go`.
fn embedded(map: &Map<String, Value>, place: &Place<'_>, problems: &mut Vec<Finding>) {
    for field in ["apiVersion", "kind"] {
        if map.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
            problems.push(Finding::required(Place::Field(place, field).to_string(), "must not be empty"));
        }
    }
}

fn fits(node: &Structural, value: &Value) -> bool {
    if node.int_or_string {
        return value.is_string() || is_whole(value);
    }
    match node.kind {
        Type::Any => true,
        Type::Object => value.is_object(),
        Type::Array => value.is_array(),
        Type::String => value.is_string(),
        Type::Integer => is_whole(value),
        Type::Number => value.is_number(),
        Type::Boolean => value.is_boolean(),
    }
}

fn is_whole(value: &Value) -> bool {
    value.as_number().is_some_and(|number| !number.is_f64() || number.as_f64().is_some_and(|it| it.fract() == 0.0))
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if is_whole(value) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn in_body(place: &Place<'_>) -> String {
    format!("{place} in body")
}

fn limits(values: &Values, value: &Value, place: &Place<'_>, problems: &mut Vec<Finding>) {
    if !values.allowed.is_empty() && !values.allowed.iter().any(|allowed| equal(allowed, value)) {
        let allowed: Vec<&Value> = values.allowed.iter().collect();
        problems.push(Finding::not_supported(place.to_string(), value, &allowed));
    }
    match value {
        Value::String(text) => text_limits(values, text, value, place, problems),
        Value::Number(number) => number_limits(values, number, value, place, problems),
        Value::Array(list) => {
            let count = list.len() as u64;
            if let Some(max) = values.items.1.filter(|max| count > *max) {
                let message = format!("Too many: {count}: must have at most {max} items");
                problems.push(Finding::new("FieldValueTooMany", place.to_string(), message));
            }
            if let Some(min) = values.items.0.filter(|min| count < *min) {
                let detail = format!("{} should have at least {min} items", in_body(place));
                problems.push(Finding::invalid(place.to_string(), &count.into(), &detail));
            }
        }
        Value::Object(map) => {
            for name in values.required.iter().filter(|name| !map.contains_key(*name)) {
                problems.push(Finding::required(Place::Field(place, name).to_string(), ""));
            }
            let count = map.len() as u64;
            if let Some(min) = values.properties.0.filter(|min| count < *min) {
                let detail = format!("{} should have at least {min} properties", in_body(place));
                problems.push(Finding::invalid(place.to_string(), &count.into(), &detail));
            }
            if let Some(max) = values.properties.1.filter(|max| count > *max) {
                let message = format!("Too many: {count}: must have at most {max} items");
                problems.push(Finding::new("FieldValueTooMany", place.to_string(), message));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn text_limits(values: &Values, text: &str, value: &Value, place: &Place<'_>, problems: &mut Vec<Finding>) {
    let count = text.chars().count() as u64;
    if let Some(max) = values.length.1.filter(|max| count > *max) {
        let message = format!("Too long: may not be more than {max} bytes");
        problems.push(Finding::new("FieldValueTooLong", place.to_string(), message));
    }
    if let Some(min) = values.length.0.filter(|min| count < *min) {
        let detail = format!("{} should be at least {min} chars long", in_body(place));
        problems.push(Finding::invalid(place.to_string(), value, &detail));
    }
    // Compiled when needed: kept, the patterns of large definitions would hold megabytes.
    let matches = |pattern: &str| regex::Regex::new(pattern).is_ok_and(|regex| regex.is_match(text));
    if !values.pattern.is_empty() && !matches(&values.pattern) {
        let detail = format!("{} should match '{}'", in_body(place), values.pattern);
        problems.push(Finding::invalid(place.to_string(), value, &detail));
    }
    if !values.format.is_empty() && !formats::fits(&values.format, text) {
        let detail = format!("{} must be of type {}: {text:?}", in_body(place), values.format);
        problems.push(Finding::type_invalid(place.to_string(), value, &detail));
    }
}

fn number_limits(values: &Values, number: &Number, value: &Value, place: &Place<'_>, problems: &mut Vec<Finding>) {
    let Some(found) = number.as_f64() else { return };
    let mut wrong = |detail: String| {
        let detail = format!("{} should be {detail}", in_body(place));
        problems.push(Finding::invalid(place.to_string(), value, &detail));
    };
    match values.minimum {
        Some(min) if values.exclusive_minimum && found <= min => wrong(format!("greater than {min}")),
        Some(min) if found < min => wrong(format!("greater than or equal to {min}")),
        _ => {}
    }
    match values.maximum {
        Some(max) if values.exclusive_maximum && found >= max => wrong(format!("less than {max}")),
        Some(max) if found > max => wrong(format!("less than or equal to {max}")),
        _ => {}
    }
    if let Some(step) = values.multiple_of.filter(|step| *step > 0.0)
        && (found / step).fract() != 0.0
    {
        wrong(format!("a multiple of {step}"));
    }
    let (low, high) = match values.format.as_str() {
        "int32" => (f64::from(i32::MIN), f64::from(i32::MAX)),
        _ => return,
    };
    if found < low || found > high {
        let detail = format!("Checked value must be of type integer with format {}", values.format);
        problems.push(Finding::invalid(place.to_string(), value, &detail));
    }
}

/// The findings of the branch that comes nearest are told too, as upstream does.
fn branches(values: &Values, value: &Value, place: &Place<'_>, problems: &mut Vec<Finding>) {
    let findings_of = |branch: &Structural| {
        let mut found = Vec::new();
        check(branch, value, place, &mut found);
        found
    };
    // Upstream names no field here.
    let composite = |text: &str| Finding::invalid("<nil>", &"".into(), &format!("{:?} {text}", place.to_string()));
    let nearest = |all: Vec<Vec<Finding>>| all.into_iter().min_by_key(Vec::len).unwrap_or_default();
    if !values.any_of.is_empty() {
        let found: Vec<_> = values.any_of.iter().map(findings_of).collect();
        if found.iter().all(|branch| !branch.is_empty()) {
            problems.push(composite("must validate at least one schema (anyOf)"));
            problems.extend(nearest(found));
        }
    }
    if !values.one_of.is_empty() {
        let found: Vec<_> = values.one_of.iter().map(findings_of).collect();
        match found.iter().filter(|branch| branch.is_empty()).count() {
            0 => {
                problems.push(composite("must validate one and only one schema (oneOf). Found none valid"));
                problems.extend(nearest(found));
            }
            1 => {}
            valid => problems.push(composite(&format!(
                "must validate one and only one schema (oneOf). Found {valid} valid alternatives"
            ))),
        }
    }
    if values.not.as_ref().is_some_and(|branch| findings_of(branch).is_empty()) {
        problems.push(composite("must not validate the schema (not)"));
    }
    let failed: Vec<Finding> = values.all_of.iter().flat_map(findings_of).collect();
    if !failed.is_empty() {
        problems.push(composite("must validate all the schemas (allOf)"));
        problems.extend(failed);
    }
}

/// Upstream: `pkg/apiserver/schema/listtype`.
fn unique(list_type: &List, list: &[Value], place: &Place<'_>, problems: &mut Vec<Finding>) {
    let key_of = |value: &Value| match list_type {
        List::Atomic => None,
        List::Set => Some(value.clone()),
        List::Map(keys) => {
            let pairs = keys.iter().filter_map(|key| Some((key.clone(), value.get(key)?.clone())));
            Some(Value::Object(pairs.collect()))
        }
    };
    let mut seen = std::collections::HashSet::new();
    for (index, value) in list.iter().enumerate() {
        let Some(key) = key_of(value) else { return };
        if !seen.insert(key.to_string()) {
            problems.push(Finding::duplicate(Place::Item(place, index).to_string(), &key));
        }
    }
}

/// Numbers are equal by value: 1 and 1.0.
fn equal(a: &Value, b: &Value) -> bool {
    a == b || (a.is_number() && a.as_f64() == b.as_f64())
}
