//! Requests through the proxy to a server of our own, over real connections.

use super::forward::{dialed, forward};
use super::target::Address;
use super::*;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::convert::Infallible;
use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Serves requests on a port of its own.
async fn server<F, R>(answer: F) -> SocketAddr
where
    F: Fn(http::Request<Incoming>) -> R + Clone + Send + 'static,
    R: Future<Output = Response<StreamBody>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let answer = answer.clone();
            let service = service_fn(move |request| {
                let answer = answer(request);
                async { Ok::<_, Infallible>(answer.await) }
            });
            let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(connection), service);
            tokio::spawn(served.with_upgrades());
        }
    });
    address
}

/// A server in a pod.
async fn backend(request: http::Request<Incoming>) -> Response<StreamBody> {
    let page = "<a href=\"/x\">x</a>";
    match request.uri().path() {
        "/page" => full(StatusCode::OK, "text/html; charset=utf-8", page),
        "/packed" => {
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            packer.write_all(page.as_bytes()).unwrap();
            let mut response = full(StatusCode::OK, "text/html", packer.finish().unwrap());
            response.headers_mut().insert("content-encoding", HeaderValue::from_static("gzip"));
            response
        }
        "/moved" => {
            let mut response = full(StatusCode::FOUND, "text/plain", "");
            response.headers_mut().insert(LOCATION, HeaderValue::from_static("/there/?a=b"));
            response
        }
        "/switch" => {
            let mut response = full(StatusCode::SWITCHING_PROTOCOLS, "text/plain", "");
            response.headers_mut().insert("connection", HeaderValue::from_static("Upgrade"));
            response.headers_mut().insert("upgrade", HeaderValue::from_static("echo"));
            tokio::spawn(async move {
                let (mut read, mut write) = tokio::io::split(TokioIo::new(hyper::upgrade::on(request).await.unwrap()));
                _ = tokio::io::copy(&mut read, &mut write).await;
            });
            response
        }
        _ => {
            let (parts, body) = request.into_parts();
            let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
            let mut heads: Vec<String> =
                parts.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
            heads.sort();
            full(StatusCode::OK, "text/plain", format!("{} {} {body}\n{}", parts.method, parts.uri, heads.join("\n")))
        }
    }
}

/// The answer to a request for `/proxy{path}` of a pod, whole.
async fn ask(method: &str, path: &str, headers: &str, body: &str) -> String {
    let pod = server(backend).await;
    let mut connection = open(pod, method, path, &format!("Connection: close\r\n{headers}"), body).await;
    let mut said = String::new();
    connection.read_to_string(&mut said).await.unwrap();
    said
}

async fn open(pod: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
    open_with(false, pod, method, path, headers, body).await
}

