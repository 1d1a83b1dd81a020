//! The query cache of the whole process: parts with a lock each, one budget of bytes.

use mysql::cache::{Answer, Ask, Micros, Shard};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// More than workers, so that two seldom meet at a lock.
const SHARDS: usize = 16;

#[derive(Default)]
pub struct QueryCache {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    bytes: AtomicUsize,
    /// The part that is purged next.
    next: AtomicUsize,
    pub gets: AtomicU64,
    pub hits: AtomicU64,
    pub sets: AtomicU64,
    pub bytes_in: AtomicU64,
    pub bytes_out: AtomicU64,
    pub purged: AtomicU64,
}

impl QueryCache {
    pub fn get(&self, ask: &Ask) -> Option<Arc<Answer>> {
        self.gets.fetch_add(1, Relaxed);
        let found = self.lock(self.shard_of(ask.key)).get(ask)?;
        self.hits.fetch_add(1, Relaxed);
        self.bytes_out.fetch_add(found.packets.len() as u64, Relaxed);
        Some(found)
    }

    /// Keeps `answer` for `ttl`, within `limit` bytes for all answers together.
    pub fn put(&self, key: &[u8], answer: Answer, ttl: Micros, now: Micros, limit: usize) {
        let weight = Shard::weight(key, &answer);
        if weight > limit {
            return;
        }
        let own = self.shard_of(key);
        let mut at = own;
        while self.bytes.load(Relaxed) + weight > limit {
            // The part it belongs to first; when that has nothing left, the others in turn.
            match self.lock(at).evict(now) {
                0 if (at + 1) % SHARDS == own => break,
                0 => at = (at + 1) % SHARDS,
                freed => {
                    self.purged.fetch_add(1, Relaxed);
                    self.bytes.fetch_sub(freed, Relaxed);
                }
            }
        }
        self.sets.fetch_add(1, Relaxed);
        self.bytes_in.fetch_add(answer.packets.len() as u64, Relaxed);
        self.change(own, |shard| shard.put(key, Arc::new(answer), ttl));
    }

    /// Gives up what has expired in one part, another each time.
    pub fn purge_some(&self, now: Micros) {
        let at = self.next.fetch_add(1, Relaxed) % SHARDS;
        let purged = self.change(at, |shard| shard.purge(now));
        self.purged.fetch_add(purged as u64, Relaxed);
    }

    /// Gives up all; how many answers they were.
    pub fn flush(&self) -> usize {
        (0..SHARDS)
            .map(|at| {
                self.change(at, |shard| {
                    let count = shard.len();
                    shard.clear();
                    count
                })
            })
            .sum()
    }

    pub fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    pub fn entries(&self) -> usize {
        (0..SHARDS).map(|at| self.lock(at).len()).sum()
    }

    /// Keeps the count of all bytes right, whatever is done to a part.
    fn change<T>(&self, at: usize, act: impl FnOnce(&mut Shard) -> T) -> T {
        let mut shard = self.lock(at);
        let before = shard.bytes();
        let done = act(&mut shard);
        let after = shard.bytes();
        if after >= before {
            self.bytes.fetch_add(after - before, Relaxed);
        } else {
            self.bytes.fetch_sub(before - after, Relaxed);
        }
        done
    }

    fn shard_of(&self, key: &[u8]) -> usize {
        self.hasher.hash_one(key) as usize % SHARDS
    }

    fn lock(&self, at: usize) -> MutexGuard<'_, Shard> {
        self.shards[at % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_answers_together_stay_within_the_budget() {
        let cache = QueryCache::default();
        let limit = 64 * 1024;
        for number in 0..1000_u32 {
            let answer = Answer { packets: vec![0; 1000].into(), rows: 1, asked_at: 1, position: None };
            cache.put(&number.to_le_bytes(), answer, 1000, 2, limit);
            assert!(cache.bytes() <= limit);
        }
        assert!(cache.entries() >= 50, "{}", cache.entries());
        let held: usize = (0..SHARDS).map(|at| cache.lock(at).bytes()).sum();
        assert_eq!(cache.bytes(), held);
        assert_eq!(cache.flush() as u64, 1000 - cache.purged.load(Relaxed));
        assert_eq!((cache.bytes(), cache.entries()), (0, 0));
        let large = Answer { packets: vec![0; limit].into(), rows: 1, asked_at: 1, position: None };
        cache.put(b"large", large, 1000, 2, limit);
        assert_eq!(cache.entries(), 0);
    }
}
