//! `pods/binding`: the scheduler says on which node a pod runs.
//!
//! Upstream: `pkg/registry/core/pod/storage/storage.go` (BindingREST).

use super::{Handler, set_condition, success};
use crate::handlers::fields::Way;
use crate::handlers::write::now_text;
use crate::handlers::{Call, Written};
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, GroupVersionKind, Problems, Value, meta};
use async_trait::async_trait;
use serde_json::json;

pub struct Binding;

#[async_trait]
impl Handler for Binding {
    async fn call(&self, server: &Server, call: &Call<'_>, _verb: &str, body: Value) -> ApiResult<Written> {
        let target = &body["target"];
        let node = target["name"].as_str().unwrap_or_default();
        check(call, target, node)?;
        let name = meta::name(&body);
        if !name.is_empty() && name != call.name {
            return Err(ApiError::bad_request("name in URL does not match name in Binding object"));
        }
        server
            .change(call, Way::Update, &mut |pod| {
                refuse(call, pod)?;
                let mut bound = pod.clone();
                meta::remove(&mut bound, "resourceVersion");
                if let Some(uid) = body["metadata"]["uid"].as_str().filter(|uid| !uid.is_empty()) {
                    meta::set(&mut bound, "uid", uid);
                }
                bound["spec"]["nodeName"] = node.into();
                for (key, value) in body["metadata"]["annotations"].as_object().into_iter().flatten() {
                    meta::set_annotation(&mut bound, key, value.as_str().unwrap_or_default());
                }
                scheduled(&mut bound);
                Ok(bound)
            })
            .await?;
        success(201)
    }
}

/// Upstream: `ValidatePodBinding`.
fn check(call: &Call<'_>, target: &Value, node: &str) -> ApiResult<()> {
    let mut problems = Problems::default();
    let kind = target["kind"].as_str().unwrap_or_default();
    if !matches!(kind, "" | "Node") {
        problems.not_supported("target.kind", kind, &["Node", "<empty>"]);
    }
    if node.is_empty() {
        problems.required("target.name", "");
    }
    let binding = GroupVersionKind::of("", "v1", "Binding");
    if problems.is_empty() { Ok(()) } else { Err(ApiError::invalid(&binding, call.name, problems.list())) }
}

fn refuse(call: &Call<'_>, pod: &Value) -> ApiResult<()> {
    let conflict = |why: String| {
        let gvr = apimachinery::GroupVersionResource::of("", "v1", "pods/binding");
        Err(ApiError::conflict(&gvr, call.name, &why))
    };
    if meta::deletion_timestamp(pod).is_some() {
        return conflict(format!("pod {} is being deleted, cannot be assigned to a host", call.name));
    }
    if let Some(node) = pod["spec"]["nodeName"].as_str().filter(|node| !node.is_empty()) {
        return conflict(format!("pod {} is already assigned to node {node:?}", call.name));
    }
    if pod["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty()) {
        return conflict(format!("pod {} has non-empty .spec.schedulingGates", call.name));
    }
    Ok(())
}

/// Sets the condition PodScheduled.
fn scheduled(pod: &mut Value) {
    let condition = json!({
        "type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now_text(),
    });
    set_condition(pod, condition);
}
