//! exec, attach, port-forward and logs: the API's edge of streams into pods, for every generation of kubectl.
//!
//! The far side is a [`client::door::NodeDoor`]; this side speaks SPDY/3.1 and WebSocket on upgraded connections.

pub mod container;
pub mod logs;
pub mod query;

use apimachinery::{ApiError, ApiResult, Object};
use bytes::Bytes;
use client::door::Doors;
use http::Response;
use http::request::Parts;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty};
use std::convert::Infallible;
use std::sync::Arc;

/// The body of an answer; of `101 Switching Protocols` it is empty.
pub type StreamBody = UnsyncBoxBody<Bytes, Infallible>;

/// Serves `pods/{log,exec,attach,portforward}`. `parts` are the request's head, with hyper's upgrade in its
/// extensions; `pod` is the pod named by the URL, `subresource` one of the four. Authorization is done before.
///
/// # Errors
/// As upstream: 400 for a wrong container or query, 404 and 5xx from the node. An upgraded session reports its errors
/// on its own error stream.
pub async fn serve(
    parts: Parts,
    pod: &Object,
    subresource: &str,
    doors: &Arc<dyn Doors>,
) -> ApiResult<Response<StreamBody>> {
    match subresource {
        "log" => logs::serve(&parts, pod, doors).await,
        other => Err(ApiError::bad_request(format!("pods/{other} is not served by this version"))),
    }
}

fn empty_body() -> StreamBody {
    Empty::new().boxed_unsync()
}
