//! From a verb to its handler: special ones by the table, all others generic.

use super::list::Listed;
use super::options::ListParams;
use super::{Call, Written};
use crate::auth::{Attributes, Target};
use crate::resource::Sub;
use crate::server::Server;
use apimachinery::patch::PatchType;
use apimachinery::{ApiError, ApiResult, Object, Reason, Value};
use std::sync::Arc;

impl Server {
    /// May the caller do this?
    ///
    /// # Errors
    /// 403 in upstream's words.
    pub fn authorize(&self, call: &Call<'_>, verb: &str) -> ApiResult<()> {
        let gvr = &call.resource.gvr;
        let target = Target::Resource {
            group: &gvr.group,
            resource: &gvr.resource,
            subresource: call.subresource,
            namespace: call.namespace,
            name: call.name,
        };
        self.authorizer.check(&Attributes { user: call.user, verb, target })
    }

    /// GET of an object or of one of its subresources.
    ///
    /// # Errors
    /// 404 for what does not exist.
    pub async fn do_get(&self, call: &Call<'_>, revision: Option<u64>) -> ApiResult<Arc<Object>> {
        if let Some(handler) = self.special.handler(&call.resource, call.subresource) {
            return Ok(handler.call(self, call, "get", Value::Null).await?.object);
        }
        match (call.subresource, call.resource.subresource(call.subresource)) {
            ("", _) if call.resource.allows("get") => self.get(call, revision).await,
            (_, Some(Sub::Scale(paths))) => self.get_scale(call, &paths).await,
            (_, Some(Sub::Status)) => self.get(call, revision).await,
            (name, Some(Sub::Special)) if call.resource.part(name).is_some() => self.get(call, revision).await,
            _ => Err(no_such(call, "get")),
        }
    }

    /// GET of a collection.
    ///
    /// # Errors
    /// As the handlers'.
    pub async fn do_list(&self, call: &Call<'_>, params: &ListParams) -> ApiResult<Listed> {
        match self.special.handler(&call.resource, "") {
            Some(handler) => handler.list(self, call, params).await,
            None => self.list(call, params).await,
        }
    }

    /// POST to a collection or a subresource.
    ///
    /// # Errors
    /// As the handlers'.
    pub async fn do_create(&self, call: &Call<'_>, body: Value) -> ApiResult<Written> {
        if let Some(handler) = self.special.handler(&call.resource, call.subresource) {
            return handler.call(self, call, "create", body).await;
        }
        if !call.subresource.is_empty() || !call.resource.is_stored() || !call.resource.allows("create") {
            return Err(no_such(call, "create"));
        }
        self.create(call, body).await
    }

    /// PUT.
    ///
    /// # Errors
    /// As the handlers'.
    pub async fn do_update(&self, call: &Call<'_>, body: Value) -> ApiResult<Written> {
        if let Some(handler) = self.special.handler(&call.resource, call.subresource) {
            return handler.call(self, call, "update", body).await;
        }
        self.check_writable(call, "update")?;
        self.update(call, body).await
    }

    /// PATCH.
    ///
    /// # Errors
    /// As the handlers'.
    pub async fn do_patch(&self, call: &Call<'_>, kind: PatchType, body: &Value) -> ApiResult<Written> {
        self.check_writable(call, "patch")?;
        self.patch(call, kind, body).await
    }

    fn check_writable(&self, call: &Call<'_>, verb: &str) -> ApiResult<()> {
        match (call.subresource, call.resource.subresource(call.subresource)) {
            ("", _) if call.resource.allows(verb) => Ok(()),
            (_, Some(Sub::Status | Sub::Scale(_))) => Ok(()),
            (name, Some(Sub::Special)) if call.resource.part(name).is_some() => Ok(()),
            _ => Err(no_such(call, verb)),
        }
    }
}

fn no_such(call: &Call<'_>, verb: &str) -> ApiError {
    if !call.subresource.is_empty() && call.resource.subresource(call.subresource).is_none() {
        return ApiError::new(Reason::NotFound, "the server could not find the requested resource");
    }
    ApiError::new(
        Reason::MethodNotAllowed,
        format!("{verb} is not supported on resources of kind {:?}", call.resource.gvr.qualified()),
    )
}
