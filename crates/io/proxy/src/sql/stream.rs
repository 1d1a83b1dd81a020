//! A connection of a client or to a server: TCP or a unix socket, with or without TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// Boxed: it is large, and few are.
    TlsClient(Box<tokio_rustls::client::TlsStream<Stream>>),
    TlsServer(Box<tokio_rustls::server::TlsStream<Stream>>),
}

impl Stream {
    /// The name of the cipher, where it is encrypted.
    pub fn cipher(&self) -> Option<&'static str> {
        let suite = match self {
            Self::TlsServer(stream) => stream.get_ref().1.negotiated_cipher_suite(),
            Self::TlsClient(stream) => stream.get_ref().1.negotiated_cipher_suite(),
            Self::Tcp(_) | Self::Unix(_) => None,
        };
        suite.and_then(|suite| suite.suite().as_str())
    }

    /// Nobody on the network reads it.
    pub fn is_private(&self) -> bool {
        !matches!(self, Self::Tcp(_))
    }
}

macro_rules! each {
    ($self:expr, $stream:ident => $act:expr) => {
        match $self.get_mut() {
            Stream::Tcp($stream) => $act,
            Stream::Unix($stream) => $act,
            Stream::TlsClient($stream) => $act,
            Stream::TlsServer($stream) => $act,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
