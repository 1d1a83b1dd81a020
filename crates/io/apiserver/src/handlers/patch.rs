//! PATCH: JSON patch, merge patch, strategic merge patch, server-side apply.
//!
//! A patch without a resourceVersion is made again on the newer state when somebody else wrote in between.
//!
//! Upstream: `endpoints/handlers/patch.go`.

use super::{Call, Written, check, fields};
use crate::resource::Sub;
use crate::server::Server;
use apimachinery::patch::{self, PatchType};
use apimachinery::strict::{self, FieldValidation};
use apimachinery::{ApiError, ApiResult, GroupVersionKind, Problems, Value};

impl Server {
    /// # Errors
    /// 404 (but apply creates), 400 and 422 for patches that are none or do not fit, 409.
    pub async fn patch(&self, call: &Call<'_>, kind: PatchType, body: &Value) -> ApiResult<Written> {
        if kind == PatchType::Apply {
            return self.apply(call, body).await;
        }
        if call.params.force {
            let mut problems = Problems::default();
            problems.forbidden("force", "may not be specified for non-apply patch");
            return Err(ApiError::invalid(&PATCH_OPTIONS, "", problems.list()));
        }
        if let Some(Sub::Scale(paths)) = call.resource.subresource(call.subresource) {
            let schema = schema::SchemaRef::Any;
            let mut wanted = |scale: &Value| Ok(patch::apply_value(kind, scale.clone(), body, schema)?);
            return self.change_scale(call, &paths, &mut wanted).await;
        }
        if kind == PatchType::Strategic && call.resource.is_custom() {
            return Err(unsupported());
        }
        let mut wanted = |old: &Value| {
            let mut new = patch::apply_value(kind, old.clone(), body, call.resource.schema())?;
            check::identity(call, &mut new)?;
            check::name_matches(call, &mut new)?;
            check::patched(call, &mut new, |new| match kind {
                PatchType::Strategic => patch::go_text(body),
                _ => new.to_string(),
            })?;
            call.resource.set_defaults(&mut new);
            // The old state's resourceVersion is in the document unless the patch names one.
            if body["metadata"]["resourceVersion"].is_null() && kind != PatchType::Json {
                super::write::meta_mut(&mut new).remove("resourceVersion");
            }
            Ok(new)
        };
        self.change(call, fields::Way::Update, &mut wanted).await
    }

    /// Server-side apply: merges into the present object, or creates.
    async fn apply(&self, call: &Call<'_>, body: &Value) -> ApiResult<Written> {
        if !call.params.manager_given {
            let mut problems = Problems::default();
            problems.required("fieldManager", "is required for apply patch");
            return Err(ApiError::invalid(&PATCH_OPTIONS, "", problems.list()));
        }
        if let Some(Sub::Scale(paths)) = call.resource.subresource(call.subresource) {
            return self.apply_scale(call, &paths, body).await;
        }
        let mut body = body.clone();
        if body["metadata"]["name"].is_null() {
            super::write::meta_mut(&mut body).insert("name".into(), call.name.into());
        }
        fields::check_applied(call, &body)?;
        for odd in &call.params.odd {
            let text = format!("error converting YAML to JSON: {odd}");
            match call.params.field_validation {
                FieldValidation::Ignore => {}
                FieldValidation::Warn => call.warnings.add(text),
                FieldValidation::Strict => {
                    return Err(ApiError::bad_request(format!("error strict decoding YAML: {text}")));
                }
            }
        }
        check::identity(call, &mut body)?;
        check::name_matches(call, &mut body)?;
        call.resource.fit(&mut body).map_err(|why| strict::cannot_be_handled(&call.resource.gvk, &why))?;
        let insists = !super::write::meta_text(&body, "resourceVersion").is_empty();
        let mut wanted = |old: &Value| {
            let mut new = fields::merged(call, &body, Some(old))?;
            call.resource.set_defaults(&mut new);
            if !insists {
                super::write::meta_mut(&mut new).remove("resourceVersion");
            }
            Ok(new)
        };
        for _ in 0..CREATE_TRIES {
            match self.change(call, fields::Way::Applied, &mut wanted).await {
                Err(error) if error.is_not_found() && call.subresource.is_empty() && !insists => {}
                other => return other,
            }
            // Who may change may not for that reason make. Upstream: `withAuthorization` in handlers/patch.go.
            self.authorize(call, "create")?;
            let fresh = fields::merged(call, &body, None)?;
            match self.create_as(call, fresh, fields::Way::Applied).await {
                Err(error) if error.is_already_exists() => {}
                other => return other,
            }
        }
        Err(ApiError::modified(&call.resource.gvr, call.name))
    }
}

const PATCH_OPTIONS: GroupVersionKind = GroupVersionKind::of("meta.k8s.io", "v1", "PatchOptions");
/// An object may be created and deleted by others while we look.
const CREATE_TRIES: usize = 5;

fn unsupported() -> ApiError {
    ApiError::new(
        apimachinery::Reason::UnsupportedMediaType,
        "the body of the request was in an unknown format - accepted media types include: \
         application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
    )
}
