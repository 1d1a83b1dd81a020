//! Idle connections of one worker, by server; and how many each server has of this worker.
//!
//! Invariants
//! - A connection in here has no transaction, no pin and nothing unread: any session of its key may take it.
//! - Connections of all workers together stay within `mysql_servers.max_connections`. Where others wait, a worker gives up what
//!   is beyond its share, and what lies idle.

use super::connection::{Connection, Key, Place};
use super::groups::{Server, Standing};
use mysql::session::State;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Which of how many workers.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    pub worker: u32,
    pub workers: u32,
}

impl Share {
    /// Of `whole`; at least one, as a worker without any could serve nobody.
    pub fn of(self, whole: u32) -> u32 {
        (whole / self.workers + u32::from(self.worker < whole % self.workers)).max(1)
    }
}

pub struct Pool {
    share: Share,
    generation: Arc<AtomicU64>,
    /// `mysql-connection_max_age_ms`, as of the last sweep; 0: any.
    max_age: Cell<Duration>,
    shelves: RefCell<HashMap<usize, Shelf>>,
}

/// Of one server.
#[derive(Default)]
struct Shelf {
    idle: Vec<Connection>,
    open: Rc<Cell<u32>>,
    /// Rung when a connection came back or ended.
    freed: Rc<Notify>,
    /// Statements of this worker that wait for one.
    waiting: Rc<Cell<u32>>,
}

impl Shelf {
    /// Statements of other workers that wait for a connection to the server.
    fn waiting_elsewhere(&self, server: &Server) -> usize {
        server.waiting.load(Relaxed).saturating_sub(self.waiting.get()) as usize
    }
}

/// A statement that waits for a connection, as long as it is there.
pub struct Waiting {
    own: Rc<Cell<u32>>,
    server: Arc<Server>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.own.set(self.own.get() - 1);
        self.server.waiting.fetch_sub(1, Relaxed);
    }
}

/// What lies idle so long may be given up for another worker's statement.
pub const IDLE: Duration = Duration::from_millis(50);

impl Pool {
    pub fn new(share: Share, generation: Arc<AtomicU64>) -> Self {
        Self { share, generation, max_age: Cell::default(), shelves: RefCell::default() }
    }

    /// Older than connections are to become: nobody is to get it again.
    pub fn is_worn(&self, connection: &Connection) -> bool {
        let limit = self.max_age.get();
        !limit.is_zero() && connection.opened.elapsed() > limit
    }

    /// An idle connection of this key, the best there is: of equal state, else one that can be brought to it.
    pub fn take(&self, server: &Arc<Server>, key: &Key, state: &Rc<State>) -> Option<Connection> {
        loop {
            let connection = self.take_any(server, key, state)?;
            // What the server has closed meanwhile never had a statement: another will do.
            if connection.generation == self.generation.load(Relaxed) && !connection.is_stale() {
                return Some(connection);
            }
        }
    }

    fn take_any(&self, server: &Arc<Server>, key: &Key, state: &Rc<State>) -> Option<Connection> {
        let mut shelves = self.shelves.borrow_mut();
        let shelf = shelves.get_mut(&id(server))?;
        let fits = |connection: &Connection| connection.key == *key;
        let equal = |connection: &Connection| {
            Rc::ptr_eq(&connection.state, state) || connection.state.fingerprint() == state.fingerprint()
        };
        let index = shelf.idle.iter().rposition(|connection| fits(connection) && equal(connection)).or_else(|| {
            let can = |connection: &Connection| state.changes_from(&connection.state).is_some();
            shelf.idle.iter().rposition(|connection| fits(connection) && can(connection))
        })?;
        server.counters.free.fetch_sub(1, Relaxed);
        Some(shelf.idle.remove(index))
    }

    /// A place for a new connection, where there is one.
    pub fn place(&self, server: &Arc<Server>) -> Option<Place> {
        let mut shelves = self.shelves.borrow_mut();
        let shelf = shelves.entry(id(server)).or_default();
        Place::take(&shelf.open, server.max_connections, server)
    }

    /// Closes the idle connection that was used longest ago; false where there is none.
    pub fn evict(&self, server: &Arc<Server>) -> bool {
        let mut shelves = self.shelves.borrow_mut();
        let Some(shelf) = shelves.get_mut(&id(server)).filter(|shelf| !shelf.idle.is_empty()) else { return false };
        server.counters.free.fetch_sub(1, Relaxed);
        shelf.idle.remove(0);
        true
    }

