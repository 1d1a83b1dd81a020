//! Keys to look at, as the driver of the controllers keeps them, in virtual time: each at most once, now or at a time,
//! and never two rounds on one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use stdx::{Backoff, Timestamp};

const FIRST_RETRY: Duration = Duration::from_millis(5);
const LAST_RETRY: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct Queue {
    ready: VecDeque<String>,
    waiting: BTreeSet<String>,
    busy: BTreeSet<String>,
    again: BTreeSet<String>,
    later: BTreeSet<(Timestamp, String)>,
    due: BTreeMap<String, Timestamp>,
    failures: BTreeMap<String, Backoff>,
}

/// How a round ended.
#[derive(Debug, Clone, Copy)]
pub enum Outcome {
    Failed,
    Settled(Option<Duration>),
}

impl Queue {
    pub fn add(&mut self, key: String) {
        if self.busy.contains(&key) {
            self.again.insert(key);
        } else if self.waiting.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    pub fn add_at(&mut self, key: String, at: Timestamp) {
        if let Some(due) = self.due.get(&key).copied() {
            if due <= at {
                return;
            }
            self.later.remove(&(due, key.clone()));
        }
        self.due.insert(key.clone(), at);
        self.later.insert((at, key));
    }

    pub fn take(&mut self, now: Timestamp) -> Option<String> {
        while self.later.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, key)) = self.later.pop_first() else { break };
            self.due.remove(&key);
            self.add(key);
        }
        let key = self.ready.pop_front()?;
        self.waiting.remove(&key);
        self.busy.insert(key.clone());
        Some(key)
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.later.first().map(|(at, _)| *at)
    }

    pub fn done(&mut self, key: &str, now: Timestamp, outcome: Outcome) {
        self.busy.remove(key);
        match outcome {
            Outcome::Failed => {
                let new = || Backoff::new(FIRST_RETRY, LAST_RETRY);
                let wait = self.failures.entry(key.to_owned()).or_insert_with(new).fail();
                self.add_at(key.to_owned(), now + wait);
            }
            Outcome::Settled(again) => {
                self.failures.remove(key);
                if let Some(after) = again {
                    self.add_at(key.to_owned(), now + after);
                }
            }
        }
        if self.again.remove(key) && self.waiting.insert(key.to_owned()) {
            self.ready.push_back(key.to_owned());
        }
    }
}
