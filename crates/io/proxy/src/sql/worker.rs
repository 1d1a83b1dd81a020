//! A thread that serves sessions: its pool, its chance, its connections that linger.

use super::latency::Histogram;
use super::server::groups::Server;
use super::server::pool::{Pool, Share};
use super::shared::Shared;
use super::stats::tally::{ServerTimes, Tally};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

pub struct Worker {
    pub shared: Arc<Shared>,
    pub pool: Pool,
    /// Of what all workers may have together.
    pub share: Share,
    pub mirrors: super::mirror::Mirrors,
    pub settled: RefCell<super::settled::Settled>,
    /// What it counts.
    pub tally: Arc<Tally>,
    /// Where it notes the times of servers: few, and looked for from the first.
    times: RefCell<Vec<(Arc<Server>, Arc<ServerTimes>)>>,
    /// When the others were asked last for what they have idle.
    asked_others: Cell<Option<Instant>>,
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

    fn since(&self) -> Option<Instant> {
        self.connection.borrow().as_ref().map(|connection| connection.idle_since)
    }
}

impl Worker {
    pub fn new(shared: Arc<Shared>, share: Share) -> Self {
        Self {
            pool: Pool::new(share, shared.generation.clone()),
            share,
            mirrors: Default::default(),
            tally: shared.stats.worker(),
            times: RefCell::default(),
            shared,
            settled: RefCell::default(),
            asked_others: Cell::default(),
            random: Cell::new(rand::random::<u64>() | 1),
            lingering: RefCell::default(),
        }
    }

    /// Notes a time of `server`, in the histogram that `which` names.
    pub fn note(&self, server: &Arc<Server>, which: impl Fn(&ServerTimes) -> &Histogram, took: Duration) {
        let mut times = self.times.borrow_mut();
        if let Some((_, known)) = times.iter().find(|(known, _)| Arc::ptr_eq(known, server)) {
            return which(known).note(took);
        }
        if times.len() >= SERVERS {
            // Some of them are of plans long gone.
            times.clear();
        }
        let own = self.tally.times(server);
        which(&own).note(took);
        times.push((server.clone(), own));
    }

    /// Asks other workers for connections that lie idle; not more often than that is worth.
    pub fn ask_others(&self) {
        let recent = self.asked_others.get().is_some_and(|at| at.elapsed() < super::server::pool::IDLE);
        if !recent {
            self.asked_others.set(Some(Instant::now()));
            self.shared.hungry.notify_waiters();
        }
    }

    /// Gives up what lies idle here and is waited for elsewhere; true: there may be more soon.
    pub fn feed_others(&self) -> bool {
        if self.shared.live.groups.load().all().all(|server| server.waiting.load(Relaxed) == 0) {
            return false;
        }
        while self.reclaim_after(super::server::pool::IDLE) {}
        self.pool.feed_others();
        self.pool.others_wait() || self.lingering() > 0
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
        if self.pool.is_worn(&connection) {
            return self.pool.put(connection);
        }
        let server = connection.server.clone();
        *place.connection.borrow_mut() = Some(connection);
        let mut lingering = self.lingering.borrow_mut();
        if lingering.len() > 2 * LINGERING {
            lingering.retain(|place| place.upgrade().is_some_and(|place| place.connection.borrow().is_some()));
        }
        lingering.push_back(Rc::downgrade(place));
        drop(lingering);
        // Whoever waits for a connection may take this one.
        self.pool.ended(&server);
    }

    /// Gives one that lingers back to the pool, the oldest; false where there is none.
    pub fn reclaim(&self) -> bool {
        self.reclaim_after(Duration::ZERO)
    }

    /// The same, if the oldest has lingered for `least`.
    pub fn reclaim_after(&self, least: Duration) -> bool {
        loop {
            let Some(oldest) = self.lingering.borrow().front().cloned() else { return false };
            let place = oldest.upgrade();
            let since = place.as_ref().and_then(|place| place.since());
            if since.is_some_and(|since| since.elapsed() < least) {
                return false;
            }
            self.lingering.borrow_mut().pop_front();
            if let Some(connection) = place.and_then(|place| place.take()) {
                self.pool.put(connection);
                return true;
            }
        }
    }

    /// Connections that may linger, roughly.
    pub fn lingering(&self) -> usize {
        self.lingering.borrow().len()
    }
}

/// Servers whose times a worker has at hand.
const SERVERS: usize = 64;

/// Entries of sessions that have gone on since are cleared when there are twice as many.
const LINGERING: usize = 1_000;
