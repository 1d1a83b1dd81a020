//! The body of a watch, taken apart: one line of JSON an event.

use super::decode::{object, unreadable};
use crate::WatchStream;
use apimachinery::watch::WatchItem;
use apimachinery::{ApiError, EventType, Reason, Value, WatchEvent};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The longest line that is waited for, bytes; the largest object is a tenth of it.
const MAX_LINE: usize = 32 << 20;

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// Bytes in, lines out.
#[derive(Default)]
struct Lines {
    buffer: BytesMut,
    /// Of the buffer's start, what is known to have no end of a line.
    searched: usize,
}

struct Watching {
    body: Incoming,
    lines: Lines,
    origin: String,
    ended: bool,
}

/// Ends after an error; without one where the server ends it at its time or at a restart.
pub(super) fn events(body: Incoming, origin: String) -> WatchStream {
    let watching = Watching { body, lines: Lines::default(), origin, ended: false };
    Box::pin(stream::unfold(watching, |mut watching| async move {
        let item = watching.next().await?;
        watching.ended = item.is_err();
        Some((item, watching))
    }))
}

impl Watching {
    async fn next(&mut self) -> Option<WatchItem> {
        if self.ended {
            return None;
        }
        loop {
            if let Some(line) = self.lines.next() {
                return Some(event(&line));
            }
            match self.body.frame().await {
                None if self.lines.buffer.is_empty() => return None,
                None => return Some(Err(self.broken("it ended within an event"))),
                Some(Err(error)) => return Some(Err(self.broken(&stdx::chain(&error)))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.lines.put(&data);
                    }
                    if self.lines.buffer.len() > MAX_LINE {
                        return Some(Err(self.broken("an event is larger than any object may be")));
                    }
                }
            }
        }
    }

    fn broken(&self, why: &str) -> ApiError {
        ApiError::new(Reason::ServiceUnavailable, format!("a watch of {} broke: {why}", self.origin))
    }
}

impl Lines {
    fn put(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// The next whole line, without its end.
    fn next(&mut self) -> Option<Bytes> {
        let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) else {
            self.searched = self.buffer.len();
            return None;
        };
        let end = self.searched + at;
        self.searched = 0;
        let mut line = self.buffer.split_to(end + 1);
        line.truncate(end);
        Some(line.freeze())
    }
}

fn event(line: &[u8]) -> WatchItem {
    let frame: Frame<'_> = serde_json::from_slice(line).map_err(|error| unreadable("an event", &error))?;
    let kind = match frame.kind {
        "ADDED" => EventType::Added,
        "MODIFIED" => EventType::Modified,
        "DELETED" => EventType::Deleted,
        "BOOKMARK" => EventType::Bookmark,
        "ERROR" => {
            let status: Value = serde_json::from_str(frame.object.get()).unwrap_or_default();
            return Err(ApiError::from_status(&status, 500));
        }
        other => return Err(ApiError::internal(format!("the server sent an event of the unknown type {other:?}"))),
    };
    // A copy: an object that is kept must not keep its neighbours in the buffer.
    let object = object(Bytes::copy_from_slice(frame.object.get().as_bytes()))?;
    Ok(WatchEvent { kind, object })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_may_come_in_any_pieces() {
        let text = b"{\"a\":1}\n{\"b\":2}\n\n{\"c\"";
        for size in 1..=text.len() {
            let mut lines = Lines::default();
            let mut seen = Vec::new();
            for piece in text.chunks(size) {
                lines.put(piece);
                while let Some(line) = lines.next() {
                    seen.push(String::from_utf8(line.to_vec()).unwrap());
                }
            }
            assert_eq!(seen, ["{\"a\":1}", "{\"b\":2}", ""], "pieces of {size}");
            assert_eq!(&lines.buffer[..], b"{\"c\"");
        }
    }

    #[test]
    fn an_event_keeps_the_bytes_of_its_object() {
        let seen = event(br#"{"type":"DELETED","object":{"metadata":{"resourceVersion":"5", "name":"a"}}}"#).unwrap();
        assert_eq!((seen.kind, seen.object.head.revision), (EventType::Deleted, 5));
        assert_eq!(&seen.object.bytes[..], br#"{"metadata":{"resourceVersion":"5", "name":"a"}}"#);
    }

    #[test]
    fn an_error_is_the_servers() {
        let gone = br#"{"type":"ERROR","object":{"kind":"Status","message":"too old","reason":"Expired","code":410}}"#;
        let error = event(gone).unwrap_err();
        assert_eq!((error.reason(), error.message()), (Reason::Expired, "too old"));
        assert!(event(br#"{"type":"NEW","object":{}}"#).is_err());
        assert!(event(b"{").is_err());
    }
}
