//! Listening sockets go to another process: `_getsocks`, as HAProxy's `-x` asks for them.
//!
//! First the number of sockets, 32 bits in the machine's order; then in pieces of at most [`PIECE`] descriptors, each
//! with a record per socket: three strings with a byte of length in front (namespace, interface, options' place) and
//! the options. The other side answers each piece but the last with a number, which means only that it has come.

use crate::engine::Engine;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Descriptors in one message: HAProxy's number. The kernel takes no more than 253.
const PIECE: usize = 252;

/// A process that takes over has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(5);

/// A listener's record: no namespace, no interface, no options.
const RECORD: [u8; 6] = [0; 6];

/// Sends all of them.
///
/// # Errors
/// The system's; the other side may have got some.
pub async fn listeners(engine: &Arc<Engine>, mut stream: UnixStream) -> io::Result<()> {
    let running = engine.running();
    let listening: Vec<_> = running
        .frontends
        .iter()
        .flat_map(|frontend| frontend.listeners.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone())
        .collect();
    // Copies: a listener may end while the other side takes its time.
    let mut sockets = Vec::new();
    for listening in listening {
        for socket in listening.sockets().iter() {
            sockets.push(socket.try_clone()?);
        }
    }
    let sockets: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
    let count = i32::try_from(sockets.len()).unwrap_or(i32::MAX);
    stream.write_all(&count.to_ne_bytes()).await?;
    for (at, piece) in sockets.chunks(PIECE).enumerate() {
        if at > 0 {
            // Its answer to the piece before.
            timeout(PATIENCE, stream.read(&mut [0; 4])).await??;
        }
        let records = RECORD.repeat(piece.len());
        stream.writable().await?;
        stream.async_io(Interest::WRITABLE, || send(&stream, &records, piece)).await?;
    }
    Ok(())
}

fn send(stream: &UnixStream, records: &[u8], sockets: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(PIECE))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(sockets)) {
        return Err(io::Error::other("too many descriptors for one message"));
    }
    Ok(sendmsg(stream, &[IoSlice::new(records)], &mut ancillary, SendFlags::NOSIGNAL)?)
}
