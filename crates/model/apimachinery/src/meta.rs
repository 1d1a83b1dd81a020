//! `metadata` of a document: reading it, editing it, generating names. Validation is in [`validate`].

pub mod validate;

use crate::Value;
use crate::object::Owner;
use serde_json::{Map, json};
use std::collections::BTreeMap;

/// The finalizers the garbage collector works by.
pub const FINALIZER_ORPHAN: &str = "orphan";
pub const FINALIZER_FOREGROUND: &str = "foregroundDeletion";

/// A generated name's part before the suffix is cut to this. Upstream: `maxGeneratedNameLength`.
const MAX_BASE: usize = 63 - SUFFIX_LEN;
const SUFFIX_LEN: usize = 5;
/// No vowels and look-alikes, so that no words come out. Upstream: `util/rand`.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

pub fn name(object: &Value) -> &str {
    text(object, "name")
}

/// Empty for cluster-scoped objects.
pub fn namespace(object: &Value) -> &str {
    text(object, "namespace")
}

pub fn uid(object: &Value) -> &str {
    text(object, "uid")
}

pub fn resource_version(object: &Value) -> &str {
    text(object, "resourceVersion")
}

pub fn generate_name(object: &Value) -> &str {
    text(object, "generateName")
}

pub fn creation_timestamp(object: &Value) -> &str {
    text(object, "creationTimestamp")
}

pub fn deletion_timestamp(object: &Value) -> Option<&str> {
    object["metadata"]["deletionTimestamp"].as_str()
}

pub fn generation(object: &Value) -> i64 {
    object["metadata"]["generation"].as_i64().unwrap_or(0)
}

/// A text field of `metadata`; empty where absent.
pub fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

pub fn labels(object: &Value) -> BTreeMap<String, String> {
    string_map(&object["metadata"]["labels"])
}

pub fn annotations(object: &Value) -> BTreeMap<String, String> {
    string_map(&object["metadata"]["annotations"])
}

pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["metadata"]["labels"].get(key)?.as_str()
}

pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["metadata"]["annotations"].get(key)?.as_str()
}

pub fn finalizers(object: &Value) -> Vec<&str> {
    object["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Those that do not have an owner's shape are left out; validation names them.
pub fn owner_references(object: &Value) -> Vec<Owner> {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.filter_map(|owner| serde::Deserialize::deserialize(owner).ok()).collect()
}

/// The owner whose `controller` flag is set.
pub fn controller_of(object: &Value) -> Option<Owner> {
    owner_references(object).into_iter().find(|owner| owner.controller)
}

/// The `metadata` map, made where it is missing.
pub fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    if !object.is_object() {
        *object = json!({});
    }
    let metadata = &mut object["metadata"];
    if !metadata.is_object() {
        *metadata = json!({});
    }
    let Value::Object(map) = metadata else { unreachable!("it was just made an object") };
    map
}

/// Sets a field of `metadata`; null removes it.
pub fn set(object: &mut Value, field: &str, value: impl Into<Value>) {
    match value.into() {
        Value::Null => remove(object, field),
        value => _ = metadata_mut(object).insert(field.to_owned(), value),
    }
}

/// Removes a field of `metadata`.
pub fn remove(object: &mut Value, field: &str) {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.remove(field);
    }
}

pub fn set_label(object: &mut Value, key: &str, value: &str) {
    set_in_map(object, "labels", key, value);
}

pub fn set_annotation(object: &mut Value, key: &str, value: &str) {
    set_in_map(object, "annotations", key, value);
}

pub fn remove_annotation(object: &mut Value, key: &str) {
    if let Some(Value::Object(map)) = object.pointer_mut("/metadata/annotations") {
        map.remove(key);
        if map.is_empty() {
            remove(object, "annotations");
        }
    }
}

/// Adds a finalizer; false if it was there already.
pub fn add_finalizer(object: &mut Value, finalizer: &str) -> bool {
    if finalizers(object).contains(&finalizer) {
        return false;
    }
    match metadata_mut(object).entry("finalizers").or_insert_with(|| json!([])) {
        Value::Array(list) => list.push(finalizer.into()),
        other => *other = json!([finalizer]),
    }
    true
}

