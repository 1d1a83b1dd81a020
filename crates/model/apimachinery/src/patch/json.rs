//! RFC 6902 JSON patches, with upstream's limits.
//!
//! Upstream: `apiserver/pkg/endpoints/handlers/patch.go` (`jsonPatcher`).

use super::PatchError;
use crate::Value;
use json_patch::PatchOperation;

/// Upstream: `maxJSONPatchOperations`.
const MAX_OPERATIONS: usize = 10_000;

/// Bytes that `copy` operations of one patch may add, at most. Upstream: `AccumulatedCopySizeLimit`, the limit of a body.
const MAX_COPIED: usize = 3 * 1024 * 1024;

/// # Errors
/// If the patch is no list of operations, has too many, or an operation fails.
pub fn apply(mut document: Value, patch: &Value) -> Result<Value, PatchError> {
    let count = patch.as_array().map_or(0, Vec::len);
    if count > MAX_OPERATIONS {
        let why = format!("The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {count}");
        return Err(PatchError::TooLarge(why));
    }
    let operations: Vec<PatchOperation> = serde::Deserialize::deserialize(patch)
        .map_err(|why: serde_json::Error| PatchError::Malformed(format!("error decoding patch: {why}")))?;
    let mut copied = 0;
    for operation in operations {
        if let PatchOperation::Copy(copy) = &operation {
            copied += document.pointer(copy.from.as_str()).map_or(0, |value| value.to_string().len());
            if copied > MAX_COPIED {
                let why =
                    format!("the copies of a JSON patch may add {MAX_COPIED} bytes, this one adds {copied} or more");
                return Err(PatchError::TooLarge(why));
            }
        }
        run(&mut document, operation)?;
    }
    Ok(document)
}

fn run(document: &mut Value, operation: PatchOperation) -> Result<(), PatchError> {
    if let PatchOperation::Test(test) = &operation {
        // A missing value passes a test for null, as upstream's library has it.
        let found = document.pointer(test.path.as_str()).unwrap_or(&Value::Null);
        let why = || PatchError::DoesNotApply(format!("testing value {} failed: test failed", test.path));
        return if *found == test.value { Ok(()) } else { Err(why()) };
    }
    let (name, path) = (name(&operation), operation.path().to_string());
    json_patch::patch_unsafe(document, &[operation]).map_err(|error| {
        PatchError::DoesNotApply(format!(
            "{name} operation does not apply: doc is missing path: {path}: {}",
            error.kind
        ))
    })
}

fn name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        _ => "test",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(patch: Value, expected: &str) {
        let document = json!({"spec": {"replicas": 1, "list": ["a", "b"]}});
        let shown = apply(document, &patch).map_or_else(|error| error.to_string(), |value| value.to_string());
        assert_eq!(shown, expected);
    }

    #[test]
    fn operations() {
        check(
            json!([{"op": "replace", "path": "/spec/replicas", "value": 2}, {"op": "remove", "path": "/spec/list/0"}]),
            r#"{"spec":{"list":["b"],"replicas":2}}"#,
        );
        check(
            json!([{"op": "test", "path": "/spec/none", "value": null}, {"op": "add", "path": "/spec/list/-", "value": 3}]),
            r#"{"spec":{"list":["a","b",3],"replicas":1}}"#,
        );
        check(
            json!([{"op": "test", "path": "/spec/replicas", "value": 2}]),
            "testing value /spec/replicas failed: test failed",
        );
        check(
            json!([{"op": "remove", "path": "/spec/x"}]),
            "remove operation does not apply: doc is missing path: /spec/x: path is invalid",
        );
    }

    #[test]
    fn limits() {
        let many = Value::Array(vec![json!({"op": "test", "path": "/spec/replicas", "value": 1}); 10_001]);
        check(many, "The allowed maximum operations in a JSON patch is 10000, got 10001");
        let double = |n: usize| json!({"op": "copy", "from": format!("/{n}"), "path": format!("/{}", n + 1)});
        let document = json!(["x".repeat(100_000)]);
        let copies = Value::Array((0..40).map(double).collect());
        assert!(matches!(apply(document, &copies), Err(PatchError::TooLarge(_))));
        assert!(matches!(apply(json!({}), &json!({})), Err(PatchError::Malformed(_))));
    }
}
