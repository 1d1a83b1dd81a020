//! `pods/proxy`, `services/proxy` and `nodes/proxy`: requests handed on to what runs in the cluster.
//!
//! Upstream: `pkg/registry/core/{pod,service,node}/rest`, `apimachinery/pkg/util/proxy`. A node's agent has no HTTP port
//! of its own here; what it tells through its door is answered under the paths of upstream's.

mod forward;
mod html;
mod node;
mod packed;
mod target;
mod urls;

use crate::handlers::Call;
use crate::server::Server;
use crate::streams::StreamBody;
use apimachinery::{ApiError, ApiResult, Reason};
use http::header::{HeaderValue, LOCATION};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use std::sync::{Arc, LazyLock};
use target::Target;
use tokio::sync::Semaphore;
use urls::Prefix;

/// Proxied requests at once: each holds two connections.
const MOST: usize = 1000;
static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(MOST)));

/// Hands the request on and its answer back. Authorization is done before.
///
/// # Errors
/// As upstream: 400 for a name that makes no sense, 404 for what does not exist, 503 for what does not answer.
pub async fn serve(
    server: &Server,
    call: &Call<'_>,
    parts: Parts,
    body: &mut Option<Incoming>,
) -> ApiResult<Response<StreamBody>> {
    if urls::is_watch(parts.uri.path()) {
        return Err(ApiError::new(Reason::NotFound, "the server could not find the requested resource")
            .with_details(serde_json::json!({})));
    }
    let place = Arc::clone(&PLACES).try_acquire_owned().map_err(|_| {
        ApiError::new(Reason::TooManyRequests, format!("{MOST} requests are being proxied; end some and try again"))
    })?;
    let target = target::find(server, call).await?;
    let prefix = Prefix::of(parts.uri.path(), !call.namespace.is_empty());
    let rest = parts.uri.path()[prefix.as_str().len()..].to_owned();
    let is_upgrade = forward::is_upgrade(&parts.headers);
    if rest.is_empty() && !is_upgrade && matches!(parts.method, Method::GET | Method::HEAD) {
        return Ok(to_root(&parts));
    }
    match target {
        Target::Agent { node } => node::answer(server, &node, &rest).await,
        Target::Address(address) => {
            let body = body.take().ok_or_else(|| ApiError::internal("the body has been read already"))?;
            forward::forward(&address, &prefix, &rest, parts, body, place).await
        }
    }
}

/// Relative links of a page only work below a slash.
fn to_root(parts: &Parts) -> Response<StreamBody> {
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    if let Ok(value) = HeaderValue::from_str(&format!("{}/{query}", parts.uri.path())) {
        response.headers_mut().insert(LOCATION, value);
    }
    response
}

fn full(status: StatusCode, media_type: &'static str, body: impl Into<bytes::Bytes>) -> Response<StreamBody> {
    let mut response = Response::new(Full::new(body.into()).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

#[cfg(test)]
mod tests;
