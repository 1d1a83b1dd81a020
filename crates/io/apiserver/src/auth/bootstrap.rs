//! The roles and bindings every cluster starts with.
//!
//! Upstream: `plugin/pkg/auth/authorizer/rbac/bootstrappolicy`.

use apimachinery::{ApiResult, Value};
use client::Api;
use serde_json::json;

/// All of them, as documents ready to be created.
pub fn objects() -> Vec<Value> {
    vec![json!({
        "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "cluster-admin"},
        "rules": [
            {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
            {"verbs": ["*"], "nonResourceURLs": ["*"]},
        ],
    })]
}

/// Creates what is missing and adds what an older version lacked. Run at start, before serving others than masters.
///
/// # Errors
/// The first write that was refused; run it again.
pub async fn reconcile(api: &dyn Api) -> ApiResult<()> {
    for object in objects() {
        let created =
            api.create(&super::rbac::follow::CLUSTER_ROLES, "", object, client::WriteOptions::default()).await;
        if let Err(error) = created
            && !error.is_already_exists()
        {
            return Err(error);
        }
    }
    Ok(())
}
