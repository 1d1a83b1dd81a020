//! What happens next: events in the order of their virtual times.

use crate::node::{Ended, Local};
use crate::script::Script;
use std::collections::BTreeMap;
use std::time::Duration;
use stdx::Timestamp;

/// 2026-01-01T00:00:00Z: when every run begins.
pub const BEGIN: Timestamp = Timestamp::from_secs(1_767_225_600);

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// By its place among the controllers.
    Controller(usize),
    Garbage,
    Namespaces,
    Scheduler,
    /// The agent of a machine.
    Node(usize),
}

/// An event for an actor carries the actor's life: what was meant for an earlier one is dropped.
#[derive(Debug)]
pub enum Event {
    /// A watch has news.
    Deliver {
        who: Who,
        life: u32,
        feed: usize,
    },
    Wake {
        who: Who,
        life: u32,
    },
    /// The next call of a job reaches the API.
    Step {
        job: u64,
    },
    /// The answer to a job's last call is back.
    Done {
        job: u64,
    },
    /// Something the agent does on its machine is done.
    Local {
        node: usize,
        life: u32,
        uid: String,
        done: Local,
    },
    /// A container's process ends by itself.
    Exit {
        node: usize,
        boot: u32,
        ended: Ended,
    },
    Heartbeat {
        node: usize,
        life: u32,
    },
    Script(Script),
}

/// The clock and the queue of events.
#[derive(Debug)]
pub struct Agenda {
    pub now: Timestamp,
    events: BTreeMap<(Timestamp, u64), Event>,
    count: u64,
}

impl Default for Agenda {
    fn default() -> Self {
        Self { now: BEGIN, events: BTreeMap::new(), count: 0 }
    }
}

impl Agenda {
    pub fn after(&mut self, wait: Duration, event: Event) {
        self.at(self.now + wait, event);
    }

    /// Not before now.
    pub fn at(&mut self, at: Timestamp, event: Event) {
        self.count += 1;
        self.events.insert((at.max(self.now), self.count), event);
    }

    /// The next event; the clock goes to its time.
    pub fn next(&mut self) -> Option<Event> {
        let ((at, _), event) = self.events.pop_first()?;
        self.now = at;
        Some(event)
    }

    /// Events so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Virtual time since the begin.
    pub fn elapsed(&self) -> Duration {
        self.now.since(BEGIN)
    }
}
