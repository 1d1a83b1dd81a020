//! Deadlines of a worker's sessions: one timer of the runtime for all of them.
//!
//! A session's deadline moves with each byte, nearly always to later. So a move to later costs nothing: the entry stays
//! where it is, and when its time comes it is put where the deadline is by then. Only a move to earlier touches the
//! queue.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

/// Milliseconds of the engine's clock.
pub type Ms = u64;

/// No deadline.
pub const NEVER: Ms = u64::MAX;

/// Entries of far deadlines share wake-ups: beyond [`FAR`], they are rounded up to this.
const GRAIN: Ms = 64;

/// A deadline this far away need not be met to the millisecond.
const FAR: Ms = 5_000;

/// Where an entry is queued; lives with what has the deadline.
#[derive(Debug)]
pub struct Entry {
    deadline: Cell<Ms>,
    queued: Cell<Ms>,
}

impl Default for Entry {
    fn default() -> Self {
        Self { deadline: Cell::new(NEVER), queued: Cell::new(NEVER) }
    }
}

impl Entry {
    pub fn deadline(&self) -> Ms {
        self.deadline.get()
    }

    /// Moves the deadline if it is not before the time at which the entry is looked at anyway; whether it did.
    pub fn postpone(&self, deadline: Ms) -> bool {
        let later = deadline >= self.queued.get();
        if later {
            self.deadline.set(deadline);
        }
        later
    }
}

/// Keys by the time they are to be looked at.
#[derive(Debug, Default)]
pub struct Wheel {
    queue: RefCell<BTreeSet<(Ms, usize)>>,
}

impl Wheel {
    /// Moves a deadline. Whether the worker has to wake earlier than it meant to.
    pub fn set(&self, key: usize, entry: &Entry, deadline: Ms, now: Ms) -> bool {
        entry.deadline.set(deadline);
        if deadline >= entry.queued.get() {
            return false;
        }
        let mut queue = self.queue.borrow_mut();
        queue.remove(&(entry.queued.get(), key));
        let place = Self::place(deadline, now);
        entry.queued.set(place);
        queue.insert((place, key));
        queue.first() == Some(&(place, key))
    }

    /// Forgets an entry whose owner ends.
    pub fn remove(&self, key: usize, entry: &Entry) {
        if entry.queued.get() != NEVER {
            self.queue.borrow_mut().remove(&(entry.queued.get(), key));
            entry.queued.set(NEVER);
        }
    }

    /// When to call [`Wheel::take`] next.
    pub fn next(&self) -> Option<Ms> {
        self.queue.borrow().first().map(|(time, _)| *time)
    }

    /// Takes one key whose time has come out of the queue. Its owner's [`Wheel::recheck`] says whether it is due.
    pub fn take(&self, now: Ms) -> Option<usize> {
        let mut queue = self.queue.borrow_mut();
        let (time, key) = *queue.first()?;
        if time > now {
            return None;
        }
        queue.remove(&(time, key));
        Some(key)
    }

    /// After [`Wheel::take`]: whether the deadline has passed. If not, the entry is queued where it is now.
    pub fn recheck(&self, key: usize, entry: &Entry, now: Ms) -> bool {
        entry.queued.set(NEVER);
        let deadline = entry.deadline.get();
        if deadline <= now {
            return true;
        }
        if deadline != NEVER {
            self.set(key, entry, deadline, now);
        }
        false
    }

    fn place(deadline: Ms, now: Ms) -> Ms {
        if deadline.saturating_sub(now) < FAR { deadline } else { deadline.next_multiple_of(GRAIN) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_costs_nothing_and_is_found_out_when_the_time_comes() {
        let (wheel, entry) = (Wheel::default(), Entry::default());
        assert!(wheel.set(7, &entry, 100, 0));
        assert!(!wheel.set(7, &entry, 300, 0));
        assert_eq!((wheel.next(), wheel.take(99)), (Some(100), None));
        assert_eq!(wheel.take(100), Some(7));
        assert!(!wheel.recheck(7, &entry, 100));
        assert_eq!(wheel.take(300), Some(7));
        assert!(wheel.recheck(7, &entry, 300));
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn earlier_moves() {
        let (wheel, entry, other) = (Wheel::default(), Entry::default(), Entry::default());
        wheel.set(1, &entry, 1000, 0);
        wheel.set(2, &other, 500, 0);
        assert!(wheel.set(1, &entry, 200, 0));
        assert_eq!(wheel.next(), Some(200));
        wheel.remove(1, &entry);
        assert_eq!((wheel.take(400), wheel.take(500)), (None, Some(2)));
    }

    #[test]
    fn far_deadlines_share_their_time() {
        let (wheel, entry) = (Wheel::default(), Entry::default());
        wheel.set(1, &entry, 50_001, 0);
        assert_eq!(wheel.next(), Some(50_048));
    }

    #[test]
    fn none_is_no_entry() {
        let (wheel, entry) = (Wheel::default(), Entry::default());
        wheel.set(1, &entry, 10, 0);
        wheel.set(1, &entry, NEVER, 0);
        assert_eq!(wheel.take(10), Some(1));
        assert!(!wheel.recheck(1, &entry, 10));
        assert_eq!(wheel.next(), None);
    }
}
