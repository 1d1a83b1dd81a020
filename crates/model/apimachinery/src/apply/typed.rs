//! Documents as their schema sees them: which parts are one value, which are fields, which are items with keys.
//!
//! Upstream: `structured-merge-diff/typed` (`helpers.go`, `tofieldset.go`, `validate.go`).

use super::fieldset::{FieldSet, Node};
use crate::Value;
use schema::{Keys, ListType, SchemaRef, Shape};
use std::borrow::Cow;

/// Keys of built-in lists that may be left out, and what they mean then.
const KEY_DEFAULTS: [(&str, &str); 1] = [("protocol", "TCP")];

/// How a value at a place is taken apart.
#[derive(Clone, Copy)]
pub(super) enum Form<'a> {
    /// Owned and replaced as one.
    Leaf,
    /// Fields; the flag says that the schema names them.
    Map(bool),
    Set,
    Keyed(Keys<'a>),
}

/// What the schema makes of a place; untyped places follow the value: maps are taken apart, lists are not.
pub(super) fn form<'a>(schema: SchemaRef<'a>, value: &Value) -> Form<'a> {
    match schema.shape() {
        Shape::Struct { atomic: false } => Form::Map(true),
        Shape::Map { atomic: false } => Form::Map(false),
        Shape::List(ListType::Set) => Form::Set,
        Shape::List(ListType::Map(keys)) => Form::Keyed(keys),
        Shape::Any if value.is_object() => Form::Map(false),
        _ => Form::Leaf,
    }
}

/// The schema of a field, and whether the schema names that field (as against a free key).
pub(super) fn field<'a>(schema: SchemaRef<'a>, struct_like: bool, name: &str) -> (SchemaRef<'a>, bool) {
    if !struct_like {
        return (if matches!(schema.shape(), Shape::Any) { SchemaRef::Any } else { schema.elem() }, false);
    }
    let named = match schema {
        SchemaRef::Custom(node) => {
            node.properties.contains_key(name) || (node.resource && matches!(name, "metadata" | "apiVersion" | "kind"))
        }
        _ => true,
    };
    match schema.field(name) {
        Some(field) => (field, named),
        None => (SchemaRef::Any, false),
    }
}

/// The name of a list's item in a [`FieldSet`].
///
/// # Errors
/// If the item lacks a key or is of a type that cannot be an item.
pub(super) fn item_name(form: Form<'_>, elem: SchemaRef<'_>, item: &Value) -> Result<String, String> {
    match form {
        Form::Keyed(Keys::Static(keys)) => keyed_name(keys.iter().copied(), elem, item),
        Form::Keyed(Keys::Custom(keys)) => keyed_name(keys.iter().map(String::as_str), elem, item),
        _ => match item {
            Value::Object(_) => Err("associative list without keys has an element that's a map type".to_owned()),
            Value::Array(_) => Err("not supporting list of lists".to_owned()),
            Value::Null => Err("associative list without keys has an element that's an explicit null".to_owned()),
            scalar => Ok(format!("v:{scalar}")),
        },
    }
}

fn keyed_name<'k>(keys: impl Iterator<Item = &'k str>, elem: SchemaRef<'_>, item: &Value) -> Result<String, String> {
    let Value::Object(fields) = item else {
        let what = if item.is_null() { "a null" } else { "a non-map" };
        return Err(format!("associative list with keys may not have {what} element"));
    };
    let mut parts: Vec<(&str, Cow<'_, Value>)> = Vec::with_capacity(2);
    for key in keys {
        let value = match fields.get(key) {
            Some(value) => Cow::Borrowed(value),
            None => Cow::Owned(key_default(elem, key).ok_or_else(|| {
                format!("associative list with keys has an element that omits key field {key:?} (and doesn't have default value)")
            })?),
        };
        parts.push((key, value));
    }
    parts.sort_by_key(|(key, _)| *key);
    Ok(key_text(&parts))
}

