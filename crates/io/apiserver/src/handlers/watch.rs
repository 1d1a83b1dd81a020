//! Watches: from a revision, from now, or with the present state first.
//!
//! Upstream: `endpoints/handlers/watch.go`, `storage/cacher/cacher.go` (Watch), `cache_watcher.go`.

use super::Call;
use super::options::ListParams;
use crate::cache::{Cut, Delivery, Watcher};
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, EventType, Object, WatchEvent};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often a quiet watch is told where it is.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// A watch without a timeout ends after this time and up to twice that. Upstream: `--min-request-timeout`.
const MIN_TIMEOUT_SECS: u64 = 1800;

/// A running watch; ends at its time, or with an error its client gets as an ERROR event.
pub struct Watching {
    watcher: Watcher,
    /// The state at the start, still to be sent.
    initial: VecDeque<Arc<Object>>,
    /// The bookmark that ends the initial state, still to be sent.
    initial_end: Option<u64>,
    bookmarks: bool,
    next_bookmark: Instant,
    end: Instant,
    pub call_version: Arc<crate::resource::Resource>,
}

/// One thing to send.
#[derive(Debug, Clone)]
pub enum Item {
    Event {
        kind: EventType,
        object: Arc<Object>,
    },
    /// `initial_end` marks the end of the initial state.
    Bookmark {
        revision: u64,
        initial_end: bool,
    },
    /// The last item.
    Error(ApiError),
}

impl Server {
    /// # Errors
    /// 400 for bad selectors, 410 `too old resource version` if the start is forgotten.
    pub async fn watch(&self, call: &Call<'_>, params: &ListParams) -> ApiResult<Watching> {
        let selection = self.selection(call, params)?;
        let initial = params.send_initial_events.unwrap_or(matches!(params.revision, None | Some(0)));
        match params.revision {
            None => self.cache.wait_fresh().await.map(drop)?,
            Some(revision) => self.cache.wait_until(revision).await?,
        }
        let shelf = self.cache.shelf(&call.resource.place);
        let complete = self.cache.revision();
        let mut start = params.revision.filter(|revision| *revision > 0).unwrap_or(complete);
        let mut objects = VecDeque::new();
        if initial {
            let snapshot = shelf.snapshot(complete);
            start = snapshot.revision;
            let prefix = call.resource.key(call.namespace, "");
            objects.extend(snapshot.select(&prefix, None, &selection).map(|(_, object)| object.clone()));
        } else if params.revision.is_none_or(|revision| revision == 0) {
            start = shelf.snapshot(complete).revision;
        }
        let watcher =
            Watcher::new(self.cache.clone(), shelf, selection, start).map_err(|oldest| too_old(start, oldest))?;
        let now = Instant::now();
        Ok(Watching {
            watcher,
            initial: objects,
            initial_end: (params.send_initial_events == Some(true) && params.bookmarks).then_some(start),
            bookmarks: params.bookmarks,
            next_bookmark: now + BOOKMARK_EVERY,
            end: now + params.timeout.unwrap_or_else(default_timeout),
            call_version: call.resource.clone(),
        })
    }
}

impl Watching {
    /// The next things to send, at least one; None at the end.
    pub async fn next(&mut self) -> Option<Vec<Item>> {
        if !self.initial.is_empty() {
            let first = self.initial.len().min(512);
            let objects: Vec<_> = self.initial.drain(..first).collect();
            return Some(objects.iter().map(|object| self.event(EventType::Added, object)).collect());
        }
        if let Some(revision) = self.initial_end.take() {
            return Some(vec![Item::Bookmark { revision, initial_end: true }]);
        }
        loop {
            let bookmark = if self.bookmarks { self.next_bookmark } else { self.end };
            tokio::select! {
                deliveries = self.watcher.next() => return Some(self.items(deliveries)),
                () = tokio::time::sleep_until(self.end) => return None,
                () = tokio::time::sleep_until(bookmark), if self.bookmarks => {
                    self.next_bookmark = Instant::now() + BOOKMARK_EVERY;
                    if let Some(revision) = self.watcher.bookmark() {
                        return Some(vec![Item::Bookmark { revision, initial_end: false }]);
                    }
                }
            }
        }
    }

    /// Never ends by time; for readers in this process, who stop by dropping it.
    pub fn without_end(mut self) -> Self {
        // Far enough; `Instant` has no maximum.
        self.end = Instant::now() + Duration::from_secs(10 * 365 * 86_400);
        self
    }

    fn items(&self, deliveries: Result<Vec<Delivery>, Cut>) -> Vec<Item> {
        match deliveries {
            Ok(list) => {
                list.iter().filter_map(|delivery| Some(self.event(delivery.kind, delivery.object()?))).collect()
            }
            Err(Cut) => vec![Item::Error(ApiError::expired(
                "too old resource version: the reader was slower than the changes came; list again",
            ))],
        }
    }

    fn event(&self, kind: EventType, object: &Arc<Object>) -> Item {
        Item::Event { kind, object: self.call_version.shown(object) }
    }
}

impl Item {
    /// For readers in this process.
    pub fn into_event(self) -> Result<WatchEvent, ApiError> {
        match self {
            Self::Event { kind, object } => Ok(WatchEvent { kind, object }),
            Self::Bookmark { revision, .. } => {
                let head = apimachinery::Head { revision, ..Default::default() };
                let bytes = format!("{{\"metadata\":{{\"resourceVersion\":\"{revision}\"}}}}").into();
                Ok(WatchEvent { kind: EventType::Bookmark, object: Arc::new(Object { bytes, head }) })
            }
            Self::Error(error) => Err(error),
        }
    }
}

fn too_old(asked: u64, oldest: u64) -> ApiError {
    ApiError::expired(format!("too old resource version: {asked} ({oldest})"))
}

fn default_timeout() -> Duration {
    Duration::from_secs(MIN_TIMEOUT_SECS + rand::random_range(0..MIN_TIMEOUT_SECS))
}
