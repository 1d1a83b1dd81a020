//! `grpc`: the health protocol, `grpc.health.v1.Health/Check`, over HTTP/2 without TLS.
//!
//! Upstream: `pkg/probe/grpc/grpc.go`. The two messages are so small that they are written by hand.

use super::{dial_error, host, join};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use k8s_openapi::api::core::v1::GRPCAction;
use std::net::IpAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// `HealthCheckResponse.ServingStatus`, by number.
const STATUSES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
const UNIMPLEMENTED: &str = "12";

pub(super) async fn check(action: &GRPCAction, ip: Option<IpAddr>, timeout: Duration) -> Result<(), String> {
    let port = u16::try_from(action.port).map_err(|_| format!("invalid port number: {}", action.port))?;
    let address = join(&host(None, ip)?, port);
    let service = action.service.as_deref().unwrap_or_default();
    match tokio::time::timeout(timeout, ask(&address, service)).await {
        Ok(result) => result,
        Err(_) => {
            let seconds = timeout.as_secs();
            Err(format!(
                "timeout: failed to connect service \"{address}\" within {seconds}s: context deadline exceeded"
            ))
        }
    }
}

async fn ask(address: &str, service: &str) -> Result<(), String> {
    let failed = |error: String| format!("error: failed to connect service at \"{address}\": {error}");
    let stream = TcpStream::connect(address).await.map_err(|error| failed(dial_error(address, &error)))?;
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| failed(stdx::chain(&error)))?;
    let request = Request::post(format!("http://{address}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", "kube-probe/1.35")
        .body(Full::new(message(service)))
        .map_err(|error| failed(error.to_string()))?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(|error| failed(stdx::chain(&error)))?;
        let early = answer.headers().clone();
        let body = answer.into_body().collect().await.map_err(|error| failed(stdx::chain(&error)))?;
        let trailers = body.trailers().cloned().unwrap_or(early);
        verdict(&trailers, &body.to_bytes())
    };
    tokio::select! {
        result = exchange => result,
        Err(error) = connection => Err(failed(stdx::chain(&error))),
    }
}

/// Length-prefixed `HealthCheckRequest { service = 1 }`. Service names are shorter than 128 bytes, or cut.
fn message(service: &str) -> Bytes {
    let name = &service.as_bytes()[..service.len().min(127)];
    let mut message = Vec::new();
    if !name.is_empty() {
        message.extend([0x0a, u8::try_from(name.len()).unwrap_or(0)]);
        message.extend(name);
    }
    let mut framed = vec![0];
    framed.extend(u32::try_from(message.len()).unwrap_or(0).to_be_bytes());
    framed.extend(message);
    framed.into()
}

fn verdict(trailers: &http::HeaderMap, body: &[u8]) -> Result<(), String> {
    let header = |name: &str| trailers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match header("grpc-status") {
        "0" => {}
        UNIMPLEMENTED => {
            let said = header("grpc-message");
            return Err(format!(
                "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {said}"
            ));
        }
        _ => return Err(format!("error: health rpc probe failed: {}", header("grpc-message"))),
    }
    // After the five bytes of length: field 1 as a varint; absent is zero.
    let status = match body.get(5..) {
        Some([0x08, status, ..]) => usize::from(*status),
        _ => 0,
    };
    match STATUSES.get(status).copied().unwrap_or("UNKNOWN") {
        "SERVING" => Ok(()),
        other => Err(format!("service unhealthy (responded with \"{other}\")")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_their_length_in_front() {
        assert_eq!(&message("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(&message("ab")[..], [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
    }

    #[test]
    fn statuses_are_told_by_name() {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
        assert_eq!(verdict(&trailers, &[0, 0, 0, 0, 2, 0x08, 1]), Ok(()));
        let text = verdict(&trailers, &[0, 0, 0, 0, 2, 0x08, 2]).unwrap_err();
        assert_eq!(text, "service unhealthy (responded with \"NOT_SERVING\")");
    }
}
