//! How a request becomes a stream: which of the two transports, and which of its protocols.
//!
//! Upstream: `apimachinery/pkg/util/httpstream`, `wsstream`; KEP-4006. kubectl tries WebSocket first and goes back to
//! SPDY on any answer that is not 101.

use super::{StreamBody, empty_body, text_body};
use apimachinery::{ApiError, ApiResult};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{CONNECTION, HeaderName, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;

const PROTOCOL: HeaderName = HeaderName::from_static("x-stream-protocol-version");
const ACCEPTED: HeaderName = HeaderName::from_static("x-accepted-stream-protocol-versions");
pub const WEBSOCKET_PROTOCOL: HeaderName = HeaderName::from_static("sec-websocket-protocol");
const WEBSOCKET_KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const WEBSOCKET_VERSION: HeaderName = HeaderName::from_static("sec-websocket-version");
const WEBSOCKET_ACCEPT: HeaderName = HeaderName::from_static("sec-websocket-accept");
/// A credential that browsers put among the protocols, since they can set no header.
const BEARER: &str = "base64url.bearer.authorization.k8s.io.";

pub type Connection = TokioIo<Upgraded>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Spdy,
    WebSocket,
}

/// An answer of 101, and the connection to be had once it has gone out.
pub struct Accepted {
    pub protocol: String,
    pub response: Response<StreamBody>,
    upgrade: OnUpgrade,
}

/// The outcome of negotiation: go on, or send this refusal.
pub enum Negotiated {
    Yes(Accepted),
    No(Response<StreamBody>),
}

impl Accepted {
    /// # Errors
    /// If the client went away before the switch.
    pub async fn connection(upgrade: OnUpgrade) -> Result<Connection, hyper::Error> {
        upgrade.await.map(TokioIo::new)
    }

    pub fn split(self) -> (String, Response<StreamBody>, OnUpgrade) {
        (self.protocol, self.response, self.upgrade)
    }
}

/// # Errors
/// 400 if the request asks for no upgrade.
pub fn transport(parts: &Parts) -> ApiResult<Transport> {
    let has = |name: HeaderName, wanted: &str| {
        parts.headers.get_all(name).iter().any(|value| {
            let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
            text.split(',').any(|part| part.trim() == wanted)
        })
    };
    if has(CONNECTION, "upgrade") {
        if has(UPGRADE, "websocket") {
            return Ok(Transport::WebSocket);
        }
        if has(UPGRADE, "spdy/3.1") {
            return Ok(Transport::Spdy);
        }
    }
    Err(ApiError::bad_request("Upgrade request required"))
}

/// Agrees on the first protocol of the client's that is in `known`.
pub fn spdy(parts: Parts, known: &[&str]) -> Negotiated {
    let wanted = listed(&parts.headers, &PROTOCOL);
    if wanted.is_empty() {
        let text = "unable to upgrade: X-Stream-Protocol-Version is required";
        return Negotiated::No(refusal(StatusCode::BAD_REQUEST, text));
    }
    let Some(protocol) = wanted.iter().find(|name| known.contains(&name.as_str())) else {
        let text = format!(
            "unable to upgrade: unable to negotiate protocol: client supports [{}], server accepts [{}]",
            wanted.join(" "),
            known.join(" ")
        );
        let mut response = refusal(StatusCode::FORBIDDEN, &text);
        for name in known {
            if let Ok(value) = HeaderValue::from_str(name) {
                response.headers_mut().append(ACCEPTED, value);
            }
        }
        return Negotiated::No(response);
    };
    let mut response = switching("SPDY/3.1");
    put(&mut response, PROTOCOL, protocol);
    Negotiated::Yes(Accepted { protocol: protocol.clone(), response, upgrade: upgrade(parts) })
}

