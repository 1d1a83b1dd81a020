//! The door of a node on another machine: its agent, asked over HTTPS.

use super::connect::Agent;
use super::credentials::AgentCredentials;
use super::link::frame::{Channel, encode_size};
use super::link::{self, Lanes};
use super::port_stream::port_stream;
use super::request::AgentRequest;
use super::{ExecOptions, ExecSession, LogChunks, LogOptions, NodeDoor, NodeMetrics, PortStream, Target, TerminalSize};
use apimachinery::{ApiError, ApiResult, Value};
use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Chunks between the connection and who reads them; more waits in the link's window.
const CHUNKS: usize = 4;
/// Documents and metrics of a node with hundreds of pods have a few megabytes.
const LARGEST_DOCUMENT: usize = 64 << 20;
/// Time for a document to arrive, once it has begun.
const DOCUMENT: Duration = Duration::from_secs(30);

/// Connects anew for each request; nothing is kept in between.
pub struct RemoteDoor {
    agent: Agent,
}

impl RemoteDoor {
    /// Connects to nothing yet.
    pub fn new(node: &str, address: SocketAddr, credentials: &AgentCredentials) -> Self {
        Self { agent: Agent { node: node.to_owned(), address, tls: credentials.config(node) } }
    }

    /// A session's connection.
    async fn session(&self, what: &AgentRequest) -> ApiResult<TokioIo<hyper::upgrade::Upgraded>> {
        let answer = self.agent.ask(what).await?;
        let upgraded = hyper::upgrade::on(answer).await;
        upgraded.map(TokioIo::new).map_err(|error| self.agent.unreachable(&error))
    }

    async fn document(&self, what: &AgentRequest) -> ApiResult<Bytes> {
        let body = Limited::new(self.agent.ask(what).await?.into_body(), LARGEST_DOCUMENT);
        match tokio::time::timeout(DOCUMENT, body.collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) => Err(self.agent.unreachable(&error)),
            Err(_) => Err(self.agent.unreachable(&"its answer does not end")),
        }
    }

    async fn json(&self, what: &AgentRequest) -> ApiResult<Value> {
        let text = self.document(what).await?;
        serde_json::from_slice(&text).map_err(|error| {
            ApiError::internal(format!("{} answers {} with no document: {error}", self.agent.place(), what.uri()))
        })
    }
}

#[async_trait]
impl NodeDoor for RemoteDoor {
    async fn logs(&self, target: Target, options: LogOptions) -> ApiResult<LogChunks> {
        let answer = self.agent.ask(&AgentRequest::Logs(target, options)).await?;
        let (sender, receiver) = mpsc::channel(CHUNKS);
        tokio::spawn(pass_on(answer.into_body(), sender, self.agent.place()));
        Ok(receiver)
    }

    async fn exec(&self, target: Target, options: ExecOptions) -> ApiResult<ExecSession> {
        let stream = self.session(&AgentRequest::Exec(target, options.clone())).await?;
        let mut lanes = Lanes::default();
        let (stdin, resize) = (
            options.stdin.then(|| lanes.send(Channel::Stdin)),
            options.tty.then(|| lanes.send(Channel::Resize)).map(sizes),
        );
        let stdout = (options.stdout || options.tty).then(|| lanes.receive(Channel::Stdout));
        let stderr = options.stderr.then(|| lanes.receive(Channel::Stderr));
        let (told, status) = oneshot::channel();
        let place = self.agent.place();
        tokio::spawn(async move { link::follow(stream, lanes, told, &place).await });
        Ok(ExecSession { stdin, stdout, stderr, resize, status })
    }

    async fn port_forward(&self, target: Target, port: u16) -> ApiResult<Box<dyn PortStream>> {
        let stream = self.session(&AgentRequest::PortForward(target, port)).await?;
        let mut lanes = Lanes::default();
        let (outgoing, incoming) = (lanes.send(Channel::Stdin), lanes.receive(Channel::Stdout));
        let (told, status) = oneshot::channel();
        let place = self.agent.place();
        tokio::spawn(async move { link::follow(stream, lanes, told, &place).await });
        Ok(Box::new(port_stream(incoming, outgoing, status)))
    }

    async fn stats(&self) -> ApiResult<Value> {
        self.json(&AgentRequest::Stats).await
    }

    async fn metrics(&self, of: NodeMetrics) -> ApiResult<String> {
        let text = self.document(&AgentRequest::Metrics(of)).await?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    async fn pods(&self) -> ApiResult<Value> {
        self.json(&AgentRequest::Pods).await
    }

    async fn check(&self) -> ApiResult<()> {
        self.document(&AgentRequest::Health).await.map(|_| ())
    }
}

impl Lanes {
    fn send(&mut self, channel: Channel) -> mpsc::Sender<Bytes> {
        let (sender, receiver) = mpsc::channel(CHUNKS);
        self.outgoing.push((channel, receiver));
        sender
    }

    fn receive(&mut self, channel: Channel) -> mpsc::Receiver<Bytes> {
        let (sender, receiver) = mpsc::channel(CHUNKS);
        self.incoming.push((channel, sender));
        receiver
    }
}

/// Takes sizes instead of bytes.
fn sizes(to: mpsc::Sender<Bytes>) -> mpsc::Sender<TerminalSize> {
    let (sender, mut receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let size = tokio::select! {
                size = receiver.recv() => size,
                () = to.closed() => return,
            };
            let Some(size) = size else { return };
            if to.send(encode_size(size)).await.is_err() {
                return;
            }
        }
    });
    sender
}

async fn pass_on(mut body: Incoming, to: mpsc::Sender<io::Result<Bytes>>, from: String) {
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            // Closes the connection, which ends the following of a log where it is written.
            () = to.closed() => return,
        };
        match frame {
            Some(Ok(frame)) => {
                if let Ok(chunk) = frame.into_data()
                    && to.send(Ok(chunk)).await.is_err()
                {
                    return;
                }
            }
            Some(Err(error)) => {
                let text = format!("the log from {from} broke off: {}", stdx::chain(&error));
                // A reader that left does not want to know.
                _ = to.send(Err(io::Error::other(text))).await;
                return;
            }
            None => return,
        }
    }
}
