//! Validation of `metadata`, in upstream's words.
//!
//! Upstream: `apimachinery/pkg/api/validation/objectmeta.go`, `pkg/apis/meta/v1/validation/validation.go`.

use super::{FINALIZER_FOREGROUND, FINALIZER_ORPHAN, finalizers, generate_name, generation, name, namespace, text};
use crate::validate::{is_dns1123_label, is_qualified_name, is_valid_label_value};
use crate::{Problems, Value};

const IMMUTABLE: &str = "field is immutable";
/// Upstream: `TotalAnnotationSizeLimitB`.
const ANNOTATIONS_MAX: usize = 256 * 1024;
/// Upstream: `MaxSubresourceNameLength`.
const SUBRESOURCE_MAX: usize = 256;

/// What is wrong with a new object's metadata. `name_rule` is one of [`crate::validate`]'s functions, by the kind.
pub fn create(object: &Value, namespaced: bool, name_rule: fn(&str) -> Vec<String>, problems: &mut Problems) {
    let base = generate_name(object);
    if !base.is_empty() {
        for wrong in name_rule(&masked(base)) {
            problems.invalid("metadata.generateName", base, &wrong);
        }
    }
    if name(object).is_empty() {
        problems.required("metadata.name", "name or generateName is required");
    } else {
        for wrong in name_rule(name(object)) {
            problems.invalid("metadata.name", name(object), &wrong);
        }
    }
    check_namespace(namespace(object), namespaced, problems);
    if generation(object) < 0 {
        problems.invalid("metadata.generation", generation(object), "must be greater than or equal to 0");
    }
    common(object, problems);
    check_finalizers(object, problems);
}

/// What is wrong with a change of metadata. Run [`super::prepare_update`] first.
pub fn update(new: &Value, old: &Value, problems: &mut Problems) {
    if super::deletion_timestamp(old).is_some() {
        check_no_new_finalizers(new, old, problems);
    }
    if generation(new) < generation(old) {
        problems.invalid("metadata.generation", generation(new), "must not be decremented");
    }
    for field in ["name", "namespace", "uid", "creationTimestamp"] {
        if text(new, field) != text(old, field) {
            problems.invalid(format!("metadata.{field}"), text(new, field), IMMUTABLE);
        }
    }
    for field in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
        let (now, before) = (&new["metadata"][field], &old["metadata"][field]);
        if now != before {
            problems.invalid(format!("metadata.{field}"), now.clone(), IMMUTABLE);
        }
    }
    common(new, problems);
}

/// Labels: also for pod templates and selectors, under their own paths.
pub fn labels(labels: &Value, field: &str, problems: &mut Problems) {
    for (key, value) in labels.as_object().into_iter().flatten() {
        for wrong in is_qualified_name(key) {
            problems.invalid(field, key.as_str(), &wrong);
        }
        for wrong in is_valid_label_value(value.as_str().unwrap_or_default()) {
            problems.invalid(field, value.clone(), &wrong);
        }
    }
}

/// Annotations: keys as labels' but in any case, 256 KiB in all.
pub fn annotations(annotations: &Value, field: &str, problems: &mut Problems) {
    let mut total = 0;
    for (key, value) in annotations.as_object().into_iter().flatten() {
        for wrong in is_qualified_name(&key.to_lowercase()) {
            problems.invalid(field, key.as_str(), &wrong);
        }
        total += key.len() + value.as_str().map_or(0, str::len);
    }
    if total > ANNOTATIONS_MAX {
        problems.too_long(field, ANNOTATIONS_MAX);
    }
}

fn common(object: &Value, problems: &mut Problems) {
    let metadata = &object["metadata"];
    labels(&metadata["labels"], "metadata.labels", problems);
    annotations(&metadata["annotations"], "metadata.annotations", problems);
    check_owners(&metadata["ownerReferences"], problems);
    check_managed_fields(&metadata["managedFields"], problems);
}

/// What the kinds of kube-apiserver ask of finalizers beside. Upstream: `validateKubeFinalizerName`.
pub fn qualified_finalizers(object: &Value, problems: &mut Problems) {
    const STANDARD: [&str; 3] = ["kubernetes", FINALIZER_ORPHAN, FINALIZER_FOREGROUND];
    for (index, name) in
        finalizers(object).into_iter().enumerate().filter(|(_, name)| !name.contains('/') && !STANDARD.contains(name))
    {
        let why = "name is neither a standard finalizer name nor is it fully qualified";
        problems.invalid(format!("metadata.finalizers[{index}]"), name, why);
    }
}

fn check_managed_fields(entries: &Value, problems: &mut Problems) {
    for (index, entry) in entries.as_array().into_iter().flatten().enumerate() {
        let at = |field: &str| format!("metadata.managedFields[{index}].{field}");
        let part = |name: &str| entry[name].as_str().unwrap_or_default();
        if !matches!(part("operation"), "Apply" | "Update") {
            problems.invalid(at("operation"), part("operation"), "must be `Apply` or `Update`");
        }
        if !matches!(part("fieldsType"), "" | "FieldsV1") {
            problems.invalid(at("fieldsType"), part("fieldsType"), "must be `FieldsV1`");
        }
        crate::apply::check_manager(part("manager"), &at("manager"), problems);
        if part("subresource").len() > SUBRESOURCE_MAX {
            problems.too_long(at("subresource"), SUBRESOURCE_MAX);
        }
    }
}

/// A trailing dash is fine in a prefix: letters follow it.
fn masked(base: &str) -> String {
    match base.strip_suffix('-') {
        Some(start) if !start.is_empty() => format!("{}a", &start[..start.len() - last_len(start)]),
        _ => base.to_owned(),
    }
}

