//! Looks at the counters in the last minute: what is now is the difference to then.

use crate::sql::latency::Times;
use crate::sql::shared::Shared;
use crate::sql::stats::{ServerKey, ServerSums};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Between two looks.
pub const EVERY: Duration = Duration::from_secs(2);

/// A minute of them.
const KEPT: usize = 31;

/// What rates are of: short enough to be now, long enough to be steady.
const RATE: Duration = Duration::from_secs(10);

#[derive(Default)]
pub struct History {
    looks: VecDeque<Look>,
}

/// The counters at a moment.
pub struct Look {
    at: Instant,
    pub questions: u64,
    pub servers: BTreeMap<ServerKey, ServerSums>,
}

/// What became of the counters since a look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Recent {
    /// A second, in the last ten.
    pub rate: f64,
    /// In the last minute.
    pub read: Times,
    pub write: Times,
}

impl Recent {
    pub fn both(&self) -> Times {
        let mut both = self.read;
        both.add(&self.write);
        both
    }
}

impl Look {
    pub fn now(shared: &Shared) -> Self {
        Self { at: Instant::now(), questions: shared.stats.counts().questions, servers: shared.stats.servers() }
    }
}

impl History {
    pub fn look(&mut self, shared: &Shared) {
        if self.looks.len() >= KEPT {
            self.looks.pop_front();
        }
        self.looks.push_back(Look::now(shared));
    }

    /// The latest that is as old as rates want; the oldest where none is.
    fn before(&self, now: Instant) -> Option<&Look> {
        let old = |look: &&Look| now.saturating_duration_since(look.at) >= RATE;
        self.looks.iter().rev().find(old).or_else(|| self.looks.front())
    }

    /// Statements a second.
    pub fn rate(&self, now: &Look) -> f64 {
        self.before(now.at).map_or(0.0, |before| {
            per_second(now.questions.saturating_sub(before.questions), now.at.saturating_duration_since(before.at))
        })
    }

    pub fn of(&self, now: &Look, server: &ServerKey) -> Recent {
        let sums = |look: Option<&Look>| look.and_then(|look| look.servers.get(server)).copied().unwrap_or_default();
        let current = sums(Some(now));
        let (first, before) = (sums(self.looks.front()), self.before(now.at));
        let grown = current.statements().count().saturating_sub(sums(before).statements().count());
        Recent {
            rate: before.map_or(0.0, |before| per_second(grown, now.at.saturating_duration_since(before.at))),
            read: current.read.since(&first.read),
            write: current.write.since(&first.write),
        }
    }
}

fn per_second(count: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { count as f64 / time.as_secs_f64() }
}
