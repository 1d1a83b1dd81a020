//! A node's door: what the API server asks of the node agent that runs a pod (kubelet's job on port 10250).
//!
//! In process where the node is ourselves; over HTTPS otherwise ([`RemoteDoors`]).

mod connect;
mod credentials;
pub mod link;
mod port_stream;
mod remote;
mod remote_doors;
mod request;

pub use connect::watch_peer;
pub use credentials::AgentCredentials;
pub use remote::RemoteDoor;
pub use remote_doors::{AGENT_PORT, RemoteDoors};
pub use request::AgentRequest;

use apimachinery::{ApiError, ApiResult, Reason, Value};
use async_trait::async_trait;
use bytes::Bytes;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};

/// Which container, of which pod. An empty container means the pod's only (or default) one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub namespace: String,
    pub pod: String,
    pub uid: String,
    pub container: String,
}

/// `kubectl logs`. Upstream: `v1.PodLogOptions`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    pub follow: bool,
    pub previous: bool,
    pub timestamps: bool,
    pub since_seconds: Option<i64>,
    /// RFC 3339.
    pub since_time: Option<String>,
    pub tail_lines: Option<i64>,
    pub limit_bytes: Option<i64>,
    /// `All` (default), `Stdout`, `Stderr`.
    pub stream: Option<String>,
}

/// A log in pieces, in order. An error is the last: the log broke off there.
pub type LogChunks = mpsc::Receiver<io::Result<Bytes>>;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecOptions {
    /// Empty attaches to the container's own process instead of starting one.
    pub command: Vec<String>,
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    pub tty: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalSize {
    pub columns: u16,
    pub rows: u16,
}

/// How a session ended. Upstream: the status on the error channel of `remotecommand` v4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitStatus {
    Exited(i32),
    /// It could not be run, or broke off: the text for the client.
    Failed(String),
}

/// A running exec or attach. Dropping it ends the session.
pub struct ExecSession {
    /// Closing the sender closes the process's stdin.
    pub stdin: Option<mpsc::Sender<Bytes>>,
    /// Closed when the process's stdout is. With a tty everything comes here.
    pub stdout: Option<mpsc::Receiver<Bytes>>,
    pub stderr: Option<mpsc::Receiver<Bytes>>,
    pub resize: Option<mpsc::Sender<TerminalSize>>,
    pub status: oneshot::Receiver<ExitStatus>,
}

/// Metrics of a node, by the kubelet's paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeMetrics {
    /// `/metrics`: the agent's own.
    Agent,
    /// `/metrics/cadvisor`: containers in detail.
    Cadvisor,
    /// `/metrics/resource`: processor and memory of node, pods and containers.
    Resource,
}

/// A byte stream to a port inside a pod.
pub trait PortStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> PortStream for T {}

#[async_trait]
pub trait NodeDoor: Send + Sync + 'static {
    /// The log's text; it ends at the end (or when a followed container is gone).
    async fn logs(&self, target: Target, options: LogOptions) -> ApiResult<LogChunks>;

    async fn exec(&self, target: Target, options: ExecOptions) -> ApiResult<ExecSession>;

    async fn port_forward(&self, target: Target, port: u16) -> ApiResult<Box<dyn PortStream>>;

    /// The node's `stats/summary` document (kubelet's `/stats/summary`), for metrics and `kubectl top`.
    async fn stats(&self) -> ApiResult<Value>;

    /// What Prometheus reads, in its text format.
    async fn metrics(&self, of: NodeMetrics) -> ApiResult<String>;

    /// A PodList of what the agent knows to be bound to its node.
    async fn pods(&self) -> ApiResult<Value> {
        Err(ApiError::new(Reason::NotFound, "this node does not tell its pods"))
    }

    /// Whether the agent runs. In this process it does.
    async fn check(&self) -> ApiResult<()> {
        Ok(())
    }
}

/// Finds the door of a node by its name.
#[async_trait]
pub trait Doors: Send + Sync + 'static {
    async fn door(&self, node: &str) -> ApiResult<std::sync::Arc<dyn NodeDoor>>;
}