fn key_text(parts: &[(&str, Cow<'_, Value>)]) -> String {
    let mut name = Vec::with_capacity(32);
    name.extend_from_slice(b"k:{");
    for (index, (key, value)) in parts.iter().enumerate() {
        if index > 0 {
            name.push(b',');
        }
        // Writing a document into memory cannot fail.
        _ = serde_json::to_writer(&mut name, key);
        name.push(b':');
        _ = serde_json::to_writer(&mut name, value.as_ref());
    }
    name.push(b'}');
    String::from_utf8(name).unwrap_or_default()
}

fn key_default(elem: SchemaRef<'_>, key: &str) -> Option<Value> {
    match elem.field(key)? {
        SchemaRef::Custom(node) => node.default.clone(),
        SchemaRef::Builtin(_) => {
            KEY_DEFAULTS.iter().find(|(name, _)| *name == key).map(|(_, default)| Value::from(*default))
        }
        SchemaRef::Any => None,
    }
}

/// Everything a document sets.
pub fn to_field_set(document: &Value, schema: SchemaRef<'_>) -> FieldSet {
    contents(document, schema).1
}

/// Whether the place itself counts as set, and what is set below it.
fn contents(value: &Value, schema: SchemaRef<'_>) -> (bool, FieldSet) {
    match (form(schema, value), value) {
        (Form::Map(_), Value::Object(map)) if map.is_empty() => (true, FieldSet::default()),
        (Form::Map(struct_like), Value::Object(map)) => {
            let mut nodes = Vec::with_capacity(map.len());
            for (name, value) in map {
                let (below, named) = field(schema, struct_like, name);
                let (member, children) = contents(value, below);
                let member = member || !named;
                if member || !children.is_empty() {
                    nodes.push(Node { name: field_name(name), member, children });
                }
            }
            (false, FieldSet::of_nodes(nodes))
        }
        (form @ (Form::Set | Form::Keyed(_)), Value::Array(items)) => {
            let elem = schema.elem();
            let named = items.iter().filter_map(|item| Some((item_name(form, elem, item).ok()?, item)));
            let nodes = named.map(|(name, item)| Node { name, member: true, children: contents(item, elem).1 });
            (false, FieldSet::of_nodes(nodes.collect()))
        }
        _ => (true, FieldSet::default()),
    }
}

pub(super) fn field_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    out.push_str("f:");
    out.push_str(name);
    out
}

/// Makes every node that stands for a field the schema names a member, so that removing the set removes the field.
/// Upstream: `EnsureNamedFieldsAreMembers`.
pub(super) fn with_named_fields(set: &FieldSet, schema: SchemaRef<'_>) -> FieldSet {
    let struct_like = matches!(schema.shape(), Shape::Struct { atomic: false });
    let nodes = set.nodes.iter().map(|node| {
        let (below, named) = match node.name.strip_prefix("f:") {
            Some(name) => field(schema, struct_like, name),
            None => (schema.elem(), false),
        };
        let member = node.member || named;
        Node { name: node.name.clone(), member, children: with_named_fields(&node.children, below) }
    });
    FieldSet { nodes: nodes.collect() }
}

/// The document without the places in the set; None if nothing is left of it.
pub(super) fn remove(value: Value, set: &FieldSet, schema: SchemaRef<'_>) -> Option<Value> {
    match (form(schema, &value), value) {
        (Form::Map(struct_like), Value::Object(map)) => {
            let mut left = serde_json::Map::new();
            for (name, value) in map {
                let kept = match set.get(&field_name(&name)) {
                    Some(node) if node.member => None,
                    Some(node) => remove(value, &node.children, field(schema, struct_like, &name).0),
                    None => Some(value),
                };
                if let Some(value) = kept {
                    left.insert(name, value);
                }
            }
            (!left.is_empty()).then_some(Value::Object(left))
        }
        (form @ (Form::Set | Form::Keyed(_)), Value::Array(items)) => {
            let elem = schema.elem();
            let kept = items.into_iter().filter_map(|item| match item_name(form, elem, &item) {
                Ok(name) => match set.get(&name) {
                    Some(node) if node.member => None,
                    Some(node) => remove(item, &node.children, elem),
                    None => Some(item),
                },
                Err(_) => Some(item),
            });
            let kept: Vec<Value> = kept.collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        (_, value) => Some(value),
    }
}