async fn open_with(is_tls: bool, pod: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
    let us = server(move |request: http::Request<Incoming>| async move {
        let (parts, body) = request.into_parts();
        let prefix = Prefix::of(parts.uri.path(), true);
        let rest = parts.uri.path()[prefix.as_str().len()..].to_owned();
        let address = Address { is_tls, ip: pod.ip(), port: pod.port().to_string() };
        let place = Arc::clone(&PLACES).try_acquire_owned().unwrap();
        forward(&address, &prefix, &rest, parts, body, place).await.unwrap_or_else(|error| {
            full(StatusCode::SERVICE_UNAVAILABLE, "text/plain", Bytes::from(error.message().to_owned()))
        })
    })
    .await;
    let mut connection = TcpStream::connect(us).await.unwrap();
    let length = body.len();
    let head = format!("{method} /api/v1/namespaces/d/pods/a/proxy{path} HTTP/1.1\r\nHost: api\r\n");
    let request = format!("{head}Content-Length: {length}\r\n{headers}\r\n{body}");
    connection.write_all(request.as_bytes()).await.unwrap();
    connection
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent_but_for_what_was_ours() {
    let headers = "Authorization: Bearer x\r\nImpersonate-User: y\r\nX-Own: z\r\nCookie: a=1; b=2\r\nCookie: c=3\r\n\
        Sec-WebSocket-Protocol: \
        base64url.bearer.authorization.k8s.io.c2VjcmV0, chat\r\n";
    let said = ask("PATCH", "/a%2Fb//c?method=PATCH", headers, "body").await;
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    expect_test::expect![[r#"
        PATCH /a%2Fb//c?method=PATCH body
        content-length: 4
        cookie: a=1; b=2; c=3
        host: api
        sec-websocket-protocol: chat
        x-forwarded-uri: /api/v1/namespaces/d/pods/a/proxy/a%2Fb//c
        x-own: z"#]]
    .assert_eq(body);
}

#[tokio::test]
async fn links_and_redirects_lead_back_through_us() {
    let page = "<a href=\"/api/v1/namespaces/d/pods/a/proxy/x\">x</a>";
    assert!(ask("GET", "/page", "", "").await.contains(page));
    let packed = ask("GET", "/packed", "", "").await;
    assert!(packed.contains(page) && !packed.contains("gzip"), "{packed}");
    let moved = ask("GET", "/moved", "", "").await;
    assert!(moved.contains("location: /api/v1/namespaces/d/pods/a/proxy/there/?a=b\r\n"), "{moved}");
}

async fn switched(pod: SocketAddr) -> TcpStream {
    let mut connection = open(pod, "GET", "/switch", "Connection: Upgrade\r\nUpgrade: echo\r\n", "").await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    connection
}

#[tokio::test]
async fn protocols_change_through_us() {
    let mut connection = switched(server(backend).await).await;
    connection.write_all(b"hello").await.unwrap();
    let mut echo = [0; 5];
    connection.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"hello");
}

/// Answers one request with another protocol.
async fn switching(listener: TcpListener) -> TcpStream {
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    connection
        .write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        .await
        .unwrap();
    connection
}

#[tokio::test]
async fn when_one_side_of_a_changed_protocol_ends_both_do() {
    for client_ends in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mut ending, mut staying) = tokio::join!(switched(address), switching(listener));
        if !client_ends {
            std::mem::swap(&mut ending, &mut staying);
        }
        ending.write_all(b"the last").await.unwrap();
        ending.shutdown().await.unwrap();
        let mut said = String::new();
        staying.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "the last");
        // The one that stays does not end, and yet the other sees the end.
        assert_eq!(ending.read(&mut [0]).await.unwrap(), 0);
    }
}

/// Sends `answer` to whoever asks, and closes the connection.
async fn saying(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        say(&mut connection, answer).await;
        connection.shutdown().await.unwrap();
    });
    address
}

async fn say(connection: &mut (impl AsyncRead + AsyncWrite + Unpin), answer: &str) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    connection.write_all(answer.as_bytes()).await.unwrap();
    connection.flush().await.unwrap();
}

/// Whether the client sees a complete answer: it is chunked.
async fn is_complete(mut connection: TcpStream) -> bool {
    let mut said = Vec::new();
    _ = connection.read_to_end(&mut said).await;
    said.ends_with(b"0\r\n\r\n")
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_complete() {
    for (answer, complete) in [
        ("Content-Type: text/plain\r\n\r\nhello", true),
        ("Content-Type: text/html\r\n\r\nhello <a", true),
        ("Content-Type: text/html\r\nContent-Length: 8\r\n\r\nhello <a", true),
        ("Content-Type: text/html\r\nContent-Length: 9\r\n\r\nhello <a", false),
        ("Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false),
        ("Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false),
        ("Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", true),
        ("Content-Type: text/html\r\nContent-Encoding: gzip\r\n\r\nthis is no gzip", false),
    ] {
        let pod = saying(format!("HTTP/1.1 200 OK\r\n{answer}").leak()).await;
        assert_eq!(is_complete(open(pod, "GET", "/", "Connection: close\r\n", "").await).await, complete, "{answer}");
    }
}

#[tokio::test]
async fn a_server_may_leave_out_the_end_of_tls() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["pod".to_owned()]).unwrap().self_signed(&key).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    for (answer, complete) in [("\r\nhello", true), ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pod = listener.local_addr().unwrap();
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let mut connection = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
            say(&mut connection, &format!("HTTP/1.1 200 OK\r\n{answer}")).await;
            connection.into_inner().0.shutdown().await.unwrap();
        });
        let connection = open_with(true, pod, "GET", "/", "Connection: close\r\n", "").await;
        assert_eq!(is_complete(connection).await, complete, "{answer}");
    }
}

#[tokio::test]
async fn silent_peers_are_probed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connection = dialed(listener.local_addr().unwrap()).await.unwrap();
    assert!(TcpSocket::from_std_stream(connection.into_std().unwrap()).keepalive().unwrap());
}

#[tokio::test]
async fn who_does_not_answer_is_named() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut connection = open(closed, "GET", "/", "Connection: close\r\n", "").await;
    let mut said = String::new();
    connection.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 503"), "{said}");
    assert!(
        said.ends_with(&format!("error trying to reach service: dial tcp {closed}: connect: connection refused")),
        "{said}"
    );
}
