//! One connection to a node agent: dialled, secured, asked one thing.

use super::link;
use super::request::AgentRequest;
use apimachinery::{ApiError, ApiResult, Reason};
use bytes::Bytes;
use http::header::{CONNECTION, HOST, UPGRADE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::json;
use socket2::{SockRef, TcpKeepalive};
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Time for the network to answer.
const CONNECT: Duration = Duration::from_secs(3);
/// Time for the agent to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Time until an answer begins: looking up a container, starting a process.
const ANSWER: Duration = Duration::from_secs(30);
/// A refusal is a line or two.
const LONGEST_REFUSAL: usize = 64 << 10;
/// A peer whose machine died is noticed after `QUIET` and `PROBES` probes.
const QUIET: Duration = Duration::from_secs(15);
const PROBE_EVERY: Duration = Duration::from_secs(5);
const PROBES: u32 = 3;
/// Or when what was sent is not acknowledged. Only towards agents, which always read: the time that a peer reads nothing
/// counts too, and who follows a log may pause.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Where the agent of a node is.
#[derive(Clone)]
pub(super) struct Agent {
    pub node: String,
    pub address: SocketAddr,
    pub tls: Arc<ClientConfig>,
}

/// Lets the kernel notice that the machine at the other end is gone.
///
/// # Errors
/// If the kernel does not know these options.
pub fn watch_peer(socket: &TcpStream) -> io::Result<()> {
    let keepalive = TcpKeepalive::new().with_time(QUIET).with_interval(PROBE_EVERY).with_retries(PROBES);
    let socket = SockRef::from(socket);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_nodelay(true)
}

impl Agent {
    /// Asks; the head of a good answer, its body to be read.
    ///
    /// # Errors
    /// 503 if the node cannot be reached or does not let us in; else what the agent says.
    pub async fn ask(&self, what: &AgentRequest) -> ApiResult<Response<Incoming>> {
        let stream = self.connect().await.map_err(|error| self.unreachable(&error))?;
        let request = self.request(what).map_err(ApiError::internal)?;
        let asked = async {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            // Lives as long as the answer's body, or the stream that comes of it.
            tokio::spawn(connection.with_upgrades());
            sender.send_request(request).await
        };
        let answer = within(ANSWER, asked).await.map_err(|error| self.unreachable(&error))?;
        let good = if what.is_session() { StatusCode::SWITCHING_PROTOCOLS } else { StatusCode::OK };
        if answer.status() == good { Ok(answer) } else { Err(self.refusal(answer).await) }
    }

    async fn connect(&self) -> Result<TlsStream<TcpStream>, String> {
        let socket = within(CONNECT, TcpStream::connect(self.address)).await?;
        let watched =
            watch_peer(&socket).and_then(|()| SockRef::from(&socket).set_tcp_user_timeout(Some(UNACKNOWLEDGED)));
        watched.map_err(|error| error.to_string())?;
        let name = ServerName::IpAddress(self.address.ip().into());
        within(HANDSHAKE, TlsConnector::from(Arc::clone(&self.tls)).connect(name, socket)).await
    }

    fn request(&self, what: &AgentRequest) -> Result<Request<Empty<Bytes>>, http::Error> {
        let request = Request::builder().uri(what.uri()).header(HOST, self.address.to_string());
        if what.is_session() {
            let request = request.method(Method::POST).header(CONNECTION, "Upgrade").header(UPGRADE, link::PROTOCOL);
            return request.body(Empty::new());
        }
        request.body(Empty::new())
    }

    /// `node "w1" at 10.0.0.4:10250`
    pub fn place(&self) -> String {
        format!("node {:?} at {}", self.node, self.address)
    }

    pub fn unreachable(&self, error: &impl Display) -> ApiError {
        let text = format!("node {:?} cannot be reached at {}: {error}", self.node, self.address);
        ApiError::new(Reason::ServiceUnavailable, text)
    }

    async fn refusal(&self, answer: Response<Incoming>) -> ApiError {
        let status = answer.status();
        let body = within(ANSWER, Limited::new(answer.into_body(), LONGEST_REFUSAL).collect()).await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let document: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let plain = String::from_utf8_lossy(&body);
        let text = document["message"].as_str().unwrap_or_else(|| plain.trim());
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            // Not the client's fault: its own request was authorized long ago.
            return self.unreachable(&format!("the API server is not let in ({status}): {text}"));
        }
        let document = if document.is_object() { document } else { json!({"message": text}) };
        ApiError::from_status(&document, status.as_u16())
    }
}

async fn within<T, E: Display>(time: Duration, work: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match tokio::time::timeout(time, work).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", time.as_secs())),
    }
}
