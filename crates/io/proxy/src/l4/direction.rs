//! One direction of a relay: what was read on one side and is to be written on the other.
//!
//! Read into the worker's buffer and written at once; only what the other side does not take now is kept. Two large
//! reads in a row mean bulk data: from then on the kernel moves it through a pipe, until it comes in drops again.

use crate::pipes::Pipe;
use crate::stream::Stream;
use crate::worker::Worker;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A read of this size or more is a sign of bulk data.
const LARGE: usize = 32 * 1024;

/// Large reads in a row that make a pipe worth its system calls.
const STREAK: u8 = 2;

/// Fills smaller than this say that the bulk is over.
const SMALL: usize = 16 * 1024;

/// What is this small may be written after others of this turn have read: see [`crate::worker::read_all_first`].
const SMALL_TALK: usize = 1024;

/// Reads in one poll, at most: then others get their turn.
const TURN: usize = 8;

/// Which end of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

/// An error and the side it came from: the one that was read, or the one that was written to.
#[derive(Debug)]
pub enum Broken {
    Read(io::Error),
    Write(io::Error),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Open,
    /// All has been read; the rest is to be written, then the end passed on.
    Ending,
    Ended,
}

#[derive(Debug, Default)]
pub struct Direction {
    rest: Vec<u8>,
    written: usize,
    pipe: Option<Pipe>,
    /// Large reads in a row while copying, small fills in a row while splicing.
    streak: u8,
    state: State,
    /// Small reads are written only when others have read. For requests: a server's answers rather go at once.
    gives_way: bool,
    /// Something was written that TLS may not have sent yet.
    unflushed: bool,
    /// Read so far.
    pub bytes: u64,
}

impl Direction {
    /// With bytes that were read before the relay began.
    pub fn with(first: Vec<u8>) -> Self {
        Self { bytes: first.len() as u64, rest: first, ..Self::default() }
    }

    /// Lets the others of a worker's turn read before what this direction has read is written.
    pub fn giving_way(self) -> Self {
        Self { gives_way: true, ..self }
    }

    /// Whether the reading side has said all it had to say.
    pub fn is_read(&self) -> bool {
        self.state != State::Open
    }

    /// From now on as if the reading side had said all. Whether it had not before.
    pub fn end_reading(&mut self) -> bool {
        let is_open = self.state == State::Open;
        if is_open {
            self.state = State::Ending;
        }
        is_open
    }

    /// Whether bytes wait for the writing side.
    pub fn is_blocked(&self) -> bool {
        self.written < self.rest.len() || self.pipe.as_ref().is_some_and(|pipe| pipe.filled() > 0)
    }

