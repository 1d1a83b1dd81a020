//! A session: one task reads frames, one writes them; streams come out of [`Session::accept`].
//!
//! Invariants
//! - At most [`MOST_STREAMS`] streams are open; more are refused.
//! - A stream holds at most [`PIECES`] pieces of [`PIECE`] bytes that nobody has taken; then reading waits, for all
//!   streams, which is how the peer learns to wait.
//! - A stream's reply is queued before anything its owner sends.

use super::frame::{self, Control, HEAD, Head};
use super::headers::{Deflater, Headers, Inflater};
use bytes::Bytes;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// Two for each forwarded connection; a browser or a load test on a forwarded port opens some dozens.
const MOST_STREAMS: usize = 512;
/// Bytes read at once.
const PIECE: usize = 16 * 1024;
/// Pieces that wait in a stream: with [`MOST_STREAMS`] at most 32 MB a session.
const PIECES: usize = 4;
/// Frames that wait for the connection.
const QUEUED: usize = 32;
/// A quiet connection is written to this often, so that a peer that vanished is noticed by TCP.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Pings of the server have even numbers; the answer means nothing.
const OUR_PING: u32 = 2;
/// How long the peer may take to close after we have said good-bye.
const FAREWELL: Duration = Duration::from_secs(5);

/// The owner's end of a session; dropping it cuts the connection.
pub struct Session {
    streams: mpsc::Receiver<Stream>,
    out: mpsc::Sender<Out>,
    closed: CancellationToken,
    finished: CancellationToken,
}

/// A stream the peer opened.
pub struct Stream {
    pub id: u32,
    pub headers: Headers,
    pub receiver: Receiver,
    pub sender: Sender,
}

/// What the peer sends on a stream.
pub struct Receiver {
    pieces: mpsc::Receiver<Bytes>,
    _side: Arc<Side>,
}

/// What we send on a stream. Dropping it without [`Sender::finish`] leaves the stream open towards the peer.
pub struct Sender {
    id: u32,
    out: mpsc::Sender<Out>,
    side: Arc<Side>,
}

/// Shared by both halves of a stream; the reader task sees by it whether anybody is left.
struct Side {
    reset: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

/// The connection or the stream is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

enum Out {
    Frame(Bytes),
    Data { id: u32, fin: bool, data: Bytes },
    Close,
}

impl Stream {
    /// A header's value; names are lower-case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Ends both directions at once.
    pub async fn refuse(self, status: u32) {
        // The connection may be gone, which ends the stream as well.
        _ = self.sender.out.send(Out::Frame(frame::reset(self.id, status))).await;
    }
}

impl Receiver {
    /// The next piece; None after the peer's last, or when the stream was reset or the connection lost.
    pub async fn receive(&mut self) -> Option<Bytes> {
        self.pieces.recv().await
    }
}

impl Sender {
    /// Waits while the connection is full.
    ///
    /// # Errors
    /// If the peer reset the stream or is gone.
    pub async fn send(&self, data: Bytes) -> Result<(), Closed> {
        self.put(Out::Data { id: self.id, fin: false, data }).await
    }

    /// Says that nothing more comes.
    pub async fn finish(self) {
        // Nobody is left to be told where this fails.
        _ = self.put(Out::Data { id: self.id, fin: true, data: Bytes::new() }).await;
    }

    async fn put(&self, out: Out) -> Result<(), Closed> {
        tokio::select! {
            () = self.side.reset.cancelled() => Err(Closed),
            sent = self.out.send(out) => sent.map_err(|_| Closed),
        }
    }
}

impl Session {
    /// Begins to serve a connection.
    pub fn start<T: AsyncRead + AsyncWrite + Send + 'static>(connection: T) -> Self {
        let (read, write) = tokio::io::split(connection);
        let (out, queue) = mpsc::channel(QUEUED);
        let (accepted, streams) = mpsc::channel(MOST_STREAMS);
        let (closed, finished) = (CancellationToken::new(), CancellationToken::new());
        let reader = Reader {
            read,
            out: out.clone(),
            accepted,
            inflater: Inflater::default(),
            deflater: Deflater::default(),
            open: HashMap::new(),
            last: 0,
            permits: Arc::new(Semaphore::new(MOST_STREAMS)),
        };
        tokio::spawn(run_reader(reader, closed.clone(), finished.clone()));
        tokio::spawn(run_writer(write, queue, closed.clone()));
        Self { streams, out, closed, finished }
    }

    /// The next stream of the peer; None when the connection is over.
    pub async fn accept(&mut self) -> Option<Stream> {
        self.streams.recv().await
    }

    /// Ends when the connection is over, whoever ended it.
    pub fn closed(&self) -> CancellationToken {
        self.finished.clone()
    }

