//! Heads and chunks of HTTP/1, of both sides: nothing panics, and what is written on means the same to who reads it
//! next: no request hides in another one.

#![no_main]

use balance::http::chunked::{self, Decoder};
use balance::http::framing;
use balance::http::parse::{self, Limits};
use balance::http::{Headers, RequestHead, ResponseHead, serialize};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((options, data)) = data.split_first() else { return };
    let limits = Limits { lax: options & 1 != 0, ..Limits::default() };
    request(data, &limits);
    response(data, &limits);
    chunks(data, &limits, usize::from(options >> 1) + 1);
});

fn request(data: &[u8], limits: &Limits) {
    let mut head = RequestHead::default();
    let Ok(Some(parsed)) = parse::request(data, limits, &mut head) else { return };
    assert!(parsed.used <= data.len());
    let mut out = Vec::new();
    serialize::request(&head, false, None, &mut out);
    let mut again = RequestHead::default();
    // A strict reader may refuse what a lax one let through; but it must not read it in another way.
    let Ok(read) = parse::request(&out, limits, &mut again) else { return };
    let read = read.expect("a whole head is read as a whole head");
    assert_eq!(read.used, out.len());
    let body = |head: &RequestHead, facts| framing::request_body(head.method(), facts);
    assert_eq!(body(&head, &parsed.facts), body(&again, &read.facts));
    // Names are written in small letters.
    let fields = |head: &RequestHead| -> Vec<_> {
        head.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec())).collect()
    };
    assert_eq!(fields(&head), fields(&again));
}

fn response(data: &[u8], limits: &Limits) {
    let mut head = ResponseHead::default();
    let Ok(Some(parsed)) = parse::response(data, limits, &mut head) else { return };
    let mut out = Vec::new();
    serialize::response(&head, false, None, &mut out);
    let mut again = ResponseHead::default();
    let Ok(read) = parse::response(&out, limits, &mut again) else { return };
    let read = read.expect("a whole head is read as a whole head");
    assert_eq!(read.used, out.len());
    let body = |head: &ResponseHead, facts| framing::response_body(b"GET", head.status, facts);
    assert_eq!(body(&head, &parsed.facts), body(&again, &read.facts));
}

/// A body decoded in pieces of any size is the same, and what is encoded is decoded again.
fn chunks(data: &[u8], limits: &Limits, size: usize) {
    let (whole, pieces) = (decode(data, limits, data.len().max(1)), decode(data, limits, size));
    if let (Some(whole), Some(pieces)) = (&whole, &pieces) {
        assert_eq!(whole, pieces);
    }
    let Some((body, true)) = whole else { return };
    let mut out = Vec::new();
    body.chunks(size).for_each(|piece| chunked::encode(piece, &mut out));
    chunked::encode_end(&Headers::default(), &mut out);
    assert_eq!(decode(&out, limits, size), Some((body, true)));
}

/// The body, and whether it came to its end; None for what is no chunk.
fn decode(data: &[u8], limits: &Limits, size: usize) -> Option<(Vec<u8>, bool)> {
    let (mut decoder, mut body) = (Decoder::default(), Vec::new());
    for piece in data.chunks(size) {
        let mut rest = piece;
        while !rest.is_empty() && !decoder.is_done() {
            let found = decoder.decode(rest, limits).ok()?;
            body.extend_from_slice(&rest[found.data.clone()]);
            rest = &rest[found.used..];
        }
    }
    Some((body, decoder.is_done()))
}
