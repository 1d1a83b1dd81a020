//! RFC 7386 JSON merge patches: objects merge, null removes, all else replaces.

use super::PatchError;
use crate::Value;

/// # Errors
/// If the patch is not an object.
pub fn apply(mut document: Value, patch: &Value) -> Result<Value, PatchError> {
    if !patch.is_object() {
        let what = super::strategic::go_kind(patch);
        let why = format!(
            "error decoding patch: json: cannot unmarshal {what} into Go value of type map[string]interface {{}}"
        );
        return Err(PatchError::Malformed(why));
    }
    merge(&mut document, patch);
    Ok(document)
}

fn merge(document: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *document = patch.clone();
        return;
    };
    if !document.is_object() {
        *document = Value::Object(serde_json::Map::new());
    }
    let Value::Object(map) = document else { return };
    for (name, change) in changes {
        if change.is_null() {
            map.remove(name);
        } else {
            merge(map.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn merges() {
        let patched = apply(
            json!({"a": {"b": 1, "c": [1]}, "d": 1}),
            &json!({"a": {"b": null, "c": [2]}, "d": {"e": {"f": null}}}),
        );
        assert_eq!(patched.unwrap(), json!({"a": {"c": [2]}, "d": {"e": {}}}));
        assert_eq!(
            apply(json!({}), &json!([])).unwrap_err().to_string(),
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
        );
    }
}
