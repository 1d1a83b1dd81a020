//! One reader of a shelf's changes: a position in its ring and a selection.
//!
//! Invariants
//! - Holds no queue of its own; a reader too slow for the ring is cut and starts over.
//! - A change that moves an object into or out of the selection is ADDED or DELETED, whatever it was.

use super::Cache;
use super::event::Event;
use super::selection::Selection;
use super::shelf::{Ahead, Shelf};
use apimachinery::{EventType, Object};
use std::sync::Arc;
use store::Revision;
use tokio::sync::watch;

/// The watch has ended: its reader was too slow.
#[derive(Debug)]
pub struct Cut;

pub struct Watcher {
    cache: Arc<Cache>,
    shelf: Arc<Shelf>,
    selection: Selection,
    position: u64,
    changed: watch::Receiver<u64>,
}

/// A change as this reader sees it.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub kind: EventType,
    pub event: Arc<Event>,
}

impl Watcher {
    /// # Errors
    /// The oldest revision to start from, if `after` is older.
    pub fn new(cache: Arc<Cache>, shelf: Arc<Shelf>, selection: Selection, after: Revision) -> Result<Self, Revision> {
        let changed = shelf.subscribe();
        let position = shelf.position(after)?;
        Ok(Self { cache, shelf, selection, position, changed })
    }

    /// Waits for the next changes this reader sees.
    ///
    /// # Errors
    /// [`Cut`] if the reader was too slow.
    pub async fn next(&mut self) -> Result<Vec<Delivery>, Cut> {
        loop {
            self.changed.borrow_and_update();
            let seen = self.take()?;
            if !seen.is_empty() {
                return Ok(seen);
            }
            if self.shelf.end() == self.position && self.changed.changed().await.is_err() {
                return Err(Cut);
            }
        }
    }

    /// The revision up to which this reader has seen everything, if nothing waits for it.
    pub fn bookmark(&self) -> Option<Revision> {
        let complete = self.cache.revision();
        (self.shelf.end() == self.position).then_some(complete)
    }

    fn take(&mut self) -> Result<Vec<Delivery>, Cut> {
        let Ahead::Events(events) = self.shelf.ahead(self.position) else { return Err(Cut) };
        self.position += events.len() as u64;
        let seen = events.into_iter().filter_map(|event| Some(Delivery { kind: self.seen_as(&event)?, event }));
        Ok(seen.collect())
    }

    fn seen_as(&self, event: &Event) -> Option<EventType> {
        let was = event.before.as_ref().is_some_and(|entry| self.selection.matches(entry));
        let is = event.after.as_ref().is_some_and(|entry| self.selection.matches(entry));
        match (was, is) {
            (false, true) => Some(EventType::Added),
            (true, true) => Some(EventType::Modified),
            (true, false) => Some(EventType::Deleted),
            (false, false) => None,
        }
    }
}

impl Delivery {
    pub fn object(&self) -> Option<&Arc<Object>> {
        match self.kind {
            EventType::Deleted => self.event.last_state(),
            _ => self.event.object(),
        }
    }
}