    /// Moves what can be moved now. Ready when the end has been passed on.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        from: &mut Stream,
        to: &mut Stream,
    ) -> Poll<Result<(), Broken>> {
        let moved = self.poll_move(cx, worker, from, to);
        if moved.is_pending() && self.unflushed {
            // TLS may keep what the socket did not take; nothing else would push it out while we wait to read.
            match Pin::new(to).poll_flush(cx) {
                Poll::Ready(flushed) => {
                    self.unflushed = false;
                    flushed.map_err(Broken::Write)?;
                }
                Poll::Pending => {}
            }
        }
        moved
    }

    fn poll_move(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        from: &mut Stream,
        to: &mut Stream,
    ) -> Poll<Result<(), Broken>> {
        for _ in 0..TURN {
            ready!(self.poll_rest(cx, to))?;
            match self.state {
                State::Open => {}
                State::Ending => return self.poll_end(cx, worker, to),
                State::Ended => return Poll::Ready(Ok(())),
            }
            if self.pipe.is_some() {
                ready!(self.poll_splice(cx, worker, from, to))?;
            } else {
                ready!(self.poll_copy(cx, worker, from, to))?;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what an earlier write or fill left.
    fn poll_rest(&mut self, cx: &mut Context<'_>, to: &mut Stream) -> Poll<Result<(), Broken>> {
        while self.written < self.rest.len() {
            let written =
                ready!(Pin::new(&mut *to).poll_write(cx, &self.rest[self.written..])).map_err(Broken::Write)?;
            self.written += written;
            self.unflushed = to.tcp().is_none();
        }
        if self.written > 0 {
            (self.rest, self.written) = (Vec::new(), 0);
        }
        match (&mut self.pipe, to.tcp()) {
            (Some(pipe), Some(to)) => drain(cx, pipe, to),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_copy(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        from: &mut Stream,
        to: &mut Stream,
    ) -> Poll<Result<(), Broken>> {
        let mut buffer = worker.buffer.borrow_mut();
        let mut read = ReadBuf::new(&mut buffer);
        ready!(Pin::new(&mut *from).poll_read(cx, &mut read)).map_err(Broken::Read)?;
        let bytes = read.filled();
        if bytes.is_empty() {
            self.state = State::Ending;
            return Poll::Ready(Ok(()));
        }
        self.bytes += bytes.len() as u64;
        if bytes.len() <= SMALL_TALK && self.gives_way {
            self.rest.extend_from_slice(bytes);
            self.streak = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let written = match Pin::new(&mut *to).poll_write(cx, bytes) {
            Poll::Ready(written) => written.map_err(Broken::Write)?,
            Poll::Pending => 0,
        };
        self.unflushed = to.tcp().is_none();
        self.rest.extend_from_slice(&bytes[written..]);
        self.streak = if bytes.len() >= LARGE { self.streak + 1 } else { 0 };
        if self.streak >= STREAK && from.tcp().is_some() && to.tcp().is_some() {
            self.streak = 0;
            self.pipe = worker.pipes.take();
        }
        Poll::Ready(Ok(()))
    }

    /// Fills the pipe, which is empty, and empties it as far as the other side takes it. Never both full and filled: a
    /// pipe without a free slot looks like a socket without data.
    fn poll_splice(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        from: &Stream,
        to: &Stream,
    ) -> Poll<Result<(), Broken>> {
        let (Some(from), Some(to), Some(pipe)) = (from.tcp(), to.tcp(), self.pipe.as_mut()) else {
            unreachable!("only TCP connections get a pipe")
        };
        let filled = match pipe.fill(from) {
            Ok(filled) => filled,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return from.poll_read_ready(cx).map_err(Broken::Read);
            }
            Err(error) => return Poll::Ready(Err(Broken::Read(error))),
        };
        if filled == 0 {
            self.close_pipe(worker);
            self.state = State::Ending;
            return Poll::Ready(Ok(()));
        }
        self.bytes += filled as u64;
        self.streak = if filled < SMALL { self.streak + 1 } else { 0 };
        ready!(drain(cx, pipe, to))?;
        if self.streak > STREAK {
            self.close_pipe(worker);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_end(&mut self, cx: &mut Context<'_>, worker: &Worker, to: &mut Stream) -> Poll<Result<(), Broken>> {
        self.close_pipe(worker);
        // The other side may be gone already; then there is nobody to tell.
        _ = ready!(Pin::new(&mut *to).poll_shutdown(cx));
        self.state = State::Ended;
        Poll::Ready(Ok(()))
    }

    /// Gives the pipe back. Bytes left in it are lost: only for directions that ended or broke.
    pub fn close_pipe(&mut self, worker: &Worker) {
        self.streak = 0;
        if let Some(pipe) = self.pipe.take() {
            worker.pipes.give(pipe);
        }
    }
}

fn drain(cx: &mut Context<'_>, pipe: &mut Pipe, to: &TcpStream) -> Poll<Result<(), Broken>> {
    while pipe.filled() > 0 {
        match pipe.drain(to) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                ready!(to.poll_write_ready(cx)).map_err(Broken::Write)?;
            }
            Err(error) => return Poll::Ready(Err(Broken::Write(error))),
        }
    }
    Poll::Ready(Ok(()))
}
