//! What every cluster has from its first moment: namespaces, priority classes, the Service `kubernetes`, RBAC.
//!
//! Written through the API like everything else, and again at every start where something is missing.

use crate::local::Local;
use crate::masters;
use crate::server::Server;
use crate::special::addresses;
use apimachinery::EventType;
use apimachinery::{ApiResult, GroupVersionResource as Gvr, Reason, Value};
use client::resources::{ENDPOINT_SLICES, ENDPOINTS, NAMESPACES, PRIORITY_CLASSES, SERVICES};
use client::{Api, ListOptions, PatchKind, Scope, WriteOptions};
use futures_util::StreamExt;
use serde_json::json;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const NAME: &str = "kubernetes";
/// Between a watch that ended and the next.
const PAUSE: Duration = Duration::from_secs(1);
const SYSTEM_NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// # Errors
/// If the store does not accept the writes.
pub async fn run(server: &Server, api: &Local) -> ApiResult<()> {
    for name in SYSTEM_NAMESPACES {
        let namespace = json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}});
        ensure(api, &NAMESPACES, "", namespace).await?;
    }
    for class in priority_classes() {
        ensure(api, &PRIORITY_CLASSES, "", class).await?;
    }
    crate::auth::bootstrap::reconcile(api).await?;
    // On a full disk what is stored is served all the same; it is said again soon.
    if let Err(error) = masters::renew(server).await {
        tracing::warn!(%error, "cannot tell the other API servers of the cluster that this one lives; will try again");
    }
    kubernetes_service(server, api).await
}

/// Makes the Service `kubernetes` anew when somebody deletes or changes it, until `stop`: whoever deletes all Services of
/// a namespace does not mean this one.
pub async fn keep_kubernetes_service(server: Arc<Server>, api: Local, stop: CancellationToken) {
    let parts = [&SERVICES, &ENDPOINTS, &ENDPOINT_SLICES].map(|of| keep_part(&server, &api, of));
    _ = stop.run_until_cancelled(futures_util::future::join_all(parts)).await;
}

async fn keep_part(server: &Server, api: &Local, of: &Gvr) -> Infallible {
    loop {
        if let Err(error) = follow_part(server, api, of).await {
            tracing::debug!(resource = %of.resource, %error, "will look after the Service kubernetes again");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn follow_part(server: &Server, api: &Local, of: &Gvr) -> ApiResult<()> {
    let options = ListOptions { field_selector: format!("metadata.name={NAME}"), ..ListOptions::default() };
    let list = api.list(of, Scope::Namespace("default"), &options).await?;
    kubernetes_service(server, api).await?;
    let mut watch = api.watch(of, Scope::Namespace("default"), &options, list.revision).await?;
    while let Some(event) = watch.next().await {
        // What is as it should be is not written again.
        if matches!(event?.kind, EventType::Deleted | EventType::Modified) {
            kubernetes_service(server, api).await?;
        }
    }
    Ok(())
}

/// The Service by which pods find this API, and the addresses behind it: those of all servers that live.
/// Upstream: `pkg/controlplane/controller/kubernetesservice`.
pub async fn kubernetes_service(server: &Server, api: &Local) -> ApiResult<()> {
    let (base, prefix) = server.service_range;
    let first = Ipv4Addr::from(*addresses(base, prefix).start()).to_string();
    let labels = json!({"component": "apiserver", "provider": "kubernetes"});
    let service = json!({
        "kind": "Service", "apiVersion": "v1", "metadata": {"name": NAME, "labels": labels},
        "spec": {
            "clusterIP": first, "type": "ClusterIP",
            "ports": [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": server.advertise.port()}],
        },
    });
    ensure(api, &SERVICES, "default", service).await?;
    let groups = masters::by_port(server).await?;
    keep(api, &ENDPOINTS, endpoints(&groups), "subsets").await?;
    let Some((port, group)) = groups.first() else { return Ok(()) };
    keep(api, &ENDPOINT_SLICES, slice(*port, group), "endpoints").await
}

fn endpoints(groups: &[(u16, Vec<IpAddr>)]) -> Value {
    let subsets = groups.iter().map(|(port, group)| {
        let addresses: Vec<Value> = group.iter().map(|ip| json!({"ip": ip.to_string()})).collect();
        json!({"addresses": addresses, "ports": ports(*port)})
    });
    json!({
        "kind": "Endpoints", "apiVersion": "v1",
        "metadata": {"name": NAME, "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
        "subsets": subsets.collect::<Vec<_>>(),
    })
}

/// All endpoints of a slice have the same ports.
fn slice(port: u16, group: &[IpAddr]) -> Value {
    let ready = group.iter().map(|ip| json!({"addresses": [ip.to_string()], "conditions": {"ready": true}}));
    json!({
        "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
        "metadata": {"name": NAME, "labels": {"kubernetes.io/service-name": NAME}},
        "addressType": if group.iter().all(IpAddr::is_ipv4) { "IPv4" } else { "IPv6" },
        "endpoints": ready.collect::<Vec<_>>(), "ports": ports(port),
    })
}

fn ports(port: u16) -> Value {
    json!([{"name": "https", "port": port, "protocol": "TCP"}])
}

/// Makes the object, or brings the field up to date: the address may have changed since the last start.
async fn keep(api: &Local, of: &Gvr, object: Value, field: &str) -> ApiResult<()> {
    let patch = json!({field: object[field], "ports": object["ports"]});
    let written = match ensure(api, of, "default", object).await {
        Ok(()) => api.patch(of, "default", NAME, PatchKind::Merge, patch, WriteOptions::default()).await.map(drop),
        refused => refused,
    };
    match written {
        // A wildcard or loopback address is no endpoint; such a server is for this machine only.
        Err(error) if error.reason() == Reason::Invalid => Ok(()),
        other => other,
    }
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
        Err(error) if error.is_already_exists() => Ok(()),
        other => other.map(drop),
    }
}
