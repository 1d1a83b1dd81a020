//! `pods/log`: a chunked text stream from the node to the client.
//!
//! Upstream: `pkg/registry/core/pod/rest/log.go`, `pkg/apis/core/validation` (`ValidatePodLogOptions`).

use super::query::Query;
use super::{StreamBody, container, empty_body};
use apimachinery::{ApiError, ApiResult, GroupVersionKind, Object, Problems};
use client::door::{Doors, LogChunks, LogOptions};
use futures_util::stream;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, StreamBody as FrameStream};
use hyper::body::Frame;
use std::sync::Arc;

const KIND: GroupVersionKind = GroupVersionKind::of("", "v1", "PodLogOptions");

pub(super) async fn serve(parts: &Parts, pod: &Object, doors: &Arc<dyn Doors>) -> ApiResult<Response<StreamBody>> {
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let options = options(&query, &pod.head.name)?;
    let place = container::find(pod, query.text("container").unwrap_or_default())?;
    if place.node.is_empty() {
        // Nothing can have been written yet.
        return answer(StatusCode::NO_CONTENT, empty_body());
    }
    let chunks = doors.door(&place.node).await?.logs(place.target, options).await?;
    answer(StatusCode::OK, body(chunks))
}

fn answer(status: StatusCode, body: StreamBody) -> ApiResult<Response<StreamBody>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if status == StatusCode::OK {
        response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("text/plain"));
    }
    Ok(response)
}

fn body(chunks: LogChunks) -> StreamBody {
    let frames = stream::unfold(chunks, |mut chunks| async {
        let chunk = chunks.recv().await?;
        Some((chunk.map(Frame::data), chunks))
    });
    FrameStream::new(frames).boxed_unsync()
}

/// # Errors
/// 400 if a parameter cannot be read, 422 if it makes no sense.
pub fn options(query: &Query, pod: &str) -> ApiResult<LogOptions> {
    let options = LogOptions {
        follow: query.flag("follow"),
        previous: query.flag("previous"),
        timestamps: query.flag("timestamps"),
        since_seconds: query.number("sinceSeconds")?,
        since_time: since_time(query)?,
        tail_lines: query.number("tailLines")?,
        limit_bytes: query.number("limitBytes")?,
        stream: query.text("stream").filter(|text| !text.is_empty()).map(str::to_owned),
    };
    let mut problems = Problems::default();
    validate(&options, &mut problems);
    if problems.is_empty() { Ok(options) } else { Err(ApiError::invalid(&KIND, pod, problems.list())) }
}

fn since_time(query: &Query) -> ApiResult<Option<String>> {
    let Some(text) = query.text("sinceTime").filter(|text| !text.is_empty()) else { return Ok(None) };
    let moment: Result<jiff::Timestamp, _> = text.parse();
    moment.map_err(|_| {
        let layout = "2006-01-02T15:04:05Z07:00";
        ApiError::bad_request(format!("parsing time {text:?} as {layout:?}: cannot parse {text:?} as \"2006\""))
    })?;
    Ok(Some(text.to_owned()))
}

fn validate(options: &LogOptions, problems: &mut Problems) {
    if let Some(lines) = options.tail_lines.filter(|lines| *lines < 0) {
        problems.invalid("tailLines", lines, "must be greater than or equal to 0");
    }
    if let Some(bytes) = options.limit_bytes.filter(|bytes| *bytes < 1) {
        problems.invalid("limitBytes", bytes, "must be greater than 0");
    }
    match (options.since_seconds, &options.since_time) {
        (Some(_), Some(_)) => {
            problems.forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified");
        }
        (Some(seconds), None) if seconds < 1 => {
            problems.invalid("sinceSeconds", seconds, "must be greater than 0");
        }
        _ => {}
    }
    if let Some(stream) = &options.stream {
        if !["All", "Stdout", "Stderr"].contains(&stream.as_str()) {
            problems.not_supported("stream", stream.as_str(), &["All", "Stderr", "Stdout"]);
        } else if stream != "All" && options.tail_lines.is_some() {
            problems.forbidden("", "`tailLines` and specific `stream` are mutually exclusive for now");
        }
    }
}
