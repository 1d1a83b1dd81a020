//! What readers and watches see: the current state in RAM, the latest changes, the running watches.
//!
//! Invariants
//! - Only durable writes get here, in revision order; state and recent changes move in one step (under the feed's lock).
//! - A snapshot never changes: a range takes one in O(1) and walks it without a lock.
//! - The recent changes hold every change after `recent_floor`; both count and bytes are bounded.

use super::watch::Mailbox;
use crate::{Change, Key, KeyValue, Range, RangeResult, Revision};
use bytes::Bytes;
use imbl::OrdMap;
use std::collections::{HashMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Recent changes kept in RAM, so that a watch or a page of a list from moments ago needs no disk.
const RECENT_CHANGES: usize = 4096;
/// Bytes of their values. Older history is read from the disk.
const RECENT_BYTES: usize = 4 << 20;
/// What a change costs beside its value: key, entry, queue slot; roughly.
const CHANGE_OVERHEAD: usize = 256;

/// Where a row stands in the log: its revision and its place in the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowId(pub i64);

/// Bits of a row id that hold the place in the transaction.
const PLACE_BITS: u32 = 16;
/// Operations of one transaction, at most.
pub(super) const MAX_OPS: usize = 1 << PLACE_BITS;

impl RowId {
    pub fn new(revision: Revision, place: usize) -> Self {
        debug_assert!(place < MAX_OPS);
        Self(((revision << PLACE_BITS) | place as u64) as i64)
    }

    pub fn revision(self) -> Revision {
        self.0 as u64 >> PLACE_BITS
    }

    pub fn place(self) -> u64 {
        self.0 as u64 & (MAX_OPS as u64 - 1)
    }
}

/// The current version of a key.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    pub row: RowId,
    pub created: Revision,
    /// Unix seconds at which the key deletes itself.
    pub expires: Option<u64>,
    pub value: Bytes,
}

/// A change with all that is needed to undo it.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub revision: Revision,
    pub key: Key,
    pub new: Option<Arc<Entry>>,
    pub old: Option<Arc<Entry>>,
}

impl Event {
    pub fn change(&self) -> Change {
        let value = |entry: &Arc<Entry>| entry.value.clone();
        Change {
            revision: self.revision,
            key: self.key.clone(),
            value: self.new.as_ref().map(value),
            previous: self.old.as_ref().map(value),
        }
    }

    fn weight(&self) -> usize {
        CHANGE_OVERHEAD + self.new.as_ref().map_or(0, |entry| entry.value.len())
    }
}

/// The state at one revision.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pub map: OrdMap<Key, Arc<Entry>>,
    pub revision: Revision,
    /// The oldest revision that can be read.
    pub compacted: Revision,
}

impl Snapshot {
    pub fn get(&self, key: &str) -> Option<KeyValue> {
        self.map.get_key_value(key).map(key_value)
    }

    /// The range's keys in order. `at` is not looked at.
    pub fn range(&self, range: &Range) -> RangeResult {
        let start = match &range.after {
            Some(after) if after.as_str() >= range.prefix.as_str() => Bound::Excluded(after.as_str()),
            _ => Bound::Included(range.prefix.as_str()),
        };
        let mut found = self
            .map
            .range::<_, str>((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(range.prefix.as_str()));
        let limit = if range.limit == 0 { usize::MAX } else { range.limit };
        let items = found.by_ref().take(limit).map(key_value).collect();
        RangeResult { items, revision: self.revision, remaining: found.count() }
    }
}

fn key_value((key, entry): (&Key, &Arc<Entry>)) -> KeyValue {
    KeyValue { key: key.clone(), value: entry.value.clone(), created: entry.created, modified: entry.row.revision() }
}

/// The latest changes and who waits for more.
#[derive(Default)]
pub(super) struct Feed {
    recent: VecDeque<Event>,
    recent_bytes: usize,
    /// `recent` holds every change after this revision.
    recent_floor: Revision,
    watches: HashMap<u64, Arc<Mailbox>>,
    next_watch: u64,
    closed: bool,
}

impl Feed {
    /// The changes after `after` in order; `None` if some are no longer in RAM.
    pub fn since(&self, after: Revision) -> Option<impl DoubleEndedIterator<Item = &Event>> {
        let start = self.recent.partition_point(|event| event.revision <= after);
        (after >= self.recent_floor).then(|| self.recent.range(start..))
    }

    fn push(&mut self, event: Event) {
        self.recent_bytes += event.weight();
        self.recent.push_back(event);
    }

    /// Drops the oldest transactions, whole ones, until the bounds hold.
    fn trim(&mut self) {
        while self.recent.len() > RECENT_CHANGES || self.recent_bytes > RECENT_BYTES {
            let Some(oldest) = self.recent.front().map(|event| event.revision) else { return };
            self.recent_floor = oldest;
            while let Some(event) = self.recent.pop_front_if(|event| event.revision == oldest) {
                self.recent_bytes -= event.weight();
            }
        }
    }
}

pub(super) struct Shared {
    state: RwLock<Arc<Snapshot>>,
    /// Lock order: `feed` before `state`.
    feed: Mutex<Feed>,
}

impl Shared {
    pub fn new(snapshot: Snapshot) -> Self {
        let feed = Feed { recent_floor: snapshot.revision, ..Feed::default() };
        Self { state: RwLock::new(Arc::new(snapshot)), feed: Mutex::new(feed) }
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn feed(&self) -> MutexGuard<'_, Feed> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a durable batch to readers and watches.
    pub fn publish(&self, snapshot: Snapshot, events: Vec<Event>) {
        let mut feed = self.feed();
        self.replace(snapshot);
        feed.watches.retain(|_, mailbox| mailbox.deliver(&events));
        for event in events {
            feed.push(event);
        }
        feed.trim();
    }

    /// Shows a state with the same keys and revision (another oldest revision).
    pub fn replace(&self, snapshot: Snapshot) {
        let mut next = Arc::new(snapshot);
        std::mem::swap(&mut *self.state.write().unwrap_or_else(PoisonError::into_inner), &mut next);
        // The old state is freed here, after the lock.
    }

    /// Ends all watches, now and later.
    pub fn close(&self) {
        let mut feed = self.feed();
        feed.closed = true;
        for (_, mailbox) in feed.watches.drain() {
            mailbox.cut("the store is closing");
        }
    }
}

impl Feed {
    /// Registers a watch: from now on every published change reaches the mailbox.
    pub fn register(&mut self, mailbox: Arc<Mailbox>) -> u64 {
        if self.closed {
            mailbox.cut("the store is closing");
        }
        self.next_watch += 1;
        self.watches.insert(self.next_watch, mailbox);
        self.next_watch
    }

    pub fn unregister(&mut self, watch: u64) {
        self.watches.remove(&watch);
    }
}
