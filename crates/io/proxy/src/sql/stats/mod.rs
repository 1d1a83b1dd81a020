//! Counters: what each worker counts, and what all of them count together because it is rare.

pub mod digests;
pub mod tally;

use super::latency::Times;
use super::server::groups::Server;
use digests::{DigestEntry, DigestKey};
use mysql::settings::Hostgroup;
use mysql::statement::Verb;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use tally::{Counts, Tally};

/// The hostgroup that answers of the query cache are counted under; shown as -1, as ProxySQL does.
pub const CACHE: Hostgroup = Hostgroup::MAX;

/// A hostgroup as tables and pages show it.
pub fn shown(hostgroup: Hostgroup) -> i64 {
    if hostgroup == CACHE { -1 } else { hostgroup.into() }
}

/// Different errors that are kept.
const ERRORS: usize = 1_000;

#[derive(Default)]
pub struct Stats {
    /// Reads that went to the writer for want of a reader.
    pub fallbacks: AtomicU64,
    /// Statements that a rule sent to a reader, and that were not provably reads.
    pub rerouted: AtomicU64,
    /// Reads that were sent again after their server was lost.
    pub retries: AtomicU64,
    pub server_connections: AtomicU64,
    pub server_connections_failed: AtomicU64,
    /// Statements for which no connection was found within `mysql-connect_timeout_server_max`.
    pub connect_timeouts: AtomicU64,
    /// KILL QUERY and KILL CONNECTION that the proxy sent for its clients.
    pub killed_queries: AtomicU64,
    pub killed_connections: AtomicU64,
    pub wrong_passwords: AtomicU64,
    pub too_many_connections: AtomicU64,
    pub too_many_of_user: AtomicU64,
    /// Copies of statements: sent, failed, given up because too many waited.
    pub mirrors_sent: AtomicU64,
    pub mirrors_failed: AtomicU64,
    pub mirrors_dropped: AtomicU64,
    /// Statements that the firewall let pass though they are not in its list, and those it refused.
    pub firewall_detected: AtomicU64,
    pub firewall_refused: AtomicU64,
    /// How often servers were placed in hostgroups anew.
    pub placings: AtomicU64,
    workers: Mutex<Vec<Arc<Tally>>>,
    /// What the command counters had when they were cleared last.
    cleared: Mutex<HashMap<Verb, Times>>,
    errors: Mutex<HashMap<ErrorKey, ErrorEntry>>,
    /// As [`Self::errors`], but never cleared: for the metrics.
    error_totals: Mutex<BTreeMap<(ServerKey, u16), u64>>,
}

/// A server in a hostgroup, however often it was placed there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerKey {
    pub hostgroup: Hostgroup,
    pub hostname: String,
    pub port: u16,
}

impl ServerKey {
    pub fn of(server: &Server) -> Self {
        Self { hostgroup: server.hostgroup, hostname: server.hostname.clone(), port: server.port }
    }

    /// As the metrics name it: `host:port`, or a unix socket's path.
    pub fn endpoint(&self) -> String {
        if self.port == 0 { self.hostname.clone() } else { format!("{}:{}", self.hostname, self.port) }
    }
}

/// [`tally::ServerTimes`] of all workers.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServerSums {
    pub read: Times,
    pub write: Times,
    pub connect: Times,
    pub wait: Times,
    pub causal: Times,
}

impl ServerSums {
    pub fn statements(&self) -> Times {
        let mut both = self.read;
        both.add(&self.write);
        both
    }
}

/// Of the server, what it said to whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ErrorKey {
    pub hostgroup: Hostgroup,
    pub hostname: String,
    pub port: u16,
    pub user: String,
    pub schema: String,
    pub code: u16,
}

#[derive(Debug, Clone)]
pub struct ErrorEntry {
    pub count: u64,
    pub first_seen: SystemTime,
    pub last_seen: SystemTime,
    pub last: String,
}

impl Stats {
    /// Counters of one more worker.
    pub fn worker(&self) -> Arc<Tally> {
        let tally = Arc::new(Tally::default());
        lock(&self.workers).push(tally.clone());
        tally
    }

    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        lock(&self.workers).iter().for_each(|tally| counts.add(&tally.counters));
        counts
    }

    pub fn workers(&self) -> usize {
        lock(&self.workers).len()
    }

    /// By command, in the order of [`Verb::ALL`].
    pub fn verbs(&self, reset: bool) -> Vec<(Verb, Times)> {
        let workers = lock(&self.workers);
        let mut cleared = lock(&self.cleared);
        let mut shown = Vec::with_capacity(Verb::ALL.len());
        for (at, verb) in Verb::ALL.iter().enumerate() {
            let mut times = Times::default();
            workers.iter().filter_map(|tally| tally.verbs.get(at)).for_each(|own| times.add(&own.times()));
            shown.push((*verb, cleared.get(verb).map_or(times, |before| times.since(before))));
            if reset {
                cleared.insert(*verb, times);
            }
        }
        shown
    }

    pub fn servers(&self) -> BTreeMap<ServerKey, ServerSums> {
        let mut all: BTreeMap<ServerKey, ServerSums> = BTreeMap::new();
        for tally in lock(&self.workers).iter() {
            for (key, times) in lock(&tally.servers).iter() {
                let sums = all.entry(key.clone()).or_default();
                sums.read.add(&times.read.times());
                sums.write.add(&times.write.times());
                sums.connect.add(&times.connect.times());
                sums.wait.add(&times.wait.times());
                sums.causal.add(&times.causal.times());
            }
        }
        all
    }

    pub fn digests(&self, reset: bool) -> Vec<(DigestKey, DigestEntry)> {
        let mut all = HashMap::new();
        for tally in lock(&self.workers).iter() {
            let mut digests = lock(&tally.digests);
            digests.add_to(&mut all);
            if reset {
                digests.clear();
            }
        }
        all.into_iter().collect()
    }

    pub fn connect_failed(&self, hostgroup: Hostgroup, hostname: &str, port: u16, text: &str) {
        // CR_CONN_HOST_ERROR, as a client library would say.
        let key = ErrorKey {
            hostgroup,
            hostname: hostname.to_owned(),
            port,
            user: String::new(),
            schema: String::new(),
            code: 2003,
        };
        self.failed(key, text);
    }

    pub fn failed(&self, key: ErrorKey, text: &str) {
        let now = SystemTime::now();
        let mut totals = lock(&self.error_totals);
        let server = ServerKey { hostgroup: key.hostgroup, hostname: key.hostname.clone(), port: key.port };
        let total = (server, key.code);
        if totals.len() < ERRORS || totals.contains_key(&total) {
            *totals.entry(total).or_default() += 1;
        }
        drop(totals);
        let mut errors = lock(&self.errors);
        if errors.len() >= ERRORS && !errors.contains_key(&key) {
            return;
        }
        let entry = errors.entry(key).or_insert_with(|| ErrorEntry {
            count: 0,
            first_seen: now,
            last_seen: now,
            last: String::new(),
        });
        entry.count += 1;
        entry.last_seen = now;
        text.clone_into(&mut entry.last);
    }

    pub fn errors(&self, reset: bool) -> Vec<(ErrorKey, ErrorEntry)> {
        let mut errors = lock(&self.errors);
        if reset {
            errors.drain().collect()
        } else {
            errors.iter().map(|(key, entry)| (key.clone(), entry.clone())).collect()
        }
    }

    /// By server and error number, since the start.
    pub fn error_totals(&self) -> BTreeMap<(ServerKey, u16), u64> {
        lock(&self.error_totals).clone()
    }
}

/// One more of what is counted together.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
