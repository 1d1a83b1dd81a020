//! exec, attach, port-forward and logs: the API's edge of streams into pods, for every generation of kubectl.
//!
//! The far side is a [`client::door::NodeDoor`]; this side speaks SPDY/3.1 and WebSocket on upgraded connections.

pub mod container;
mod exec;
mod exit;
pub mod logs;
mod portforward;
pub mod query;
mod sink;
pub mod spdy;
pub mod upgrade;
mod websocket;

#[cfg(test)]
mod tests;

use apimachinery::{ApiError, ApiResult, Object, Reason};
use bytes::Bytes;
use client::door::Doors;
use http::Response;
use http::request::Parts;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use std::io;
use std::sync::{Arc, LazyLock};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The body of an answer; of `101 Switching Protocols` it is empty. An error breaks it off, so that the client sees it.
pub type StreamBody = UnsyncBoxBody<Bytes, io::Error>;

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
        "exec" => exec::serve(exec::What::Exec, parts, pod, doors).await,
        "attach" => exec::serve(exec::What::Attach, parts, pod, doors).await,
        "portforward" => portforward::serve(parts, pod, doors).await,
        other => Err(ApiError::bad_request(format!("pods/{other} is not a stream"))),
    }
}

/// Upgraded sessions at once: each holds a connection and up to some megabytes in flight.
const MOST_SESSIONS: usize = 1000;
static SESSIONS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(MOST_SESSIONS)));

/// A place for one more session.
fn sessions() -> ApiResult<OwnedSemaphorePermit> {
    Arc::clone(&SESSIONS).try_acquire_owned().map_err(|_| {
        let text = format!("{MOST_SESSIONS} exec, attach and port-forward sessions are open; end some and try again");
        ApiError::new(Reason::TooManyRequests, text)
    })
}

/// The client is gone, or wants no more of this stream.
pub use spdy::session::Closed;

fn empty_body() -> StreamBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn text_body(text: String) -> StreamBody {
    Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync()
}
