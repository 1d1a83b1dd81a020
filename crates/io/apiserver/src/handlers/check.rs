//! What every object must be, whatever its kind: identity, metadata, then the kind's own rules.
//!
//! Upstream: `apimachinery/pkg/api/validation/objectmeta.go`, `registry/rest/create.go`, `update.go`.

use super::Call;
use super::write::{meta_mut, name_of, namespace_of};
use apimachinery::strict::{self, FieldValidation};
use apimachinery::{ApiError, ApiResult, GroupVersionKind, Problems, Value, codec, meta, validate};
use kinds::def::NameRule;

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
        return Err(strict::cannot_be_handled(gvk, &format!("the object's kind is {kind:?}")));
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

/// Makes a body fit its schema.
///
/// # Errors
/// 400 for values of wrong types, and under strict field validation for anything unknown or double.
pub fn body(call: &Call<'_>, object: &mut Value) -> ApiResult<()> {
    let gvk = &call.resource.gvk;
    let unknown = call.resource.fit(object).map_err(|why| strict::cannot_be_handled(gvk, &why))?;
    let mut found: Vec<String> = call.params.odd.iter().cloned().chain(unknown).collect();
    // Custom resources are decoded first and pruned then, so that what they have twice is told first.
    if found.len() > 1 && !call.params.text.is_empty() && !call.resource.is_custom() {
        found = codec::json::in_document_order(&call.params.text, found);
    }
    for warning in strict::settle(gvk, call.params.field_validation, found)? {
        call.warnings.add(warning);
    }
    Ok(())
}

/// The same for an object that a patch made. `shown` is the patch or the object, as upstream tells it.
///
/// # Errors
/// 422 about the patch.
pub fn patched(call: &Call<'_>, object: &mut Value, shown: impl FnOnce(&Value) -> String) -> ApiResult<()> {
    let before = object.clone();
    let refuse = |why: &str| {
        let mut problems = Problems::default();
        problems.invalid("patch", shown(&before), why);
        Err(ApiError::invalid(&NO_KIND, "", problems.list()))
    };
    let unknown = match call.resource.fit(object) {
        Ok(unknown) => unknown,
        Err(why) => return refuse(&why),
    };
    let found: Vec<String> = call.params.odd.iter().cloned().chain(unknown).collect();
    match call.params.field_validation {
        FieldValidation::Strict if !found.is_empty() => return refuse(&strict::strict_error(&found)),
        FieldValidation::Ignore => {}
        _ => found.into_iter().for_each(|warning| call.warnings.add(warning)),
    }
    Ok(())
}

/// Upstream names no kind where it complains of a patch.
const NO_KIND: GroupVersionKind = GroupVersionKind::of("", "", "");

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
    meta::validate::update(new, old, &mut problems);
    call.resource.validate(new, &mut problems);
    match call.resource.part(call.subresource) {
        Some(part) => (part.validate_update)(new, old, &mut problems),
        None => call.resource.validate_update(new, old, &mut problems),
    }
    verdict(call, new, problems)
}

fn verdict(call: &Call<'_>, object: &Value, problems: Problems) -> ApiResult<()> {
    if problems.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid(&call.resource.gvk, name_of(object), problems.list()))
}

fn metadata(call: &Call<'_>, object: &Value, problems: &mut Problems) {
    meta::validate::create(object, call.resource.namespaced, rule_of(call.resource.name_rule()), problems);
    if call.resource.qualified_finalizers() {
        meta::validate::qualified_finalizers(object, problems);
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

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}
