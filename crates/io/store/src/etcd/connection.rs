//! One endpoint: its address, and the HTTP/2 connection that all calls and watches share.

use super::EtcdOptions;
use super::grpc::{CallError, Incoming, Outgoing};
use bytes::Bytes;
use http::{Request, Uri};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};
use tokio_rustls::TlsConnector;

/// What one answer or watch may send before it is read: what a reader who stopped keeps in memory.
const STREAM_WINDOW: u32 = 1 << 20;
/// The same for all of a connection; not a bound of its own, so that readers who stopped do not stop the others.
const CONNECTION_WINDOW: u32 = 1 << 30;

/// What a member says without a leader, too: who the members are, and how it is.
const LEADERLESS: [&str; 2] = [super::admin::LIST, super::admin::STATUS];

/// What all connections of a client are made with, from now on.
pub type Tls = Arc<RwLock<TlsConnector>>;

/// `http://10.0.0.1:2379` taken apart.
pub struct Endpoint {
    pub uri: String,
    authority: String,
    host: String,
    port: u16,
    /// What `https` connects with from now on.
    tls: Option<Tls>,
    /// Held while it is made, so that callers wait for one connection instead of making many.
    connection: Mutex<Option<SendRequest<Outgoing>>>,
}

impl Endpoint {
    pub fn parse(text: &str, tls: Option<&Tls>) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("{text}: {error}"))?;
        let tls = match uri.scheme_str() {
            Some("http") => None,
            Some("https") => Some(tls.cloned().ok_or_else(|| format!("{text} needs `tls`"))?),
            _ => return Err(format!("{text}: an endpoint begins with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| format!("{text} names no host"))?;
        Ok(Self {
            uri: text.to_owned(),
            authority: authority.to_string(),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(2379),
            tls,
            connection: Mutex::new(None),
        })
    }

    /// Sends a request and waits for the head of the answer. The sending half ends the request when dropped.
    pub async fn send(
        &self,
        mut connection: SendRequest<Outgoing>,
        path: &str,
        first: Bytes,
        timeout: Option<Duration>,
    ) -> Result<(mpsc::Sender<Bytes>, Incoming), CallError> {
        let (sender, body) = Outgoing::new(first);
        let mut request = Request::post(format!("{}://{}{path}", self.scheme(), self.authority))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if !LEADERLESS.contains(&path) {
            // Members without a leader refuse at once, before anything is done.
            request = request.header("hasleader", "true");
        }
        if let Some(timeout) = timeout {
            request = request.header("grpc-timeout", format!("{}m", timeout.as_millis()));
        }
        let request = request.body(body).map_err(|error| CallError::NotSent(error.to_string()))?;
        let response = connection.try_send_request(request).await.map_err(|mut error| {
            let unsent = error.take_message().is_some();
            let text = format!("{}: {}", self.uri, stdx::chain(error.error()));
            if unsent { CallError::NotSent(text) } else { CallError::Lost(text) }
        })?;
        Ok((sender, Incoming::new(response)?))
    }

    /// Forgets the connection; what runs on it goes on.
    pub fn forget(&self) {
        // Who holds it is making a new one.
        if let Ok(mut kept) = self.connection.try_lock() {
            kept.take();
        }
    }

    fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The connection, made if there is none. `wanted` is asked once it is our turn to connect: if others found the
    /// endpoint dead meanwhile, we do not try again.
    pub async fn connection(
        &self,
        options: &EtcdOptions,
        wanted: impl Fn() -> bool,
    ) -> Result<SendRequest<Outgoing>, CallError> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = kept.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(connection.clone());
        }
        *kept = None;
        if !wanted() {
            return Err(CallError::NotSent(format!("{} does not answer", self.uri)));
        }
        let connected = tokio::time::timeout(options.connect_timeout, self.connect(options)).await;
        let connected = connected.unwrap_or_else(|_| Err(format!("no answer in {:?}", options.connect_timeout)));
        let connection = connected.map_err(|error| CallError::NotSent(format!("{}: {error}", self.uri)))?;
        *kept = Some(connection.clone());
        Ok(connection)
    }

    async fn connect(&self, options: &EtcdOptions) -> Result<SendRequest<Outgoing>, String> {
        let io = |error: std::io::Error| error.to_string();
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(io)?;
        stream.set_nodelay(true).map_err(io)?;
        match &self.tls {
            Some(tls) => {
                let tls = tls.read().unwrap_or_else(PoisonError::into_inner).clone();
                let name = ServerName::try_from(self.host.clone()).map_err(|error| error.to_string())?;
                handshake(tls.connect(name, stream).await.map_err(io)?, options).await
            }
            None => handshake(stream, options).await,
        }
    }
}

async fn handshake<S>(stream: S, options: &EtcdOptions) -> Result<SendRequest<Outgoing>, String>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(options.keep_alive)
        .keep_alive_timeout(options.keep_alive_timeout)
        // etcd closes connections that ping without a call.
        .keep_alive_while_idle(false)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| stdx::chain(&error))?;
    tokio::spawn(async move {
        // Calls learn of its end themselves.
        if let Err(error) = connection.await {
            tracing::debug!(error = %stdx::chain(&error), "a connection to etcd ended");
        }
    });
    Ok(sender)
}

/// The client's side of TLS, from PEM.
pub fn connector(tls: &super::EtcdTls) -> Result<TlsConnector, String> {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&tls.ca) {
        let certificate = certificate.map_err(|error| format!("ca: {error}"))?;
        roots.add(certificate).map_err(|error| format!("ca: {error}"))?;
    }
    if roots.is_empty() {
        return Err("ca: no certificate in it".into());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let mut config = match &tls.client {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
            let chain = chain.map_err(|error| format!("client certificate: {error}"))?;
            let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("client key: {error}"))?;
            config.with_client_auth_cert(chain, key).map_err(|error| format!("client certificate: {error}"))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config).into())
}
