//! `pods/eviction`: a delete that may be refused for the sake of others. There are no disruption budgets yet, so that
//! it never is.
//!
//! Upstream: `pkg/registry/core/pod/storage/eviction.go`.

use super::{Handler, success};
use crate::handlers::options::DeleteParams;
use crate::handlers::{Call, Written};
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, Value, meta};
use async_trait::async_trait;

pub struct Eviction;

#[async_trait]
impl Handler for Eviction {
    async fn call(&self, server: &Server, call: &Call<'_>, _verb: &str, body: Value) -> ApiResult<Written> {
        let name = meta::name(&body);
        if !name.is_empty() && name != call.name {
            return Err(ApiError::bad_request("name in URL does not match name in Eviction object"));
        }
        let mut options = body["deleteOptions"].clone();
        if let Value::Object(options) = &mut options {
            options.remove("kind");
            options.remove("apiVersion");
        }
        let mut params = DeleteParams::parse(&[], &options)?;
        params.dry_run |= call.params.dry_run;
        let mut pod = call.for_object(call.namespace, call.name);
        pod.subresource = "";
        pod.params.dry_run = params.dry_run;
        server.delete(&pod, &params).await?;
        success(201)
    }
}
