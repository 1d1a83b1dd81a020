//! One request to another server and its answer, or a connection that changes its protocol, both ways.

use super::html::Rewriter;
use super::packed::Unpacker;
use super::target::{Address, unavailable};
use super::urls::Prefix;
use crate::streams::{StreamBody, upgrade};
use apimachinery::{ApiError, ApiResult};
use bytes::Bytes;
use client::tls::ANY_CERTIFICATE;
use futures_util::stream;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderName, LOCATION, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, StreamBody as FrameStream};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, split};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsConnector;

/// Upstream: the dialer's timeout.
const PATIENCE: Duration = Duration::from_secs(30);
/// For the end of a connection to go out to a side that may not read any more.
const FAREWELL: Duration = Duration::from_secs(5);
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
/// They concern one connection. RFC 9110, 7.6.1.
const OF_CONNECTION: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-authenticate"),
    HeaderName::from_static("proxy-authorization"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

pub fn is_upgrade(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    headers.contains_key(UPGRADE)
        && values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case("upgrade"))
}

/// `rest` is the path on the other server.
pub async fn forward(
    address: &Address,
    prefix: &Prefix,
    rest: &str,
    mut parts: Parts,
    body: Incoming,
    place: OwnedSemaphorePermit,
) -> ApiResult<Response<StreamBody>> {
    let mut sender = connect(address).await?;
    let switches = is_upgrade(&parts.headers);
    let host = host(&parts);
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let path = if rest.is_empty() { "/" } else { rest };
    let uri: Uri = format!("{path}{query}").parse().map_err(|error| ApiError::bad_request(format!("{error}")))?;
    prepare(&mut parts.headers, switches, &host, &format!("{}{rest}", prefix.as_str()));
    let mut request =
        Request::builder().method(parts.method.clone()).uri(uri).body(body).map_err(ApiError::internal)?;
    *request.headers_mut() = parts.headers.clone();
    let mut response = sender.send_request(request).await.map_err(|error| failed(&stdx::chain(&error)))?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let theirs = hyper::upgrade::on(&mut response);
        let ours = hyper::upgrade::on(Request::from_parts(parts, ()));
        tokio::spawn(async move {
            if let (Ok(ours), Ok(theirs)) = (ours.await, theirs.await) {
                tunnel(TokioIo::new(ours), TokioIo::new(theirs)).await;
            }
            drop(place);
        });
        return Ok(response.map(|_| Empty::new().map_err(|never| match never {}).boxed_unsync()));
    }
    let hosts = vec![address.host(), host];
    Ok(answer(response, prefix, hosts, place))
}

/// When one side ends, the other side's connection is closed too: a side that never ends would hold its place for ever.
async fn tunnel(ours: impl AsyncRead + AsyncWrite, theirs: impl AsyncRead + AsyncWrite) {
    let ((mut from_us, mut to_us), (mut from_them, mut to_them)) = (split(ours), split(theirs));
    // Each ends when all that was read is written.
    tokio::select! {
        _ = copy(&mut from_us, &mut to_them) => {}
        _ = copy(&mut from_them, &mut to_us) => {}
    }
    // Over TLS an end is a message of its own.
    let ended = async { tokio::join!(to_us.shutdown(), to_them.shutdown()) };
    _ = tokio::time::timeout(FAREWELL, ended).await;
}

/// What the client sent, without what was meant for us.
fn prepare(headers: &mut HeaderMap, switches: bool, host: &str, uri: &str) {
    let protocol = headers.get(UPGRADE).cloned().filter(|_| switches);
    remove_of_connection(headers);
    let protocols = upgrade::without_bearer(headers);
    headers.remove(upgrade::WEBSOCKET_PROTOCOL);
    let secrets: Vec<HeaderName> = headers
        .keys()
        .filter(|name| **name == AUTHORIZATION || name.as_str().starts_with("impersonate-"))
        .cloned()
        .collect();
    secrets.iter().for_each(|name| while headers.remove(name).is_some() {});
    join_cookies(headers);
    if !protocols.is_empty()
        && let Ok(value) = HeaderValue::from_str(&protocols.join(", "))
    {
        headers.insert(upgrade::WEBSOCKET_PROTOCOL, value);
    }
    if let Some(protocol) = protocol {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, protocol);
    }
    for (name, value) in [(HOST, host), (FORWARDED_URI, uri)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
}

/// HTTP/2 may bring each in a line of its own; HTTP/1 has one line. RFC 9113, 8.2.3.
fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(line) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        headers.insert(COOKIE, line);
    }
}

fn remove_of_connection(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in listed.iter().chain(&OF_CONNECTION) {
        while headers.remove(name).is_some() {}
    }
}

/// As the client names us: HTTP/2 has it in the URL.
fn host(parts: &Parts) -> String {
    let header = parts.headers.get(HOST).and_then(|value| value.to_str().ok()).map(str::to_owned);
    parts.uri.authority().map(ToString::to_string).or(header).unwrap_or_default()
}

