//! A watch: first the history (from RAM or disk) up to the moment it was registered, then what is published after.
//!
//! Invariants
//! - Registered under the feed's lock, so that history and mailbox meet without gap or overlap.
//! - The mailbox is bounded: one who does not read is cut, and cannot make the store keep changes for ever.

use super::disk::{DiskError, Reader};
use super::state::{Event, Shared};
use crate::{Change, Revision, Watch, WatchError};
use async_trait::async_trait;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Changes waiting for one reader, at most (a few seconds of a busy cluster).
const MAILBOX_CHANGES: usize = 16_384;
/// Bytes of their values, at most.
const MAILBOX_BYTES: usize = 16 << 20;

#[derive(Default)]
struct Queue {
    changes: Vec<Change>,
    bytes: usize,
    cut: Option<String>,
}

/// Where the committer leaves the changes for one watch.
pub(super) struct Mailbox {
    prefix: String,
    after: Revision,
    queue: Mutex<Queue>,
    arrived: Notify,
}

impl Mailbox {
    fn new(prefix: &str, after: Revision) -> Self {
        Self { prefix: prefix.to_owned(), after, queue: Mutex::default(), arrived: Notify::new() }
    }

    fn wants(&self, event: &Event) -> bool {
        event.revision > self.after && event.key.starts_with(&self.prefix)
    }

    /// Takes in what the watch wants of a batch; false if the watch is to be forgotten.
    pub fn deliver(&self, events: &[Event]) -> bool {
        let mut wanted = events.iter().filter(|event| self.wants(event)).map(Event::change).peekable();
        if wanted.peek().is_none() {
            return true;
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = queue.changes.is_empty();
        for change in wanted {
            queue.bytes += change.value.as_ref().map_or(0, |value| value.len());
            queue.changes.push(change);
        }
        let full = queue.changes.len() > MAILBOX_CHANGES || queue.bytes > MAILBOX_BYTES;
        if full && !was_empty {
            *queue = Queue { cut: Some("its reader was too slow".into()), ..Queue::default() };
        }
        let going_on = queue.cut.is_none();
        drop(queue);
        self.arrived.notify_one();
        going_on
    }

    pub fn cut(&self, reason: &str) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).cut = Some(reason.to_owned());
        self.arrived.notify_one();
    }

    async fn take(&self) -> Result<Vec<Change>, WatchError> {
        loop {
            {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                if !queue.changes.is_empty() {
                    queue.bytes = 0;
                    return Ok(std::mem::take(&mut queue.changes));
                }
                if let Some(reason) = &queue.cut {
                    return Err(WatchError::Cut(reason.clone()));
                }
            }
            self.arrived.notified().await;
        }
    }
}

/// History still to be read from the disk: revisions `after + 1 ..= upto`.
#[derive(Clone, Copy)]
struct Backlog {
    after: Revision,
    upto: Revision,
}

pub(super) struct EmbeddedWatch {
    id: u64,
    mailbox: Arc<Mailbox>,
    shared: Arc<Shared>,
    reader: Arc<Reader>,
    backlog: Option<Backlog>,
    /// History that was still in RAM.
    early: Vec<Change>,
}

impl EmbeddedWatch {
    pub fn start(shared: Arc<Shared>, reader: Arc<Reader>, prefix: &str, after: Revision) -> Result<Self, WatchError> {
        let mut feed = shared.feed();
        let now = shared.snapshot();
        if after < now.compacted {
            return Err(WatchError::Compacted { asked: after, oldest: now.compacted });
        }
        let mailbox = Arc::new(Mailbox::new(prefix, after.max(now.revision)));
        let mut backlog = None;
        let mut early = Vec::new();
        match feed.since(after) {
            Some(events) => early.extend(events.filter(|event| event.key.starts_with(prefix)).map(Event::change)),
            None => backlog = Some(Backlog { after, upto: now.revision }),
        }
        let id = feed.register(mailbox.clone());
        drop(feed);
        Ok(Self { id, mailbox, shared, reader, backlog, early })
    }

    /// The next part of the history on disk; empty when there is no more.
    async fn history(&mut self) -> Result<Vec<Change>, WatchError> {
        while let Some(Backlog { after, upto }) = self.backlog {
            let reader = self.reader.clone();
            let prefix = self.mailbox.prefix.clone();
            let read = tokio::task::spawn_blocking(move || reader.history(&prefix, after, upto));
            let page = match read.await {
                Ok(Ok(page)) => page,
                Ok(Err(DiskError::Compacted { oldest })) => {
                    return Err(WatchError::Compacted { asked: after, oldest });
                }
                Ok(Err(error)) => return Err(WatchError::Cut(error.to_string())),
                Err(_) => return Err(WatchError::Cut("the store is closing".into())),
            };
            self.backlog = (page.upto < upto).then_some(Backlog { after: page.upto, upto });
            if !page.changes.is_empty() {
                return Ok(page.changes);
            }
        }
        Ok(Vec::new())
    }
}

#[async_trait]
impl Watch for EmbeddedWatch {
    async fn next(&mut self) -> Result<Vec<Change>, WatchError> {
        if !self.early.is_empty() {
            return Ok(std::mem::take(&mut self.early));
        }
        let history = self.history().await?;
        if !history.is_empty() {
            return Ok(history);
        }
        self.mailbox.take().await
    }
}

impl Drop for EmbeddedWatch {
    fn drop(&mut self) {
        self.shared.feed().unregister(self.id);
    }
}
