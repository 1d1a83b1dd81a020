//! What one worker counts: written by its thread alone, so that workers do not wait for each other's cache lines.

use super::digests::{Digests, Ran};
use super::{ServerKey, lock};
use crate::sql::latency::{Histogram, bump};
use crate::sql::server::groups::Server;
use mysql::statement::Verb;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Plain counters of a worker, for [`bump`] in its thread.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: AtomicU64,)*
        }

        /// Those of all workers together.
        #[derive(Debug, Clone, Copy, Default)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counts {
            pub(super) fn add(&mut self, counters: &Counters) {
                $(self.$name += counters.$name.load(Relaxed);)*
            }
        }
    };
}

counters! {
    /// Statements of clients that a server answered.
    questions,
    /// Those that took longer than `mysql-long_query_time`.
    slow,
    /// Nanoseconds from a statement's arrival until it was decided where it goes.
    processor_ns,
    client_bytes_in,
    client_bytes_out,
    server_bytes_in,
    server_bytes_out,
    /// COM_STMT_PREPARE of clients.
    prepared,
    /// COM_STMT_EXECUTE of clients.
    executed,
    /// COM_STMT_CLOSE of clients.
    closed,
    /// COM_STMT_PREPARE at servers.
    server_prepared,
    /// COM_STMT_CLOSE at servers.
    server_closed,
    /// Connections that statements asked the pools for, and got.
    got,
    /// Of those, without waiting or connecting.
    got_at_once,
    /// Statements for which there was none.
    got_none,
    /// Reads that waited until a replica had their session's last write.
    causal_waits,
    /// Of those, reads that went to the writer because the replica did not get there in time.
    causal_timeouts,
}

/// Of a server in a hostgroup.
#[derive(Debug, Default)]
pub struct ServerTimes {
    /// Statements that provably only read.
    pub read: Histogram,
    pub write: Histogram,
    /// Logging in.
    pub connect: Histogram,
    /// Until a statement had its connection.
    pub wait: Histogram,
    /// Until a replica had a session's last write.
    pub causal: Histogram,
}

pub struct Tally {
    pub counters: Counters,
    /// In the order of [`Verb::ALL`].
    pub(super) verbs: Box<[Histogram]>,
    pub(super) servers: Mutex<HashMap<ServerKey, Arc<ServerTimes>>>,
    /// Locked by the worker for a statement's entry, by others when they list them.
    pub(super) digests: Mutex<Digests>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            counters: Counters::default(),
            verbs: Verb::ALL.iter().map(|_| Histogram::default()).collect(),
            servers: Mutex::default(),
            digests: Mutex::default(),
        }
    }
}

impl Tally {
    /// Takes in a statement; without a digest (`mysql-query_digests` is off) only its command.
    pub fn ran(&self, verb: Verb, slow: Duration, ran: &Ran) {
        bump(&self.counters.questions, 1);
        if ran.took > slow {
            bump(&self.counters.slow, 1);
        }
        if let Some(histogram) = self.verbs.get(verb as usize) {
            histogram.note(ran.took);
        }
        if ran.digest != 0 {
            lock(&self.digests).take_in(ran);
        }
    }

    /// Where the times of `server` are noted; a worker keeps it.
    pub fn times(&self, server: &Server) -> Arc<ServerTimes> {
        lock(&self.servers).entry(ServerKey::of(server)).or_default().clone()
    }
}
