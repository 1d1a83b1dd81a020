//! Bodies: reading requests within their bound, and what answers are made of.

use crate::streams::StreamBody;
use apimachinery::codec::negotiate::{Encoding, content_encoding};
use apimachinery::codec::{self, Decoded};
use apimachinery::{ApiError, ApiResult, Reason, Value};
use bytes::{Bytes, BytesMut};
use flate2::read::GzDecoder;
use futures_util::Stream;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::{BodyExt, Full, StreamBody as Chunks};
use hyper::body::{Body, Frame, Incoming};
use std::io::Read;
use std::time::Duration;

/// Upstream: `MaxRequestBodyBytes`, 3 MiB, so that a request fits etcd's.
pub const MAX_BODY: usize = 3 * 1024 * 1024;

/// Of a body that is too large so much is read for nothing.
const MAX_DROPPED: usize = 8 * MAX_BODY;
/// And so long it is waited for more of it.
const DROP_PAUSE: Duration = Duration::from_secs(1);
/// And in all: strangers send bodies too, and must not hold a request by sending slowly.
const DROP_TIME: Duration = Duration::from_secs(10);

pub fn full(bytes: impl Into<Bytes>) -> StreamBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

pub fn chunks(stream: impl Stream<Item = Bytes> + Send + 'static) -> StreamBody {
    use futures_util::StreamExt;
    Chunks::new(stream.map(|bytes| Ok(Frame::data(bytes)))).boxed_unsync()
}

/// The whole body, unpacked.
///
/// # Errors
/// 413 if it is larger than [`MAX_BODY`], 400 if it breaks off or is no gzip where it says so.
pub async fn read(headers: &HeaderMap, body: &mut Option<Incoming>) -> ApiResult<Bytes> {
    let Some(body) = body.take() else { return Ok(Bytes::new()) };
    gather(headers, body).await
}

async fn gather<B>(headers: &HeaderMap, mut body: B) -> ApiResult<Bytes>
where
    B: Body<Data = Bytes, Error: std::fmt::Display> + Unpin,
{
    if body.size_hint().lower() > MAX_BODY as u64 {
        return refuse(body).await;
    }
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::bad_request(format!("the request's body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + rest.len() + data.len() > MAX_BODY {
            return refuse(body).await;
        }
        if first.is_empty() && rest.is_empty() {
            // Most bodies come in one piece, which is kept as it is.
            first = data;
            continue;
        }
        if rest.is_empty() {
            rest.extend_from_slice(&std::mem::take(&mut first));
        }
        rest.extend_from_slice(&data);
    }
    let bytes = if rest.is_empty() { first } else { rest.freeze() };
    match headers.get(CONTENT_ENCODING).map(|value| value.as_bytes()) {
        Some(b"gzip") => unpacked(&bytes),
        _ => Ok(bytes),
    }
}

async fn refuse(body: impl Body<Data = Bytes> + Unpin) -> ApiResult<Bytes> {
    take_rest(body).await;
    Err(too_large())
}

/// Clients that are still sending would take an answer for a broken connection (over HTTP/2 their stream is reset behind
/// it): what they send is taken and dropped, as far as that makes sense.
pub async fn take_rest(body: impl Body<Data = Bytes> + Unpin) {
    _ = tokio::time::timeout(DROP_TIME, drop_rest(body)).await;
}

async fn drop_rest(mut body: impl Body<Data = Bytes> + Unpin) {
    let mut left = MAX_DROPPED;
    while !body.is_end_stream()
        && let Ok(Some(Ok(frame))) = tokio::time::timeout(DROP_PAUSE, body.frame()).await
    {
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(less) => left = less,
            None => break,
        }
    }
}

fn unpacked(bytes: &[u8]) -> ApiResult<Bytes> {
    let mut out = Vec::new();
    let mut reader = GzDecoder::new(bytes).take(MAX_BODY as u64 + 1);
    reader.read_to_end(&mut out).map_err(|error| ApiError::bad_request(format!("the body is no gzip: {error}")))?;
    if out.len() > MAX_BODY { Err(too_large()) } else { Ok(out.into()) }
}

fn too_large() -> ApiError {
    ApiError::new(Reason::RequestEntityTooLarge, format!("Request body is too large: limit is {MAX_BODY}"))
}

/// A body as a document. Null for an empty one.
///
/// # Errors
/// 415 for media types that are not ours, 400 for a body that cannot be read.
pub fn decode(headers: &HeaderMap, bytes: &[u8], kind: &str) -> ApiResult<Decoded> {
    let header = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let encoding = content_encoding(header, &[Encoding::Json, Encoding::Yaml, Encoding::Protobuf])?;
    if bytes.is_empty() {
        return Ok(Decoded { value: Value::Null, duplicates: Vec::new() });
    }
    let unreadable = |why: String| {
        ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): {why} ({})",
            summary(bytes)
        ))
    };
    match encoding {
        Encoding::Json => codec::json::decode(bytes)
            .map_err(|why| unreadable(format!("couldn't get version/kind; json parse error: {why}"))),
        Encoding::Yaml => codec::yaml::decode(bytes).map_err(|why| unreadable(format!("yaml: {why}"))),
        Encoding::Protobuf => {
            super::protobuf::decode(bytes).map(|value| Decoded { value, duplicates: Vec::new() }).map_err(unreadable)
        }
    }
}

/// The start of a body, for errors. Upstream: `summarizeData`.
fn summary(bytes: &[u8]) -> String {
    const SHOWN: usize = 30;
    let start = &bytes[..bytes.len().min(SHOWN)];
    let more = if bytes.len() > SHOWN { " ..." } else { "" };
    if bytes[0] == b'{' {
        return format!("{:?}", String::from_utf8_lossy(start) + more).trim_matches('"').to_owned();
    }
    let hex: String = start.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    async fn gathered(pieces: &[&'static [u8]], packed: bool) -> ApiResult<Bytes> {
        let mut headers = HeaderMap::new();
        if packed {
            headers.insert(CONTENT_ENCODING, http::HeaderValue::from_static("gzip"));
        }
        let pieces: Vec<Bytes> = pieces.iter().map(|piece| Bytes::from_static(piece)).collect();
        gather(&headers, chunks(stream::iter(pieces))).await
    }

    #[tokio::test]
    async fn bodies_are_put_together_however_they_come() {
        let whole = b"abcdefgh";
        for first in 0..=whole.len() {
            for second in first..=whole.len() {
                for third in second..=whole.len() {
                    let pieces = [&whole[..first], &whole[first..second], &whole[second..third], &whole[third..]];
                    assert_eq!(gathered(&pieces, false).await.unwrap(), &whole[..], "{pieces:?}");
                }
            }
        }
        assert_eq!(gathered(&[], false).await.unwrap(), "");
        // gzip of "hello", in pieces too.
        const PACKED: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0";
        let pieces = [&PACKED[..1], &PACKED[1..9], &PACKED[9..20], &PACKED[20..]];
        assert_eq!(gathered(&pieces, true).await.unwrap(), "hello");
        assert_eq!(gathered(&pieces[..2], true).await.unwrap_err().code(), 400);
    }

    #[tokio::test]
    async fn the_bound_is_that_of_the_whole() {
        static HALF: [u8; MAX_BODY / 2] = [b' '; MAX_BODY / 2];
        assert_eq!(gathered(&[&HALF, &HALF], false).await.unwrap().len(), MAX_BODY);
        assert_eq!(gathered(&[&HALF, &HALF, b" "], false).await.unwrap_err().code(), 413);
    }
}
