//! ServiceAccount: every pod runs as one, and finds its token, the cluster's CA and its namespace where clients look.
//!
//! Upstream: `plugin/pkg/admission/serviceaccount/admission.go`.

use super::{Attributes, Operation, Plugin, forbidden};
use crate::handlers::create::suffix;
use crate::server::Server;
use apimachinery::{ApiResult, Object, Value, meta};
use async_trait::async_trait;
use client::resources::PODS;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const DEFAULT: &str = "default";
/// Renewed by the node when it is 80 % through. Odd, so that it is told from a user's hour. Upstream: `TokenExpirationSeconds`.
const TOKEN_SECONDS: i64 = 60 * 60 + 7;
/// How long a pod waits for the default account of a namespace just made. Upstream: ten tries of 100 to 200 ms.
const PATIENCE: Duration = Duration::from_millis(1500);

pub struct ServiceAccount;

#[async_trait]
impl Plugin for ServiceAccount {
    fn name(&self) -> &'static str {
        "ServiceAccount"
    }

    fn handles(&self, of: &Attributes<'_>) -> bool {
        of.operation == Operation::Create && of.subresource.is_empty() && of.resource.gvr == PODS
    }

    async fn admit(&self, server: &Server, of: &Attributes<'_>, pod: &mut Value) -> ApiResult<()> {
        if meta::annotation(pod, "kubernetes.io/config.mirror").is_some() || !pod["spec"].is_object() {
            return Ok(());
        }
        let spec = &mut pod["spec"];
        let named = ["serviceAccountName", "serviceAccount"].map(|field| spec[field].as_str().unwrap_or_default());
        let name = named.into_iter().find(|name| !name.is_empty()).unwrap_or(DEFAULT).to_owned();
        spec["serviceAccountName"] = name.as_str().into();
        spec["serviceAccount"] = name.as_str().into();
        let Some(account) = find(server, of.namespace, &name).await else {
            let why =
                format!("error looking up service account {}/{name}: serviceaccount {name:?} not found", of.namespace);
            return Err(forbidden(of, meta::name(pod), &why));
        };
        let account = account.to_value();
        if wants_token(&account, &pod["spec"]) {
            mount_token(&mut pod["spec"]);
        }
        let spec = &mut pod["spec"];
        if spec["imagePullSecrets"].as_array().is_none_or(Vec::is_empty)
            && let Some(secrets) = account["imagePullSecrets"].as_array().filter(|list| !list.is_empty())
        {
            spec["imagePullSecrets"] = json!(secrets);
        }
        Ok(())
    }
}

async fn find(server: &Server, namespace: &str, name: &str) -> Option<Arc<Object>> {
    let shelf = server.cache.shelf_at("/registry/core/serviceaccounts/");
    let key = format!("/registry/core/serviceaccounts/{namespace}/{name}");
    if let Some(account) = shelf.get(&key) {
        return Some(account);
    }
    server.cache.wait_fresh().await.ok()?;
    if name != DEFAULT {
        return shelf.get(&key);
    }
    let mut changed = shelf.subscribe();
    let waiting = async {
        loop {
            if let Some(account) = shelf.get(&key) {
                return Some(account);
            }
            changed.changed().await.ok()?;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.ok().flatten()
}

/// The pod's word counts more than the account's; without a word the token is mounted.
fn wants_token(account: &Value, spec: &Value) -> bool {
    let field = "automountServiceAccountToken";
    spec[field].as_bool().or_else(|| account[field].as_bool()).unwrap_or(true)
}

fn mount_token(spec: &mut Value) {
    let volume = format!("kube-api-access-{}", suffix());
    let mut mounted = false;
    for list in ["initContainers", "containers"] {
        for container in spec[list].as_array_mut().into_iter().flatten() {
            let mounts = container["volumeMounts"].as_array().into_iter().flatten();
            if mounts
                .clone()
                .any(|mount| mount["mountPath"].as_str().map(|p| p.trim_end_matches('/')) == Some(MOUNT_PATH))
            {
                continue;
            }
            push(container, "volumeMounts", json!({"name": volume, "readOnly": true, "mountPath": MOUNT_PATH}));
            mounted = true;
        }
    }
    if mounted {
        push(spec, "volumes", token_volume(&volume));
    }
}

fn token_volume(name: &str) -> Value {
    json!({"name": name, "projected": {
        "defaultMode": 0o644,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [
                {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
            ]}},
        ],
    }})
}

fn push(object: &mut Value, field: &str, item: Value) {
    match object[field].as_array_mut() {
        Some(list) => list.push(item),
        None => object[field] = json!([item]),
    }
}
