//! HTTP/2: heads to ours and back. Connections are `h2`'s matter, with limits of ours.

pub mod client;
pub mod server;

use balance::http::framing::{Body, Facts};
use balance::http::{Headers, RequestHead, ResponseHead, Version};
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};

/// Bytes of a stream that wait in `h2` for its window, at most; ours is bounded by [`super::transfer`].
const SEND_BUFFER: usize = 64 * 1024;

/// Bytes of all streams of a connection that may be on their way to us.
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// Settings of either side; absent ones are the manual's defaults (section 3.2, `tune.h2.*`).
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub streams: u32,
    pub window: u32,
    pub frame: u32,
    pub table: u32,
    /// Bytes of a head.
    pub head: u32,
}

impl Limits {
    pub fn new(tune: &balance::config::model::Tune) -> Self {
        Self {
            streams: tune.h2_max_concurrent_streams.unwrap_or(100),
            window: tune.h2_initial_window_size.unwrap_or(65535).min(i32::MAX as u32),
            frame: tune.h2_max_frame_size.unwrap_or(16384).clamp(16384, 16_777_215),
            table: tune.h2_header_table_size.unwrap_or(4096),
            head: tune.bufsize.saturating_sub(tune.maxrewrite) as u32,
        }
    }
}

/// In the order of the map.
pub fn fields(map: HeaderMap) -> Headers {
    let mut headers = Headers::default();
    add_fields(&map, &mut headers);
    headers
}

fn add_fields(map: &HeaderMap, headers: &mut Headers) {
    for (name, value) in map {
        headers.add(name.as_str().as_bytes(), value.as_bytes());
    }
}

/// What HTTP/2 cannot carry is left out: names that are no tokens, values with line ends, what concerns a connection of
/// HTTP/1 only (RFC 9113 section 8.2.2).
pub fn map(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers.iter() {
        if HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop)) {
            continue;
        }
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
    map
}

const HOP: [&[u8]; 5] = [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"];

/// A request of HTTP/2 as HAProxy shows it to its rules: an absolute URI, `Host` from `:authority`, one `Cookie` field
/// (RFC 9113 sections 8.2.3 and 8.3.1).
pub fn request_head(request: &Request<h2::RecvStream>) -> (RequestHead, Facts) {
    let uri = request.uri();
    let authority = uri.authority().map(http::uri::Authority::as_str);
    let text = match (request.method(), uri.scheme_str(), authority) {
        (&Method::CONNECT, _, Some(authority)) => authority.to_owned(),
        (_, Some(scheme), Some(authority)) if uri.path() != "*" => {
            format!("{scheme}://{authority}{}", uri.path_and_query().map_or("/", |path| path.as_str()))
        }
        _ => uri.path_and_query().map_or("*", |path| path.as_str()).to_owned(),
    };
    let mut head = RequestHead::new(request.method().as_str().as_bytes(), text.as_bytes(), Version::Http2);
    if let Some(authority) = authority {
        head.headers.add(b"host", authority.as_bytes());
    }
    add_fields(request.headers(), &mut head.headers);
    if authority.is_some() {
        let mut before = 0;
        head.headers.retain(|name, _| name != b"host" || std::mem::replace(&mut before, 1) == 0);
    }
    join_cookies(&mut head.headers);
    let facts = facts(request.headers(), request.body().is_end_stream());
    (head, facts)
}

fn join_cookies(headers: &mut Headers) {
    let cookies: Vec<_> = headers.get_all(b"cookie").collect();
    if cookies.len() > 1 {
        let joined = cookies.join(&b"; "[..]);
        headers.set(b"cookie", &joined);
    }
}

/// A body without a length is what HTTP/1 sends in chunks.
fn facts(headers: &HeaderMap, ended: bool) -> Facts {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    Facts { length, chunked: !ended && length.is_none(), ..Facts::default() }
}

/// A response for a client of HTTP/2.
pub fn response(head: &ResponseHead) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.version_mut() = http::Version::HTTP_2;
    *response.headers_mut() = map(&head.headers);
    response
}

/// A request for a server of HTTP/2. None where it cannot be said in HTTP/2: a method or URI with strange bytes.
pub fn request(head: &RequestHead, https: bool) -> Option<Request<()>> {
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(head.method()).ok()?;
    *request.version_mut() = http::Version::HTTP_2;
    let host = head.headers.get(b"host").or_else(|| head.authority());
    *request.uri_mut() = match (host, head.method()) {
        (_, b"CONNECT") => Uri::try_from(head.uri()).ok()?,
        (Some(host), _) => {
            let path = match head.path_and_query() {
                b"" => b"/",
                path => path,
            };
            let builder = Uri::builder().scheme(if https { "https" } else { "http" }).authority(host);
            builder.path_and_query(path).build().ok()?
        }
        (None, _) => Uri::try_from(head.path_and_query()).ok()?,
    };
    let mut fields = map(&head.headers);
    fields.remove(http::header::HOST);
    if fields.get(http::header::TE).is_some_and(|te| te != "trailers") {
        fields.remove(http::header::TE);
    }
    *request.headers_mut() = fields;
    Some(request)
}

/// A head of a server, and how its body ends.
pub fn response_head<B>(response: &Response<B>, ended: bool, method: &[u8], head: &mut ResponseHead) -> (Facts, Body) {
    let reason = balance::http::errors::reason(response.status().as_u16());
    *head = ResponseHead::new(response.status().as_u16(), reason.as_bytes(), Version::Http2);
    add_fields(response.headers(), &mut head.headers);
    let facts = facts(response.headers(), ended);
    let body = if ended { Body::None } else { balance::http::framing::response_body(method, head.status, &facts) };
    (facts, body)
}
