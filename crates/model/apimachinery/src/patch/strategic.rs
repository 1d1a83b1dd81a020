//! Strategic merge patches: merge patches that know, from the schema, which lists are keyed and which are sets.
//!
//! Directives: `$patch: replace|delete` in a map or a list's item, `$retainKeys`, `$deleteFromPrimitiveList/<field>`,
//! `$setElementOrder/<field>`. Merged lists keep the patch's order for its own items and the object's order for the
//! rest ([`order`]).
//!
//! Upstream: `apimachinery/pkg/util/strategicpatch/patch.go`, `pkg/util/mergepatch/errors.go`.

mod directives;
mod order;

use super::PatchError;
use crate::Value;
use directives::{cleaned, go_format, key_of, type_of};
use schema::{SchemaRef, Shape};
use serde_json::Map;

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList";
const SET_ORDER: &str = "$setElementOrder";

type Fields = Map<String, Value>;
type Merged<T> = Result<T, PatchError>;

/// # Errors
/// If the patch is not an object, a directive is wrong, or an item of a keyed list lacks its key.
pub fn apply(original: Value, patch: &Value, schema: SchemaRef<'_>) -> Merged<Value> {
    let Value::Object(patch) = patch else {
        let what = go_kind(patch);
        let why = format!("json: cannot unmarshal {what} into Go value of type map[string]interface {{}}");
        return Err(PatchError::Malformed(format!("error decoding patch: {why}")));
    };
    let original = match original {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    };
    merge_map(original, patch, schema).map(Value::Object)
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

fn merge_map(mut original: Fields, patch: &Fields, schema: SchemaRef<'_>) -> Merged<Fields> {
    if let Some(directive) = patch.get(PATCH) {
        return whole_map_directive(directive, patch);
    }
    retain_keys(&mut original, patch)?;
    let ordered = set_orders(&mut original, patch, schema)?;
    for (name, change) in patch {
        if let Some(field) = name.strip_prefix(DELETE_FROM_LIST) {
            delete_from_list(&mut original, list_name(field, "primitive list")?, change)?;
        } else if name == RETAIN_KEYS || name.starts_with(SET_ORDER) || ordered.contains(&name.as_str()) {
            // Done above.
        } else if change.is_null() {
            original.remove(name);
        } else {
            merge_field(&mut original, name, change, schema)?;
        }
    }
    Ok(original)
}

/// `$patch` in a map speaks of the map as a whole.
fn whole_map_directive(directive: &Value, patch: &Fields) -> Merged<Fields> {
    match directive.as_str() {
        Some("replace") => {
            let mut whole = patch.clone();
            whole.remove(PATCH);
            Ok(whole)
        }
        Some("delete") => Ok(Fields::new()),
        _ => {
            let map = go_format(&Value::Object(patch.clone()));
            Err(PatchError::Malformed(format!("unknown patch type: {} in map: {map}", go_format(directive))))
        }
    }
}

fn merge_field(original: &mut Fields, name: &str, change: &Value, schema: SchemaRef<'_>) -> Merged<()> {
    let Some(slot) = original.get_mut(name) else {
        original.insert(name.to_owned(), cleaned(change));
        return Ok(());
    };
    let child = child(schema, name);
    *slot = match (slot.take(), change) {
        (Value::Object(_), Value::Object(new)) if child.patch_strategy().replace => Value::Object(new.clone()),
        (Value::Object(old), Value::Object(new)) => Value::Object(merge_map(old, new, child)?),
        (Value::Array(old), Value::Array(new)) => Value::Array(merge_list_field(old, new, child)?),
        (_, new) => cleaned(new),
    };
    Ok(())
}

fn merge_list_field(old: Vec<Value>, new: &[Value], list: SchemaRef<'_>) -> Merged<Vec<Value>> {
    let strategy = list.patch_strategy();
    if strategy.merge { merge_list(old, new, strategy.merge_key, list.elem()) } else { Ok(new.to_vec()) }
}

fn merge_list(old: Vec<Value>, new: &[Value], key: Option<&str>, elem: SchemaRef<'_>) -> Merged<Vec<Value>> {
    let Some(sample) = new.first().or(old.first()) else { return Ok(old) };
    check_one_type(&old, new)?;
    if !sample.is_object() {
        let server_order = old.clone();
        let mut merged = old;
        merged.extend_from_slice(new);
        let merged = order::deduplicated(merged);
        return Ok(order::ordered(merged, new, &server_order, ""));
    }
    let Some(key) = key else {
        return Err(PatchError::Malformed("cannot merge lists without merge key".to_owned()));
    };
    let (old, new) = item_directives(old, new, key)?;
    let server_order: Vec<Value> = old.iter().map(|item| key_of(item, key).cloned()).collect::<Merged<_>>()?;
    let merged = merge_items(old, &new, key, elem)?;
    let patch_order: Vec<Value> = new.iter().map(|item| item[key].clone()).collect();
    Ok(order::ordered(merged, &patch_order, &server_order, key))
}

fn check_one_type(old: &[Value], new: &[Value]) -> Merged<()> {
    let mut kinds = old.iter().chain(new).map(type_of);
    let Some(first) = kinds.next() else { return Ok(()) };
    if first == "list" {
        return Err(PatchError::Malformed("lists of lists are not supported".to_owned()));
    }
    match kinds.find(|kind| *kind != first) {
        Some(other) => Err(PatchError::Malformed(format!("list element types are not identical: {first} and {other}"))),
        None => Ok(()),
    }
}

/// Carries out `$patch` in items; what is left of both lists has none.
fn item_directives(mut old: Vec<Value>, new: &[Value], key: &str) -> Merged<(Vec<Value>, Vec<Value>)> {
    let mut left = Vec::with_capacity(new.len());
    let mut replace = false;
    for item in new {
        match item.get(PATCH).map(|directive| (directive, directive.as_str())) {
            None => left.push(item.clone()),
            Some((_, Some("delete"))) => {
                let doomed = key_of(item, key)?;
                old.retain(|kept| kept.get(key) != Some(doomed));
            }
            Some((_, Some("replace"))) => replace = true,
            Some((_, Some("merge"))) => {
                return Err(PatchError::Malformed("merging lists cannot yet be specified in the patch".to_owned()));
            }
            Some((directive, _)) => {
                let why = format!("unknown patch type: {} in map: {}", go_format(directive), go_format(item));
                return Err(PatchError::Malformed(why));
            }
        }
    }
    Ok(if replace { (left, Vec::new()) } else { (old, left) })
}

fn merge_items(mut old: Vec<Value>, new: &[Value], key: &str, elem: SchemaRef<'_>) -> Merged<Vec<Value>> {
    let mut index = order::index(old.iter().map(|item| &item[key]));
    for item in new {
        let id = key_of(item, key)?;
        match index.get(&order::identity(id)).copied() {
            Some(at) => {
                let slot = &mut old[at];
                if let (Value::Object(fields), Value::Object(changes)) = (slot.take(), item) {
                    *slot = Value::Object(merge_map(fields, changes, elem)?);
                }
            }
            None => {
                index.insert(order::identity(id), old.len());
                old.push(cleaned(item));
            }
        }
    }
    Ok(old)
}

fn retain_keys(original: &mut Fields, patch: &Fields) -> Merged<()> {
    let Some(kept) = patch.get(RETAIN_KEYS) else { return Ok(()) };
    let refuse = || PatchError::Malformed("invalid patch format of retainKeys".to_owned());
    let kept: Vec<&str> = kept.as_array().ok_or_else(refuse)?.iter().filter_map(Value::as_str).collect();
    let free = |name: &str| name.starts_with(DELETE_FROM_LIST) || name.starts_with(SET_ORDER) || name == RETAIN_KEYS;
    if patch.iter().any(|(name, value)| !value.is_null() && !free(name) && !kept.contains(&name.as_str())) {
        return Err(refuse());
    }
    original.retain(|name, _| kept.contains(&name.as_str()));
    Ok(())
}

/// Merges the lists that have a `$setElementOrder`, and returns their names.
fn set_orders<'p>(original: &mut Fields, patch: &'p Fields, schema: SchemaRef<'_>) -> Merged<Vec<&'p str>> {
    let mut done = Vec::new();
    for (name, wanted) in patch {
        let Some(field) = name.strip_prefix(SET_ORDER) else { continue };
        let field = list_name(field, "setElementOrder list")?;
        let Value::Array(wanted) = wanted else {
            return Err(PatchError::Malformed("invalid patch format of setElementOrder list".to_owned()));
        };
        let list = child(schema, field);
        let change = match patch.get(field) {
            Some(Value::Array(items)) => Some(items.as_slice()),
            // Null and mistyped lists take the usual way.
            Some(_) => continue,
            None => None,
        };
        if let Some(merged) = merge_in_order(original.get_mut(field), change, wanted, list)? {
            original.insert(field.to_owned(), Value::Array(merged));
        }
        done.push(field);
    }
    Ok(done)
}

fn merge_in_order(
    old: Option<&mut Value>,
    change: Option<&[Value]>,
    wanted: &[Value],
    list: SchemaRef<'_>,
) -> Merged<Option<Vec<Value>>> {
    let key = list.patch_strategy().merge_key.unwrap_or_default();
    directives::check_order(change.unwrap_or_default(), wanted, key)?;
    let old = match old {
        Some(Value::Array(items)) => Some(std::mem::take(items)),
        _ => None,
    };
    let server_order = directives::keys(old.as_deref().unwrap_or_default(), key)?;
    let merged = match (old, change) {
        (Some(old), Some(new)) => merge_list_field(old, new, list)?,
        (Some(old), None) => old,
        (None, Some(new)) => match cleaned(&Value::Array(new.to_vec())) {
            Value::Array(items) => items,
            _ => Vec::new(),
        },
        (None, None) => return Ok(None),
    };
    let wanted = directives::keys(wanted, key)?;
    Ok(Some(order::ordered(merged, &wanted, &server_order, key)))
}

fn delete_from_list(original: &mut Fields, field: &str, doomed: &Value) -> Merged<()> {
    let Value::Array(doomed) = doomed else {
        return Err(PatchError::Malformed("invalid patch format of primitive list".to_owned()));
    };
    if let Some(Value::Array(list)) = original.get_mut(field) {
        list.retain(|item| !doomed.contains(item));
    }
    Ok(())
}

/// The field of a directive like `$setElementOrder/containers`.
fn list_name<'a>(rest: &'a str, what: &str) -> Merged<&'a str> {
    let field = rest.strip_prefix('/').filter(|field| !field.is_empty());
    field.ok_or_else(|| PatchError::Malformed(format!("invalid patch format of {what}")))
}

fn child<'a>(schema: SchemaRef<'a>, name: &str) -> SchemaRef<'a> {
    match schema.shape() {
        Shape::Struct { .. } => schema.field(name).unwrap_or(SchemaRef::Any),
        Shape::Map { .. } => schema.elem(),
        _ => SchemaRef::Any,
    }
}

#[cfg(test)]
mod tests;