fn answer(
    response: Response<Incoming>,
    prefix: &Prefix,
    hosts: Vec<String>,
    place: OwnedSemaphorePermit,
) -> Response<StreamBody> {
    let (mut parts, body) = response.into_parts();
    let told = [CONTENT_LENGTH, TRANSFER_ENCODING].iter().any(|name| parts.headers.contains_key(name));
    remove_of_connection(&mut parts.headers);
    let body = Content { body, told, _place: place };
    let text =
        |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (location, media_type, coding) = (text(LOCATION), text(CONTENT_TYPE), text(CONTENT_ENCODING));
    if !location.is_empty() {
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let url = prefix.rewrite(&location, &hosts);
        if let Some(url) = url.and_then(|url| HeaderValue::from_str(&url).ok()) {
            parts.headers.insert(LOCATION, url);
        }
    }
    let is_page = media_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/html"));
    let known_coding = ["", "identity", "gzip"].contains(&coding.as_str());
    if !location.is_empty() || !is_page || !known_coding {
        return Response::from_parts(parts, passed(body));
    }
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.remove(CONTENT_ENCODING);
    let rewriter = Rewriter::new(prefix.clone(), hosts);
    Response::from_parts(parts, rewritten(body, rewriter, coding == "gzip"))
}

/// What a server answers, and the place that it takes.
struct Content {
    body: Incoming,
    /// Whether the server told where it ends.
    told: bool,
    _place: OwnedSemaphorePermit,
}

impl Content {
    /// A server that breaks off breaks the client's answer off too: it would look complete.
    async fn frame(&mut self) -> Option<io::Result<Frame<Bytes>>> {
        match self.body.frame().await? {
            Ok(frame) => Some(Ok(frame)),
            Err(error) if !self.told && is_end(&error) => None,
            Err(error) => Some(Err(io::Error::other(error))),
        }
    }
}

/// The end of the connection, without TLS's own: as good as any for Go, and so for upstream.
fn is_end(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::UnexpectedEof)
}

fn passed(body: Content) -> StreamBody {
    let frames = stream::unfold(body, |mut body| async { Some((body.frame().await?, body)) });
    FrameStream::new(frames).boxed_unsync()
}

struct Page {
    body: Content,
    rewriter: Rewriter,
    unpacker: Option<Unpacker>,
    ended: bool,
}

fn rewritten(body: Content, rewriter: Rewriter, packed: bool) -> StreamBody {
    let page = Page { body, rewriter, unpacker: packed.then(Unpacker::new), ended: false };
    let pieces = stream::unfold(page, |mut page| async {
        let piece = page.next().await.transpose()?;
        Some((piece.map(|piece| Frame::data(Bytes::from(piece))), page))
    });
    FrameStream::new(pieces).boxed_unsync()
}

impl Page {
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        while !self.ended {
            let plain = self.plain().await;
            self.ended = !matches!(plain, Ok(Some(_)));
            let out = match plain? {
                Some(plain) => self.rewriter.feed(&plain),
                None => self.rewriter.finish(),
            };
            if !out.is_empty() {
                return Ok(Some(out));
            }
        }
        Ok(None)
    }

    /// What comes next, unpacked; None at the end.
    async fn plain(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(unpacker) = &mut self.unpacker
                && let Some(plain) = unpacker.next()?
            {
                return Ok(Some(plain.into()));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let data = frame?.into_data().unwrap_or_default();
            match &mut self.unpacker {
                Some(unpacker) => unpacker.put(data),
                None => return Ok(Some(data)),
            }
        }
    }
}

impl Address {
    /// As URLs name it.
    fn host(&self) -> String {
        let Self { ip, port, .. } = self;
        if ip.is_ipv6() { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
    }
}

async fn connect(address: &Address) -> ApiResult<SendRequest<Incoming>> {
    let Ok(port) = address.port.parse() else {
        return Err(failed(&format!("dial tcp: lookup tcp/{}: unknown port", address.port)));
    };
    let socket = SocketAddr::new(address.ip, port);
    let dial = |why: &str| failed(&format!("dial tcp {}: {why}", address.host()));
    let connected = tokio::time::timeout(PATIENCE, dialed(socket)).await;
    let stream = connected.map_err(|_| dial("i/o timeout"))?.map_err(|error| dial(&reason(&error)))?;
    _ = stream.set_nodelay(true);
    if !address.is_tls {
        return speak(stream).await;
    }
    let connector = TlsConnector::from(ANY_CERTIFICATE.clone());
    let shaken =
        tokio::time::timeout(PATIENCE, connector.connect(ServerName::IpAddress(address.ip.into()), stream)).await;
    let stream = shaken.map_err(|_| failed("net/http: TLS handshake timeout"))?;
    speak(stream.map_err(|error| failed(&error.to_string()))?).await
}

/// A peer that is gone without a word is found out: a changed protocol may be silent for ever.
pub(super) async fn dialed(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_keepalive(true)?;
    socket.connect(address).await
}

async fn speak<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S) -> ApiResult<SendRequest<Incoming>> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| failed(&stdx::chain(&error)))?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a proxied connection broke off");
        }
    });
    Ok(sender)
}

/// In the words of Go's dialer.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        io::ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        io::ErrorKind::TimedOut => "connect: connection timed out".to_owned(),
        _ => format!("connect: {error}"),
    }
}

fn failed(why: &str) -> ApiError {
    unavailable(format!("error trying to reach service: {why}"))
}
