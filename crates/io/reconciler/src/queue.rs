//! Keys to look at: each at most once, now or at a time, and never two workers on one.

use crate::metrics::OfOneQueue;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;
use stdx::Backoff;
use tokio::time::Instant;

/// Upstream's rate limiter starts at 5 ms; a conflict with a fresh write is over by then.
const FIRST_RETRY: Duration = Duration::from_millis(5);
/// Upstream: 1000 s. A minute costs nothing and heals sooner.
const LAST_RETRY: Duration = Duration::from_secs(60);

/// A pure queue; the driver owns it and waits on [`Queue::next_due`]. Bounded by the number of objects.
#[derive(Default)]
pub struct Queue {
    ready: VecDeque<String>,
    /// Keys in `ready`, so that each is there once.
    waiting: HashSet<String>,
    busy: HashSet<String>,
    /// Keys that came while busy.
    again: HashSet<String>,
    later: BTreeMap<(Instant, String), ()>,
    due: HashMap<String, Instant>,
    failures: HashMap<String, Backoff>,
    counts: OfOneQueue,
}

impl Queue {
    /// A queue that scrapers can see.
    pub(crate) fn counted(counts: OfOneQueue) -> Self {
        Self { counts, ..Self::default() }
    }

    pub fn add(&mut self, key: String) {
        if self.busy.contains(&key) {
            if self.again.insert(key) {
                self.counts.adds.inc();
            }
        } else if self.waiting.insert(key.clone()) {
            self.counts.adds.inc();
            self.push(key);
        }
    }

    fn push(&mut self, key: String) {
        self.ready.push_back(key);
        self.counts.depth.inc();
    }

    /// Keys that could be worked on now.
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Keys that have their time.
    pub fn later(&self) -> usize {
        self.later.len()
    }

    /// Looks at the key at `at`, or sooner if it is already to be looked at sooner.
    pub fn add_at(&mut self, key: String, at: Instant) {
        self.counts.retries.inc();
        if let Some(due) = self.due.get(&key).copied() {
            if due <= at {
                return;
            }
            self.later.remove(&(due, key.clone()));
        }
        self.due.insert(key.clone(), at);
        self.later.insert((at, key), ());
    }

    /// The next key to work on; it stays busy until [`Queue::done`].
    pub fn take(&mut self, now: Instant) -> Option<String> {
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let ((_, key), ()) = entry.remove_entry();
            self.due.remove(&key);
            self.add(key);
        }
        let key = self.ready.pop_front()?;
        self.counts.depth.dec();
        self.waiting.remove(&key);
        self.busy.insert(key.clone());
        Some(key)
    }

    /// When `take` will have something although nothing is added.
    pub fn next_due(&self) -> Option<Instant> {
        self.later.keys().next().map(|(at, _)| *at)
    }

    pub fn done(&mut self, key: &str, now: Instant, outcome: Outcome) {
        self.busy.remove(key);
        match outcome {
            Outcome::Failed => {
                let backoff =
                    self.failures.entry(key.to_owned()).or_insert_with(|| Backoff::new(FIRST_RETRY, LAST_RETRY));
                let wait = backoff.fail();
                self.add_at(key.to_owned(), now + wait);
            }
            Outcome::Settled { again } => {
                self.failures.remove(key);
                if let Some(after) = again {
                    self.add_at(key.to_owned(), now + after);
                }
            }
        }
        // It was counted when it came.
        if self.again.remove(key) && self.waiting.insert(key.to_owned()) {
            self.push(key.to_owned());
        }
    }
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Failed,
    Settled { again: Option<Duration> },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_worked_on_once_at_a_time() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add("a".into());
        queue.add("a".into());
        assert_eq!(queue.take(now).as_deref(), Some("a"));
        queue.add("a".into());
        assert_eq!(queue.take(now), None, "busy");
        queue.done("a", now, Outcome::Settled { again: None });
        assert_eq!(queue.take(now).as_deref(), Some("a"), "came while busy");
    }

    #[test]
    fn failures_wait_longer_each_time_and_success_forgets() {
        let (mut queue, mut now) = (Queue::default(), Instant::now());
        queue.add("a".into());
        for wait in [5, 10, 20] {
            let key = queue.take(now).unwrap();
            queue.done(&key, now, Outcome::Failed);
            assert_eq!(queue.take(now), None);
            assert_eq!(queue.next_due(), Some(now + Duration::from_millis(wait)));
            now += Duration::from_millis(wait);
        }
        let key = queue.take(now).unwrap();
        queue.done(&key, now, Outcome::Settled { again: None });
        assert_eq!(queue.next_due(), None);
    }

    #[test]
    fn the_sooner_time_wins() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add_at("a".into(), now + Duration::from_secs(9));
        queue.add_at("a".into(), now + Duration::from_secs(3));
        queue.add_at("a".into(), now + Duration::from_secs(5));
        assert_eq!(queue.next_due(), Some(now + Duration::from_secs(3)));
        assert_eq!(queue.take(now + Duration::from_secs(9)).as_deref(), Some("a"));
        assert_eq!(queue.next_due(), None);
    }
}
