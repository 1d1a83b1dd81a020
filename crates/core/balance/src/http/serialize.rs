//! Writes heads as HTTP/1 text, and counts them as HAProxy's logs and statistics do.

use super::head::{Headers, RequestHead, ResponseHead, Version};

/// Room for what is written beyond a head's own text, and for a small body behind it: one allocation for most messages.
const SPARE: usize = 512;

/// Writes a request's head. `connection` is a token to add to what the head says of the connection; `chunked`: the head
/// does not say that the body comes in chunks.
pub fn request(head: &RequestHead, chunked: bool, connection: Option<&[u8]>, out: &mut Vec<u8>) {
    out.reserve(head.headers.text().len() + SPARE);
    for part in [head.method(), b" ", wire_uri(head), b" ", wire_version(head.version), b"\r\n"] {
        out.extend_from_slice(part);
    }
    if chunked {
        out.extend_from_slice(CHUNKED);
    }
    finish(&head.headers, connection, out);
}

/// What stands for a body whose length is not known.
const CHUNKED: &[u8] = b"transfer-encoding: chunked\r\n";

/// A request that came as HTTP/2 has an absolute URI; a server of HTTP/1 expects the path.
fn wire_uri(head: &RequestHead) -> &[u8] {
    if head.version != Version::Http2 || head.method() == b"CONNECT" {
        return head.uri();
    }
    match head.path_and_query() {
        b"" => b"/",
        path => path,
    }
}

/// Writes a response's head.
pub fn response(head: &ResponseHead, chunked: bool, connection: Option<&[u8]>, out: &mut Vec<u8>) {
    out.reserve(head.headers.text().len() + SPARE);
    out.extend_from_slice(wire_version(head.version));
    let status = head.status;
    out.push(b' ');
    out.extend([status / 100 % 10, status / 10 % 10, status % 10].map(|digit| b'0' + digit as u8));
    out.push(b' ');
    out.extend_from_slice(head.reason());
    out.extend_from_slice(b"\r\n");
    if chunked {
        out.extend_from_slice(CHUNKED);
    }
    finish(&head.headers, connection, out);
}

/// A message that came as HTTP/2 goes on as 1.1; 0.9 has no head, so 1.0 is the least.
fn wire_version(version: Version) -> &'static [u8] {
    match version {
        Version::Http09 | Version::Http10 => b"HTTP/1.0",
        Version::Http11 | Version::Http2 => b"HTTP/1.1",
    }
}

fn finish(headers: &Headers, connection: Option<&[u8]>, out: &mut Vec<u8>) {
    fields(headers, out);
    if let Some(token) = connection {
        for part in [b"connection: ", token, b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes fields, a line each. Names in small letters, as HAProxy does since 2.0.
pub fn fields(headers: &Headers, out: &mut Vec<u8>) {
    for (name, value) in headers.iter() {
        let start = out.len();
        out.extend_from_slice(name);
        if !headers.is_adjusted() {
            out[start..].make_ascii_lowercase();
        }
        for part in [b": ", value, b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
}

/// Bytes of a first line's fixed part in HAProxy's own form of messages.
const LINE: usize = 20;

/// What `%U` and `bin` count for a request's head. HAProxy counts its internal form of messages, not the wire's: the
/// texts without what separates them, 20 bytes for the first line, and 1 for the end of the head.
pub fn counted_request(head: &RequestHead) -> u64 {
    counted(LINE + head.method().len() + head.uri().len() + head.version.as_str().len(), &head.headers)
}

/// What `%B` and `bout` count for a response's head.
pub fn counted_response(head: &ResponseHead) -> u64 {
    counted(LINE + head.reason().len() + 3 + head.version.as_str().len(), &head.headers)
}

/// What the end of a chunked body counts.
pub fn counted_trailers(trailers: &Headers) -> u64 {
    counted(0, trailers)
}

fn counted(line: usize, headers: &Headers) -> u64 {
    (headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() + line + 1) as u64
}
