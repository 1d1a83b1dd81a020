//! One direction's body: taken from where it comes, undone from its framing, changed by a filter, framed anew.
//!
//! At most one read (64 KB) is on its way to a sink that takes nothing: only then is more read.

use super::compress::Compressor;
use super::wire::Wire;
use crate::worker::Worker;
use balance::http::chunked::{self, Decoder};
use balance::http::framing::Body;
use balance::http::parse::Limits;
use balance::http::{Headers, serialize};
use bytes::Bytes;
use std::task::{Context, Poll, ready};

/// Bytes that may wait at a sink before it is flushed. Small pieces share a write; no more than one read waits.
const WAITING: usize = 16 * 1024;

/// Above what is asked for, a recorder takes what the read that reaches it brings.
const MORE: usize = 64 * 1024;

/// Pieces in one poll, at most: then others get their turn.
const TURN: usize = 8;

/// Where a body comes from.
pub enum Source {
    None,
    /// Bytes yet to come.
    Length(u64),
    Chunked(Box<Decoder>),
    UntilClose,
    Stream(h2::RecvStream),
    /// It is here already.
    Bytes(Bytes),
}

/// Where it goes.
pub enum Sink {
    /// Nobody wants it.
    Nowhere,
    Raw,
    Chunked,
    Stream(h2::SendStream<Bytes>),
}

/// Why a body was not brought over.
#[derive(Debug)]
pub enum Broken {
    /// Its sender broke off, or ended it too early.
    Read,
    /// Its sender does not frame it rightly.
    Junk,
    /// Its receiver takes no more.
    Write,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// All has come; what waits is to be sent.
    Ending,
    Done,
}

pub struct Transfer {
    source: Source,
    sink: Sink,
    pub filter: Option<Box<Compressor>>,
    state: State,
    /// For a stream without room: what is to be sent next.
    held: Bytes,
    limits: Limits,
    /// Recorded bytes that the receiver has yet to get.
    again: Bytes,
    /// Bytes of the body that came; counted as HAProxy does.
    pub bytes: u64,
    /// Bytes of the body that went on.
    pub passed: u64,
    /// What the end of a body in chunks counts.
    trailed: u64,
    /// Whether the sink was waited for last.
    blocked: bool,
    /// The body so far, for whoever has to look at it or to send it once more.
    record: Option<Record>,
}

/// What is kept of a body.
#[derive(Default)]
struct Record {
    bytes: Vec<u8>,
    most: usize,
    /// There was more than is kept.
    overflown: bool,
    /// Of the body's end, once it was read.
    trailers: Headers,
}

impl From<Body> for Source {
    fn from(body: Body) -> Self {
        match body {
            Body::None => Self::None,
            Body::Length(length) => Self::Length(length),
            Body::Chunked => Self::Chunked(Box::default()),
            Body::UntilClose => Self::UntilClose,
        }
    }
}

impl Transfer {
    pub fn new(source: Source, sink: Sink, limits: Limits) -> Self {
        let state = State::Open;
        let held = Bytes::new();
        Self {
            source,
            sink,
            filter: None,
            state,
            held,
            limits,
            again: Bytes::new(),
            bytes: 0,
            passed: 0,
            trailed: 0,
            blocked: false,
            record: None,
        }
    }

    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether all of the body has come.
    pub fn is_read(&self) -> bool {
        self.state != State::Open
    }

    /// Bytes of the body, and what its end counts.
    pub fn counted(&self) -> u64 {
        self.bytes + self.trailed
    }

    /// Whether it waits for the receiving side.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Nothing more of it is brought over.
    pub fn give_up(&mut self) {
        (self.source, self.state) = (Source::None, State::Done);
    }

    /// Keeps the body's first bytes, as many as this.
    pub fn record(&mut self, most: usize) {
        if self.record.is_none() && self.bytes == 0 {
            self.record = Some(Record { most, ..Record::default() });
        }
    }

    pub fn recorded(&self) -> &[u8] {
        self.record.as_ref().map_or(&[], |record| &record.bytes)
    }

