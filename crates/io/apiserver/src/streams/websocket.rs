//! Channels over WebSocket: the first byte of a message says which, `binary` as a number, `base64` as a digit of text.
//!
//! Upstream: `apimachinery/pkg/util/httpstream/wsstream`; `v5` adds a message that closes a channel.

use super::upgrade::Connection;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::collections::HashMap;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

/// A message of the client, at most. client-go sends 32 KB; browsers send what was pasted.
const LARGEST: usize = 1024 * 1024;
/// Messages that wait for the connection.
const QUEUED: usize = 16;
/// Messages that wait in a channel; then reading waits.
const WAITING: usize = 4;
/// A quiet connection is written to this often, so that a client that vanished is noticed by TCP.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// How long the client may take to close after we have said good-bye.
const FAREWELL: Duration = Duration::from_secs(5);
/// Channel of v5 messages that close the channel they name.
const CLOSE: u8 = 255;
/// Bytes of a tunnel that wait in either direction.
const TUNNEL: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Binary,
    Base64,
}

/// What we send on one channel.
#[derive(Clone)]
pub struct Sender {
    channel: u8,
    coding: Coding,
    out: mpsc::Sender<Message>,
}

/// A connection whose messages are spread over channels. When every [`Sender`] and this are gone, it closes normally.
pub struct Channels {
    out: mpsc::Sender<Message>,
    coding: Coding,
    pub receivers: HashMap<u8, mpsc::Receiver<Bytes>>,
    pub closed: CancellationToken,
}

impl Sender {
    /// # Errors
    /// If the client is gone.
    pub async fn send(&self, data: Bytes) -> Result<(), super::Closed> {
        let message = encode(self.coding, self.channel, &data);
        self.out.send(message).await.map_err(|_| super::Closed)
    }
}

impl Channels {
    /// Serves a connection; `readable` channels get a receiver, messages for others are dropped.
    pub async fn start(connection: Connection, coding: Coding, readable: &[u8]) -> Self {
        let (sink, stream) = open(connection).await.split();
        let (out, queue) = mpsc::channel(QUEUED);
        let closed = CancellationToken::new();
        let (mut senders, mut receivers) = (HashMap::new(), HashMap::new());
        for &channel in readable {
            let (sender, receiver) = mpsc::channel(WAITING);
            senders.insert(channel, sender);
            receivers.insert(channel, receiver);
        }
        tokio::spawn(write(sink, queue, closed.clone()));
        tokio::spawn(read(stream, coding, senders, closed.clone()));
        Self { out, coding, receivers, closed }
    }

    pub fn sender(&self, channel: u8) -> Sender {
        Sender { channel, coding: self.coding, out: self.out.clone() }
    }
}

async fn open<T: AsyncRead + AsyncWrite + Unpin>(connection: T) -> WebSocketStream<T> {
    let config =
        WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST)).read_buffer_size(8192);
    WebSocketStream::from_raw_socket(connection, Role::Server, Some(config)).await
}

async fn write(
    mut sink: SplitSink<WebSocketStream<Connection>, Message>,
    mut queue: mpsc::Receiver<Message>,
    closed: CancellationToken,
) {
    let writing = async {
        loop {
            match tokio::time::timeout(KEEPALIVE, queue.recv()).await {
                Ok(Some(message)) => sink.feed(message).await?,
                Ok(None) => break,
                Err(_) => sink.feed(Message::Ping(Bytes::new())).await?,
            }
            if queue.is_empty() {
                sink.flush().await?;
            }
        }
        sink.send(Message::Close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() }))).await?;
        tokio::time::sleep(FAREWELL).await;
        sink.close().await
    };
    if let Some(Err(error)) = closed.run_until_cancelled(writing).await {
        tracing::debug!(%error, "a WebSocket broke off");
    }
    closed.cancel();
}

async fn read(
    mut stream: SplitStream<WebSocketStream<Connection>>,
    coding: Coding,
    mut senders: HashMap<u8, mpsc::Sender<Bytes>>,
    closed: CancellationToken,
) {
    let reading = async {
        // An error or a close message ends the session alike.
        while let Some(Ok(message)) = stream.next().await {
            if matches!(message, Message::Close(_)) {
                break;
            }
            let Some((channel, data)) = decode(coding, message) else { continue };
            if channel == CLOSE {
                data.first().map(|channel| senders.remove(channel));
                continue;
            }
            if let Some(sender) = senders.get(&channel)
                && sender.send(data).await.is_err()
            {
                senders.remove(&channel);
            }
        }
    };
    closed.run_until_cancelled(reading).await;
    closed.cancel();
}

/// None for messages that carry nothing: pings, empty ones, damaged base64.
fn decode(coding: Coding, message: Message) -> Option<(u8, Bytes)> {
    let data = match message {
        Message::Binary(data) => data,
        Message::Text(text) => text.into(),
        _ => return None,
    };
    let channel = *data.first()?;
    match coding {
        Coding::Binary => Some((channel, data.slice(1..))),
        Coding::Base64 => {
            let plain = BASE64_STANDARD.decode(data.get(1..)?).ok()?;
            Some((channel.wrapping_sub(b'0'), plain.into()))
        }
    }
}

fn encode(coding: Coding, channel: u8, data: &[u8]) -> Message {
    match coding {
        Coding::Binary => {
            let mut message = BytesMut::with_capacity(data.len() + 1);
            message.put_u8(channel);
            message.extend_from_slice(data);
            Message::Binary(message.freeze())
        }
        Coding::Base64 => Message::text(format!("{}{}", char::from(b'0' + channel % 10), BASE64_STANDARD.encode(data))),
    }
}

/// The bytes inside the messages as one stream, for a protocol tunnelled in WebSocket.
pub async fn tunnel(connection: Connection) -> DuplexStream {
    let (inner, outer) = tokio::io::duplex(TUNNEL);
    let (mut sink, mut stream) = open(connection).await.split();
    let (mut read, mut write) = tokio::io::split(outer);
    tokio::spawn(async move {
        let inward = async {
            while let Some(Ok(message)) = stream.next().await {
                match message {
                    Message::Binary(data) if write.write_all(&data).await.is_err() => break,
                    Message::Close(_) => break,
                    _ => {}
                }
            }
            // The far side sees the end; it may be gone already.
            _ = write.shutdown().await;
        };
        let outward = async {
            let mut buffer = BytesMut::with_capacity(TUNNEL);
            while let Ok(1..) = read.read_buf(&mut buffer).await {
                if sink.send(Message::Binary(buffer.split().freeze())).await.is_err() {
                    return;
                }
                buffer.reserve(TUNNEL / 2);
            }
            let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
            // The client may have left first.
            _ = sink.send(Message::Close(Some(close))).await;
        };
        tokio::join!(inward, outward);
    });
    inner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_come_back() {
        for coding in [Coding::Binary, Coding::Base64] {
            let message = encode(coding, 3, b"text \x00\xff");
            assert_eq!(decode(coding, message), Some((3, Bytes::from_static(b"text \x00\xff"))));
        }
        assert_eq!(encode(Coding::Base64, 1, b"hi"), Message::text("1aGk="));
    }

    #[test]
    fn odd_messages_are_nothing() {
        assert_eq!(decode(Coding::Binary, Message::Binary(Bytes::new())), None);
        assert_eq!(decode(Coding::Base64, Message::text("0***")), None);
        assert_eq!(decode(Coding::Binary, Message::Ping(Bytes::new())), None);
    }
}
