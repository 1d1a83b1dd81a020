//! What must hold of questions about access.
//!
//! Upstream: `pkg/apis/authorization/validation/validation.go`.

use crate::path::Path;
use crate::read::{has, is_empty, text};
use apimachinery::{Problems, Value};

const SPEC: Path = Path::new("spec");

/// What is asked for: a resource or a path, one of them.
pub fn one_question(review: &Value, problems: &mut Problems) {
    let spec = &review["spec"];
    match (has(spec, "resourceAttributes"), has(spec, "nonResourceAttributes")) {
        (true, true) => problems.invalid(
            SPEC.field("nonResourceAttributes"),
            spec["nonResourceAttributes"].clone(),
            "cannot be specified in combination with resourceAttributes",
        ),
        (false, false) => problems.invalid(
            SPEC.field("resourceAttributes"),
            Value::Null,
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ),
        _ => {}
    }
}

/// The same, of somebody.
pub fn somebodys_question(review: &Value, problems: &mut Problems) {
    one_question(review, problems);
    let spec = &review["spec"];
    if is_empty(spec, "user") && is_empty(spec, "groups") {
        problems.invalid(SPEC.field("user"), "", "at least one of user or group must be specified");
    }
}

/// The same, within the namespace of the review.
pub fn local_question(review: &Value, problems: &mut Problems) {
    somebodys_question(review, problems);
    let spec = &review["spec"];
    let (own, asked) = (text(&review["metadata"], "namespace"), text(&spec["resourceAttributes"], "namespace"));
    if has(spec, "resourceAttributes") && own != asked {
        let at = SPEC.field("resourceAttributes");
        problems.invalid(at.field("namespace"), asked, "must match metadata.namespace");
    }
    if has(spec, "nonResourceAttributes") {
        let value = spec["nonResourceAttributes"].clone();
        problems.invalid(SPEC.field("nonResourceAttributes"), value, "disallowed on this kind of request");
    }
}
