//! What upstream's node agent answers on its own port, as far as ours knows it.

use super::full;
use crate::handlers::Call;
use crate::handlers::options::ListParams;
use crate::server::Server;
use crate::streams::StreamBody;
use apimachinery::{ApiError, ApiResult, Value};
use client::door::NodeMetrics;
use http::{Response, StatusCode};
use serde_json::json;
use telemetry::exposition;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

pub async fn answer(server: &Server, node: &str, path: &str) -> ApiResult<Response<StreamBody>> {
    match path.trim_end_matches('/') {
        "/healthz" | "/healthz/ping" | "/healthz/syncloop" => {
            server.doors.door(node).await?.check().await?;
            Ok(full(StatusCode::OK, TEXT, "ok"))
        }
        "/metrics" => metrics(server, node, NodeMetrics::Agent).await,
        "/metrics/cadvisor" => metrics(server, node, NodeMetrics::Cadvisor).await,
        "/metrics/resource" => metrics(server, node, NodeMetrics::Resource).await,
        "/stats/summary" => Ok(document(&server.doors.door(node).await?.stats().await?)),
        "/pods" => Ok(document(&pods(server, node).await?)),
        _ => Ok(full(StatusCode::NOT_FOUND, TEXT, "404 page not found\n")),
    }
}

fn document(value: &Value) -> Response<StreamBody> {
    full(StatusCode::OK, JSON, apimachinery::object::encode(value))
}

async fn metrics(server: &Server, node: &str, of: NodeMetrics) -> ApiResult<Response<StreamBody>> {
    Ok(full(StatusCode::OK, exposition::MEDIA_TYPE, server.doors.door(node).await?.metrics(of).await?))
}

async fn pods(server: &Server, node: &str) -> ApiResult<Value> {
    let resource = server.registry.table().find("", "v1", "pods");
    let resource = resource.ok_or_else(|| ApiError::internal("there is no resource pods"))?;
    let user = crate::auth::UserInfo::system("system:apiserver");
    let selector = ("fieldSelector".to_owned(), format!("spec.nodeName={node}"));
    let listed = server.list(&Call::new(&user, resource, "", ""), &ListParams::parse(&[selector])?).await?;
    let items: Vec<Value> = listed.items.iter().map(|pod| pod.to_value()).collect();
    Ok(json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}))
}
