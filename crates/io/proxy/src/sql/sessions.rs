//! All sessions, for the process list, KILL and limits.

use std::collections::HashMap;
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
    pub kill: Notify,
    /// It has an open transaction, as told after its last statement.
    pub in_transaction: AtomicBool,
    pub now: Mutex<Now>,
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
            kill: Notify::new(),
            in_transaction: AtomicBool::new(false),
            now: Mutex::default(),
        }
    }

    pub fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