/// Removes a finalizer; false if it was not there.
pub fn remove_finalizer(object: &mut Value, finalizer: &str) -> bool {
    let Some(Value::Array(list)) = object.pointer_mut("/metadata/finalizers") else { return false };
    let before = list.len();
    list.retain(|item| item.as_str() != Some(finalizer));
    let (after, empty) = (list.len(), list.is_empty());
    if empty {
        remove(object, "finalizers");
    }
    after < before
}

/// An entry of `ownerReferences` that makes `owner` the controller.
pub fn controller_reference(api_version: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind, "name": name, "uid": uid,
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// A name that starts with `base` and ends with five letters picked by the random bytes.
pub fn generated_name(base: &str, random: [u8; SUFFIX_LEN]) -> String {
    let mut end = base.len().min(MAX_BASE);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    let suffix = random.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
    base[..end].chars().chain(suffix).collect()
}

/// Puts system fields right before an update is validated: what clients may leave out or not change is taken from the
/// stored object. Upstream: `rest.BeforeUpdate`.
pub fn prepare_update(new: &mut Value, old: &Value) {
    if uid(new).is_empty() {
        set(new, "uid", old["metadata"]["uid"].clone());
    }
    for field in ["creationTimestamp", "generation"] {
        set(new, field, old["metadata"][field].clone());
    }
    for field in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
        let stored = &old["metadata"][field];
        if !stored.is_null() && (field == "deletionTimestamp" || new["metadata"][field].is_null()) {
            set(new, field, stored.clone());
        }
    }
    remove(new, "selfLink");
}

/// Puts system fields right before a new object is validated. Upstream: `rest.BeforeCreate`.
pub fn prepare_create(object: &mut Value, uid: &str, now: &str, random: [u8; SUFFIX_LEN]) {
    let base = generate_name(object).to_owned();
    if name(object).is_empty() && !base.is_empty() {
        set(object, "name", generated_name(&base, random));
    }
    for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion", "generation"] {
        remove(object, field);
    }
    set(object, "uid", uid);
    set(object, "creationTimestamp", now);
}

fn string_map(map: &Value) -> BTreeMap<String, String> {
    let pairs = map.as_object().into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn set_in_map(object: &mut Value, field: &str, key: &str, value: &str) {
    let map = metadata_mut(object).entry(field).or_insert_with(|| json!({}));
    if !map.is_object() {
        *map = json!({});
    }
    map[key] = value.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_generated() {
        assert_eq!(generated_name("web-", [0, 1, 26, 27, 255]), "web-bc9bq");
        assert_eq!(generated_name(&"a".repeat(100), [0; 5]).len(), 63);
        assert_eq!(generated_name(&"ä".repeat(40), [0; 5]).chars().count(), 34);
    }

    #[test]
    fn finalizers_come_and_go() {
        let mut object = json!({});
        assert!(add_finalizer(&mut object, "a") && !add_finalizer(&mut object, "a"));
        assert!(add_finalizer(&mut object, "b") && remove_finalizer(&mut object, "a"));
        assert_eq!(finalizers(&object), ["b"]);
        assert!(remove_finalizer(&mut object, "b") && !remove_finalizer(&mut object, "b"));
        assert_eq!(object, json!({"metadata": {}}));
    }

    #[test]
    fn updates_keep_system_fields() {
        let old =
            json!({"metadata": {"uid": "u", "creationTimestamp": "t", "generation": 3, "deletionTimestamp": "d"}});
        let mut new = json!({"metadata": {"creationTimestamp": null, "generation": 9, "selfLink": "x", "name": "n"}});
        prepare_update(&mut new, &old);
        let expected = json!({"metadata": {"uid": "u", "creationTimestamp": "t", "generation": 3, "deletionTimestamp": "d", "name": "n"}});
        assert_eq!(new, expected);
    }

    #[test]
    fn creates_drop_system_fields() {
        let mut new = json!({"metadata": {"generateName": "x-", "uid": "mine", "resourceVersion": "4"}});
        prepare_create(&mut new, "u", "t", [0; 5]);
        let expected =
            json!({"metadata": {"generateName": "x-", "name": "x-bbbbb", "uid": "u", "creationTimestamp": "t"}});
        assert_eq!(new, expected);
    }
}
