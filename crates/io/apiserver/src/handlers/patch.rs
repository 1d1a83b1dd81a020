//! PATCH: JSON patch, merge patch, strategic merge patch, server-side apply.
//!
//! A patch without a resourceVersion is made again on the newer state when somebody else wrote in between.
//!
//! Upstream: `endpoints/handlers/patch.go`.

use super::{Call, Written, check, fields};
use crate::resource::Sub;
use crate::server::Server;
use apimachinery::patch::{self, PatchType};
use apimachinery::{ApiError, ApiResult, Problems, Value};

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
            let options = apimachinery::GroupVersionKind::of("meta.k8s.io", "v1", "PatchOptions");
            return Err(ApiError::invalid(&options, "", problems.list()));
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
            check::body(call, &mut new, &[])?;
            call.resource.set_defaults(&mut new);
            // The old state's resourceVersion is in the document unless the patch names one.
            if body["metadata"]["resourceVersion"].is_null() && kind != PatchType::Json {
                super::write::meta_mut(&mut new).remove("resourceVersion");
            }
            Ok(new)
        };
        self.change(call, fields::Way::Update, &mut wanted).await
    }

    async fn apply(&self, _call: &Call<'_>, _body: &Value) -> ApiResult<Written> {
        Err(unsupported())
    }
}

fn unsupported() -> ApiError {
    ApiError::new(
        apimachinery::Reason::UnsupportedMediaType,
        "the body of the request was in an unknown format - accepted media types include: \
         application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
    )
}
