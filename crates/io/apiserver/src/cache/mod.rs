//! The watch cache: every object of the cluster, fed by one watch of the store, read by everybody.
//!
//! Invariants
//! - [`Cache::revision`] is R only after all changes up to R are on their shelves.
//! - Reads that must be fresh wait ([`Cache::wait_until`]) for the store's own revision; nothing polls.
//! - Objects are the stored bytes, shared; a list is a snapshot taken in constant time.
//!
//! Upstream: `apiserver/pkg/storage/cacher`.

mod event;
mod feed;
mod selection;
mod shelf;
mod watcher;

pub use event::{Entry, Event};
pub use selection::Selection;
pub use shelf::{Shelf, Snapshot};
pub use watcher::{Cut, Delivery, Watcher};

use crate::resource::Place;
use apimachinery::{ApiError, ApiResult, Reason};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use store::{Op, Outcome, Revision, Store};
use tokio::sync::watch;

/// How long a read waits for a revision before it gives up. Upstream: `blockTimeout` of the watch cache.
const PATIENCE: Duration = Duration::from_secs(3);

/// Everything the cluster holds, by place.
pub struct Cache {
    store: Arc<dyn Store>,
    /// By prefix, `/registry/core/pods/`. Bounded by the number of resources.
    shelves: RwLock<HashMap<String, Arc<Shelf>>>,
    revision: watch::Sender<Revision>,
    /// Revision of the last nudge. One at a time serves all that wait.
    nudged: tokio::sync::Mutex<Revision>,
}

/// How long a revision may be on its way before the store is nudged. A change of our own takes a few milliseconds.
const ON_ITS_WAY: Duration = Duration::from_millis(50);
/// What a nudge writes.
const NUDGE: &str = "/registry/progress";

impl Cache {
    pub fn new(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            store,
            shelves: RwLock::default(),
            revision: watch::Sender::new(0),
            nudged: tokio::sync::Mutex::default(),
        })
    }

    /// The shelf of a place, made if it is new. The place's selectable fields become the shelf's.
    pub fn shelf(&self, place: &Place) -> Arc<Shelf> {
        let shelf = self.shelf_of(&place.prefix);
        shelf.index(&place.selectable);
        shelf
    }

    /// The newest revision that is on the shelves as a whole.
    pub fn revision(&self) -> Revision {
        *self.revision.borrow()
    }

    /// Waits until everything acknowledged by the store before this call can be read here.
    ///
    /// # Errors
    /// 500 if the store cannot be asked, 504 if the cache does not catch up in time.
    pub async fn wait_fresh(&self) -> ApiResult<Revision> {
        let newest = self.store.revision().await.map_err(ApiError::internal)?;
        self.wait_until(newest).await?;
        Ok(newest)
    }

    /// Waits until all changes up to `revision` can be read here.
    ///
    /// # Errors
    /// 504 `Too large resource version` if that does not happen in time.
    pub async fn wait_until(&self, revision: Revision) -> ApiResult<()> {
        if self.revision() >= revision {
            return Ok(());
        }
        let mut reader = self.revision.subscribe();
        let waiting = async {
            if tokio::time::timeout(ON_ITS_WAY, reader.wait_for(|now| *now >= revision)).await.is_err() {
                self.nudge(revision).await;
                // The sender lives as long as `self`, so waiting cannot fail.
                _ = reader.wait_for(|now| *now >= revision).await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, waiting).await;
        reached.map_err(|_| too_large(revision, self.revision()))
    }

    /// A store that others use, too, has revisions that are nothing to our watch, and no change of ours may come for long:
    /// makes one. A revision that the store has not reached is the client's error and is left to it.
    async fn nudge(&self, revision: Revision) {
        let mut last = self.nudged.lock().await;
        if self.revision() >= revision || *last >= revision {
            return;
        }
        if self.store.revision().await.is_ok_and(|newest| newest >= revision) {
            match self.store.txn(Vec::new(), vec![Op::put(NUDGE, "{}")]).await {
                Ok(Outcome::Done { revision }) => *last = revision,
                other => tracing::debug!(?other, "cannot nudge the store"),
            }
        }
    }

    /// The shelf of a prefix, `/registry/core/pods/`, whoever serves it.
    pub fn shelf_at(&self, prefix: &str) -> Arc<Shelf> {
        self.shelf_of(prefix)
    }

    fn shelf_of(&self, prefix: &str) -> Arc<Shelf> {
        if let Some(shelf) = self.shelves.read().unwrap_or_else(PoisonError::into_inner).get(prefix) {
            return shelf.clone();
        }
        let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Arc::new(Shelf::new(self.revision()));
        shelves.entry(prefix.to_owned()).or_insert_with(fresh).clone()
    }

    fn all_shelves(&self) -> Vec<(String, Arc<Shelf>)> {
        let shelves = self.shelves.read().unwrap_or_else(PoisonError::into_inner);
        shelves.iter().map(|(prefix, shelf)| (prefix.clone(), shelf.clone())).collect()
    }
}

/// Upstream: `storage.NewTooLargeResourceVersionError`.
fn too_large(asked: Revision, current: Revision) -> ApiError {
    let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
    let cause = json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"});
    ApiError::new(Reason::Timeout, message).with_details(json!({"causes": [cause], "retryAfterSeconds": 1}))
}
