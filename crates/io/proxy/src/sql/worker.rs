//! A thread that serves sessions: its pool, its chance, its connections that linger.

use super::server::pool::{Pool, Share};
use super::shared::Shared;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::sync::Arc;

pub struct Worker {
    pub shared: Arc<Shared>,
    pub pool: Pool,
    random: Cell<u64>,
    lingering: RefCell<VecDeque<Weak<Lingering>>>,
}

/// A connection that a session keeps after a statement, in case the next one asks about it. Others may take it.
#[derive(Default)]
pub struct Lingering {
    connection: RefCell<Option<super::server::connection::Connection>>,
}

impl Lingering {
    pub fn take(&self) -> Option<super::server::connection::Connection> {
        self.connection.borrow_mut().take()
    }
}

impl Worker {
    pub fn new(shared: Arc<Shared>, share: Share) -> Self {
        Self {
            pool: Pool::new(share, shared.generation.clone()),
            shared,
            random: Cell::new(rand::random::<u64>() | 1),
            lingering: RefCell::default(),
        }
    }

    /// For choices among servers: xorshift64.
    pub fn random(&self) -> u64 {
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.set(x);
        x
    }

    /// Keeps `connection` with its session until its next statement, or until somebody needs it.
    pub fn linger(&self, place: &Rc<Lingering>, connection: super::server::connection::Connection) {
        *place.connection.borrow_mut() = Some(connection);
        let mut lingering = self.lingering.borrow_mut();
        if lingering.len() > 2 * LINGERING {
            lingering.retain(|place| place.upgrade().is_some_and(|place| place.connection.borrow().is_some()));
        }
        lingering.push_back(Rc::downgrade(place));
    }

    /// Gives one that lingers back to the pool, the oldest; false where there is none.
    pub fn reclaim(&self) -> bool {
        while let Some(place) = self.lingering.borrow_mut().pop_front() {
            if let Some(connection) = place.upgrade().and_then(|place| place.take()) {
                self.pool.put(connection);
                return true;
            }
        }
        false
    }
}

/// Entries of sessions that have gone on since are cleared when there are twice as many.
const LINGERING: usize = 1_000;
