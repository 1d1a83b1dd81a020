//! A client of the statistics socket: bytes to its session and back.

use super::{View, pass};
use crate::engine::Engine;
use balance::cli::{Level, Output, Session};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// Bytes read at once; a line may be longer.
const PIECE: usize = 4096;

/// What clients of a socket may do.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    pub level: Level,
    pub timeout: Duration,
    /// Bytes of a line with its payload.
    pub limit: usize,
    pub exposes_listeners: bool,
    pub master: bool,
}

impl Access {
    fn session(self) -> Session {
        let session = Session::new(self.level, self.timeout, self.limit).exposing_listeners(self.exposes_listeners);
        if self.master { session.of_master() } else { session }
    }
}

pub async fn unix(engine: Arc<Engine>, mut stream: UnixStream, access: Access) {
    let asked = talk(&engine, &mut stream, access).await;
    if matches!(asked, Ok(true)) {
        // A client that left does not want them any more.
        _ = pass::listeners(&engine, stream).await;
    }
}

pub async fn tcp(engine: Arc<Engine>, mut stream: TcpStream, access: Access) {
    // Descriptors do not travel over TCP; whoever asks for them is disconnected.
    _ = talk(&engine, &mut stream, access).await;
}

/// Until either side has had enough. Whether listening sockets are to be passed on.
async fn talk(
    engine: &Arc<Engine>,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    access: Access,
) -> io::Result<bool> {
    let mut session = access.session();
    let mut buffer = vec![0; PIECE];
    loop {
        let Ok(read) = timeout(session.timeout(), stream.read(&mut buffer)).await else { return Ok(false) };
        let bytes = match read? {
            0 => return Ok(false),
            length => buffer[..length].to_vec(),
        };
        let (next, output) = run(engine, session, bytes).await?;
        session = next;
        let Ok(written) = timeout(session.timeout(), stream.write_all(&output.bytes)).await else { return Ok(false) };
        written?;
        if output.pass_listeners {
            return Ok(true);
        }
        if output.close {
            return stream.shutdown().await.map(|()| false);
        }
    }
}

/// Runs commands where waiting for the workers holds up nothing else.
async fn run(engine: &Arc<Engine>, mut session: Session, bytes: Vec<u8>) -> io::Result<(Session, Output)> {
    let view = View::new(engine);
    let work = tokio::task::spawn_blocking(move || {
        let output = session.handle_input(&bytes, &view);
        (session, output)
    });
    work.await.map_err(io::Error::other)
}