    /// As much as may be kept has come.
    pub fn is_full(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.overflown || record.bytes.len() >= record.most)
    }

    /// Whether all that has come of the body can be sent to another receiver.
    pub fn can_begin_again(&self) -> bool {
        self.bytes == 0 || self.record.as_ref().is_some_and(|record| !record.overflown)
    }

    /// Gives the body a receiver, which gets what was recorded first.
    pub fn begin(&mut self, sink: Sink) {
        self.sink = sink;
        self.held = Bytes::new();
        // Its end has been read already: it is to be sent once more.
        if self.state != State::Open {
            (self.source, self.state) = (Source::None, State::Open);
        }
        let Some(record) = &self.record else { return };
        self.again = Bytes::copy_from_slice(&record.bytes);
    }

    /// Moves what can be moved now. Ready when the whole body has been sent.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        mut from: Option<&mut Wire>,
        mut to: Option<&mut Wire>,
    ) -> Poll<Result<(), Broken>> {
        for _ in 0..TURN {
            match self.state {
                State::Done => return Poll::Ready(Ok(())),
                State::Ending => {
                    self.blocked = true;
                    ready!(self.poll_flush(cx, to.as_deref_mut()))?;
                    self.state = State::Done;
                    continue;
                }
                State::Open => {}
            }
            // What goes nowhere yet has to be kept whole: whoever has it recorded looks at it before more is taken.
            if matches!(self.sink, Sink::Nowhere) && self.is_full() {
                break;
            }
            self.blocked = true;
            ready!(self.poll_room(cx, to.as_deref_mut()))?;
            self.blocked = false;
            if self.poll_piece(cx, worker, from.as_deref_mut(), to.as_deref_mut())?.is_pending() {
                // What has come goes out before we wait for more.
                self.blocked = self.poll_flush(cx, to.as_deref_mut())?.is_pending();
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Waits until the sink takes more.
    fn poll_room(&mut self, cx: &mut Context<'_>, to: Option<&mut Wire>) -> Poll<Result<(), Broken>> {
        match to {
            Some(wire) if wire.unsent() >= WAITING => wire.poll_flush(cx).map_err(|_| Broken::Write),
            Some(_) => Poll::Ready(Ok(())),
            None => self.poll_held(cx),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>, to: Option<&mut Wire>) -> Poll<Result<(), Broken>> {
        match to {
            Some(wire) => wire.poll_flush(cx).map_err(|_| Broken::Write),
            None => self.poll_held(cx),
        }
    }

    /// Sends what a stream had no room for.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let Sink::Stream(stream) = &mut self.sink else { return Poll::Ready(Ok(())) };
        while !self.held.is_empty() {
            stream.reserve_capacity(self.held.len());
            let room = match ready!(stream.poll_capacity(cx)) {
                Some(Ok(room)) => room,
                Some(Err(_)) | None => return Poll::Ready(Err(Broken::Write)),
            };
            let piece = self.held.split_to(room.min(self.held.len()));
            stream.send_data(piece, false).map_err(|_| Broken::Write)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what is there of the body, or its end.
    fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        from: Option<&mut Wire>,
        to: Option<&mut Wire>,
    ) -> Result<Poll<()>, Broken> {
        if !self.again.is_empty() {
            let again = std::mem::take(&mut self.again);
            return self.pass(cx, &again, to).map(Poll::Ready);
        }
        match &mut self.source {
            Source::None | Source::Length(0) => {
                let trailers = self.record.as_mut().map(|record| record.trailers.clone()).unwrap_or_default();
                self.end(cx, to, &trailers).map(Poll::Ready)
            }
            Source::Stream(_) => self.poll_stream(cx, to),
            Source::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                self.source = Source::None;
                self.put(cx, &bytes, to).map(Poll::Ready)
            }
            _ => self.poll_wire(cx, worker, from.expect("a body of HTTP/1 comes over a wire"), to),
        }
    }

    fn poll_wire(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        from: &mut Wire,
        to: Option<&mut Wire>,
    ) -> Result<Poll<()>, Broken> {
        let unread = from.take_unread();
        let mut buffer = worker.buffer.borrow_mut();
        let bytes = if unread.is_empty() {
            match from.poll_read(cx, &mut buffer) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(read) => read.map_err(|_| Broken::Read)?,
            }
        } else {
            &unread
        };
        if bytes.is_empty() {
            return match self.source {
                Source::UntilClose => self.end(cx, to, &Headers::default()).map(Poll::Ready),
                _ => Err(Broken::Read),
            };
        }
        let used = self.digest(cx, bytes, to)?;
        from.keep(&bytes[used..]);
        Ok(Poll::Ready(()))
    }

    /// Passes on what these bytes hold of the body; how many of them belong to it.
    fn digest(&mut self, cx: &mut Context<'_>, bytes: &[u8], mut to: Option<&mut Wire>) -> Result<usize, Broken> {
        match &mut self.source {
            Source::Length(left) => {
                let used = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= used as u64;
                self.put(cx, &bytes[..used], to)?;
                Ok(used)
            }
            Source::Chunked(_) => {
                let mut used = 0;
                while let Source::Chunked(decoder) = &mut self.source
                    && used < bytes.len()
                    && !decoder.is_done()
                {
                    let piece = decoder.decode(&bytes[used..], &self.limits).map_err(|_| Broken::Junk)?;
                    let data = used + piece.data.start..used + piece.data.end;
                    used += piece.used;
                    self.put(cx, &bytes[data], to.as_deref_mut())?;
                }
                if let Source::Chunked(decoder) = &mut self.source
                    && decoder.is_done()
                {
                    let trailers = decoder.take_trailers(&self.limits);
                    self.trailed = serialize::counted_trailers(&trailers);
                    self.end(cx, to, &trailers)?;
                }
                Ok(used)
            }
            _ => self.put(cx, bytes, to).map(|()| bytes.len()),
        }
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>, to: Option<&mut Wire>) -> Result<Poll<()>, Broken> {
        let Source::Stream(stream) = &mut self.source else { unreachable!("asked for streams only") };
        let broken = |_| Broken::Read;
        match stream.poll_data(cx) {
            Poll::Pending => Ok(Poll::Pending),
            Poll::Ready(Some(data)) => {
                let data = data.map_err(broken)?;
                // The sender may go on as soon as we hold no more than one piece.
                stream.flow_control().release_capacity(data.len()).map_err(broken)?;
                self.put(cx, &data, to).map(Poll::Ready)
            }
            Poll::Ready(None) => {
                let Poll::Ready(trailers) = stream.poll_trailers(cx) else { return Ok(Poll::Pending) };
                let trailers = trailers.map_err(broken)?.map(super::h2::fields).unwrap_or_default();
                self.end(cx, to, &trailers).map(Poll::Ready)
            }
        }
    }

    /// Sends a piece of the body on, as far as the sink takes it, and keeps the rest there.
    fn put(&mut self, cx: &mut Context<'_>, data: &[u8], to: Option<&mut Wire>) -> Result<(), Broken> {
        self.bytes += data.len() as u64;
        if let Some(record) = &mut self.record {
            let room = match self.sink {
                // Only the record has it. One piece too much at most, see `poll`.
                Sink::Nowhere => usize::MAX,
                _ => (record.most + MORE).saturating_sub(record.bytes.len()),
            };
            let kept = data.len().min(room);
            record.bytes.extend_from_slice(&data[..kept]);
            record.overflown |= kept < data.len();
        }
        match &mut self.filter {
            None => self.pass(cx, data, to),
            Some(filter) => {
                let changed = filter.write(data);
                self.pass(cx, &changed, to)
            }
        }
    }

    fn pass(&mut self, cx: &mut Context<'_>, data: &[u8], to: Option<&mut Wire>) -> Result<(), Broken> {
        if data.is_empty() {
            return Ok(());
        }
        self.passed += data.len() as u64;
        match (&mut self.sink, to) {
            (Sink::Nowhere, _) => {}
            (Sink::Stream(_), _) => {
                self.held = match self.held.is_empty() {
                    true => Bytes::copy_from_slice(data),
                    false => [&self.held[..], data].concat().into(),
                };
            }
            // A write for a piece that is worth one; a small one waits for the next.
            (Sink::Raw, Some(wire)) if data.len() >= WAITING && wire.unsent() == 0 => {
                wire.send(cx, data).map_err(|_| Broken::Write)?;
            }
            (Sink::Raw, Some(wire)) => wire.out().extend_from_slice(data),
            (Sink::Chunked, Some(wire)) => chunked::encode(data, wire.out()),
            (Sink::Raw | Sink::Chunked, None) => unreachable!("HTTP/1 goes over a wire"),
        }
        Ok(())
    }

    fn end(&mut self, cx: &mut Context<'_>, to: Option<&mut Wire>, trailers: &Headers) -> Result<(), Broken> {
        self.state = State::Ending;
        if let Some(record) = &mut self.record
            && !trailers.is_empty()
        {
            record.trailers = trailers.clone();
        }
        let mut to = to;
        if let Some(mut filter) = self.filter.take() {
            let last = filter.finish();
            self.pass(cx, &last, to.as_deref_mut())?;
        }
        match (&mut self.sink, to) {
            (Sink::Chunked, Some(wire)) => chunked::encode_end(trailers, wire.out()),
            (Sink::Stream(stream), _) => {
                let broken = |_| Broken::Write;
                // Nothing waits here for room: the last data may be large, but it is in memory already.
                let last = std::mem::take(&mut self.held);
                if trailers.is_empty() {
                    stream.send_data(last, true).map_err(broken)?;
                } else {
                    if !last.is_empty() {
                        stream.send_data(last, false).map_err(broken)?;
                    }
                    stream.send_trailers(super::h2::map(trailers)).map_err(broken)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}
