//! The `scale` subresource: an `autoscaling/v1` Scale over any kind that says where its replicas are.
//!
//! Upstream: `pkg/registry/apps/deployment/storage` (ScaleREST), `apiextensions-apiserver/pkg/registry/customresource`.

use super::update::value_of;
use super::write::{meta_text, name_of};
use super::{Call, Written, fields};
use crate::resource::ScalePaths;
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, GroupVersionKind, Object, Problems, Value, strict};
use serde_json::json;
use std::sync::Arc;

pub const SCALE: GroupVersionKind = GroupVersionKind::of("autoscaling", "v1", "Scale");

impl Server {
    /// # Errors
    /// 404 if the scaled object does not exist.
    pub async fn get_scale(&self, call: &Call<'_>, paths: &ScalePaths) -> ApiResult<Arc<Object>> {
        let object = self.stored(call, None).await?;
        let scale = scale_of(&value_of(call, &object), paths);
        Object::from_value(&scale).map(Arc::new).map_err(ApiError::internal)
    }

    /// Sets the number of replicas.
    ///
    /// # Errors
    /// As for an update; 422 for a negative number.
    pub(super) async fn update_scale(&self, call: &Call<'_>, paths: &ScalePaths, scale: Value) -> ApiResult<Written> {
        identity(&scale)?;
        self.change_scale(call, paths, &mut |_| Ok(scale.clone())).await
    }

    /// Server-side apply of a Scale: its replicas become the manager's, as a field of the scaled object.
    pub(super) async fn apply_scale(&self, call: &Call<'_>, paths: &ScalePaths, scale: &Value) -> ApiResult<Written> {
        identity(scale)?;
        check(call, scale)?;
        let gvk = &call.resource.gvk;
        let mut patch = json!({"kind": gvk.kind, "apiVersion": gvk.api_version(), "metadata": {"name": call.name}});
        if !scale["spec"]["replicas"].is_null() {
            set(&mut patch, &paths.spec_replicas, scale["spec"]["replicas"].clone());
        }
        let written = self
            .change(call, fields::Way::Applied, &mut |old| {
                let mut new = fields::merged(call, &patch, Some(old))?;
                carry_preconditions(&mut new, scale);
                Ok(new)
            })
            .await?;
        shown(&written, paths)
    }

    /// The same for a scale that is made of the present one (a patch).
    pub(super) async fn change_scale(
        &self,
        call: &Call<'_>,
        paths: &ScalePaths,
        wanted: &mut super::update::Change<'_>,
    ) -> ApiResult<Written> {
        let written = self
            .change(call, fields::Way::Update, &mut |old| {
                let scale = wanted(&scale_of(old, paths))?;
                check(call, &scale)?;
                let mut new = old.clone();
                let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
                set(&mut new, &paths.spec_replicas, replicas.into());
                carry_preconditions(&mut new, &scale);
                Ok(new)
            })
            .await?;
        shown(&written, paths)
    }
}

/// What was written, as the Scale its client knows.
fn shown(written: &Written, paths: &ScalePaths) -> ApiResult<Written> {
    let scale = scale_of(&written.object.to_value(), paths);
    let object = Arc::new(Object::from_value(&scale).map_err(ApiError::internal)?);
    Ok(Written { object, created: false })
}

fn scale_of(object: &Value, paths: &ScalePaths) -> Value {
    let mut meta = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object["metadata"].get(field) {
            meta[field] = value.clone();
        }
    }
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
    let mut scale = json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta,
        "spec": {}, "status": {"replicas": number(&paths.status_replicas).unwrap_or(0)},
    });
    if let Some(replicas) = number(&paths.spec_replicas) {
        scale["spec"]["replicas"] = replicas.into();
    }
    if let Some(selector) = object.pointer(&paths.selector).filter(|_| !paths.selector.is_empty()) {
        scale["status"]["selector"] = selector_text(selector).into();
    }
    scale
}

/// A selector as a text: a label selector object or a text already.
fn selector_text(selector: &Value) -> String {
    match selector {
        Value::String(text) => text.clone(),
        other => apimachinery::selector::LabelSelector::from_value(other).map(|s| s.to_string()).unwrap_or_default(),
    }
}

/// A body that says what it is must be a Scale.
fn identity(scale: &Value) -> ApiResult<()> {
    let says = |field: &str| scale[field].as_str().unwrap_or_default().to_owned();
    let (kind, version) = (says("kind"), says("apiVersion"));
    if !scale.is_object() || !matches!(kind.as_str(), "" | "Scale") {
        return Err(strict::cannot_be_handled(&SCALE, &format!("the object's kind is {kind:?}")));
    }
    if !version.is_empty() && version != SCALE.api_version() {
        let expected = SCALE.api_version();
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version ({expected})"
        )));
    }
    Ok(())
}

fn check(call: &Call<'_>, scale: &Value) -> ApiResult<()> {
    let mut problems = Problems::default();
    let own = name_of(scale);
    if !own.is_empty() && own != call.name {
        problems.invalid("metadata.name", own, &format!("must match the name in the URL, {}", call.name));
    }
    match &scale["spec"]["replicas"] {
        Value::Null => {}
        number if number.as_i64().is_some_and(|number| number >= 0) => {}
        other => problems.invalid("spec.replicas", other.clone(), "must be greater than or equal to 0"),
    }
    if problems.is_empty() { Ok(()) } else { Err(ApiError::invalid(&SCALE, call.name, problems.list())) }
}

/// What the client insists on in the Scale it insists on in the scaled object.
fn carry_preconditions(new: &mut Value, scale: &Value) {
    for field in ["resourceVersion", "uid"] {
        let wanted = meta_text(scale, field);
        new["metadata"][field] = wanted.into();
    }
}

/// Sets the value at a JSON pointer, making objects on the way.
fn set(object: &mut Value, pointer: &str, value: Value) {
    let mut at = object;
    for step in pointer.split('/').skip(1) {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[step];
    }
    *at = value;
}
