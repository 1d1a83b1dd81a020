//! The agent's own port: what the API servers of other machines, and monitoring, ask of this node over HTTPS.
//!
//! Invariants
//! - Who shows no certificate of the cluster's authority gets 401, who is not an administrator 403, whatever the path:
//!   commands in containers are run here.
//! - A client that leaves ends what it asked for.
//!
//! Upstream: `pkg/kubelet/server/server.go`. Streams speak a protocol of our own, [`client::door::link`]; others than our
//! API servers have them through the API.

mod answer;
mod caller;
mod session;

use caller::Caller;
use client::certificate::{Certificate, CertificateError, authorities};
use client::door::{NodeDoor, watch_peer};
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Time for a TLS handshake; slower clients are let go.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Time until the head of the next request is complete. Strangers get no more than for the handshake.
const IDLE: Duration = Duration::from_secs(90);
/// Pause after `accept` failed (no file descriptors left, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections at once: one for each stream that API servers may have open, and some. More wait to be accepted.
const MOST_CONNECTIONS: usize = 2000;

/// Serves with this certificate; clients may show a certificate of the authority `client_ca` (PEM), or none.
///
/// # Errors
/// If the authority cannot be read.
pub fn tls(client_ca: &str, certificate: Arc<Certificate>) -> Result<Arc<ServerConfig>, CertificateError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = Arc::new(authorities(client_ca)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).allow_unauthenticated();
    let verifier = verifier.build().map_err(|error| CertificateError::authority(&error))?;
    let builder = ServerConfig::builder_with_provider(provider);
    // The provider has the default versions: it is ours.
    let builder = builder.with_safe_default_protocol_versions().unwrap_or_else(|error| unreachable!("{error}"));
    let resolver = certificate as Arc<dyn ResolvesServerCert>;
    let mut config = builder.with_client_cert_verifier(verifier).with_cert_resolver(resolver);
    // A resumed session would go on with certificates that have been replaced, or have expired, since.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Serves `door` until `stop`; then all sessions are ended at once. Containers go on.
pub async fn serve(listener: TcpListener, tls: Arc<ServerConfig>, door: Arc<dyn NodeDoor>, stop: CancellationToken) {
    let acceptor = TlsAcceptor::from(tls);
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        // Never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Some(accepted) = stop.run_until_cancelled(listener.accept()).await else { return };
        match accepted {
            Ok((socket, _)) => {
                let (acceptor, door, stop) = (acceptor.clone(), Arc::clone(&door), stop.clone());
                tokio::spawn(async move {
                    stop.run_until_cancelled(connection(socket, acceptor, door, &stop)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection to the node agent");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(socket: TcpStream, acceptor: TlsAcceptor, door: Arc<dyn NodeDoor>, stop: &CancellationToken) {
    if let Err(error) = watch_peer(&socket) {
        tracing::debug!(%error, "a client of the node agent is gone");
        return;
    }
    let stream = match tokio::time::timeout(HANDSHAKE, acceptor.accept(socket)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake with the node agent failed"),
        Err(_) => return tracing::debug!("TLS handshake with the node agent took too long"),
    };
    let certificates = stream.get_ref().1.peer_certificates();
    let caller = Arc::new(Caller::of(certificates.and_then(|chain| chain.first()).map(AsRef::as_ref)));
    let idle = if caller.authorize().is_ok() { IDLE } else { HANDSHAKE };
    let sessions = session::Sessions::new(stop.clone());
    let service = service_fn(|request: Request<Incoming>| {
        let (door, caller, sessions) = (Arc::clone(&door), Arc::clone(&caller), sessions.clone());
        async move { Ok::<_, Infallible>(answer::answer(door, &caller, &sessions, request).await) }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(idle);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await {
        tracing::debug!(%error, "a connection to the node agent ended");
    }
    sessions.ended().await;
}
