//! HTTP in a stream that is not taken for HTTP: what `tcp-request content` rules may ask of a request's head.

use crate::flow::Flow;
use balance::http::RequestHead;
use balance::http::parse::{self, Limits};

/// Gives the flow a request's head if the bytes that have come are one.
pub fn request(flow: &mut Flow<'_>) {
    let Some(peeked) = &flow.request_bytes else { return };
    if flow.request.is_some() || !peeked.bytes.first().is_some_and(u8::is_ascii_alphabetic) {
        return;
    }
    let mut head = RequestHead::default();
    if let Ok(Some(_)) = parse::request(&peeked.bytes, &Limits::default(), &mut head) {
        flow.request = Some(head);
    }
}
