//! `metrics.k8s.io`: `kubectl top`, answered from the statistics of the nodes.
//!
//! A node that does not answer in time is left out, as upstream's metrics-server leaves it out.

use super::Handler;
use crate::cache::{Selection, Snapshot};
use crate::handlers::list::Listed;
use crate::handlers::options::ListParams;
use crate::handlers::write::now_text;
use crate::handlers::{Call, Written};
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, GroupVersionResource as Gvr, Object, Value};
use async_trait::async_trait;
use client::resources::{NODES, PODS};
use futures_util::future::join_all;
use serde_json::json;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// How long a node may take to tell its statistics.
const PATIENCE: Duration = Duration::from_secs(3);
/// Over which time the nodes measure, as shown to clients.
const WINDOW: &str = "10s";

/// Measurements of what.
#[derive(Debug, Clone, Copy)]
pub enum Metrics {
    Nodes,
    Pods,
}

#[async_trait]
impl Handler for Metrics {
    async fn call(&self, server: &Server, call: &Call<'_>, _verb: &str, _body: Value) -> ApiResult<Written> {
        let listed = self.list(server, call, &ListParams::default()).await?;
        let found = listed.items.into_iter().find(|item| item.head.name == call.name);
        let object = found.ok_or_else(|| ApiError::not_found(&call.resource.gvr, call.name))?;
        Ok(Written { object, created: false })
    }

    async fn list(&self, server: &Server, call: &Call<'_>, params: &ListParams) -> ApiResult<Listed> {
        let measured = match self {
            Self::Nodes => &NODES,
            Self::Pods => &PODS,
        };
        let (snapshot, prefix, selection) = select(server, measured, call, params)?;
        let objects: Vec<Arc<Object>> = snapshot.select(&prefix, None, &selection).map(|(_, o)| o.clone()).collect();
        let values = match self {
            Self::Nodes => nodes(server, &objects).await,
            Self::Pods => pods(server, &objects).await,
        };
        let items = values.iter().map(Object::from_value).collect::<Result<Vec<_>, _>>().map_err(ApiError::internal)?;
        Ok(Listed { items: items.into_iter().map(Arc::new).collect(), ..Listed::default() })
    }
}

fn select(server: &Server, of: &Gvr, call: &Call<'_>, params: &ListParams) -> ApiResult<(Snapshot, String, Selection)> {
    let resource = server.registry.find(of).ok_or_else(|| ApiError::not_found(of, ""))?;
    let mut selection = Selection::parse(&params.label_selector, &params.field_selector, &resource)?;
    selection.set_namespace(call.namespace);
    selection.set_name(call.name);
    let snapshot = server.cache.shelf(&resource.place).snapshot(server.cache.revision());
    Ok((snapshot, resource.key(call.namespace, ""), selection))
}

async fn nodes(server: &Server, objects: &[Arc<Object>]) -> Vec<Value> {
    let names = objects.iter().map(|node| node.head.name.clone()).collect();
    let statistics = ask(server, names).await;
    let measured = objects.iter().filter_map(|node| {
        let usage = usage(&statistics.get(&node.head.name)?["node"])?;
        Some(document("NodeMetrics", node, json!({"usage": usage})))
    });
    measured.collect()
}

async fn pods(server: &Server, objects: &[Arc<Object>]) -> Vec<Value> {
    let placed: Vec<(String, &Arc<Object>)> = objects
        .iter()
        .filter_map(|pod| Some((pod.to_value()["spec"]["nodeName"].as_str()?.to_owned(), pod)))
        .filter(|(node, _)| !node.is_empty())
        .collect();
    let statistics = ask(server, placed.iter().map(|(node, _)| node.clone()).collect()).await;
    let measured = placed.iter().filter_map(|(node, pod)| {
        let known = statistics.get(node)?["pods"].as_array()?;
        let own = known
            .iter()
            .find(|own| own["podRef"]["name"] == pod.head.name && own["podRef"]["namespace"] == pod.head.namespace)?;
        let containers = own["containers"].as_array()?.iter();
        let containers: Vec<Value> =
            containers.filter_map(|one| Some(json!({"name": one["name"], "usage": usage(one)?}))).collect();
        (!containers.is_empty()).then(|| document("PodMetrics", pod, json!({"containers": containers})))
    });
    measured.collect()
}

/// The statistics of some nodes, all asked at once.
async fn ask(server: &Server, names: BTreeSet<String>) -> HashMap<String, Value> {
    let answers = names.into_iter().map(|name| async move {
        let asked = async { server.doors.door(&name).await?.stats().await };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(statistics)) => Some((name, statistics)),
            Ok(Err(error)) => {
                tracing::debug!(node = name, %error, "no statistics");
                None
            }
            Err(_) => None,
        }
    });
    join_all(answers).await.into_iter().flatten().collect()
}

/// Processor and memory of a node or a container; None if it has not been measured.
fn usage(of: &Value) -> Option<Value> {
    let nano_cores = of["cpu"]["usageNanoCores"].as_u64()?;
    let bytes = of["memory"]["workingSetBytes"].as_u64()?;
    Some(json!({"cpu": format!("{nano_cores}n"), "memory": format!("{}Ki", bytes / 1024)}))
}

fn document(kind: &str, of: &Object, content: Value) -> Value {
    let now = now_text();
    let mut metadata = json!({"name": of.head.name, "creationTimestamp": now});
    if !of.head.namespace.is_empty() {
        metadata["namespace"] = of.head.namespace.as_str().into();
    }
    if !of.head.labels.is_empty() {
        metadata["labels"] = json!(of.head.labels);
    }
    let mut value = json!({
        "kind": kind, "apiVersion": "metrics.k8s.io/v1beta1", "metadata": metadata, "timestamp": now, "window": WINDOW,
    });
    for (field, content) in content.as_object().into_iter().flatten() {
        value[field] = content.clone();
    }
    value
}
