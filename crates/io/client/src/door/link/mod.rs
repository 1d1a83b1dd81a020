//! A session's streams over one connection between API server and node agent, once both agreed on [`PROTOCOL`].
//!
//! Invariants
//! - Reading from the connection waits for nobody: a sender has at most [`WINDOW`] frames of a channel on their way, and
//!   gets room for more when the receiver has taken one. So no channel holds up another, and an end that dies is seen at
//!   once even while nobody reads.
//! - Each channel ends by itself. The status is the last frame; after a failure channels are broken off without an end.
//! - Whoever drops its future closes the connection, and the other side lets go of the session.

mod channels;
pub mod frame;

use super::ExitStatus;
use bytes::Bytes;
use channels::Ends;
use frame::{Channel, Frame};
use futures_util::future::FusedFuture;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};

/// The name of the protocol in `Upgrade` headers.
pub const PROTOCOL: &str = "barque-stream/1";

/// Frames of one channel on their way, at most: 1 MB, enough for a fast link over some kilometres.
pub const WINDOW: u8 = 32;
/// Frames between channels and connection; they take turns there.
const QUEUE: usize = 8;
/// Buffered on the way to and from the connection: two frames.
const BUFFER: usize = 2 * frame::LARGEST;
/// How long the other side may take to read the status. Closed before, with input unread, the kernel would drop it.
const LAST_READ: Duration = Duration::from_secs(10);

/// The streams that one end has.
#[derive(Default)]
pub struct Lanes {
    /// Ended when the sender of these is dropped. The receiver is dropped when the other side wants no more.
    pub outgoing: Vec<(Channel, mpsc::Receiver<Bytes>)>,
    /// Dropped at the end of the channel.
    pub incoming: Vec<(Channel, mpsc::Sender<Bytes>)>,
}

/// The agent's end: until all outgoing channels have ended and `status` is told.
///
/// # Errors
/// If the other side leaves before.
pub async fn serve<S>(stream: S, lanes: Lanes, status: impl Future<Output = ExitStatus>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite,
{
    let (mut read, write) = tokio::io::split(stream);
    let (frames, queue) = mpsc::channel(QUEUE);
    let is_taken = |channel| lanes.incoming.iter().any(|(own, _)| *own == channel);
    let unwanted = [Channel::Stdin, Channel::Resize].into_iter().filter(|channel| !is_taken(*channel));
    let unwanted: Vec<Channel> = unwanted.collect();
    let mut ends = Ends::new(lanes, &frames);
    let work = async {
        for channel in unwanted {
            // Without a connection the writer ends first.
            _ = frames.send(Frame::window(channel, 0)).await;
        }
        let status = async {
            let status = status.await;
            if matches!(status, ExitStatus::Failed(_)) {
                ends.broken.cancel();
            }
            status
        };
        let (status, ()) = tokio::join!(status, &mut ends.pumps);
        // The writer ends with it.
        _ = frames.send(Frame::status(&status)).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        left = read_frames(&mut read, ends.queues, &ends.windows) => return left.map(|_| ()),
        written = write_frames(write, queue) => written?,
        () = work => {}
        () = forever(ends.deliveries) => {}
    }
    // The other side reads the status and closes; what it still sends is of no use.
    let rest = async { while matches!(read.read(&mut [0; 4096]).await, Ok(1..)) {} };
    _ = tokio::time::timeout(LAST_READ, rest).await;
    Ok(())
}

/// The API server's end: tells the status, or that the connection `to` the agent was lost, and then ends what is still
/// open. Dropping the receiver of `status` ends the session.
pub async fn follow<S>(stream: S, lanes: Lanes, mut status: oneshot::Sender<ExitStatus>, to: &str)
where
    S: AsyncRead + AsyncWrite,
{
    let (mut read, write) = tokio::io::split(stream);
    let (frames, queue) = mpsc::channel(QUEUE);
    let mut ends = Ends::new(lanes, &frames);
    let told = tokio::select! {
        told = read_frames(&mut read, ends.queues, &ends.windows) => told,
        // A connection that takes nothing more may still have something to say, and else the reader sees its end.
        () = forever(write_frames(write, queue)) => return,
        () = forever(ends.pumps) => return,
        () = forever(&mut ends.deliveries) => return,
        () = status.closed() => return,
    };
    let told = told.unwrap_or_else(|error| ExitStatus::Failed(format!("the connection to {to} was lost: {error}")));
    // Nobody needs to wait for it.
    _ = status.send(told);
    if !ends.deliveries.is_terminated() {
        ends.deliveries.await;
    }
}

async fn forever(work: impl Future) {
    work.await;
    std::future::pending().await
}

/// Hands frames to their channels until the status comes.
async fn read_frames<S: AsyncRead>(
    from: &mut ReadHalf<S>,
    mut queues: channels::Queues,
    windows: &channels::Windows,
) -> io::Result<ExitStatus> {
    let mut from = BufReader::with_capacity(BUFFER, from);
    loop {
        let frame = Frame::read(&mut from).await?;
        match frame.channel {
            Channel::Status => return frame.as_status(),
            Channel::Window => {
                let (channel, count) = frame.as_window()?;
                windows.widen(channel, count)?;
            }
            _ => queues.put(frame)?,
        }
    }
}

/// Until the status has been written.
async fn write_frames<S: AsyncWrite>(to: WriteHalf<S>, mut queue: mpsc::Receiver<Frame>) -> io::Result<()> {
    let mut to = BufWriter::with_capacity(BUFFER, to);
    while let Some(frame) = queue.recv().await {
        frame.write(&mut to).await?;
        if frame.channel == Channel::Status {
            break;
        }
        if queue.is_empty() {
            to.flush().await?;
        }
    }
    to.shutdown().await
}

#[cfg(test)]
mod tests;
