//! Checks that many kinds share, in upstream's words.
//!
//! Upstream: `apimachinery/pkg/api/validation`, `pkg/apis/core/validation/validation.go`.

use crate::path::Path;
use crate::quantities;
use crate::read::{entries, has, is_empty, list, text};
use apimachinery::validate::{
    is_qualified_name, is_valid_label_value, is_valid_percent, is_valid_port_name, is_valid_port_num,
};
use apimachinery::{LabelSelector, Problems, Value};

/// A rule of names, as in `apimachinery::validate`: what is wrong, nothing if all is well.
pub type Rule = fn(&str) -> Vec<String>;

/// Largest total of all annotations of an object, keys and values, in bytes. Upstream: `TotalAnnotationSizeLimitB`.
const ANNOTATIONS_MAX: usize = 256 * 1024;

/// A text that must follow a rule, whether empty or not.
pub fn follows(value: &str, at: Path, rule: Rule, problems: &mut Problems) {
    for message in rule(value) {
        problems.invalid(at, value, &message);
    }
}

/// A field that must be there and follow a rule.
pub fn required_name(object: &Value, field: &str, at: Path, rule: Rule, problems: &mut Problems) {
    match text(object, field) {
        "" => problems.required(at.field(field), ""),
        name => follows(name, at.field(field), rule, problems),
    }
}

/// A field that may be empty, or else must follow a rule.
pub fn optional_name(object: &Value, field: &str, at: Path, rule: Rule, problems: &mut Problems) {
    if !is_empty(object, field) {
        follows(text(object, field), at.field(field), rule, problems);
    }
}

/// A text that must be there; whether it is.
pub fn required(object: &Value, field: &str, at: Path, problems: &mut Problems) -> bool {
    let missing = is_empty(object, field);
    if missing {
        problems.required(at.field(field), "");
    }
    !missing
}

/// A field that must be one of some texts. `known` is in upstream's (alphabetical) order.
pub fn one_of(object: &Value, field: &str, at: Path, known: &[&str], problems: &mut Problems) {
    match text(object, field) {
        "" => problems.required(at.field(field), ""),
        value if !known.contains(&value) => problems.not_supported(at.field(field), value, known),
        _ => {}
    }
}

/// The same, where absent and empty are fine.
pub fn optional_one_of(object: &Value, field: &str, at: Path, known: &[&str], problems: &mut Problems) {
    if !is_empty(object, field) {
        one_of(object, field, at, known, problems);
    }
}

/// Numbers that, where they are there, must not be negative.
pub fn non_negative(object: &Value, fields: &[&str], at: Path, problems: &mut Problems) {
    for field in fields {
        if let Some(value) = object.get(*field).and_then(Value::as_i64).filter(|value| *value < 0) {
            problems.invalid(at.field(field), value, "must be greater than or equal to 0");
        }
    }
}

/// A number that, where it is there, must lie within bounds.
pub fn in_range(object: &Value, field: &str, at: Path, range: std::ops::RangeInclusive<i64>, problems: &mut Problems) {
    if let Some(value) = object.get(field).and_then(Value::as_i64).filter(|value| !range.contains(value)) {
        let message = format!("must be between {} and {}, inclusive", range.start(), range.end());
        problems.invalid(at.field(field), value, &message);
    }
}

/// A port by number or by name.
pub fn port_or_name(object: &Value, field: &str, at: Path, problems: &mut Problems) {
    match object.get(field) {
        Some(Value::String(name)) => follows(name, at.field(field), is_valid_port_name, problems),
        Some(Value::Number(port)) => port_number(port.as_i64().unwrap_or(-1), at.field(field), problems),
        _ => port_number(0, at.field(field), problems),
    }
}

pub fn port_number(port: i64, at: Path, problems: &mut Problems) {
    for message in is_valid_port_num(port) {
        problems.invalid(at, port, &message);
    }
}

/// A number that is not negative, or a percentage.
pub fn number_or_percent(value: &Value, at: Path, problems: &mut Problems) {
    match value {
        Value::String(percent) => follows(percent, at, is_valid_percent, problems),
        Value::Number(number) if number.as_i64().is_some_and(|number| number < 0) => {
            problems.invalid(at, value.clone(), "must be greater than or equal to 0");
        }
        _ => {}
    }
}

/// The labels in a map field.
pub fn labels(object: &Value, field: &str, at: Path, problems: &mut Problems) {
    for (key, value) in entries(object, field) {
        follows(key, at.field(field), is_qualified_name, problems);
        follows(value.as_str().unwrap_or(""), at.field(field), is_valid_label_value, problems);
    }
}

