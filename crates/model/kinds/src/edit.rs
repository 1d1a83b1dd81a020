//! Small edits of JSON documents: what defaulting is written in.
//!
//! A `null` counts as absent, as it does for upstream's decoder. An empty text counts as absent only where the
//! upstream field is a plain string ([`default_text`]).

use apimachinery::Value;

/// Sets a field that is absent.
pub fn default(object: &mut Value, field: &str, value: impl Into<Value>) {
    if let Value::Object(fields) = object
        && fields.get(field).is_none_or(Value::is_null)
    {
        fields.insert(field.to_owned(), value.into());
    }
}

/// Sets a text that is absent or empty.
pub fn default_text(object: &mut Value, field: &str, value: &str) {
    if let Value::Object(fields) = object
        && fields.get(field).is_none_or(|old| old.is_null() || old.as_str() == Some(""))
    {
        fields.insert(field.to_owned(), value.into());
    }
}

/// Sets a number that is absent or 0 (upstream: a plain integer).
pub fn default_number(object: &mut Value, field: &str, value: i64) {
    if let Value::Object(fields) = object
        && fields.get(field).is_none_or(|old| old.is_null() || old.as_i64() == Some(0))
    {
        fields.insert(field.to_owned(), value.into());
    }
}

/// The field, if it is there and an object.
pub fn object<'a>(parent: &'a mut Value, field: &str) -> Option<&'a mut Value> {
    parent.get_mut(field).filter(|value| value.is_object())
}

/// The field as an object, created if absent; `None` if the parent or the field is something else.
pub fn object_or_new<'a>(parent: &'a mut Value, field: &str) -> Option<&'a mut Value> {
    default(parent, field, serde_json::Map::new());
    object(parent, field)
}

/// The field as a list, created if absent; `None` if the parent or the field is something else.
pub fn list_or_new<'a>(parent: &'a mut Value, field: &str) -> Option<&'a mut Vec<Value>> {
    default(parent, field, Vec::<Value>::new());
    parent.get_mut(field)?.as_array_mut()
}

/// The items of a list field; none if it is absent.
pub fn items<'a>(parent: &'a mut Value, field: &str) -> impl Iterator<Item = &'a mut Value> {
    parent.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten()
}

/// Drops a field.
pub fn remove(object: &mut Value, field: &str) {
    if let Value::Object(fields) = object {
        fields.remove(field);
    }
}

/// Gives a field another name; keeps an existing field of the new name when the old one is absent.
pub fn rename(object: &mut Value, old: &str, new: &str) {
    if let Value::Object(fields) = object
        && let Some(value) = fields.remove(old)
    {
        fields.insert(new.to_owned(), value);
    }
}

/// Does something to every item of a list field.
pub fn each(parent: &mut Value, field: &str, change: impl FnMut(&mut Value)) {
    items(parent, field).for_each(change);
}
