//! What every object must be, whatever its kind: identity, metadata, then the kind's own rules.
//!
//! Upstream: `apimachinery/pkg/api/validation/objectmeta.go`, `registry/rest/create.go`, `update.go`.

use super::Call;
use super::write::{finalizers, is_deleting, meta_mut, meta_text, name_of, namespace_of};
use apimachinery::{ApiError, ApiResult, Problems, Value, validate};
use kinds::def::NameRule;

/// All annotations of an object together, bytes. Upstream: `TotalAnnotationSizeLimitB`.
const MAX_ANNOTATIONS: usize = 256 * 1024;

/// Fills in or checks apiVersion, kind and namespace against the request.
///
/// # Errors
/// 400 for an object of another kind or namespace.
pub fn identity(call: &Call<'_>, object: &mut Value) -> ApiResult<()> {
    let gvk = &call.resource.gvk;
    if !object.is_object() {
        return Err(ApiError::bad_request(format!("the body is not a {}, it must be a JSON object", gvk.kind)));
    }
    let (kind, version) = (text(object, "kind"), text(object, "apiVersion"));
    let expected = gvk.api_version();
    if !kind.is_empty() && kind != gvk.kind {
        return Err(ApiError::bad_request(format!(
            "{kind} in version {:?} cannot be handled as a {}: no kind {kind:?} is expected at this path",
            version.rsplit('/').next().unwrap_or_default(),
            gvk.kind
        )));
    }
    if !version.is_empty() && version != expected {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version ({expected})"
        )));
    }
    object["kind"] = gvk.kind.to_string().into();
    object["apiVersion"] = expected.into();
    if !object["metadata"].is_object() && !object["metadata"].is_null() {
        return Err(ApiError::bad_request("metadata must be an object"));
    }
    namespace_matches(call, object)
}

/// Upstream: `EnsureObjectNamespaceMatchesRequestNamespace`.
fn namespace_matches(call: &Call<'_>, object: &mut Value) -> ApiResult<()> {
    let own = namespace_of(object);
    if own == call.namespace {
        return Ok(());
    }
    if own.is_empty() {
        meta_mut(object).insert("namespace".into(), call.namespace.into());
        return Ok(());
    }
    if !call.resource.namespaced {
        meta_mut(object).remove("namespace");
        return Ok(());
    }
    Err(ApiError::bad_request(format!(
        "the namespace of the provided object does not match the namespace sent on the request ({own} != {})",
        call.namespace
    )))
}

/// The name in the body must be the one in the URL; an absent one is filled in.
///
/// # Errors
/// 400 if they differ.
pub fn name_matches(call: &Call<'_>, object: &mut Value) -> ApiResult<()> {
    let own = name_of(object);
    if own.is_empty() {
        meta_mut(object).insert("name".into(), call.name.into());
        return Ok(());
    }
    if own != call.name {
        let text = format!("the name of the object ({own}) does not match the name on the URL ({})", call.name);
        return Err(ApiError::bad_request(text));
    }
    Ok(())
}

/// # Errors
/// 422 with everything that is wrong with a new object.
pub fn create(call: &Call<'_>, object: &Value) -> ApiResult<()> {
    let mut problems = Problems::default();
    metadata(call, object, &mut problems);
    call.resource.validate(object, &mut problems);
    verdict(call, object, problems)
}

/// # Errors
/// 422 with everything that is wrong with the changed object.
pub fn update(call: &Call<'_>, new: &Value, old: &Value) -> ApiResult<()> {
    let mut problems = Problems::default();
    metadata(call, new, &mut problems);
    metadata_update(new, old, &mut problems);
    call.resource.validate(new, &mut problems);
    call.resource.validate_update(new, old, &mut problems);
    verdict(call, new, problems)
}

fn verdict(call: &Call<'_>, object: &Value, problems: Problems) -> ApiResult<()> {
    if problems.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid(&call.resource.gvk, name_of(object), problems.list()))
}

