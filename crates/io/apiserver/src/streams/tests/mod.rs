//! The edge against clients of our own, over real connections; the node behind it is a fake.

mod door;
mod over_spdy;
mod over_websocket;

use super::*;
use door::{FakeNode, pod};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves `/log`, `/exec`, ... of the pod `web` on a port of its own.
async fn server() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            connection.set_nodelay(true).unwrap();
            let service = service_fn(|request: http::Request<hyper::body::Incoming>| async {
                let doors: Arc<dyn Doors> = Arc::new(FakeNode);
                let parts = request.into_parts().0;
                let subresource = parts.uri.path().trim_start_matches('/').to_owned();
                let answer = serve(parts, &pod(), &subresource, &doors).await.unwrap_or_else(|error| {
                    let mut response = Response::new(text_body(error.message().to_owned()));
                    *response.status_mut() = error.code().try_into().unwrap();
                    response
                });
                Ok::<_, Infallible>(answer)
            });
            let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(connection), service);
            tokio::spawn(served.with_upgrades());
        }
    });
    address
}

/// Sends a request; returns the connection, the head of the answer, and what came after it.
async fn ask(address: std::net::SocketAddr, path: &str, headers: &str) -> (TcpStream, String, Vec<u8>) {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.set_nodelay(true).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    loop {
        if let Some(end) = memchr::memmem::find(&got, b"\r\n\r\n") {
            let rest = got.split_off(end + 4);
            return (connection, String::from_utf8(got).unwrap(), rest);
        }
        assert!(connection.read_buf(&mut got).await.unwrap() > 0, "closed after {got:?}");
    }
}

/// Status line and body of a plain request.
async fn get(path: &str, headers: &str) -> (String, String) {
    let headers = format!("{headers}Connection: close\r\n");
    let (mut connection, head, mut body) = ask(server().await, path, &headers).await;
    connection.read_to_end(&mut body).await.unwrap();
    let status = head.lines().next().unwrap().to_owned();
    (status, String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn logs_are_chunks_of_text() {
    let (status, body) = get("/log?container=app&tailLines=2", "").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert_eq!(body, "6\r\nline 1\r\n6\r\nline 2\r\n0\r\n\r\n");
}

#[tokio::test]
async fn a_wrong_container_is_named_as_upstream_does() {
    let (status, body) = get("/log", "").await;
    assert_eq!(status, "HTTP/1.1 400 Bad Request");
    let wanted = "a container name must be specified for pod web, choose one of: [app side] or one of the init containers: [prepare]";
    assert_eq!(body, wanted);
    let (_, body) = get("/exec?container=foo&command=x&stdout=1", "").await;
    assert_eq!(body, "container foo is not valid for pod web");
}

#[tokio::test]
async fn bad_log_options() {
    let (status, body) = get("/log?container=app&tailLines=-1&limitBytes=0", "").await;
    assert_eq!(status, "HTTP/1.1 422 Unprocessable Entity");
    let wanted = "PodLogOptions \"web\" is invalid: [tailLines: Invalid value: -1: must be greater than or equal to 0, \
        limitBytes: Invalid value: 0: must be greater than 0]";
    assert_eq!(body, wanted);
    let (_, body) = get("/log?container=app&sinceSeconds=x", "").await;
    assert_eq!(body, "strconv.ParseInt: parsing \"x\": invalid syntax");
}

#[tokio::test]
async fn a_stream_needs_an_upgrade() {
    let (status, body) = get("/exec?container=app&command=cat&stdout=1", "").await;
    assert_eq!((status.as_str(), body.as_str()), ("HTTP/1.1 400 Bad Request", "Upgrade request required"));
}

#[tokio::test]
async fn a_container_that_cannot_be_entered_is_an_http_error() {
    let headers = "Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\nConnection: Upgrade\r\n";
    let (_, head, body) = ask(server().await, "/exec?container=app&command=missing&stdout=1", headers).await;
    assert!(head.starts_with("HTTP/1.1 500"), "{head}");
    assert_eq!(String::from_utf8(body).unwrap(), "container not found (\"app\")");
}
