//! `v1` ConfigMap: configuration as keys and values.

use crate::KindDef;
use crate::cells::{AGE, NAME, column};
use crate::checks::{follows, same};
use crate::path::Path;
use crate::read::{count, entries, flag};
use apimachinery::validate::is_config_map_key;
use apimachinery::{Problems, Value};

pub const KIND: KindDef = KindDef {
    short_names: &["cm"],
    columns: &[
        NAME,
        column("Data", "How many keys there are.", |map, _| (count(map, "data") + count(map, "binaryData")).into()),
        AGE,
    ],
    validate,
    validate_update,
    ..KindDef::new(("", "v1", "ConfigMap"), ("configmaps", "configmap"), "io.k8s.api.core.v1.ConfigMap")
};

/// Most bytes all keys and values may have together. Upstream: `MaxSecretSize`.
pub const MAX_SIZE: usize = 1024 * 1024;

fn validate(map: &Value, problems: &mut Problems) {
    let mut size = 0;
    for field in ["data", "binaryData"] {
        let at = Path::new(field);
        for (key, value) in entries(map, field) {
            follows(key, at.key(key), is_config_map_key, problems);
            let value = value.as_str().unwrap_or("");
            size += if field == "data" { value.len() } else { decoded_len(value) };
        }
    }
    for (key, _) in entries(map, "data").filter(|(key, _)| map["binaryData"].get(key.as_str()).is_some()) {
        problems.invalid(Path::new("data").key(key), key.as_str(), "duplicate of key present in binaryData");
    }
    if size > MAX_SIZE {
        // Upstream names no field here, and so do we.
        problems.too_long("[]", MAX_SIZE);
    }
}

/// How many bytes a base64 text stands for.
pub fn decoded_len(text: &str) -> usize {
    text.len() / 4 * 3 - text.bytes().rev().take(2).filter(|byte| *byte == b'=').count().min(text.len() / 4 * 3)
}

fn validate_update(new: &Value, old: &Value, problems: &mut Problems) {
    sealed(new, old, &["data", "binaryData"], problems);
}

/// What was once declared immutable stays so, and so does its content.
pub fn sealed(new: &Value, old: &Value, fields: &[&str], problems: &mut Problems) {
    const MESSAGE: &str = "field is immutable when `immutable` is set";
    if !flag(old, "immutable") {
        return;
    }
    if !flag(new, "immutable") {
        problems.forbidden("immutable", MESSAGE);
    }
    for field in fields.iter().filter(|field| !same(&new[**field], &old[**field])) {
        problems.forbidden(*field, MESSAGE);
    }
}
