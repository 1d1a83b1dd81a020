//! An open connection to a server.

use super::groups::Server;
use crate::sql::wire::Wire;
use mysql::session::State;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// What cannot be changed without logging in anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub user: Arc<str>,
    /// Those that shape answers: `capability::SHAPES_ANSWERS`.
    pub capabilities: u32,
    pub collation: u8,
}

pub struct Connection {
    pub wire: Wire,
    pub server: Arc<Server>,
    pub key: Key,
    /// As agreed with the server.
    pub capabilities: u32,
    /// The server tells what changes in the session; without, whatever may change state pins.
    pub tracks: bool,
    /// The server's number of it: for KILL.
    pub thread_id: u32,
    pub state: Rc<State>,
    pub statements: Statements,
    pub opened: Instant,
    pub idle_since: Instant,
    /// The session whose statement was its last; 0: none.
    pub lingers_for: u32,
    /// What LAST_INSERT_ID() is there.
    pub insert_id: u64,
    /// That statement had warnings, or failed.
    pub warned_last: bool,
    /// One of those since it was cleared had: later ones without a table leave its warnings there.
    pub warned: bool,
    /// Of `Shared::generation`, when it logged in.
    pub generation: u64,
    /// Gives its place back when it ends.
    pub place: Place,
}

impl Connection {
    /// The server has closed it; looked at where it was idle long enough for that to be worth a call.
    pub fn is_stale(&self) -> bool {
        const FRESH: Duration = Duration::from_millis(100);
        self.idle_since.elapsed() > FRESH && self.wire.stream.is_closed()
    }
}

impl Drop for Connection {
    /// COM_QUIT, if there is room for it: servers log connections that end without.
    fn drop(&mut self) {
        self.wire.stream.say_last(&[1, 0, 0, 0, mysql::protocol::command::Command::Quit as u8]);
    }
}

/// A place among the connections a server may have.
pub struct Place {
    /// `None`: beside them, for the proxy's own questions.
    counted: Option<(Rc<std::cell::Cell<u32>>, Arc<Server>)>,
}

impl Place {
    /// `count`: of one worker. The limit is one for all workers together.
    pub fn take(count: &Rc<std::cell::Cell<u32>>, limit: u32, server: &Arc<Server>) -> Option<Self> {
        let more = |used: u32| (used < limit).then(|| used + 1);
        let used = server.counters.used.fetch_update(Relaxed, Relaxed, more).ok()? + 1;
        count.set(count.get() + 1);
        server.counters.most_used.fetch_max(used, Relaxed);
        Some(Self { counted: Some((count.clone(), server.clone())) })
    }

    /// It must be possible when all of them hang.
    pub fn beside() -> Self {
        Self { counted: None }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((count, server)) = &self.counted {
            count.set(count.get() - 1);
            server.counters.used.fetch_sub(1, Relaxed);
            server.freed.notify_one();
        }
    }
}

/// Statements prepared on a connection, by text. Few: the oldest is closed when there are more.
#[derive(Default)]
pub struct Statements {
    known: Vec<Known>,
}

#[derive(Debug, Clone)]
pub struct Known {
    pub text: Rc<[u8]>,
    pub id: u32,
    /// Of the schema it was prepared in: names without one mean others elsewhere.
    pub schema: Rc<State>,
}

impl Statements {
    /// `taken`: numbers that something of another statement of the client is open on.
    pub fn find(&mut self, text: &Rc<[u8]>, state: &Rc<State>, taken: impl Fn(u32) -> bool) -> Option<u32> {
        let fits = |known: &Known| {
            (Rc::ptr_eq(&known.text, text) || known.text == *text)
                && (Rc::ptr_eq(&known.schema, state) || known.schema == *state)
                && !taken(known.id)
        };
        let index = self.known.iter().rposition(fits)?;
        // The most recently used is last.
        let known = self.known.remove(index);
        let id = known.id;
        self.known.push(known);
        Some(id)
    }

    pub fn has(&self, id: u32) -> bool {
        self.known.iter().any(|known| known.id == id)
    }

    /// Returns the statement that has to be closed for it, if any.
    pub fn insert(&mut self, known: Known, limit: usize) -> Option<u32> {
        let oldest = (self.known.len() >= limit.max(1)).then(|| self.known.remove(0).id);
        self.known.push(known);
        oldest
    }

    pub fn forget(&mut self, id: u32) {
        self.known.retain(|known| known.id != id);
    }

    pub fn clear(&mut self) {
        self.known.clear();
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}
