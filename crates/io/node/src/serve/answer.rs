//! From a request to its answer.

use super::caller::Caller;
use super::session::Sessions;
use apimachinery::{ApiError, ApiResult, Reason, Value};
use bytes::Bytes;
use client::door::{AgentRequest, LogChunks, NodeDoor, link};
use futures_util::stream;
use http::header::{CONNECTION, CONTENT_TYPE, UPGRADE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use std::io;
use std::sync::Arc;
use telemetry::exposition;

/// An error breaks it off, so that the client sees that it is not whole.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

pub async fn answer(
    door: Arc<dyn NodeDoor>,
    caller: &Caller,
    sessions: &Sessions,
    request: Request<Incoming>,
) -> Response<Body> {
    match answered(door, caller, sessions, request).await {
        Ok(response) => response,
        Err(error) => refusal(&error),
    }
}

async fn answered(
    door: Arc<dyn NodeDoor>,
    caller: &Caller,
    sessions: &Sessions,
    request: Request<Incoming>,
) -> ApiResult<Response<Body>> {
    caller.authorize()?;
    let what = AgentRequest::read(request.uri().path(), request.uri().query().unwrap_or_default())?;
    let what =
        what.ok_or_else(|| ApiError::new(Reason::NotFound, format!("{} is not served", request.uri().path())))?;
    let good = [Method::GET, Method::POST].contains(request.method());
    if !good || (request.method() == Method::POST && !what.is_session()) {
        return Err(ApiError::new(Reason::MethodNotAllowed, format!("{} is not allowed here", request.method())));
    }
    if what.is_session() && !wants_session(&request) {
        let text = format!("this stream needs the headers Connection: Upgrade and Upgrade: {}", link::PROTOCOL);
        return Err(ApiError::bad_request(text));
    }
    Ok(match what {
        AgentRequest::Logs(target, options) => plain(TEXT, log(door.logs(target, options).await?)),
        AgentRequest::Exec(target, options) => {
            sessions.exec(door.exec(target, options).await?, request);
            switching()
        }
        AgentRequest::PortForward(target, port) => {
            sessions.port_forward(door.port_forward(target, port).await?, request);
            switching()
        }
        AgentRequest::Stats => document(&door.stats().await?),
        AgentRequest::Pods => document(&door.pods().await?),
        AgentRequest::Metrics(of) => plain(exposition::MEDIA_TYPE, whole(door.metrics(of).await?)),
        AgentRequest::Health => {
            door.check().await?;
            plain(TEXT, whole("ok"))
        }
    })
}

fn wants_session<T>(request: &Request<T>) -> bool {
    let has = |name, wanted: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(',').any(|part| part.trim().eq_ignore_ascii_case(wanted))
    };
    has(CONNECTION, "upgrade") && has(UPGRADE, link::PROTOCOL)
}

fn refusal(error: &ApiError) -> Response<Body> {
    let mut response = document(&error.to_value());
    *response.status_mut() = StatusCode::from_u16(error.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if matches!(error.reason(), Reason::Unauthorized | Reason::Forbidden) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn switching() -> Response<Body> {
    let mut response = Response::new(whole(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static(link::PROTOCOL));
    response
}

fn document(value: &Value) -> Response<Body> {
    plain(JSON, whole(apimachinery::object::encode(value)))
}

fn plain(media_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn whole(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

fn log(chunks: LogChunks) -> Body {
    let frames = stream::unfold(chunks, |mut chunks| async {
        let chunk = chunks.recv().await?;
        Some((chunk.map(Frame::data), chunks))
    });
    StreamBody::new(frames).boxed_unsync()
}
