//! The streams of an exec or attach session.

use crate::error::{Error, Result};
use crate::shim::client::Session;
use rustix::fd::OwnedFd;
use rustix::termios::Winsize;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub type InputStream = Box<dyn AsyncWrite + Send + Unpin>;
pub type OutputStream = Box<dyn AsyncRead + Send + Unpin>;

/// A running session. Dropping `control` ends it: an exec'd process is killed, an attachment is closed.
pub struct Streams {
    /// Shut down (or dropped) to close the process's standard input.
    pub stdin: Option<InputStream>,
    /// With a tty everything comes here.
    pub stdout: Option<OutputStream>,
    pub stderr: Option<OutputStream>,
    pub control: StreamControl,
}

/// What [`crate::Sandbox::exec_sync`] returns.
#[derive(Debug, Clone, Default)]
pub struct ExecResult {
    /// 128 + signal when killed by one.
    pub exit_code: i32,
    /// At most 16 KiB of stdout and stderr together are kept (as upstream does for probes).
    pub output: Vec<u8>,
}

/// Resizes, watches and ends a session.
pub struct StreamControl {
    pub(crate) session: Session,
    pub(crate) terminal: Option<Terminal>,
    pub(crate) code: Option<i32>,
}

impl StreamControl {
    /// New terminal size; an error when the session has no tty.
    pub fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        let terminal = self.terminal.as_ref().ok_or_else(|| Error::Other("the session has no terminal".into()))?;
        let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(terminal.0.get_ref(), size)
            .map_err(|e| Error::io("cannot resize the terminal")(e.into()))
    }

    /// Waits for the exec'd process and gives its exit code (128 + signal when killed by one); for an attachment,
    /// waits for the end of the container. Output may still be buffered in the streams: read them to their end.
    /// Safe to cancel and call again.
    pub async fn wait(&mut self) -> Result<i32> {
        if let Some(code) = self.code {
            return Ok(code);
        }
        let code = self.session.ended().await.map_err(Error::io("the session's end was not seen"))?;
        self.code = Some(code);
        Ok(code)
    }
}

/// The agent's side of a terminal. Cheap to clone: reader, writer and control share it.
#[derive(Clone)]
pub(crate) struct Terminal(Arc<AsyncFd<OwnedFd>>);

impl Terminal {
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        // SAFETY: the descriptor is owned by the AsyncFd and is not taken out of it before that goes.
        Ok(Self(Arc::new(unsafe { AsyncFd::register(fd) }?)))
    }
}

impl AsyncRead for Terminal {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(context))?;
            let unfilled = buffer.initialize_unfilled();
            match guard.try_io(|fd| rustix::io::read(fd.get_ref(), &mut *unfilled).map_err(io::Error::from)) {
                Ok(Ok(count)) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                // Nobody has the other side open any more: that is the end.
                Ok(Err(error)) if error.raw_os_error() == Some(nix::libc::EIO) => return Poll::Ready(Ok(())),
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_) => {}
            }
        }
    }
}

impl AsyncWrite for Terminal {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.0.poll_write_ready(context))?;
            if let Ok(outcome) = guard.try_io(|fd| rustix::io::write(fd.get_ref(), data).map_err(io::Error::from)) {
                return Poll::Ready(outcome);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// A terminal has no end of input but the key for it, which is the user's to press.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
