//! A connection of either side: TCP, a unix socket, or TLS over one of them.

use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// TLS streams of either role, behind one type: they are rarer and slower than plain ones.
pub trait Secure: AsyncRead + AsyncWrite + Unpin {
    /// The connection below.
    fn below(&self) -> &Stream;
    /// Both ends agreed on HTTP/2 (ALPN).
    fn speaks_h2(&self) -> bool;
}

impl Secure for tokio_rustls::server::TlsStream<Stream> {
    fn below(&self) -> &Stream {
        self.get_ref().0
    }

    fn speaks_h2(&self) -> bool {
        self.get_ref().1.alpn_protocol() == Some(b"h2")
    }
}

impl Secure for tokio_rustls::client::TlsStream<Stream> {
    fn below(&self) -> &Stream {
        self.get_ref().0
    }

    fn speaks_h2(&self) -> bool {
        self.get_ref().1.alpn_protocol() == Some(b"h2")
    }
}

pub enum Stream {
    Tcp(TcpStream, Nagle),
    Unix(UnixStream),
    Tls(Box<dyn Secure>),
}

/// Whether the kernel may hold a small write back until the one before is acknowledged (Nagle's algorithm, RFC 896
/// section 3). It never may where it would: but a first write of one packet has none before it, and many connections have
/// no second one, so that a system call is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nagle {
    /// Nothing was written yet.
    Fresh,
    /// To be switched off before the next write.
    Due,
    Off,
}

/// Fits into one packet of every network: a host must take segments of 536 bytes (RFC 9293 section 3.7.1).
const ONE_PACKET: usize = 512;

impl Nagle {
    fn before_write(&mut self, stream: &TcpStream, size: usize) {
        match self {
            Self::Fresh if size <= ONE_PACKET => *self = Self::Due,
            Self::Fresh | Self::Due => {
                *self = Self::Off;
                // Refused only by a connection that is gone already.
                _ = stream.set_nodelay(true);
            }
            Self::Off => {}
        }
    }
}

impl Stream {
    /// The plain TCP connection, where bytes may be moved by the kernel.
    pub fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream, _) => Some(stream),
            _ => None,
        }
    }

    /// Both ends agreed on HTTP/2 when they set up TLS.
    pub fn speaks_h2(&self) -> bool {
        matches!(self, Self::Tls(stream) if stream.speaks_h2())
    }

    /// The socket, below TLS.
    pub fn socket(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream, _) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
            Self::Tls(stream) => stream.below().socket(),
        }
    }

    /// Our end of the connection and the peer's, where it is TCP.
    pub fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        let fd = self.socket();
        let socket = SockRef::from(&fd);
        Some((socket.local_addr().ok()?.as_socket()?, socket.peer_addr().ok()?.as_socket()?))
    }

    /// Whether the peer has sent something that was not read yet, as far as the kernel can say.
    pub fn has_bytes(&self) -> bool {
        self.tcp().is_some_and(|stream| rustix::io::ioctl_fionread(stream).is_ok_and(|count| count > 0))
    }

    /// Makes the coming close a reset: the peer must not think that all has been said, and no port stays in TIME_WAIT.
    pub fn reset_on_close(&self) {
        // Fails on unix sockets, which know no reset.
        _ = SockRef::from(&self.socket()).set_linger(Some(Duration::ZERO));
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream, _) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream, nagle) => {
                nagle.before_write(stream, buf.len());
                Pin::new(stream).poll_write(cx, buf)
            }
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream, nagle) => {
                nagle.before_write(stream, bufs.iter().map(|buf| buf.len()).sum());
                Pin::new(stream).poll_write_vectored(cx, bufs)
            }
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream, _) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream, _) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream, _) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
