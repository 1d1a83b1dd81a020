//! The API over HTTPS, for other nodes and other masters: one HTTP/2 connection for all calls and watches.
//!
//! Invariants
//! - No call hangs: each has a deadline, and a connection whose other end is silent is given up within seconds.
//! - A call whose bytes did not go out is tried once more on a new connection; one that may have been done never is.
//! - What a caller gets is what [`Api`](crate::Api) gives in process: the same bytes, the same errors.

mod call;
mod connection;
mod credentials;
mod decode;
mod objects;
mod paths;
mod unverified;
mod watching;

pub use credentials::Credentials;
pub use unverified::{Unverified, fetch_unverified, spki_sha256};

use apimachinery::{ApiResult, Value};
use call::Call;
use connection::Link;
use http::Method;
use std::sync::Arc;
use std::time::Duration;

/// Where the API is and as whom to ask it. [`RemoteOptions::new`] has the defaults.
#[derive(Debug, Clone)]
pub struct RemoteOptions {
    /// `https://127.0.0.1:5443`; the port is 443 where none is named, a path is not allowed.
    pub server: String,
    /// The name that the server's certificate must have, whatever address it is reached by. Default `kubernetes`.
    pub server_name: String,
    /// PEM: the authorities that the server's certificate may be signed by.
    pub ca: String,
    pub credentials: Credentials,
    /// Default `barque/VERSION`. What stands before the `/` is the field manager of writes that name none.
    pub user_agent: String,
    /// Time for a connection, handshakes included. Default 5 s.
    pub connect_timeout: Duration,
    /// Time for a call from its start to the end of its answer; of a watch, to its beginning. Default 30 s.
    pub request_timeout: Duration,
    /// While calls or watches run, the server is asked for a sign of life this often. Default 3 s.
    pub keep_alive: Duration,
    /// A server that gives no sign of life for this long has lost its connection. Default 5 s.
    pub keep_alive_timeout: Duration,
}

impl RemoteOptions {
    pub fn new(server: impl Into<String>, ca: impl Into<String>, credentials: Credentials) -> Self {
        Self {
            server: server.into(),
            server_name: "kubernetes".to_owned(),
            ca: ca.into(),
            credentials,
            user_agent: concat!("barque/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(3),
            keep_alive_timeout: Duration::from_secs(5),
        }
    }
}

/// The API of another process. Cheap to clone; all clones share one connection, made when first needed.
#[derive(Clone)]
pub struct Remote {
    link: Arc<Link>,
}

impl Remote {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// 400 for options that cannot be read: the address, the authority, the credentials.
    pub fn new(options: RemoteOptions) -> ApiResult<Self> {
        Ok(Self { link: Arc::new(Link::new(options)?) })
    }

    /// From now on calls are made with these credentials, on a new connection where that is a matter of the connection.
    /// Calls and watches that run go on with the old ones to their end.
    ///
    /// # Errors
    /// 400 for a certificate or key that cannot be read; the old ones are then kept.
    pub fn set_credentials(&self, credentials: &Credentials) -> ApiResult<()> {
        self.link.set_credentials(credentials)
    }

    /// Any path (with its query, if any) of the server. An answer that is not JSON is given as a text.
    ///
    /// # Errors
    /// The server's, 503 if it cannot be reached or the connection breaks, 504 if it takes too long.
    pub async fn request(&self, method: &str, path: &str, body: Option<Value>) -> ApiResult<Value> {
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| apimachinery::ApiError::bad_request(format!("there is no HTTP method {method:?}")))?;
        let mut call = Call::new(method, path);
        if let Some(body) = body {
            call = call.with_body("application/json", &body);
        }
        let answer = self.link.bytes(&call).await?;
        Ok(decode::document(&answer))
    }
}
