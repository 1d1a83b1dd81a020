//! A frontend at work: its listeners, its limits, its numbers.

use crate::backend::Backend;
use crate::counters::{Counter, Counters};
use crate::listener::{Accepting, Listening};
use crate::logs::Logger;
use arc_swap::{ArcSwap, ArcSwapOption};
use balance::config::model;
use balance::program::Program;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// Whether a frontend accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontendState {
    /// `OPEN`.
    Open,
    /// `disable frontend`: sockets are kept, nothing is accepted (`STOP` in statistics).
    Paused,
    /// `shutdown frontend`, soft stop: sockets are closed.
    Stopped,
}

pub struct Frontend {
    pub id: u32,
    pub name: String,
    pub config: ArcSwap<model::Proxy>,
    pub counters: Counters,
    /// Connections at once; 0 is no limit but the process's.
    pub maxconn: AtomicU32,
    /// `default_backend`, found.
    pub default_backend: ArcSwapOption<Backend>,
    pub listeners: Mutex<Vec<Arc<Listening>>>,
    state: AtomicU8,
    /// Sessions end: whoever waits for a place may accept.
    pub(crate) room: Notify,
    pub log: ArcSwap<Logger>,
    pub program: ArcSwap<Program>,
    /// Lines logged.
    pub logged: Counter,
}

impl Frontend {
    pub fn new(config: Arc<model::Proxy>, (log, program): (Logger, Arc<Program>)) -> Self {
        Self {
            id: config.id,
            name: config.name.clone(),
            counters: Counters::default(),
            maxconn: AtomicU32::new(config.limits.maxconn.unwrap_or(0)),
            default_backend: ArcSwapOption::empty(),
            listeners: Mutex::default(),
            state: AtomicU8::new(FrontendState::Open as u8),
            room: Notify::new(),
            log: ArcSwap::from_pointee(log),
            program: ArcSwap::new(program),
            logged: Counter::default(),
            config: ArcSwap::new(config),
        }
    }

    pub fn state(&self) -> FrontendState {
        match self.state.load(Relaxed) {
            0 => FrontendState::Open,
            1 => FrontendState::Paused,
            _ => FrontendState::Stopped,
        }
    }

    /// `disable frontend`. Whether it was open.
    pub fn pause(&self) -> bool {
        self.change(FrontendState::Open, FrontendState::Paused, Accepting::Paused)
    }

    /// `enable frontend`. Whether it was paused.
    pub fn resume(&self) -> bool {
        self.change(FrontendState::Paused, FrontendState::Open, Accepting::Yes)
    }

    /// Closes its sockets for good; sessions go on.
    pub fn stop(&self) {
        self.state.store(FrontendState::Stopped as u8, Relaxed);
        self.set_accepting(Accepting::Ended);
    }

    /// After [`Frontend::stop`]: whether its addresses are free.
    pub fn is_closed(&self) -> bool {
        let listeners = self.listeners.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        listeners.iter().all(|listening| listening.is_closed())
    }

    fn change(&self, from: FrontendState, to: FrontendState, accepting: Accepting) -> bool {
        let changed = self.state.compare_exchange(from as u8, to as u8, Relaxed, Relaxed).is_ok();
        if changed {
            self.set_accepting(accepting);
        }
        changed
    }

    fn set_accepting(&self, accepting: Accepting) {
        let listeners = self.listeners.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        listeners.iter().for_each(|listening| listening.set_accepting(accepting));
    }

    /// Whether another connection is within the limit (`maxconn`, then `rate-limit sessions`).
    pub(crate) fn has_room(&self) -> bool {
        let limit = self.maxconn.load(Relaxed);
        limit == 0 || self.counters.sessions.get() < u64::from(limit)
    }

    /// A session has ended.
    pub(crate) fn leave(&self) {
        self.counters.sessions.leave();
        // Whatever its own limit is: those of its listeners make them wait here, too.
        self.room.notify_waiters();
    }
}
