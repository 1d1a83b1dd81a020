//! The one connection to the server, made when it is needed and again when it has died.

use super::RemoteOptions;
use super::credentials::{Credentials, Identity};
use apimachinery::{ApiError, ApiResult, Reason};
use bytes::Bytes;
use http::{HeaderValue, Uri};
use http_body_util::Full;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What one answer or watch may send before it is read: what a reader who stopped keeps in memory.
const STREAM_WINDOW: u32 = 1 << 20;
/// The same for all of the connection; no bound of its own, so that readers who stopped do not stop the others.
const CONNECTION_WINDOW: u32 = 1 << 30;

pub(super) type Sender = SendRequest<Full<Bytes>>;

/// `https://10.0.0.1:6443` taken apart.
pub(super) struct Address {
    /// `https://10.0.0.1:6443`
    pub origin: String,
    host: String,
    port: u16,
}

pub(super) struct Link {
    pub options: RemoteOptions,
    pub address: Address,
    pub agent: HeaderValue,
    name: ServerName<'static>,
    identity: RwLock<Arc<Identity>>,
    /// Held while a connection is made, so that callers wait for one instead of making many.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Connections made so far.
    made: u64,
    connection: Option<Connection>,
    /// When the last attempt failed, and why: who waited for it need not try the same again.
    failed: Option<(Instant, ApiError)>,
}

#[derive(Clone)]
pub(super) struct Connection {
    pub sender: Sender,
    pub identity: Arc<Identity>,
    /// Tells this connection from the one before.
    number: u64,
}

impl Address {
    /// # Errors
    /// 400 for anything but `https://HOST[:PORT]`.
    pub fn parse(text: &str) -> ApiResult<Self> {
        let refuse =
            |why: &str| ApiError::bad_request(format!("the server's address {text:?} {why}; write https://HOST:PORT"));
        let uri: Uri = text.parse().map_err(|error| refuse(&format!("cannot be read ({error})")))?;
        let authority = uri.authority().ok_or_else(|| refuse("names no host"))?;
        if uri.scheme_str() != Some("https") {
            return Err(refuse("does not begin with https://"));
        }
        if uri.path_and_query().is_some_and(|path| path != "/") {
            return Err(refuse("has a path"));
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        Ok(Self { origin: format!("https://{authority}"), host, port: authority.port_u16().unwrap_or(443) })
    }

    /// TCP and TLS.
    pub async fn connect(&self, tls: &TlsConnector, name: ServerName<'static>) -> Result<TlsStream<TcpStream>, String> {
        let io = |error: std::io::Error| stdx::chain(&error);
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(io)?;
        stream.set_nodelay(true).map_err(io)?;
        let stream = tls.connect(name, stream).await.map_err(io)?;
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Ok(stream),
            _ => Err("what listens there does not speak HTTP/2".to_owned()),
        }
    }

    pub fn unreachable(&self, why: &str) -> ApiError {
        ApiError::new(Reason::ServiceUnavailable, format!("the API server at {} cannot be asked: {why}", self.origin))
    }
}

/// HTTP/2 on a stream that is connected; it lives as long as what runs on it, and its senders.
pub(super) async fn handshake(stream: TlsStream<TcpStream>, alive: Duration, dead: Duration) -> Result<Sender, String> {
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(alive)
        .keep_alive_timeout(dead)
        // Without a call nobody waits for anything; the next one finds out.
        .keep_alive_while_idle(false)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| stdx::chain(&error))?;
    tokio::spawn(async move {
        // Calls learn of its end themselves.
        if let Err(error) = connection.await {
            tracing::debug!(error = %stdx::chain(&error), "a connection to the API server ended");
        }
    });
    Ok(sender)
}

impl Link {
    pub fn new(options: RemoteOptions) -> ApiResult<Self> {
        let address = Address::parse(&options.server)?;
        let name = &options.server_name;
        let name = ServerName::try_from(name.clone())
            .map_err(|_| ApiError::bad_request(format!("{name:?} is no name that a certificate can have")))?;
        let agent = HeaderValue::from_str(&options.user_agent)
            .map_err(|_| ApiError::bad_request(format!("{:?} cannot be sent as a user agent", options.user_agent)))?;
        let identity = RwLock::new(Arc::new(Identity::new(&options.ca, &options.credentials)?));
        Ok(Self { options, address, agent, name, identity, state: Mutex::default() })
    }

    pub fn set_credentials(&self, credentials: &Credentials) -> ApiResult<()> {
        let identity = Arc::new(Identity::new(&self.options.ca, credentials)?);
        *self.identity.write().unwrap_or_else(PoisonError::into_inner) = identity;
        Ok(())
    }

    fn identity(&self) -> Arc<Identity> {
        self.identity.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The connection of the present credentials, made if there is none.
    ///
    /// # Errors
    /// 503 if the server cannot be reached or is not who it should be.
    pub async fn connection(&self) -> ApiResult<Connection> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        let identity = self.identity();
        let fits = |kept: &&Connection| !kept.sender.is_closed() && Arc::ptr_eq(&kept.identity, &identity);
        if let Some(connection) = state.connection.as_ref().filter(fits) {
            return Ok(connection.clone());
        }
        state.connection = None;
        if let Some((_, error)) = state.failed.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(error.clone());
        }
        match self.connect(&identity).await {
            Ok(sender) => {
                state.made += 1;
                let connection = Connection { sender, identity, number: state.made };
                state.connection = Some(connection.clone());
                Ok(connection)
            }
            Err(why) => {
                let error = self.address.unreachable(&why);
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// The next call makes a new connection; what runs on this one goes on.
    pub async fn forget(&self, connection: &Connection) {
        let mut state = self.state.lock().await;
        // By now it may be a newer one, which is nobody's fault.
        if state.connection.as_ref().is_some_and(|kept| kept.number == connection.number) {
            state.connection = None;
        }
    }

    async fn connect(&self, identity: &Identity) -> Result<Sender, String> {
        let options = &self.options;
        let connecting = async {
            let stream = self.address.connect(&identity.tls, self.name.clone()).await?;
            handshake(stream, options.keep_alive, options.keep_alive_timeout).await
        };
        let connected = tokio::time::timeout(options.connect_timeout, connecting).await;
        connected.unwrap_or_else(|_| Err(format!("no connection in {:?}", options.connect_timeout)))
    }
}
