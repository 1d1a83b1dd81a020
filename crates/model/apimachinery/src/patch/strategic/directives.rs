//! Small questions about patches: what a value is without directives, what an item's key is, how Go prints it.

use super::{DELETE_FROM_LIST, Merged, PATCH, PatchError, RETAIN_KEYS, SET_ORDER};
use crate::Value;

/// A patch's value as it stands in the object: without nulls and directives.
pub(super) fn cleaned(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, value)| !value.is_null() && !is_directive(name));
            Value::Object(kept.map(|(name, value)| (name.clone(), cleaned(value))).collect())
        }
        Value::Array(items) => items.iter().filter(|item| item.get(PATCH).is_none()).map(cleaned).collect(),
        other => other.clone(),
    }
}

fn is_directive(name: &str) -> bool {
    name == PATCH || name == RETAIN_KEYS || name.starts_with(DELETE_FROM_LIST) || name.starts_with(SET_ORDER)
}

pub(super) fn key_of<'a>(item: &'a Value, key: &str) -> Merged<&'a Value> {
    item.get(key).ok_or_else(|| {
        PatchError::Malformed(format!("map: {} does not contain declared merge key: {key}", go_format(item)))
    })
}

/// The keys of a keyed list's items; the items themselves of a list of scalars.
pub(super) fn keys(items: &[Value], key: &str) -> Merged<Vec<Value>> {
    if key.is_empty() {
        return Ok(items.to_vec());
    }
    items.iter().map(|item| key_of(item, key).cloned()).collect()
}

/// The items of a patch must come in the order their `$setElementOrder` says.
pub(super) fn check_order(patch: &[Value], wanted: &[Value], key: &str) -> Merged<()> {
    let kept: Vec<Value> = patch.iter().filter(|item| item.get(PATCH).is_none()).cloned().collect();
    let (mine, order) = (keys(&kept, key)?, keys(wanted, key)?);
    let mut order = order.iter();
    if mine.iter().all(|item| order.any(|other| other == item)) {
        return Ok(());
    }
    let (mine, order) = (go_format(&Value::Array(kept)), go_format(&Value::Array(wanted.to_vec())));
    Err(PatchError::Malformed(format!("The order in patch list:\n{mine}\n doesn't match {SET_ORDER} list:\n{order}\n")))
}

pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "list",
        Value::Object(_) => "map[string]interface {}",
        Value::String(_) => "string",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::Null => "<nil>",
    }
}

/// Go's `%v`: `map[a:1 b:[x y]]`.
pub(super) fn go_format(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(go_format).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let shown: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name}:{}", go_format(value))).collect();
            format!("map[{}]", shown.join(" "))
        }
        other => other.to_string(),
    }
}
