//! The body of a watch: one line of JSON (or one protobuf frame) an event, until its time, its client or the server ends.
//!
//! Events that wait are sent together: a slow reader gets fewer, larger pieces. What comes after a quiet time goes out at
//! once; in a burst each reader is written to every few milliseconds only, for most of what an event costs is the
//! encryption, the system call and the reader's wake-up of each piece, not the event.

use super::answer::{Answer, bytes};
use super::body::chunks;
use super::forms::Form;
use crate::handlers::watch::{Item, Watching};
use crate::resource::Resource;
use apimachinery::codec::negotiate::{Encoding, Shape};
use apimachinery::table::{ListMeta, partial_metadata};
use apimachinery::{ApiError, ApiResult, Object};
use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between two pieces to one reader, at least. Below what a person or a controller notices; a burst of one update a
/// millisecond to a hundred readers costs a fifth.
const PIECE_EVERY: Duration = Duration::from_millis(3);

struct Writer {
    watching: Watching,
    resource: Arc<Resource>,
    form: Form,
    /// Tables have their columns in the first event only.
    started: bool,
    stop: CancellationToken,
    ended: bool,
    /// The next piece goes out at this time or later.
    next_piece: Instant,
}

/// # Errors
/// 406 for encodings that watches do not have.
pub fn answer(watching: Watching, resource: Arc<Resource>, form: Form, stop: CancellationToken) -> ApiResult<Answer> {
    let media_type = match form.accepted.encoding {
        Encoding::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
        _ => "application/json",
    };
    let writer = Writer { watching, resource, form, started: false, stop, ended: false, next_piece: Instant::now() };
    let mut answer = bytes(StatusCode::OK, "application/json", Bytes::new());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    *answer.body_mut() = chunks(stream::unfold(writer, |mut writer| async move {
        let piece = writer.next().await?;
        Some((piece, writer))
    }));
    Ok(answer)
}

impl Writer {
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let stop = self.stop.clone();
        // Events gather in the cache's ring meanwhile, not here.
        stop.run_until_cancelled(tokio::time::sleep_until(self.next_piece)).await?;
        let items = stop.run_until_cancelled(self.watching.next()).await??;
        self.next_piece = Instant::now() + PIECE_EVERY;
        let mut piece = Vec::with_capacity(1024 * items.len());
        for item in items {
            if let Err(error) = self.write(&item, &mut piece) {
                self.ended = true;
                self.frame("ERROR", &apimachinery::object::encode(&error.to_value()), &mut piece);
                break;
            }
        }
        Some(piece.into())
    }

    fn write(&mut self, item: &Item, piece: &mut Vec<u8>) -> Result<(), ApiError> {
        match item {
            Item::Event { kind, object } => {
                if self.form.accepted.shape == Shape::Object {
                    self.frame(kind.as_str(), &object.bytes, piece);
                } else {
                    let shaped = self.shaped(object);
                    self.frame(kind.as_str(), &shaped, piece);
                }
                Ok(())
            }
            Item::Bookmark { revision, initial_end } => {
                let bookmark = self.bookmark(*revision, *initial_end);
                self.frame("BOOKMARK", bookmark.as_bytes(), piece);
                Ok(())
            }
            Item::Error(error) => Err(error.clone()),
        }
    }

    fn shaped(&mut self, object: &Arc<Object>) -> Vec<u8> {
        match self.form.accepted.shape {
            Shape::Table => {
                let meta = ListMeta { resource_version: object.head.revision.to_string(), ..ListMeta::default() };
                let with_columns = !std::mem::replace(&mut self.started, true);
                self.form.table(&self.resource, std::slice::from_ref(object), &meta, with_columns)
            }
            _ => partial_metadata(&object.bytes),
        }
    }

    fn bookmark(&self, revision: u64, initial_end: bool) -> String {
        let (kind, version) = match self.form.accepted.shape {
            Shape::Object => (self.resource.gvk.kind.to_string(), self.resource.gvk.api_version()),
            Shape::Table => ("Table".to_owned(), "meta.k8s.io/v1".to_owned()),
            _ => ("PartialObjectMetadata".to_owned(), "meta.k8s.io/v1".to_owned()),
        };
        let marks = if initial_end { ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" } else { "" };
        let rows =
            if self.form.accepted.shape == Shape::Table { ",\"columnDefinitions\":null,\"rows\":[]" } else { "" };
        format!(
            "{{\"kind\":\"{kind}\",\"apiVersion\":\"{version}\",\"metadata\":{{\"resourceVersion\":\"{revision}\",\
             \"creationTimestamp\":null{marks}}}{rows}}}"
        )
    }

    fn frame(&self, kind: &str, object: &[u8], piece: &mut Vec<u8>) {
        if self.form.accepted.encoding == Encoding::Protobuf {
            return super::protobuf::frame(kind, object, piece);
        }
        piece.extend_from_slice(b"{\"type\":\"");
        piece.extend_from_slice(kind.as_bytes());
        piece.extend_from_slice(b"\",\"object\":");
        piece.extend_from_slice(object);
        piece.extend_from_slice(b"}\n");
    }
}
