//! `pods/eviction`: a delete that may be refused for the sake of others. There are no disruption budgets yet, so that
//! it never is. The pod says by a condition that it did not end by itself.
//!
//! Upstream: `pkg/registry/core/pod/storage/eviction.go`.

use super::{Handler, set_condition, success};
use crate::handlers::fields::Way;
use crate::handlers::options::DeleteParams;
use crate::handlers::write::now_text;
use crate::handlers::{Call, Written};
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, Value, meta};
use async_trait::async_trait;
use kinds::corev1::pod::facts::disruption_target;

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
        let of_pod = |subresource| {
            let mut pod = call.for_object(call.namespace, call.name);
            pod.subresource = subresource;
            pod.params.dry_run = params.dry_run;
            pod
        };
        let (pod, status) = (of_pod(""), of_pod("status"));
        mark(server, &mut params, &status).await?;
        server.delete(&pod, &params).await?;
        success(201)
    }
}

/// Sets the condition DisruptionTarget on the pod that the preconditions mean.
async fn mark(server: &Server, params: &mut DeleteParams, status: &Call<'_>) -> ApiResult<()> {
    let (uid, revision) = (params.uid.clone(), params.revision.take());
    let mut marking = |old: &Value| {
        let mut new = old.clone();
        if meta::deletion_timestamp(old).is_none() {
            let (reason, message) = ("EvictionByEvictionAPI", "Eviction API: evicting");
            set_condition(&mut new, disruption_target(reason, message, &now_text()));
        }
        // What the caller insists on, the write insists on.
        match &revision {
            Some(revision) => meta::set(&mut new, "resourceVersion", revision.as_str()),
            None => meta::remove(&mut new, "resourceVersion"),
        }
        if let Some(uid) = &uid {
            meta::set(&mut new, "uid", uid.as_str());
        }
        Ok(new)
    };
    let marked = server.change(status, Way::Update, &mut marking).await?;
    // The mark is a new revision of the same pod.
    params.uid = Some(marked.object.head.uid.to_string());
    Ok(())
}
