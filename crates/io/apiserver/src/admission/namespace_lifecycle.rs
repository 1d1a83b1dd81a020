//! NamespaceLifecycle: nothing is created in a namespace that is not there or that ends; three namespaces stay.
//!
//! Upstream: `apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go`.

use super::{Attributes, Operation, Plugin};
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, Reason, Value};
use async_trait::async_trait;
use client::resources::NAMESPACES;
use serde_json::json;

/// Cannot be deleted.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

pub struct NamespaceLifecycle;

#[async_trait]
impl Plugin for NamespaceLifecycle {
    fn name(&self) -> &'static str {
        "NamespaceLifecycle"
    }

    fn handles(&self, of: &Attributes<'_>) -> bool {
        match of.operation {
            Operation::Create => of.resource.namespaced && of.resource.is_stored() && !of.namespace.is_empty(),
            Operation::Delete => of.resource.gvr == NAMESPACES,
            _ => false,
        }
    }

    async fn validate(&self, _server: &Server, of: &Attributes<'_>, object: &Value) -> ApiResult<()> {
        if of.operation == Operation::Delete {
            return immortal(object["metadata"]["name"].as_str().unwrap_or_default());
        }
        Ok(())
    }

    async fn admit(&self, server: &Server, of: &Attributes<'_>, object: &mut Value) -> ApiResult<()> {
        if of.operation == Operation::Delete {
            return Ok(());
        }
        let shelf = server.cache.shelf_at("/registry/core/namespaces/");
        let key = format!("/registry/core/namespaces/{}", of.namespace);
        let mut found = shelf.get(&key);
        if found.is_none() {
            // It may have been made a moment ago.
            server.cache.wait_fresh().await?;
            found = shelf.get(&key);
        }
        let Some(namespace) = found else { return Err(ApiError::not_found(&NAMESPACES, of.namespace)) };
        if namespace.head.is_deleting() {
            return Err(terminating(of, object["metadata"]["name"].as_str().unwrap_or_default()));
        }
        Ok(())
    }
}

fn immortal(name: &str) -> ApiResult<()> {
    if !IMMORTAL.contains(&name) {
        return Ok(());
    }
    let message = format!("namespaces {name:?} is forbidden: this namespace may not be deleted");
    Err(ApiError::new(Reason::Forbidden, message).with_details(json!({"name": name, "kind": "namespaces"})))
}

fn terminating(of: &Attributes<'_>, name: &str) -> ApiError {
    let gvr = &of.resource.gvr;
    let why = format!("namespace {} is being terminated", of.namespace);
    let message = format!(
        "{} {name:?} is forbidden: unable to create new content in namespace {} because it is being terminated",
        gvr.qualified(),
        of.namespace
    );
    let cause = json!({"reason": "NamespaceTerminating", "message": why, "field": "metadata.namespace"});
    ApiError::new(Reason::Forbidden, message)
        .with_details(json!({"name": name, "group": gvr.group, "kind": gvr.resource, "causes": [cause]}))
}
