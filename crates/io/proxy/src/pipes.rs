//! Kernel pipes that bulk data goes through without being copied to us (splice(2)), kept for the next one who needs
//! them.

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::OwnedFd;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Bytes a pipe should hold: what a socket of loopback or a fast network has gathered meanwhile fits in at once, so that
/// the two ends are woken less often (a quarter more bytes a second than with half of it; twice as much adds nothing). An
/// unprivileged user's pipes may hold 64 MB together; beyond that the kernel leaves a pipe as it is.
const CAPACITY: usize = 512 * 1024;

/// Pipes kept for reuse by a worker, at most: as many as 64 MB allow.
const KEPT: usize = 128;

/// A pipe, and how much lies in it.
#[derive(Debug)]
pub struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    capacity: usize,
    filled: usize,
}

impl Pipe {
    fn open() -> io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        // Refused beyond the user's limit: then the default of 64 KB stays.
        let capacity = fcntl_setpipe_size(&write, CAPACITY).unwrap_or(64 * 1024);
        Ok(Self { read, write, capacity, filled: 0 })
    }

    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Moves what has come; 0 is the end of the stream, `WouldBlock` that nothing is there.
    pub fn fill(&mut self, from: &TcpStream) -> io::Result<usize> {
        let room = self.capacity - self.filled;
        let moved = from.try_io(Interest::READABLE, || {
            Ok(splice(from, None, &self.write, None, room, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)?)
        })?;
        self.filled += moved;
        Ok(moved)
    }

    /// Moves what is in the pipe on.
    pub fn drain(&mut self, to: &TcpStream) -> io::Result<usize> {
        let moved = to.try_io(Interest::WRITABLE, || {
            Ok(splice(&self.read, None, to, None, self.filled, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)?)
        })?;
        self.filled -= moved;
        Ok(moved)
    }
}

/// The pipes of a worker.
#[derive(Debug)]
pub struct Pipes {
    free: RefCell<Vec<Pipe>>,
    used: Cell<usize>,
    limit: usize,
}

impl Pipes {
    /// `limit` pipes at most are in use at once (`maxpipes`); 0 switches splicing off (`nosplice`).
    pub fn new(limit: usize) -> Self {
        Self { free: RefCell::default(), used: Cell::new(0), limit }
    }

    /// None where the limit is reached or descriptors have run out: data is then copied, which always works.
    pub fn take(&self) -> Option<Pipe> {
        if self.used.get() >= self.limit {
            return None;
        }
        let free = self.free.borrow_mut().pop();
        let pipe = free.map_or_else(|| Pipe::open().ok(), Some)?;
        self.used.set(self.used.get() + 1);
        Some(pipe)
    }

    /// A pipe with something in it is closed: what it holds is nobody else's.
    pub fn give(&self, pipe: Pipe) {
        self.used.set(self.used.get() - 1);
        let mut free = self.free.borrow_mut();
        if pipe.filled == 0 && free.len() < KEPT {
            free.push(pipe);
        }
    }

    pub fn used(&self) -> usize {
        self.used.get()
    }

    pub fn free(&self) -> usize {
        self.free.borrow().len()
    }
}
