//! A loop over many sockets in one thread: the cheapest client or server there is, so that what is measured is the
//! program between them.

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

pub struct Poll {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Poll {
    pub fn new() -> Self {
        let epoll = epoll::create(CreateFlags::CLOEXEC).expect("an epoll descriptor");
        Self { epoll, events: Vec::with_capacity(1024) }
    }

    /// Says when this socket can be read from, under this key.
    pub fn readable(&self, socket: impl AsFd, key: u64) {
        epoll::add(&self.epoll, socket, EventData::new_u64(key), EventFlags::IN).expect("a socket can be watched");
    }

    /// Says once when this socket can be written to, and then when it can be read from.
    pub fn writable(&self, socket: impl AsFd, key: u64) {
        let flags = EventFlags::OUT | EventFlags::IN | EventFlags::ET;
        epoll::add(&self.epoll, socket, EventData::new_u64(key), flags).expect("a socket can be watched");
    }

    /// Keys of sockets that are ready; none after the time.
    pub fn wait(&mut self, time: Option<Duration>) -> Vec<u64> {
        self.events.clear();
        let time = time.map(|time| Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() });
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.events), time.as_ref()) {
            Ok(_) => self.events.iter().map(|event| event.data.u64()).collect(),
            Err(rustix::io::Errno::INTR) => Vec::new(),
            Err(error) => panic!("epoll: {error}"),
        }
    }
}

/// Whether it is only that nothing can be done now.
pub fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
