//! A connection of a client or to a server: TCP or a unix socket, with or without TLS.

use super::compress::Compressed;
use rustix::net::RecvFlags;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

macro_rules! ready_or_pending {
    ($poll:expr) => {
        if $poll.is_pending() {
            return Poll::Pending;
        }
    };
}

pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// Boxed: it is large, and few are.
    TlsClient(Box<tokio_rustls::client::TlsStream<Stream>>),
    TlsServer(Box<tokio_rustls::server::TlsStream<Stream>>),
    Compressed(Box<Compressed>),
    /// Stands where a stream was taken from, for a moment.
    Taken,
}

impl Stream {
    /// The name of the cipher, where it is encrypted.
    pub fn cipher(&self) -> Option<&'static str> {
        let suite = match self {
            Self::TlsServer(stream) => stream.get_ref().1.negotiated_cipher_suite(),
            Self::TlsClient(stream) => stream.get_ref().1.negotiated_cipher_suite(),
            Self::Compressed(stream) => return stream.inner().cipher(),
            Self::Tcp(_) | Self::Unix(_) | Self::Taken => None,
        };
        suite.and_then(|suite| suite.suite().as_str())
    }

    /// Sends what the kernel takes at once. What is lost was not needed.
    pub fn say_last(&mut self, bytes: &[u8]) {
        let plain = match self {
            Self::Tcp(stream) => Some(stream.try_write(bytes)),
            Self::Unix(stream) => Some(stream.try_write(bytes)),
            _ => None,
        };
        if plain.is_none() {
            let mut nobody = Context::from_waker(Waker::noop());
            if Pin::new(&mut *self).poll_write(&mut nobody, bytes).is_ready() {
                _ = Pin::new(self).poll_flush(&mut nobody);
            }
        }
    }

    /// Asks the kernel, without waiting: the other end has closed it, or has said something nobody asked for.
    pub fn is_closed(&self) -> bool {
        let peeked = match self {
            Self::Tcp(stream) => peek(stream),
            Self::Unix(stream) => peek(stream),
            Self::TlsClient(stream) => return stream.get_ref().0.is_closed(),
            Self::TlsServer(stream) => return stream.get_ref().0.is_closed(),
            Self::Compressed(stream) => return stream.inner().is_closed(),
            Self::Taken => return true,
        };
        !matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Reads what the kernel has, though it has not told yet; of TCP alone.
    ///
    /// # Errors
    /// `WouldBlock` where there is nothing; the socket's.
    pub fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => Ok(rustix::net::recv(stream, buffer, RecvFlags::DONTWAIT)?.0),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Ready when the other end has closed it, without reading anything. Data that waits is no end: then it is pending, and
    /// nobody is woken.
    pub fn poll_closed(&self, cx: &mut Context) -> Poll<()> {
        let closed = match self {
            Self::Tcp(stream) => {
                ready_or_pending!(stream.poll_read_ready(cx));
                stream.try_io(Interest::READABLE, || peek(stream))
            }
            Self::Unix(stream) => {
                ready_or_pending!(stream.poll_read_ready(cx));
                stream.try_io(Interest::READABLE, || peek(stream))
            }
            Self::TlsClient(stream) => return stream.get_ref().0.poll_closed(cx),
            Self::TlsServer(stream) => return stream.get_ref().0.poll_closed(cx),
            Self::Compressed(stream) => return stream.inner().poll_closed(cx),
            Self::Taken => return Poll::Ready(()),
        };
        match closed {
            Ok(0) => Poll::Ready(()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    /// Nobody on the network reads it.
    pub fn is_private(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Taken => false,
            Self::Compressed(stream) => stream.inner().is_private(),
            Self::Unix(_) | Self::TlsClient(_) | Self::TlsServer(_) => true,
        }
    }
}

fn peek(socket: &impl AsFd) -> io::Result<usize> {
    let mut byte = [0];
    let (count, _) = rustix::net::recv(socket, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT)?;
    Ok(count)
}

macro_rules! each {
    ($self:expr, $stream:ident => $act:expr) => {
        match $self.get_mut() {
            Stream::Tcp($stream) => $act,
            Stream::Unix($stream) => $act,
            Stream::TlsClient($stream) => $act,
            Stream::TlsServer($stream) => $act,
            Stream::Compressed($stream) => $act,
            Stream::Taken => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
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
