//! gRPC over HTTP/2, as far as etcd's API needs it: framed messages, and the status in the trailers.
//!
//! Source: "gRPC over HTTP2" (grpc/doc/PROTOCOL-HTTP2.md). Compression is neither offered nor accepted.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame};
use prost::Message;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// A flag (not compressed) and the length.
const PREFIX: usize = 5;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The request was not sent: nothing was done.
    #[error("{0}")]
    NotSent(String),
    /// It was sent, and no answer came: whether something was done is not known.
    #[error("{0}")]
    Lost(String),
    /// etcd answers that it failed.
    #[error("{message} (gRPC code {code})")]
    Status { code: u32, message: String },
}

/// What is sent: messages until the sender is dropped.
pub struct Outgoing(mpsc::Receiver<Bytes>);

impl Outgoing {
    /// A body that begins with `first` and ends when the sender is dropped.
    pub fn new(first: Bytes) -> (mpsc::Sender<Bytes>, Self) {
        let (sender, receiver) = mpsc::channel(1);
        // There is room for one.
        _ = sender.try_send(first);
        (sender, Self(receiver))
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// A message as it goes over the wire.
pub fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX + length);
    bytes.put_u8(0);
    bytes.put_u32(length as u32);
    bytes.extend_from_slice(&message.encode_to_vec());
    bytes.freeze()
}

/// What comes back: messages, then a status.
pub struct Incoming {
    body: hyper::body::Incoming,
    buffer: BytesMut,
}

impl Incoming {
    /// An answer that failed at once has its status in the headers.
    pub fn new(response: http::Response<hyper::body::Incoming>) -> Result<Self, CallError> {
        if !response.status().is_success() {
            return Err(CallError::Lost(format!("this is no etcd: it answers {}", response.status())));
        }
        status(response.headers()).unwrap_or(Ok(()))?;
        Ok(Self { body: response.into_body(), buffer: BytesMut::new() })
    }

    /// The next message; None after the last one of a call that went well. May be cancelled without losing anything.
    pub async fn message<M: Message + Default>(&mut self) -> Result<Option<M>, CallError> {
        loop {
            if let Some(bytes) = self.take()? {
                let message = M::decode(bytes);
                return message.map(Some).map_err(|error| CallError::Lost(format!("etcd's answer: {error}")));
            }
            let frame = match self.body.frame().await {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Err(CallError::Lost(stdx::chain(&error))),
                None => return Err(CallError::Lost("etcd ended its answer without a status".into())),
            };
            match frame.into_data() {
                Ok(data) => self.buffer.extend_from_slice(&data),
                Err(frame) => {
                    if let Some(status) = frame.trailers_ref().and_then(status) {
                        return status.map(|()| None);
                    }
                }
            }
        }
    }

    /// The answer to a call that has one message.
    pub async fn only<M: Message + Default>(mut self) -> Result<M, CallError> {
        let answer = self.message().await?;
        // Not finished without its status: etcd sends it even after a message.
        while self.message::<M>().await?.is_some() {}
        answer.ok_or_else(|| CallError::Lost("etcd answered nothing".into()))
    }

    /// A whole message from the buffer.
    fn take(&mut self) -> Result<Option<Bytes>, CallError> {
        if self.buffer.len() < PREFIX {
            return Ok(None);
        }
        if self.buffer[0] != 0 {
            return Err(CallError::Lost("etcd sent a compressed message, unasked".into()));
        }
        let length = (&self.buffer[1..PREFIX]).get_u32() as usize;
        if self.buffer.len() < PREFIX + length {
            self.buffer.reserve(PREFIX + length - self.buffer.len());
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

/// The status in headers or trailers, if there is one.
fn status(headers: &HeaderMap) -> Option<Result<(), CallError>> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let code: u32 = text("grpc-status")?.parse().unwrap_or(2);
    if code == 0 {
        return Some(Ok(()));
    }
    Some(Err(CallError::Status { code, message: text("grpc-message").unwrap_or("no reason given").to_owned() }))
}
