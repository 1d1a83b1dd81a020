//! Packets over a stream. Idle wires own no buffer: what is read lands in the thread's own first.

use super::compress::Compressed;
use super::gather::{Gather, LONG, SMALL};
use super::stream::Stream;
use balance::proxy_protocol::{self, Header, Parsed, Reason};
use mysql::protocol::packet::{self, HEADER};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read at once, where a large result comes in faster than it goes out. Pages that are never filled cost nothing.
const SCRATCH: usize = 256 * 1024;

/// A buffer that is emptied keeps this much, and gives back what is more.
const KEPT: usize = 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}

pub struct Wire {
    pub stream: Stream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    sent: usize,
    /// Bytes of the answer at hand.
    of_answer: usize,
    gather: Option<Box<Gather>>,
    pub received_bytes: u64,
    pub sent_bytes: u64,
}

impl Wire {
    pub fn new(stream: Stream) -> Self {
        Self {
            stream,
            inbox: Vec::new(),
            outbox: Vec::new(),
            sent: 0,
            of_answer: 0,
            gather: None,
            received_bytes: 0,
            sent_bytes: 0,
        }
    }

    /// The stream, and what was read of it beyond the last packet.
    pub fn into_parts(self) -> (Stream, Vec<u8>) {
        (self.stream, self.inbox)
    }

    /// From here on in the compressed protocol, both ways.
    pub fn compress(&mut self) {
        self.compress_by(Compressed::new);
    }

    /// The same, on the side that begins each command.
    pub fn compress_to_server(&mut self) {
        self.compress_by(Compressed::to_server);
    }

    fn compress_by(&mut self, begin: fn(Stream, Vec<u8>) -> Compressed) {
        let early = std::mem::take(&mut self.inbox);
        let stream = std::mem::replace(&mut self.stream, Stream::Taken);
        self.stream = Stream::Compressed(Box::new(begin(stream, early)));
    }