    /// Says good-bye after all that was sent, and gives the peer time to read it.
    pub async fn close(self) {
        if self.out.send(Out::Close).await.is_ok() {
            // A peer that stays silent is cut off.
            _ = tokio::time::timeout(FAREWELL, self.finished.cancelled()).await;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

/// Frames that wait together go out together: one TLS record, one packet.
async fn run_writer<W: AsyncWrite>(write: W, mut queue: mpsc::Receiver<Out>, closed: CancellationToken) {
    let mut write = std::pin::pin!(BufWriter::with_capacity(2 * PIECE, write));
    let writing = async {
        loop {
            match tokio::time::timeout(KEEPALIVE, queue.recv()).await {
                Err(_) => write.write_all(&frame::ping(OUR_PING)).await?,
                Ok(None) => return Ok(()),
                Ok(Some(Out::Frame(frame))) => write.write_all(&frame).await?,
                Ok(Some(Out::Data { id, fin, data })) => write_data(&mut write, id, fin, &data).await?,
                Ok(Some(Out::Close)) => {
                    write.write_all(&frame::go_away(0)).await?;
                    return write.shutdown().await;
                }
            }
            if queue.is_empty() {
                write.flush().await?;
            }
        }
    };
    let written: Option<io::Result<()>> = closed.run_until_cancelled(writing).await;
    if let Some(Err(_)) = written {
        closed.cancel();
    }
}

async fn write_data<W: AsyncWrite + Unpin>(write: &mut W, id: u32, fin: bool, data: &Bytes) -> io::Result<()> {
    let mut pieces = data.chunks(PIECE).peekable();
    if pieces.peek().is_none() {
        return write.write_all(&frame::data_head(id, fin, 0)).await;
    }
    while let Some(piece) = pieces.next() {
        write.write_all(&frame::data_head(id, fin && pieces.peek().is_none(), piece.len())).await?;
        write.write_all(piece).await?;
    }
    Ok(())
}

async fn run_reader<R: AsyncRead + Unpin>(
    mut reader: Reader<R>,
    closed: CancellationToken,
    finished: CancellationToken,
) {
    if let Some(Err(error)) = closed.run_until_cancelled(reader.run()).await {
        tracing::debug!(%error, "a SPDY session broke off");
    }
    for open in reader.open.values() {
        open.reset();
    }
    finished.cancel();
    closed.cancel();
}

struct Reader<R> {
    read: R,
    out: mpsc::Sender<Out>,
    accepted: mpsc::Sender<Stream>,
    inflater: Inflater,
    deflater: Deflater,
    open: HashMap<u32, Open>,
    /// The peer's last stream; ids only grow.
    last: u32,
    permits: Arc<Semaphore>,
}

/// A stream as the reader sees it.
struct Open {
    /// None after the peer's FIN, or when nobody wants the data.
    data: Option<mpsc::Sender<Bytes>>,
    side: Weak<Side>,
}

impl Open {
    fn reset(&self) {
        if let Some(side) = self.side.upgrade() {
            side.reset.cancel();
        }
    }
}

impl<R: AsyncRead + Unpin> Reader<R> {
    async fn run(&mut self) -> io::Result<()> {
        let mut head = [0; HEAD];
        loop {
            match self.read.read_exact(&mut head).await {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
            match Head::parse(head).map_err(io::Error::other)? {
                Head::Data { id, fin, length } => self.data(id, fin, length).await?,
                Head::Control { kind, fin, length } => {
                    let mut payload = vec![0; length as usize];
                    self.read.read_exact(&mut payload).await?;
                    let control = Control::parse(kind, fin, &payload, &mut self.inflater).map_err(io::Error::other)?;
                    self.control(control).await?;
                }
            }
        }
    }

    async fn data(&mut self, id: u32, fin: bool, length: u32) -> io::Result<()> {
        let mut left = length as usize;
        while left > 0 {
            let mut piece = vec![0; left.min(PIECE)];
            self.read.read_exact(&mut piece).await?;
            left -= piece.len();
            let Some(open) = self.open.get_mut(&id) else { continue };
            if let Some(data) = &open.data
                && data.send(piece.into()).await.is_err()
            {
                open.data = None;
            }
        }
        if fin {
            self.finish(id);
        }
        Ok(())
    }

    async fn control(&mut self, control: Control) -> io::Result<()> {
        match control {
            Control::SynStream { id, fin, headers } => self.open(id, fin, headers).await,
            Control::Reset { id, .. } => {
                if let Some(open) = self.open.remove(&id) {
                    open.reset();
                }
                Ok(())
            }
            // Odd numbers are the peer's own; even ones would answer a ping of ours.
            Control::Ping(id) if id % 2 == 1 => self.answer(frame::ping(id)).await,
            Control::Headers { id, fin: true, .. } => {
                self.finish(id);
                Ok(())
            }
            // After GOAWAY the peer opens no more streams; those there are go on until it closes.
            Control::Ping(_)
            | Control::Headers { .. }
            | Control::SynReply { .. }
            | Control::GoAway
            | Control::Other => Ok(()),
        }
    }

    async fn open(&mut self, id: u32, fin: bool, headers: Headers) -> io::Result<()> {
        if id.is_multiple_of(2) || id <= self.last {
            return self.answer(frame::reset(id, frame::PROTOCOL_ERROR)).await;
        }
        self.last = id;
        self.open.retain(|_, open| open.side.strong_count() > 0);
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            return self.answer(frame::reset(id, frame::REFUSED_STREAM)).await;
        };
        let (data, pieces) = mpsc::channel(PIECES);
        let side = Arc::new(Side { reset: CancellationToken::new(), _permit: permit });
        self.open.insert(id, Open { data: (!fin).then_some(data), side: Arc::downgrade(&side) });
        let reply = frame::syn_reply(id, &mut self.deflater);
        self.answer(reply).await?;
        let receiver = Receiver { pieces, _side: Arc::clone(&side) };
        let sender = Sender { id, out: self.out.clone(), side };
        if self.accepted.try_send(Stream { id, headers, receiver, sender }).is_err() {
            // Nobody takes streams any more.
            self.open.remove(&id);
            return self.answer(frame::reset(id, frame::REFUSED_STREAM)).await;
        }
        Ok(())
    }

    fn finish(&mut self, id: u32) {
        if let Some(open) = self.open.get_mut(&id) {
            open.data = None;
        }
    }

    async fn answer(&mut self, frame: Bytes) -> io::Result<()> {
        self.out.send(Out::Frame(frame)).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
