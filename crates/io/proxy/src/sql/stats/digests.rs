//! Statements by their digests, as `stats_mysql_query_digest` has them.
//!
//! Nothing is allocated for a statement that was seen before. Entries and bytes are bounded.

use mysql::settings::Hostgroup;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Different digests that a worker keeps; those seen longest ago go first.
const ENTRIES: usize = 5_000;

/// Bytes of text that a worker keeps.
const BYTES: usize = 4 << 20;

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
    pub first_seen: Instant,
    pub last_seen: Instant,
    pub sum: Duration,
    pub min: Duration,
    pub max: Duration,
    pub rows_affected: u64,
    pub rows_sent: u64,
}

/// One statement that ran.
pub struct Ran<'a> {
    pub hostgroup: Hostgroup,
    pub user: &'a Arc<str>,
    pub schema: &'a [u8],
    pub digest: u64,
    pub text: &'a str,
    pub took: Duration,
    /// Its end.
    pub at: Instant,
    pub rows_affected: u64,
    pub rows_sent: u64,
}

/// Keys are hashes already.
#[derive(Default)]
pub struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[derive(Default)]
pub struct Digests {
    entries: HashMap<u64, (DigestKey, DigestEntry), BuildHasherDefault<AsIs>>,
    bytes: usize,
}

impl Digests {
    pub fn take_in(&mut self, ran: &Ran) {
        let now = ran.at;
        let mut place = place(ran);
        // Two that fall on one place: the second lives next to it.
        while let Some((key, entry)) = self.entries.get_mut(&place) {
            if is_of(key, ran) {
                entry.add(ran, now);
                return;
            }
            place = place.wrapping_add(1);
        }
        if self.entries.len() >= ENTRIES || self.bytes >= BYTES {
            self.drop_oldest();
        }
        let key = DigestKey {
            hostgroup: ran.hostgroup,
            user: ran.user.clone(),
            schema: ran.schema.to_vec(),
            digest: ran.digest,
        };
        let mut entry = DigestEntry::new(ran.text, now);
        entry.add(ran, now);
        self.bytes += size(&key, &entry);
        self.entries.insert(place, (key, entry));
    }

    /// Adds them to those of other workers.
    pub fn add_to(&self, all: &mut HashMap<DigestKey, DigestEntry>) {
        for (key, entry) in self.entries.values() {
            match all.get_mut(key) {
                Some(known) => known.join(entry),
                None => _ = all.insert(key.clone(), entry.clone()),
            }
        }
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// A tenth at once, so that a flood of new digests does not search all of them each time.
    fn drop_oldest(&mut self) {
        let mut seen: Vec<Instant> = self.entries.values().map(|(_, entry)| entry.last_seen).collect();
        if seen.is_empty() {
            return;
        }
        let tenth = seen.len() / 10;
        let (_, limit, _) = seen.select_nth_unstable(tenth);
        let limit = *limit;
        self.entries.retain(|_, (_, entry)| entry.last_seen > limit);
        self.bytes = self.entries.values().map(|(key, entry)| size(key, entry)).sum();
    }
}

impl DigestEntry {
    fn new(text: &str, now: Instant) -> Self {
        Self {
            text: text.to_owned(),
            count: 0,
            first_seen: now,
            last_seen: now,
            sum: Duration::ZERO,
            min: Duration::MAX,
            max: Duration::ZERO,
            rows_affected: 0,
            rows_sent: 0,
        }
    }

    fn add(&mut self, ran: &Ran, now: Instant) {
        self.count += 1;
        self.last_seen = now;
        self.sum += ran.took;
        self.min = self.min.min(ran.took);
        self.max = self.max.max(ran.took);
        self.rows_affected += ran.rows_affected;
        self.rows_sent += ran.rows_sent;
    }

    fn join(&mut self, other: &Self) {
        self.count += other.count;
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.rows_affected += other.rows_affected;
        self.rows_sent += other.rows_sent;
    }
}

fn size(key: &DigestKey, entry: &DigestEntry) -> usize {
    key.schema.len() + entry.text.len()
}

fn is_of(key: &DigestKey, ran: &Ran) -> bool {
    key.digest == ran.digest && key.hostgroup == ran.hostgroup && key.user == *ran.user && key.schema == ran.schema
}

/// The digest is a good hash; users and schemas are few, and told apart well enough by their bytes.
fn place(ran: &Ran) -> u64 {
    let fold = |seed: u64, bytes: &[u8]| {
        bytes.iter().fold(seed, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
    };
    let asked = fold(fold(0xcbf2_9ce4_8422_2325, ran.user.as_bytes()), ran.schema);
    ran.digest
        ^ asked.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ u64::from(ran.hostgroup).wrapping_mul(0xff51_afd7_ed55_8ccd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran<'a>(user: &'a Arc<str>, schema: &'a [u8], digest: u64, text: &'a str, took: u64) -> Ran<'a> {
        let took = Duration::from_micros(took);
        Ran { hostgroup: 10, user, schema, digest, text, took, at: Instant::now(), rows_affected: 1, rows_sent: 2 }
    }

    #[test]
    fn workers_are_added_up() {
        let user: Arc<str> = "a".into();
        let (mut one, mut two) = (Digests::default(), Digests::default());
        one.take_in(&ran(&user, b"s", 1, "SELECT ?", 100));
        one.take_in(&ran(&user, b"s", 1, "SELECT ?", 300));
        two.take_in(&ran(&user, b"s", 1, "SELECT ?", 50));
        two.take_in(&ran(&user, b"t", 1, "SELECT ?", 50));
        let mut all = HashMap::new();
        one.add_to(&mut all);
        two.add_to(&mut all);
        assert_eq!(all.len(), 2, "a schema of its own");
        let (_, entry) = all.iter().find(|(key, _)| key.schema == b"s").expect("it was seen");
        assert_eq!((entry.count, entry.min.as_micros(), entry.max.as_micros(), entry.rows_sent), (3, 50, 300, 6));
    }

    #[test]
    fn a_flood_stays_within_bounds() {
        let user: Arc<str> = "a".into();
        let mut digests = Digests::default();
        let long = "x".repeat(2_000);
        for digest in 1..12_000 {
            digests.take_in(&ran(&user, b"", digest, &long, 1));
            assert!(digests.bytes <= BYTES + long.len() && digests.entries.len() <= ENTRIES);
        }
        assert!(digests.entries.len() > 100);
    }
}