    /// Reads one packet, of as many frames as it has, into `payload`; returns the sequence number that follows. A clean
    /// end between packets is `None`.
    ///
    /// # Errors
    /// The stream's; `InvalidData` for a packet longer than `limit` bytes.
    pub async fn read_packet(&mut self, payload: &mut Vec<u8>, limit: usize) -> io::Result<Option<u8>> {
        loop {
            if let Some((end, frames)) = packet::whole(&self.inbox) {
                payload.clear();
                if frames == 1 {
                    payload.extend_from_slice(&self.inbox[HEADER..end]);
                } else {
                    *payload = packet::unframe(&self.inbox[..end]);
                }
                let first = self.inbox[3];
                self.take(end);
                return Ok(Some(first.wrapping_add(frames as u8)));
            }
            if self.inbox.len() > limit + HEADER || self.announced() > limit {
                let text = format!("a packet of more than {limit} bytes (mysql-max_allowed_packet)");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            if poll_fn(|cx| self.poll_fill(cx)).await? == 0 {
                return if self.inbox.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// A header of the PROXY protocol, where the first bytes are one: no packet of MySQL begins so.
    ///
    /// # Errors
    /// The stream's; `InvalidData` for a header that is none.
    pub async fn proxy_header(&mut self) -> io::Result<Option<Header>> {
        loop {
            match proxy_protocol::parse(&self.inbox) {
                Parsed::Done { used, header } => {
                    self.take(used);
                    return Ok(Some(header));
                }
                Parsed::Invalid(Reason::NotAHeader) => return Ok(None),
                Parsed::Invalid(reason) => return Err(io::Error::new(io::ErrorKind::InvalidData, reason.to_string())),
                Parsed::NeedMore(_) if self.inbox.len() > proxy_protocol::MAX_HEADER => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, Reason::BadHeader.to_string()));
                }
                Parsed::NeedMore(_) => {}
            }
            if poll_fn(|cx| self.poll_fill(cx)).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The length of the frame at hand, as far as it is known: 0 before.
    pub fn announced(&self) -> usize {
        match self.inbox[..] {
            [a, b, c, sequence, ..] => packet::header([a, b, c, sequence]).0,
            _ => 0,
        }
    }

    fn take(&mut self, count: usize) {
        if count == self.inbox.len() {
            self.inbox.clear();
            self.inbox.shrink_to(KEPT);
        } else {
            self.inbox.drain(..count);
        }
    }

    /// Reads more into the inbox; 0 at the end.
    fn poll_fill(&mut self, cx: &mut Context) -> Poll<io::Result<usize>> {
        self.answered();
        BUFFER.with_borrow_mut(|scratch| {
            let count = ready!(poll_into(&mut self.stream, cx, scratch))?;
            self.received_bytes += count as u64;
            self.inbox.extend_from_slice(&scratch[..count]);
            // Grown by doubling it would be twice as much.
            let expected = HEADER + self.announced();
            if expected > SCRATCH && self.inbox.len() == count {
                self.inbox.reserve_exact(expected.saturating_sub(count));
            }
            Poll::Ready(Ok(count))
        })
    }

    /// Reads once, `at_most` bytes (1 or more), and gives all that is there to `look`, which returns how much of it is taken
    /// for good; the rest is kept for the next time.
    pub fn poll_look<T>(
        &mut self,
        cx: &mut Context,
        at_most: usize,
        look: impl FnOnce(&[u8], &mut Context) -> (usize, T),
    ) -> Poll<io::Result<T>> {
        BUFFER.with_borrow_mut(|scratch| {
            let room = at_most.clamp(1, scratch.len());
            let count = ready!(self.poll_answer(cx, &mut scratch[..room]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.received_bytes += count as u64;
            if self.inbox.is_empty() {
                let (taken, found) = look(&scratch[..count], cx);
                self.inbox.extend_from_slice(&scratch[taken..count]);
                return Poll::Ready(Ok(found));
            }
            self.inbox.extend_from_slice(&scratch[..count]);
            let (taken, found) = look(&self.inbox, cx);
            self.take(taken);
            Poll::Ready(Ok(found))
        })
    }

    /// Reads once; of a long answer in large pieces.
    fn poll_answer(&mut self, cx: &mut Context, scratch: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut read = poll_into(&mut self.stream, cx, scratch);
        if read.is_pending()
            && let Some(gather) = &mut self.gather
        {
            ready!(gather.poll_late(cx));
            match self.stream.read_now(scratch) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.answered();
                    return Poll::Pending;
                }
                Ok(count) if count < SMALL => {
                    self.answered();
                    return Poll::Ready(Ok(count));
                }
                now => read = Poll::Ready(now),
            }
        }
        if let Poll::Ready(Ok(count)) = read {
            self.of_answer += count;
            match &mut self.gather {
                Some(gather) => gather.came(),
                None if self.of_answer >= LONG => {
                    self.of_answer = 0;
                    self.gather = Gather::start(&self.stream);
                }
                None => {}
            }
        }
        read
    }

    /// The answer is over: the next one is read as it comes.
    pub fn answered(&mut self) {
        self.of_answer = 0;
        if self.gather.take().is_some() {
            Gather::stop(&self.stream);
        }
    }

    /// Nothing was read that was not asked for.
    pub fn is_quiet(&self) -> bool {
        self.inbox.is_empty()
    }

    /// What waits to be sent; to be appended to.
    pub fn outbox(&mut self) -> &mut Vec<u8> {
        &mut self.outbox
    }

    /// Sends at once what the stream takes, and keeps the rest. Errors come back with the next flush.
    pub fn put_through(&mut self, cx: &mut Context, bytes: &[u8]) {
        let mut rest = bytes;
        if self.outbox.is_empty()
            && let Poll::Ready(Ok(count)) = Pin::new(&mut self.stream).poll_write(cx, bytes)
        {
            self.sent_bytes += count as u64;
            rest = &bytes[count..];
        }
        self.outbox.extend_from_slice(rest);
    }

    /// # Errors
    /// The stream's.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    pub fn poll_flush(&mut self, cx: &mut Context) -> Poll<io::Result<()>> {
        while self.sent < self.outbox.len() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.outbox[self.sent..]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += count;
            self.sent_bytes += count as u64;
        }
        self.outbox.clear();
        self.outbox.shrink_to(KEPT);
        self.sent = 0;
        match &self.stream {
            Stream::Tcp(_) | Stream::Unix(_) => Poll::Ready(Ok(())),
            _ => Pin::new(&mut self.stream).poll_flush(cx),
        }
    }

    /// Sends one packet.
    ///
    /// # Errors
    /// The stream's.
    pub async fn send(&mut self, sequence: u8, payload: &[u8]) -> io::Result<u8> {
        let next = packet::frame(&mut self.outbox, sequence, payload);
        self.flush().await?;
        Ok(next)
    }
}

fn poll_into(stream: &mut Stream, cx: &mut Context, scratch: &mut [u8]) -> Poll<io::Result<usize>> {
    let mut buffer = ReadBuf::new(scratch);
    ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().len()))
}