/// Agrees on the first protocol of the client's that is in `known`; a client that names none gets `""` if `known` has
/// that.
pub fn websocket(parts: Parts, known: &[&str]) -> Negotiated {
    let Some(key) = parts.headers.get(WEBSOCKET_KEY).filter(|_| parts.method == Method::GET) else {
        return Negotiated::No(refusal(StatusCode::BAD_REQUEST, "not a WebSocket handshake"));
    };
    if parts.headers.get(WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let mut response = refusal(StatusCode::BAD_REQUEST, "missing or bad WebSocket Version");
        response.headers_mut().insert(WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Negotiated::No(response);
    }
    let wanted = without_bearer(&parts.headers);
    let protocol = if wanted.is_empty() {
        Some(String::new())
    } else {
        wanted.iter().find(|name| known.contains(&name.as_str())).cloned()
    };
    let Some(protocol) = protocol.filter(|name| known.contains(&name.as_str())) else {
        let text = format!("unable to negotiate a WebSocket protocol: server accepts [{}]", known.join(" "));
        return Negotiated::No(refusal(StatusCode::FORBIDDEN, &text));
    };
    let mut response = switching("websocket");
    put(&mut response, WEBSOCKET_ACCEPT, &accept_key(key.as_bytes()));
    if !protocol.is_empty() {
        put(&mut response, WEBSOCKET_PROTOCOL, &protocol);
    }
    Negotiated::Yes(Accepted { protocol, response, upgrade: upgrade(parts) })
}

/// The bearer token among the WebSocket protocols, if there is one beside a real protocol.
pub fn websocket_bearer(headers: &HeaderMap) -> Option<String> {
    let names = listed(headers, &WEBSOCKET_PROTOCOL);
    let encoded = names.iter().find_map(|name| name.strip_prefix(BEARER))?;
    let token = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(encoded).ok()?;
    if names.len() < 2 { None } else { String::from_utf8(token).ok() }
}

/// The WebSocket protocols but the bearer token, for those to whom the request is handed on.
pub fn without_bearer(headers: &HeaderMap) -> Vec<String> {
    let mut names = listed(headers, &WEBSOCKET_PROTOCOL);
    names.retain(|name| !name.starts_with(BEARER));
    names
}

fn upgrade(parts: Parts) -> OnUpgrade {
    hyper::upgrade::on(Request::from_parts(parts, ()))
}

fn accept_key(key: &[u8]) -> String {
    let mut text = key.to_vec();
    text.extend(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    // RFC 6455 asks for SHA-1; nothing is kept secret by it.
    BASE64_STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &text))
}

fn listed(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

fn switching(to: &'static str) -> Response<StreamBody> {
    let mut response = Response::new(empty_body());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static(to));
    response
}

fn refusal(status: StatusCode, text: &str) -> Response<StreamBody> {
    let mut response = Response::new(text_body(format!("{text}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Protocol names came in a header, so they fit into one.
fn put(response: &mut Response<StreamBody>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method("GET").uri("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_key_of_the_rfc() {
        assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn transports() {
        let spdy = request(&[("connection", "Upgrade"), ("upgrade", "SPDY/3.1")]);
        assert_eq!(transport(&spdy).unwrap(), Transport::Spdy);
        let socket = request(&[("connection", "keep-alive, upgrade"), ("upgrade", "WebSocket")]);
        assert_eq!(transport(&socket).unwrap(), Transport::WebSocket);
        assert_eq!(transport(&request(&[])).unwrap_err().message(), "Upgrade request required");
    }

    #[test]
    fn refusals_make_kubectl_go_back() {
        let socket =
            [("sec-websocket-key", "a"), ("sec-websocket-version", "13"), ("sec-websocket-protocol", "v9, v8")];
        let Negotiated::No(response) = websocket(request(&socket), &["v5.channel.k8s.io"]) else { panic!("accepted") };
        assert_eq!(response.status(), 403);
        let Negotiated::No(response) = spdy(request(&[("x-stream-protocol-version", "v9")]), &["v4", "v3"]) else {
            panic!("accepted")
        };
        assert_eq!(response.status(), 403);
        assert_eq!(response.headers().get_all(ACCEPTED).iter().count(), 2);
    }

    #[test]
    fn a_token_among_the_protocols() {
        let mut headers = HeaderMap::new();
        let value = "base64url.bearer.authorization.k8s.io.c2VjcmV0, v4.channel.k8s.io";
        headers.insert(WEBSOCKET_PROTOCOL, HeaderValue::from_static(value));
        assert_eq!(websocket_bearer(&headers).as_deref(), Some("secret"));
    }
}