/// Upstream: `ValidateObjectMetaAccessor`.
fn metadata(call: &Call<'_>, object: &Value, problems: &mut Problems) {
    name(call, object, problems);
    if !shape(object, problems) {
        return;
    }
    let meta = &object["metadata"];
    for (key, value) in meta["labels"].as_object().into_iter().flatten() {
        for wrong in validate::is_qualified_name(key) {
            problems.invalid("metadata.labels", key.as_str(), &wrong);
        }
        for wrong in validate::is_valid_label_value(value.as_str().unwrap_or_default()) {
            problems.invalid("metadata.labels", value.clone(), &wrong);
        }
    }
    let mut size = 0;
    for (key, value) in meta["annotations"].as_object().into_iter().flatten() {
        for wrong in validate::is_qualified_name(&key.to_lowercase()) {
            problems.invalid("metadata.annotations", key.as_str(), &wrong);
        }
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > MAX_ANNOTATIONS {
        problems.too_long("metadata.annotations", MAX_ANNOTATIONS);
    }
    for (at, finalizer) in finalizers(object).iter().enumerate() {
        for wrong in validate::is_qualified_name(finalizer) {
            problems.invalid("metadata.finalizers", finalizer.as_str(), &wrong);
        }
        const STANDARD: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];
        if !finalizer.contains('/') && !STANDARD.contains(&finalizer.as_str()) {
            let field = format!("metadata.finalizers[{at}]");
            problems.invalid(field, finalizer.as_str(), "name is neither a standard finalizer name nor is it fully qualified");
        }
    }
    owners(object, problems);
}

/// Whether the parts of metadata are of the right type.
fn shape(object: &Value, problems: &mut Problems) -> bool {
    let meta = &object["metadata"];
    let mut good = true;
    for field in ["labels", "annotations"] {
        let texts = |map: &serde_json::Map<String, Value>| map.values().all(Value::is_string);
        if !(meta[field].is_null() || meta[field].as_object().is_some_and(texts)) {
            problems.type_invalid(format!("metadata.{field}"), meta[field].clone(), "must be a map of strings");
            good = false;
        }
    }
    for field in ["finalizers", "ownerReferences"] {
        if !(meta[field].is_null() || meta[field].is_array()) {
            problems.type_invalid(format!("metadata.{field}"), meta[field].clone(), "must be a list");
            good = false;
        }
    }
    good
}

fn name(call: &Call<'_>, object: &Value, problems: &mut Problems) {
    let rule = rule_of(call.resource.name_rule());
    let base = meta_text(object, "generateName");
    if !base.is_empty() {
        // A name ending in a dash is fine as a start.
        let trial = format!("{}a", base.trim_end_matches(['-', '.']));
        for wrong in rule(&trial) {
            problems.invalid("metadata.generateName", base, &wrong);
        }
    }
    let name = name_of(object);
    if name.is_empty() {
        problems.required("metadata.name", "name or generateName is required");
    } else {
        for wrong in rule(name) {
            problems.invalid("metadata.name", name, &wrong);
        }
    }
    if call.resource.namespaced {
        if namespace_of(object).is_empty() {
            problems.required("metadata.namespace", "");
        } else {
            for wrong in validate::is_dns1123_label(namespace_of(object)) {
                problems.invalid("metadata.namespace", namespace_of(object), &wrong);
            }
        }
    }
}

fn rule_of(rule: NameRule) -> fn(&str) -> Vec<String> {
    match rule {
        NameRule::Subdomain => validate::is_dns1123_subdomain,
        NameRule::Label => validate::is_dns1123_label,
        NameRule::Rfc1035Label => validate::is_dns1035_label,
        NameRule::PathSegment => validate::is_valid_path_segment_name,
    }
}

/// Upstream: `ValidateOwnerReferences`.
fn owners(object: &Value, problems: &mut Problems) {
    let mut controller: Option<String> = None;
    for (at, owner) in object["metadata"]["ownerReferences"].as_array().into_iter().flatten().enumerate() {
        let path = |field: &str| format!("metadata.ownerReferences[{at}].{field}");
        for (field, why) in
            [("apiVersion", "version must not be empty"), ("kind", "must not be empty"), ("name", "must not be empty"), ("uid", "must not be empty")]
        {
            if owner[field].as_str().unwrap_or_default().is_empty() {
                problems.invalid(path(field), "", why);
            }
        }
        if owner["controller"] == true {
            let shown = format!("{}/{}", text(owner, "kind"), text(owner, "name"));
            if let Some(other) = &controller {
                let why = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {other} and {shown}"
                );
                problems.invalid("metadata.ownerReferences", object["metadata"]["ownerReferences"].clone(), &why);
            }
            controller = Some(shown);
        }
    }
}

/// Upstream: `ValidateObjectMetaAccessorUpdate`.
fn metadata_update(new: &Value, old: &Value, problems: &mut Problems) {
    for field in ["name", "namespace", "uid"] {
        if meta_text(new, field) != meta_text(old, field) {
            problems.invalid(format!("metadata.{field}"), meta_text(new, field), "field is immutable");
        }
    }
    if is_deleting(old) {
        let before = finalizers(old);
        let added: Vec<String> = finalizers(new).into_iter().filter(|own| !before.contains(own)).collect();
        if !added.is_empty() {
            let shown: Vec<String> = added.iter().map(|name| format!("{name:?}")).collect();
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                shown.join(", ")
            );
            problems.forbidden("metadata.finalizers", &why);
        }
    }
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}