    /// Rung when there may be a connection or a place again.
    pub fn freed(&self, server: &Arc<Server>) -> Rc<Notify> {
        self.shelves.borrow_mut().entry(id(server)).or_default().freed.clone()
    }

    /// Counts a statement that waits.
    pub fn wait(&self, server: &Arc<Server>) -> Waiting {
        let own = self.shelves.borrow_mut().entry(id(server)).or_default().waiting.clone();
        own.set(own.get() + 1);
        server.waiting.fetch_add(1, Relaxed);
        Waiting { own, server: server.clone() }
    }

    /// Whether there are statements that wait at other workers for what is idle here.
    pub fn others_wait(&self) -> bool {
        let mut shelves = self.shelves.borrow_mut();
        let mut idle = shelves.values_mut().filter_map(|shelf| {
            let server = shelf.idle.first()?.server.clone();
            Some(shelf.waiting_elsewhere(&server) > 0)
        });
        idle.any(|waits| waits)
    }

    /// Gives up idle connections for statements that wait at other workers.
    pub fn feed_others(&self) {
        for shelf in self.shelves.borrow_mut().values_mut() {
            let Some(server) = shelf.idle.first().map(|connection| connection.server.clone()) else { continue };
            let fair = self.share.of(server.max_connections);
            for _ in 0..shelf.waiting_elsewhere(&server) {
                let rests = |connection: &Connection| connection.idle_since.elapsed() > IDLE;
                if !shelf.idle.first().is_some_and(|oldest| rests(oldest) || shelf.open.get() > fair) {
                    break;
                }
                server.counters.free.fetch_sub(1, Relaxed);
                shelf.idle.remove(0);
            }
        }
    }

    /// Takes a connection back that has nothing open; one whose server takes nothing new is closed instead.
    pub fn put(&self, mut connection: Connection) {
        let server = connection.server.clone();
        let mut shelves = self.shelves.borrow_mut();
        let shelf = shelves.entry(id(&server)).or_default();
        let current = connection.generation == self.generation.load(Relaxed);
        let good = current && !self.is_worn(&connection) && connection.wire.is_quiet();
        let owed = shelf.waiting_elsewhere(&server) > 0 && shelf.open.get() > self.share.of(server.max_connections);
        if good && !owed && server.standing() == Standing::Online {
            connection.idle_since = Instant::now();
            connection.lingers_for = 0;
            server.counters.free.fetch_add(1, Relaxed);
            shelf.idle.push(connection);
        } else {
            drop(connection);
        }
        shelf.freed.notify_one();
    }

    /// A connection ended outside of the pool.
    pub fn ended(&self, server: &Arc<Server>) {
        if let Some(shelf) = self.shelves.borrow().get(&id(server)) {
            shelf.freed.notify_one();
        }
    }

    /// Closes what was idle for longer than `limit`, what is older than `max_age` (0: nothing), and all of servers that are
    /// not online.
    pub fn sweep(&self, limit: Duration, max_age: Duration) {
        self.max_age.set(max_age);
        let now = Instant::now();
        for shelf in self.shelves.borrow_mut().values_mut() {
            let before = shelf.idle.len();
            let stays = |connection: &Connection| {
                connection.server.standing() == Standing::Online
                    && connection.generation == self.generation.load(Relaxed)
                    && !self.is_worn(connection)
                    && now.saturating_duration_since(connection.idle_since) < limit
            };
            let closed = |connection: &Connection| !stays(connection);
            shelf.idle.iter().filter(|connection| closed(connection)).for_each(|connection| {
                connection.server.counters.free.fetch_sub(1, Relaxed);
            });
            shelf.idle.retain(stays);
            if shelf.idle.len() < before {
                shelf.freed.notify_one();
            }
        }
        self.shelves.borrow_mut().retain(|_, shelf| shelf.open.get() > 0 || Rc::strong_count(&shelf.freed) > 1);
    }
}

/// A server is known by the place of what is shared about it: it lives as long as a connection to it.
fn id(server: &Arc<Server>) -> usize {
    Arc::as_ptr(server) as usize
}