fn last_len(text: &str) -> usize {
    text.chars().next_back().map_or(0, char::len_utf8)
}

fn check_namespace(namespace: &str, namespaced: bool, problems: &mut Problems) {
    let field = "metadata.namespace";
    match (namespaced, namespace.is_empty()) {
        (true, true) => problems.required(field, ""),
        (true, false) => {
            for wrong in is_dns1123_label(namespace) {
                problems.invalid(field, namespace, &wrong);
            }
        }
        (false, false) => problems.forbidden(field, "not allowed on this type"),
        (false, true) => {}
    }
}

fn check_owners(owners: &Value, problems: &mut Problems) {
    const FIELD: &str = "metadata.ownerReferences";
    let mut controller: Option<String> = None;
    for owner in owners.as_array().into_iter().flatten() {
        let part = |name: &str| owner[name].as_str().unwrap_or_default();
        let api_version = part("apiVersion");
        if api_version.is_empty() || api_version.ends_with('/') {
            problems.invalid(format!("{FIELD}.apiVersion"), api_version, "version must not be empty");
        }
        for name in ["kind", "name", "uid"].into_iter().filter(|name| part(name).is_empty()) {
            problems.invalid(format!("{FIELD}.{name}"), "", "must not be empty");
        }
        if api_version == "v1" && part("kind") == "Event" {
            problems.invalid(FIELD, owner.clone(), "/v1, Kind=Event is disallowed from being an owner");
        }
        if owner["controller"] == true {
            let this = format!("{}/{}", part("kind"), part("name"));
            match &controller {
                None => controller = Some(this),
                Some(first) => {
                    let why = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"
                    );
                    problems.invalid(FIELD, owners.clone(), &why);
                }
            }
        }
    }
}

fn check_finalizers(object: &Value, problems: &mut Problems) {
    const FIELD: &str = "metadata.finalizers";
    let list = finalizers(object);
    for finalizer in &list {
        for wrong in is_qualified_name(finalizer) {
            problems.invalid(FIELD, *finalizer, &wrong);
        }
    }
    if list.contains(&FINALIZER_ORPHAN) && list.contains(&FINALIZER_FOREGROUND) {
        let why = format!("finalizer {FINALIZER_ORPHAN} and {FINALIZER_FOREGROUND} cannot be both set");
        problems.invalid(FIELD, object["metadata"]["finalizers"].clone(), &why);
    }
}

fn check_no_new_finalizers(new: &Value, old: &Value, problems: &mut Problems) {
    let known = finalizers(old);
    let mut extra: Vec<&str> = finalizers(new).into_iter().filter(|name| !known.contains(name)).collect();
    if !extra.is_empty() {
        extra.sort_unstable();
        let shown: Vec<String> = extra.iter().map(|name| format!("{name:?}")).collect();
        let why = "no new finalizers can be added if the object is being deleted, found new finalizers";
        problems.forbidden("metadata.finalizers", &format!("{why} []string{{{}}}", shown.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::is_dns1123_subdomain;
    use expect_test::{Expect, expect};
    use serde_json::json;

    #[track_caller]
    fn check(problems: Problems, expected: Expect) {
        let lines: Vec<String> = problems.into_vec().iter().map(|p| format!("{}: {}", p.field, p.message)).collect();
        expected.assert_eq(&lines.join("\n"));
    }

    #[track_caller]
    fn check_create(metadata: Value, namespaced: bool, expected: Expect) {
        let mut problems = Problems::default();
        create(&json!({"metadata": metadata}), namespaced, is_dns1123_subdomain, &mut problems);
        check(problems, expected);
    }

    #[test]
    fn new_objects() {
        check_create(
            json!({"name": "a", "namespace": "b", "generateName": "a-", "labels": {"x/y": "z"}}),
            true,
            expect![""],
        );
        check_create(
            json!({}),
            true,
            expect![[r#"
            metadata.name: Required value: name or generateName is required
            metadata.namespace: Required value"#]],
        );
        check_create(
            json!({"name": "a", "namespace": "b"}),
            false,
            expect!["metadata.namespace: Forbidden: not allowed on this type"],
        );
        let owner = json!({"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "", "controller": true});
        check_create(
            json!({"name": "a", "finalizers": ["orphan", "foregroundDeletion"], "ownerReferences": [owner, owner]}),
            false,
            expect![[r#"
                metadata.ownerReferences.uid: Invalid value: "": must not be empty
                metadata.ownerReferences.uid: Invalid value: "": must not be empty
                metadata.ownerReferences: Invalid value: [{"apiVersion":"v1","controller":true,"kind":"Pod","name":"p","uid":""},{"apiVersion":"v1","controller":true,"kind":"Pod","name":"p","uid":""}]: Only one reference can have Controller set to true. Found "true" in references for Pod/p and Pod/p
                metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set"#]],
        );
        check_create(
            json!({"name": "a", "annotations": {"A/b": "x".repeat(300_000)}}),
            false,
            expect!["metadata.annotations: Too long: may not be more than 262144 bytes"],
        );
    }

    #[test]
    fn changes() {
        let old = json!({"metadata": {"name": "a", "uid": "1", "generation": 2, "deletionTimestamp": "t", "finalizers": ["x"]}});
        let new = json!({"metadata": {"name": "b", "uid": "1", "generation": 1, "finalizers": ["x", "z", "y"]}});
        let mut problems = Problems::default();
        update(&new, &old, &mut problems);
        check(
            problems,
            expect![[r#"
            metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"y", "z"}
            metadata.generation: Invalid value: 1: must not be decremented
            metadata.name: Invalid value: "b": field is immutable
            metadata.deletionTimestamp: Invalid value: null: field is immutable"#]],
        );
    }
}
