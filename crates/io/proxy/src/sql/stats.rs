//! Counters: questions, digests, errors, where statements went and why.

use mysql::settings::Hostgroup;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Different digests that are kept; those seen longest ago go first.
const DIGESTS: usize = 10_000;

/// Different errors that are kept.
const ERRORS: usize = 1_000;

#[derive(Default)]
pub struct Stats {
    pub questions: AtomicU64,
    /// Reads that went to the writer for want of a reader.
    pub fallbacks: AtomicU64,
    /// Statements that a rule sent to a reader, and that were not provably reads.
    pub rerouted: AtomicU64,
    /// Reads that waited until a replica had their session's last write.
    pub causal_waits: AtomicU64,
    /// Of those, reads that went to the writer because the replica did not get there in time.
    pub causal_timeouts: AtomicU64,
    /// Reads that were sent again after their server was lost.
    pub retries: AtomicU64,
    pub client_bytes_in: AtomicU64,
    pub client_bytes_out: AtomicU64,
    digests: Mutex<HashMap<DigestKey, DigestEntry>>,
    errors: Mutex<HashMap<ErrorKey, ErrorEntry>>,
    hits: Mutex<HashMap<i64, u64>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DigestKey {
    pub hostgroup: Hostgroup,
    pub user: Arc<str>,
    pub schema: Vec<u8>,
    pub digest: u64,
}

#[derive(Debug, Clone)]
pub struct DigestEntry {
    pub text: String,
    pub count: u64,
    pub first_seen: SystemTime,
    pub last_seen: SystemTime,
    pub sum: Duration,
    pub min: Duration,
    pub max: Duration,
    pub rows_affected: u64,
    pub rows_sent: u64,
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

/// One statement that ran.
pub struct Ran<'a> {
    pub hostgroup: Hostgroup,
    pub user: &'a Arc<str>,
    pub schema: &'a [u8],
    pub digest: u64,
    pub text: &'a str,
    pub took: Duration,
    pub rows_affected: u64,
    pub rows_sent: u64,
}

impl Stats {
    pub fn ran(&self, ran: &Ran) {
        self.questions.fetch_add(1, Relaxed);
        let now = SystemTime::now();
        let key = DigestKey {
            hostgroup: ran.hostgroup,
            user: ran.user.clone(),
            schema: ran.schema.to_vec(),
            digest: ran.digest,
        };
        let mut digests = lock(&self.digests);
        if digests.len() >= DIGESTS && !digests.contains_key(&key) {
            drop_oldest(&mut digests);
        }
        let entry = digests.entry(key).or_insert_with(|| DigestEntry {
            text: ran.text.to_owned(),
            count: 0,
            first_seen: now,
            last_seen: now,
            sum: Duration::ZERO,
            min: Duration::MAX,
            max: Duration::ZERO,
            rows_affected: 0,
            rows_sent: 0,
        });
        entry.count += 1;
        entry.last_seen = now;
        entry.sum += ran.took;
        entry.min = entry.min.min(ran.took);
        entry.max = entry.max.max(ran.took);
        entry.rows_affected += ran.rows_affected;
        entry.rows_sent += ran.rows_sent;
    }

    pub fn digests(&self, reset: bool) -> Vec<(DigestKey, DigestEntry)> {
        let mut digests = lock(&self.digests);
        if reset {
            digests.drain().collect()
        } else {
            digests.iter().map(|(key, entry)| (key.clone(), entry.clone())).collect()
        }
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

    pub fn hit(&self, rule_id: i64) {
        *lock(&self.hits).entry(rule_id).or_default() += 1;
    }

    pub fn hits(&self) -> HashMap<i64, u64> {
        lock(&self.hits).clone()
    }
}

/// A tenth at once, so that a flood of new digests does not search all of them each time.
fn drop_oldest(digests: &mut HashMap<DigestKey, DigestEntry>) {
    let mut seen: Vec<SystemTime> = digests.values().map(|entry| entry.last_seen).collect();
    let tenth = seen.len() / 10;
    let (_, limit, _) = seen.select_nth_unstable(tenth);
    let limit = *limit;
    digests.retain(|_, entry| entry.last_seen > limit);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
