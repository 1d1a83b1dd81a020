//! The API over HTTP/1.1 and HTTP/2, plain or over TLS.
//!
//! Invariants
//! - A handler that panics costs its own request only.
//! - Connections are drained at the end: running requests finish, watches are ended.
//!
//! Upstream: `apiserver/pkg/server/config.go` (the order of the filters), `pkg/server/secure_serving.go`.

mod answer;
mod body;
mod forms;
mod info;
mod limits;
mod paths;
mod protobuf;
mod requests;
mod watching;

pub use info::RequestInfo;

use crate::auth::{Authenticator, UserInfo};
use crate::metrics::Metrics;
use crate::server::Server;
use crate::streams::StreamBody;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use limits::Limits;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Time for a TLS handshake; slower clients are let go.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Time until the head of the next request is complete. Upstream: the idle timeout, 90 s.
const IDLE: Duration = Duration::from_secs(90);
/// Time that running requests get when the server stops.
const DRAIN: Duration = Duration::from_secs(5);
/// Pause after `accept` failed (no file descriptors left, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Requests running at once on one HTTP/2 connection. Upstream: `http2-max-streams-per-connection`.
const MAX_STREAMS: u32 = 250;

/// What all connections share.
pub(crate) struct Front {
    pub server: Arc<Server>,
    pub limits: Limits,
    pub stop: CancellationToken,
    pub metrics: Arc<Metrics>,
}

/// One connection, as its requests see it.
#[derive(Clone)]
pub(crate) struct Peer {
    /// The user of the client certificate, if one was shown.
    pub certificate: Option<Arc<UserInfo>>,
}

/// Accepts connections until `stop`, then drains them.
pub(crate) async fn serve(
    server: Arc<Server>,
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    stop: CancellationToken,
) {
    let front =
        Arc::new(Front { metrics: server.metrics.clone(), server, limits: Limits::default(), stop: stop.clone() });
    let acceptor = tls.map(TlsAcceptor::from);
    let connections = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((socket, _)) => {
                let (front, acceptor) = (front.clone(), acceptor.clone());
                connections.spawn(async move { connection(front, socket, acceptor).await });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    connections.close();
    _ = tokio::time::timeout(DRAIN, connections.wait()).await;
}

async fn connection(front: Arc<Front>, socket: TcpStream, acceptor: Option<TlsAcceptor>) {
    _ = socket.set_nodelay(true);
    let Some(acceptor) = acceptor else {
        return requests(front, socket, Peer { certificate: None }).await;
    };
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(socket)).await {
        Ok(Ok(stream)) => {
            let certificates = stream.get_ref().1.peer_certificates();
            let first = certificates.and_then(|chain| chain.first());
            let peer = Peer { certificate: first.and_then(|der| Authenticator::certificate_user(der)) };
            requests(front, stream, peer).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
}

async fn requests<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(front: Arc<Front>, stream: S, peer: Peer) {
    let stop = front.stop.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (front, peer) = (front.clone(), peer.clone());
        async move { Ok::<http::Response<StreamBody>, Infallible>(requests::answer(front, peer, request).await) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(IDLE).pipeline_flush(true);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS).adaptive_window(true);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
