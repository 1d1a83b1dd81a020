//! Answers: objects, lists, Status bodies, with the headers every answer carries.

use super::body::{chunks, full};
use super::forms::{Form, Packing};
use crate::handlers::list::Listed;
use crate::resource::Resource;
use crate::streams::StreamBody;
use apimachinery::codec::negotiate::Encoding;
use apimachinery::{ApiError, Object, Value};
use bytes::{BufMut, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, VARY};
use http::{Response, StatusCode};
use std::io::Write;
use std::sync::Arc;

pub type Answer = Response<StreamBody>;

/// A list is written in pieces of about this size, bytes: large enough for TLS and HTTP/2 to be busy, small against
/// the list.
const PIECE: usize = 256 * 1024;

/// Bytes of a whole answer.
pub fn bytes(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = bytes(status, "text/plain; charset=utf-8", body);
    answer.headers_mut().insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    answer
}

pub fn json(status: StatusCode, value: &Value) -> Answer {
    bytes(status, "application/json", apimachinery::object::encode(value))
}

/// A Status for a refusal, in the client's form where that is possible.
pub fn error(error: &ApiError, form: Option<&Form>) -> Answer {
    let status = StatusCode::from_u16(error.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let value = error.to_value();
    let mut answer = document(status, &value, form);
    if let Some(seconds) = value["details"]["retryAfterSeconds"].as_i64()
        && let Ok(seconds) = HeaderValue::from_str(&seconds.to_string())
    {
        answer.headers_mut().insert(RETRY_AFTER, seconds);
    }
    answer
}

/// A document that is no stored object.
pub fn document(status: StatusCode, value: &Value, form: Option<&Form>) -> Answer {
    let encoded = Bytes::from(apimachinery::object::encode(value));
    match form {
        Some(form) => match form.encode(&encoded) {
            Ok(body) => finished(status, form, body),
            Err(_) => bytes(status, "application/json", encoded),
        },
        None => bytes(status, "application/json", encoded),
    }
}

/// One object in the form the client asked for.
///
/// # Errors
/// If the object cannot be written in that form.
pub fn object(status: StatusCode, resource: &Resource, object: &Arc<Object>, form: &Form) -> Result<Answer, ApiError> {
    let body = form.object(resource, object)?;
    Ok(finished(status, form, body))
}

/// Bytes that are gzipped if the client takes that.
pub fn packed_bytes(media_type: &'static str, body: &[u8], pack: bool) -> Answer {
    if !pack {
        return bytes(StatusCode::OK, media_type, Bytes::copy_from_slice(body));
    }
    let mut packer = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    // Writing into memory cannot fail.
    _ = packer.write_all(body);
    let mut answer = bytes(StatusCode::OK, media_type, packer.finish().unwrap_or_default());
    packed(&mut answer);
    answer
}

fn finished(status: StatusCode, form: &Form, body: Bytes) -> Answer {
    match form.packing {
        Packing::Gzip if body.len() > super::forms::WORTH_PACKING => {
            let mut packer = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
            // Writing into memory cannot fail.
            _ = packer.write_all(&body);
            let mut answer = bytes(status, form.media_type(), packer.finish().unwrap_or_default());
            packed(&mut answer);
            answer
        }
        _ => bytes(status, form.media_type(), body),
    }
}

fn packed(answer: &mut Answer) {
    answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
}

/// A list in the form the client asked for. Plain JSON is written piece by piece while it is sent.
///
/// # Errors
/// If an object cannot be written in that form.
pub fn list(resource: &Resource, listed: Listed, form: &Form) -> Result<Answer, ApiError> {
    if !form.is_plain_json() {
        let body = form.list(resource, &listed)?;
        return Ok(finished(StatusCode::OK, form, body));
    }
    let size: usize = listed.items.iter().map(|item| item.bytes.len() + 1).sum();
    let pack = form.packing == Packing::Gzip && size > super::forms::WORTH_PACKING;
    let mut pieces = Pieces::new(resource, listed);
    if size <= PIECE && !pack {
        let body = pieces.next().unwrap_or_default();
        return Ok(bytes(StatusCode::OK, Encoding::Json.media_type(), body));
    }
    let mut answer = bytes(StatusCode::OK, Encoding::Json.media_type(), Bytes::new());
    if pack {
        packed(&mut answer);
        *answer.body_mut() = chunks(stream::iter(PackedPieces { pieces, packer: Some(packer()) }));
    } else {
        *answer.body_mut() = chunks(stream::iter(pieces));
    }
    Ok(answer)
}

fn packer() -> GzEncoder<Vec<u8>> {
    GzEncoder::new(Vec::new(), Compression::fast())
}

/// The JSON of a list, piece by piece; the items' bytes are copied once, into the piece.
struct Pieces {
    head: Option<Bytes>,
    items: std::vec::IntoIter<Arc<Object>>,
    first: bool,
    done: bool,
}

/// The same, gzipped.
struct PackedPieces {
    pieces: Pieces,
    packer: Option<GzEncoder<Vec<u8>>>,
}

impl Pieces {
    fn new(resource: &Resource, listed: Listed) -> Self {
        let meta = super::forms::list_meta(&listed).to_value();
        let head = format!(
            "{{\"kind\":\"{}List\",\"apiVersion\":\"{}\",\"metadata\":{meta},\"items\":[",
            resource.gvk.kind,
            resource.gvk.api_version()
        );
        Self { head: Some(head.into()), items: listed.items.into_iter(), first: true, done: false }
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.done {
            return None;
        }
        let mut piece = BytesMut::with_capacity(PIECE + PIECE / 8);
        if let Some(head) = self.head.take() {
            piece.extend_from_slice(&head);
        }
        for item in self.items.by_ref() {
            if !std::mem::take(&mut self.first) {
                piece.put_u8(b',');
            }
            piece.extend_from_slice(&item.bytes);
            if piece.len() >= PIECE {
                return Some(piece.freeze());
            }
        }
        self.done = true;
        piece.extend_from_slice(b"]}\n");
        Some(piece.freeze())
    }
}

impl Iterator for PackedPieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            let packer = self.packer.as_mut()?;
            match self.pieces.next() {
                Some(piece) => {
                    _ = packer.write_all(&piece);
                    if !packer.get_ref().is_empty() {
                        return Some(std::mem::take(packer.get_mut()).into());
                    }
                }
                None => return self.packer.take()?.finish().ok().map(Bytes::from),
            }
        }
    }
}
