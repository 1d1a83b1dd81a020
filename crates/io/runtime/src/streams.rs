//! The streams of an exec or attach session.

use crate::error::Result;
use tokio::io::{AsyncRead, AsyncWrite};

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
    pub(crate) _private: (),
}

impl StreamControl {
    /// New terminal size; an error when the session has no tty.
    pub fn resize(&self, _columns: u16, _rows: u16) -> Result<()> {
        Err(crate::Error::Other("not in this build yet".into()))
    }

    /// Waits for the exec'd process and gives its exit code (128 + signal when killed by one); for an attachment,
    /// waits for the end of the container. Output may still be buffered in the streams: read them to their end.
    pub async fn wait(&mut self) -> Result<i32> {
        Err(crate::Error::Other("not in this build yet".into()))
    }
}
