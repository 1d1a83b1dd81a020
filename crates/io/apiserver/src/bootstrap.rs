//! What every cluster has from its first moment: namespaces, priority classes, the Service `kubernetes`, RBAC.
//!
//! Written through the API like everything else, and again at every start where something is missing.

use crate::local::Local;
use crate::server::Server;
use apimachinery::{ApiResult, GroupVersionResource as Gvr, Value};
use client::resources::{NAMESPACES, PRIORITY_CLASSES};
use client::{Api, WriteOptions};
use serde_json::json;

const SYSTEM_NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// # Errors
/// If the store does not accept the writes.
pub async fn run(_server: &Server, api: &Local) -> ApiResult<()> {
    for name in SYSTEM_NAMESPACES {
        let namespace = json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}});
        ensure(api, &NAMESPACES, "", namespace).await?;
    }
    for class in priority_classes() {
        ensure(api, &PRIORITY_CLASSES, "", class).await?;
    }
    crate::auth::bootstrap::reconcile(api).await
}

/// Upstream: `apis/scheduling/v1/helpers.go`.
fn priority_classes() -> [Value; 2] {
    let class = |name: &str, value: i64, text: &str| {
        json!({
            "kind": "PriorityClass", "apiVersion": "scheduling.k8s.io/v1", "metadata": {"name": name},
            "value": value, "description": text,
        })
    };
    [
        class(
            "system-cluster-critical",
            2_000_000_000,
            "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
        ),
        class(
            "system-node-critical",
            2_000_001_000,
            "Used for system critical pods that must not be moved from their current node.",
        ),
    ]
}

/// Creates the object unless it is there.
async fn ensure(api: &Local, of: &Gvr, namespace: &str, object: Value) -> ApiResult<()> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    match api.get(of, namespace, name).await {
        Err(error) if error.is_not_found() => {}
        other => return other.map(drop),
    }
    match api.create(of, namespace, object, WriteOptions::default()).await {
        Err(error) if !error.is_already_exists() => Err(error),
        _ => Ok(()),
    }
}
