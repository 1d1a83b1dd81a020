//! All sessions, for the process list, KILL and limits.

use std::collections::HashMap;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

pub struct Sessions {
    pub next_id: AtomicU32,
    pub connected: AtomicU32,
    pub total: AtomicU64,
    pub refused: AtomicU64,
    all: Mutex<HashMap<u32, Arc<Session>>>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            next_id: AtomicU32::new(1),
            connected: AtomicU32::new(0),
            total: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            all: Mutex::default(),
        }
    }
}

/// What others see of a session.
pub struct Session {
    pub id: u32,
    pub user: Arc<str>,
    pub peer: String,
    /// It is to end.
    pub killed: AtomicBool,
    /// Whatever it does; otherwise when its statement is answered.
    at_once: AtomicBool,
    pub kill: Notify,
    /// Who is about to end what it runs at a server: its connection is nobody else's until they are done.
    pub killers: AtomicU32,
    /// Rung when one of them is.
    pub killer_done: Notify,
    /// It has an open transaction, as told after its last statement.
    pub in_transaction: AtomicBool,
    pub now: Mutex<Now>,
}

/// Hostgroup, host, port, and the server's number of the connection.
pub type Running = (u32, String, u16, u32);

/// As long as it is there, the session's connection has no other statement.
pub struct Holding(Arc<Session>);

impl Drop for Holding {
    fn drop(&mut self) {
        self.0.killers.fetch_sub(1, SeqCst);
        self.0.killer_done.notify_one();
    }
}

/// What it does.
#[derive(Debug, Clone, Default)]
pub struct Now {
    pub schema: String,
    /// Empty: it waits for its client.
    pub statement: String,
    pub since: Option<std::time::Instant>,
    /// Where its statement runs, and the server's number for that connection.
    pub server: Option<(u32, String, u16, u32)>,
}

impl Sessions {
    pub fn insert(&self, session: Arc<Session>) {
        self.lock().insert(session.id, session);
    }

    pub fn remove(&self, id: u32) {
        self.lock().remove(&id);
    }

    pub fn get(&self, id: u32) -> Option<Arc<Session>> {
        self.lock().get(&id).cloned()
    }

    /// By id.
    pub fn list(&self) -> Vec<Arc<Session>> {
        let mut all: Vec<_> = self.lock().values().cloned().collect();
        all.sort_by_key(|session| session.id);
        all
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Arc<Session>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    pub fn new(id: u32, user: Arc<str>, peer: String) -> Self {
        Self {
            id,
            user,
            peer,
            killed: AtomicBool::new(false),
            at_once: AtomicBool::new(false),
            kill: Notify::new(),
            killers: AtomicU32::new(0),
            killer_done: Notify::new(),
            in_transaction: AtomicBool::new(false),
            now: Mutex::default(),
        }
    }

    /// Ends the session: what it runs at a server is ended there by itself.
    pub fn end(&self) {
        self.at_once.store(true, Relaxed);
        self.end_after_statement();
    }

    /// Ends it as soon as nothing of it runs.
    pub fn end_after_statement(&self) {
        self.killed.store(true, Relaxed);
        self.kill.notify_one();
    }

    /// Until it is to end at once.
    pub async fn ended(&self) {
        loop {
            self.kill.notified().await;
            if self.at_once.load(Relaxed) {
                return;
            }
        }
    }

    /// Where its statement runs; until the value is dropped, its connection has no other statement.
    pub fn hold_running(self: &Arc<Self>) -> Option<(Running, Holding)> {
        let now = self.now();
        let running = now.server.clone()?;
        self.killers.fetch_add(1, SeqCst);
        Some((running, Holding(self.clone())))
    }

    /// Takes the statement as over; how many are about to end it all the same.
    pub fn is_over(&self) -> bool {
        self.now().server = None;
        self.killers.load(SeqCst) == 0
    }

    /// Until nobody is about to end what it ran.
    pub async fn until_left_alone(&self) {
        loop {
            let done = self.killer_done.notified();
            if self.killers.load(SeqCst) == 0 {
                return;
            }
            done.await;
        }
    }

    pub fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