/// The annotations in a map field.
pub fn annotations(object: &Value, field: &str, at: Path, problems: &mut Problems) {
    let mut size = 0;
    for (key, value) in entries(object, field) {
        for message in is_qualified_name(&key.to_lowercase()) {
            problems.invalid(at.field(field), key.as_str(), &message);
        }
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > ANNOTATIONS_MAX {
        problems.too_long(at.field(field), ANNOTATIONS_MAX);
    }
}

/// A label selector object.
pub fn label_selector(selector: &Value, at: Path, problems: &mut Problems) {
    labels(selector, "matchLabels", at, problems);
    let terms = at.field("matchExpressions");
    for (index, term) in list(selector, "matchExpressions").iter().enumerate() {
        let at = terms.index(index);
        operator(term, at, &[], problems);
        follows(text(term, "key"), at.field("key"), is_qualified_name, problems);
        for (index, value) in list(term, "values").iter().enumerate() {
            let values = at.field("values");
            follows(value.as_str().unwrap_or(""), values.index(index), is_valid_label_value, problems);
        }
    }
}

/// The operator of a selector term and whether there are values for it; `comparing` are those of one number.
pub fn operator(term: &Value, at: Path, comparing: &[&str], problems: &mut Problems) {
    let values = list(term, "values");
    match text(term, "operator") {
        "In" | "NotIn" if values.is_empty() => {
            problems.required(at.field("values"), "must be specified when `operator` is 'In' or 'NotIn'");
        }
        "In" | "NotIn" => {}
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            problems
                .forbidden(at.field("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "Exists" | "DoesNotExist" => {}
        known if comparing.contains(&known) => {
            if values.len() != 1 {
                problems.required(at.field("values"), "must be specified single value when `operator` is 'Lt' or 'Gt'");
            }
        }
        unknown => problems.invalid(at.field("operator"), unknown, "not a valid selector operator"),
    }
}

/// Whether a selector takes in the labels; one that cannot be read does not matter here.
pub fn selects(selector: &Value, labels: &Value) -> bool {
    LabelSelector::from_value(selector).map_or(true, |selector| selector.matches_value(labels))
}

/// Refuses a change of a field. `at` names the field itself.
pub fn immutable(new: &Value, old: &Value, at: Path, problems: &mut Problems) {
    if !same(new, old) {
        problems.invalid(at, new.clone(), "field is immutable");
    }
}

/// The same for several fields of one object.
pub fn immutable_fields(new: &Value, old: &Value, fields: &[&str], at: Path, problems: &mut Problems) {
    for field in fields {
        immutable(&new[*field], &old[*field], at.field(field), problems);
    }
}

/// Equality as upstream's `Semantic.DeepEqual` sees it: what is absent, null, empty, false or 0 is all the same.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(left), Value::Object(right)) => {
            let fields = |map: &serde_json::Map<String, Value>, other: &serde_json::Map<String, Value>| {
                map.iter().all(|(name, value)| same(value, other.get(name).unwrap_or(&Value::Null)))
            };
            fields(left, right) && right.iter().all(|(name, value)| left.contains_key(name) || is_zero(value))
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        _ => a == b || (is_zero(a) && is_zero(b)),
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_zero),
    }
}

/// A quantity that is not negative.
pub fn quantity(value: &Value, at: Path, problems: &mut Problems) {
    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match apimachinery::Quantity::parse(&shown) {
        Err(error) => problems.invalid(at, shown, &error.to_string()),
        Ok(quantity) if quantity.sign() < 0 => problems.invalid(at, shown, "must be greater than or equal to 0"),
        Ok(_) => {}
    }
}

/// A quantity that must be there and above zero.
pub fn positive_quantity(resources: &Value, name: &str, at: Path, problems: &mut Problems) {
    match resources.get(name) {
        None | Some(Value::Null) => problems.required(at.key(name), ""),
        Some(value) => match quantities::parse(value) {
            Some(quantity) if quantity.sign() > 0 => {}
            Some(quantity) => problems.invalid(at.key(name), quantity.to_string(), "must be greater than zero"),
            None => quantity(value, at.key(name), problems),
        },
    }
}

/// Modes of volumes and claims.
pub fn access_modes(spec: &Value, at: Path, empty: &str, problems: &mut Problems) {
    const KNOWN: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
    let modes = list(spec, "accessModes");
    if modes.is_empty() {
        problems.required(at.field("accessModes"), empty);
    }
    for mode in modes.iter().filter_map(Value::as_str).filter(|mode| !KNOWN.contains(mode)) {
        problems.not_supported(at.field("accessModes"), mode, &KNOWN);
    }
    if modes.len() > 1 && modes.iter().any(|mode| mode == "ReadWriteOncePod") {
        problems.forbidden(at.field("accessModes"), "may not use ReadWriteOncePod with other access modes");
    }
}

/// A path that must stay below where it starts.
pub fn descending_path(path: &str, at: Path, problems: &mut Problems) {
    if path.starts_with('/') {
        problems.invalid(at, path, "must be a relative path");
    }
    no_backsteps(path, at, problems);
}

pub fn no_backsteps(path: &str, at: Path, problems: &mut Problems) {
    if path.split('/').any(|part| part == "..") {
        problems.invalid(at, path, "must not contain '..'");
    }
}

/// Items of a list that must have different names.
pub fn unique_names(items: &[Value], at: Path, problems: &mut Problems) {
    for (index, item) in items.iter().enumerate() {
        let name = text(item, "name");
        if !name.is_empty() && items[..index].iter().any(|other| text(other, "name") == name) {
            problems.duplicate(at.index(index).field("name"), name);
        }
    }
}

/// Names of objects that references hold: `[{"name": "x"}]`.
pub fn references(object: &Value, field: &str, at: Path, problems: &mut Problems) {
    let refs = at.field(field);
    for (index, reference) in list(object, field).iter().enumerate() {
        if !has(reference, "name") || text(reference, "name").is_empty() {
            problems.required(refs.index(index).field("name"), "");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_is_nothing_however_it_is_written() {
        assert!(same(&json!({"a": 1, "b": null, "c": {}}), &json!({"a": 1, "d": false, "e": {"f": []}})));
        assert!(!same(&json!({"a": 1}), &json!({"a": 2})));
        assert!(!same(&json!({"a": [1]}), &json!({})));
        assert!(!same(&json!({}), &json!({"a": true})));
        assert!(!same(&json!([1, 2]), &json!([2, 1])));
    }

    #[test]
    fn paths_read_like_upstreams() {
        let spec = Path::new("spec");
        let containers = spec.field("containers");
        assert_eq!(containers.index(0).field("resources").key("cpu").to_string(), "spec.containers[0].resources[cpu]");
    }
}
