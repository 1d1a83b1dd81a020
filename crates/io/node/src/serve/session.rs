//! Exec, attach and port-forward on an upgraded connection.

use bytes::{Bytes, BytesMut};
use client::door::link::frame::{Channel, decode_size};
use client::door::link::{self, Lanes};
use client::door::{ExecSession, ExitStatus, PortStream, TerminalSize};
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Chunks between a link and its process or port; more waits in the link's window.
const CHUNKS: usize = 4;
/// Read from a port at once.
const PIECE: usize = 32 << 10;

/// The sessions of one connection: one at most, since an upgraded connection carries no further request.
#[derive(Clone)]
pub struct Sessions {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Sessions {
    pub fn new(stop: CancellationToken) -> Self {
        Self { tasks: TaskTracker::new(), stop }
    }

    /// Waits until they have ended.
    pub async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Carries an exec session once the answer to `request` has gone out. A client that leaves ends it.
    pub fn exec(&self, session: ExecSession, request: Request<Incoming>) {
        let ExecSession { stdin, stdout, stderr, resize, status } = session;
        let mut lanes = Lanes::default();
        lanes.outgoing.extend(stdout.map(|stdout| (Channel::Stdout, stdout)));
        lanes.outgoing.extend(stderr.map(|stderr| (Channel::Stderr, stderr)));
        lanes.incoming.extend(stdin.map(|stdin| (Channel::Stdin, stdin)));
        let resize = resize.map(|resize| {
            let (sender, documents) = mpsc::channel(1);
            lanes.incoming.push((Channel::Resize, sender));
            (documents, resize)
        });
        let status = async move {
            let resizes = async {
                if let Some((documents, resize)) = resize {
                    pass_sizes(documents, resize).await;
                }
                std::future::pending().await
            };
            tokio::select! {
                status = status => status.unwrap_or_else(|_| ExitStatus::Failed("the session broke off".to_owned())),
                status = resizes => status,
            }
        };
        self.carry(request, lanes, status);
    }

    /// Carries a stream to a port likewise.
    pub fn port_forward(&self, stream: Box<dyn PortStream>, request: Request<Incoming>) {
        let (read, write) = tokio::io::split(stream);
        let (input, from_client) = mpsc::channel(CHUNKS);
        let (to_client, output) = mpsc::channel(CHUNKS);
        let lanes = Lanes { outgoing: vec![(Channel::Stdout, output)], incoming: vec![(Channel::Stdin, input)] };
        let status = async move {
            match tokio::try_join!(to_port(from_client, write), from_port(read, to_client)) {
                Ok(_) => ExitStatus::Exited(0),
                Err(error) => ExitStatus::Failed(error.to_string()),
            }
        };
        self.carry(request, lanes, status);
    }

    fn carry(
        &self,
        request: Request<Incoming>,
        lanes: Lanes,
        status: impl Future<Output = ExitStatus> + Send + 'static,
    ) {
        let stop = self.stop.clone();
        let upgraded = hyper::upgrade::on(request);
        let work = async move {
            let connection = match upgraded.await {
                Ok(connection) => TokioIo::new(connection),
                Err(error) => return tracing::debug!(%error, "the client left before its session began"),
            };
            if let Err(error) = link::serve(connection, lanes, status).await {
                tracing::debug!(%error, "the client left its session");
            }
        };
        self.tasks.spawn(async move { stop.run_until_cancelled(work).await });
    }
}

type Port = Box<dyn PortStream>;

/// The client may say no more and still listen.
async fn to_port(mut from: mpsc::Receiver<Bytes>, mut to: WriteHalf<Port>) -> io::Result<()> {
    while let Some(chunk) = from.recv().await {
        to.write_all(&chunk).await?;
        if from.is_empty() {
            to.flush().await?;
        }
    }
    to.shutdown().await
}

async fn from_port(mut from: ReadHalf<Port>, to: mpsc::Sender<Bytes>) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(PIECE);
        let ended = from.read_buf(&mut buffer).await? == 0;
        if ended || to.send(buffer.split().freeze()).await.is_err() {
            return Ok(());
        }
    }
}

async fn pass_sizes(mut documents: mpsc::Receiver<Bytes>, to: mpsc::Sender<TerminalSize>) {
    while let Some(document) = documents.recv().await {
        if let Some(size) = decode_size(&document)
            && to.send(size).await.is_err()
        {
            return;
        }
    }
}
