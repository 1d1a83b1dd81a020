//! The channels of a session, whichever transport carries them.

use super::{Closed, spdy, websocket};
use bytes::Bytes;
use tokio::sync::mpsc;

/// Where bytes for the client go.
pub enum Sink {
    Spdy(spdy::Sender),
    Socket(websocket::Sender),
}

/// Where bytes of the client come from.
pub enum Source {
    Spdy(spdy::Receiver),
    Socket(mpsc::Receiver<Bytes>),
}

/// What exec and attach need.
#[derive(Default)]
pub struct Channels {
    pub stdin: Option<Source>,
    pub resize: Option<Source>,
    pub stdout: Option<Sink>,
    pub stderr: Option<Sink>,
    pub error: Option<Sink>,
    /// Our halves of the streams only the client writes to; they end with the session.
    pub kept: Vec<spdy::Sender>,
}

impl Sink {
    pub async fn send(&self, data: Bytes) -> Result<(), Closed> {
        match self {
            Self::Spdy(sender) => sender.send(data).await,
            Self::Socket(sender) => sender.send(data).await,
        }
    }

    /// Says that nothing more comes, where the transport can say so.
    pub async fn finish(self) {
        if let Self::Spdy(sender) = self {
            sender.finish().await;
        }
    }
}

impl Source {
    pub async fn receive(&mut self) -> Option<Bytes> {
        match self {
            Self::Spdy(receiver) => receiver.receive().await,
            Self::Socket(receiver) => receiver.recv().await,
        }
    }
}

impl From<spdy::Receiver> for Source {
    fn from(receiver: spdy::Receiver) -> Self {
        Self::Spdy(receiver)
    }
}

impl From<mpsc::Receiver<Bytes>> for Source {
    fn from(receiver: mpsc::Receiver<Bytes>) -> Self {
        Self::Socket(receiver)
    }
}
