//! An informer: the present state of one resource, kept by one list and one watch, and what changes in it.
//!
//! Objects are the API server's own shared bytes, so in one process an informer costs a map of pointers.
//!
//! Invariants
//! - [`Informer::revision`] is that of the newest change taken in; the view is exactly the state at that revision.
//! - A subscriber sees every change in order, or is told [`Delta::Reset`] and reads the whole view again.

use crate::{Api, ListOptions, Scope};
use apimachinery::{ApiError, EventType, GroupVersionResource, Object, WatchEvent};
use futures_util::StreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use stdx::Backoff;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

/// Changes a subscriber may lag behind before it is told to read everything again: a burst of a
/// thousand-pod rollout fits, a stuck reader costs at most this many pointers.
const LAG: usize = 4096;

/// What happened to one object.
#[derive(Debug, Clone)]
pub enum Delta {
    /// `old` is what the view held before (None: new object); `new` what it holds now (None: deleted).
    Change { old: Option<Arc<Object>>, new: Option<Arc<Object>> },
    /// Changes were missed: read the view again.
    Reset,
}

/// Clone it freely; all clones share one view and one watch.
#[derive(Clone)]
pub struct Informer {
    shared: Arc<Shared>,
}

struct Shared {
    resource: GroupVersionResource,
    view: RwLock<View>,
    /// 0 until the first list.
    revision: watch::Sender<u64>,
    changes: broadcast::Sender<Delta>,
}

#[derive(Default)]
struct View {
    objects: BTreeMap<String, Arc<Object>>,
    /// Keys by the uid of the controlling owner; under "" those without one.
    owned: BTreeMap<String, BTreeSet<String>>,
}

/// A reader's place in the stream of changes.
pub struct Subscription {
    changes: broadcast::Receiver<Delta>,
}

impl Informer {
    /// Starts to follow `resource` until `stop`.
    pub fn start(
        api: Arc<dyn Api>,
        resource: GroupVersionResource,
        options: ListOptions,
        stop: CancellationToken,
    ) -> Self {
        let shared = Arc::new(Shared {
            resource,
            view: RwLock::default(),
            revision: watch::Sender::new(0),
            changes: broadcast::Sender::new(LAG),
        });
        let follower = Arc::clone(&shared);
        tokio::spawn(async move {
            stop.run_until_cancelled(follow(&follower, &*api, &options)).await;
        });
        Self { shared }
    }

    pub fn resource(&self) -> &GroupVersionResource {
        &self.shared.resource
    }

    /// By `namespace/name`, or name for cluster-scoped objects.
    pub fn get(&self, key: &str) -> Option<Arc<Object>> {
        self.shared.read(|view| view.objects.get(key).cloned())
    }

    /// In key order; of one namespace, or all.
    pub fn list(&self, scope: Scope<'_>) -> Vec<Arc<Object>> {
        self.shared.read(|view| match scope {
            Scope::All => view.objects.values().cloned().collect(),
            Scope::Namespace(namespace) => in_namespace(&view.objects, namespace),
        })
    }

    /// Objects whose controlling owner has this uid; with an empty uid those that nobody controls.
    pub fn owned_by(&self, uid: &str) -> Vec<Arc<Object>> {
        self.shared.read(|view| {
            let keys = view.owned.get(uid).into_iter().flatten();
            keys.filter_map(|key| view.objects.get(key).cloned()).collect()
        })
    }

    pub fn len(&self) -> usize {
        self.shared.read(|view| view.objects.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn revision(&self) -> u64 {
        *self.shared.revision.borrow()
    }

    /// Waits until the view is at least as new as `revision` (1: until the first list is in).
    pub async fn wait_for(&self, revision: u64) {
        let mut seen = self.shared.revision.subscribe();
        // The sender lives in `self.shared`, so waiting cannot fail.
        _ = seen.wait_for(|now| *now >= revision.max(1)).await;
    }

    /// Subscribe first, then read the view: what comes later arrives as deltas.
    pub fn subscribe(&self) -> Subscription {
        Subscription { changes: self.shared.changes.subscribe() }
    }
}

impl Subscription {
    /// Waits for the next change; None when the informer has stopped.
    pub async fn next(&mut self) -> Option<Delta> {
        match self.changes.recv().await {
            Ok(delta) => Some(delta),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Delta::Reset),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// Lists and watches; after any break it lists again.
async fn follow(shared: &Shared, api: &dyn Api, options: &ListOptions) {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));
    loop {
        match list_and_watch(shared, api, options, &mut backoff).await {
            Ok(()) => {}
            Err(error) => {
                let wait = backoff.fail();
                tracing::debug!(resource = %shared.resource.qualified(), %error, ?wait, "will list again");
                tokio::time::sleep(wait).await;
            }
        }
    }
}

async fn list_and_watch(
    shared: &Shared,
    api: &dyn Api,
    options: &ListOptions,
    backoff: &mut Backoff,
) -> Result<(), ApiError> {
    let list = api.list(&shared.resource, Scope::All, options).await?;
    let revision = list.revision;
    shared.replace(list.items, revision);
    let mut watch = api.watch(&shared.resource, Scope::All, options, revision).await?;
    backoff.reset();
    while let Some(event) = watch.next().await {
        shared.take(event?);
    }
    Ok(())
}

impl Shared {
    fn read<T>(&self, f: impl FnOnce(&View) -> T) -> T {
        f(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, f: impl FnOnce(&mut View) -> T) -> T {
        f(&mut self.view.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// The first list, or one after a break: the difference to what was known goes out as changes.
    fn replace(&self, items: Vec<Arc<Object>>, revision: u64) {
        let deltas = self.write(|view| {
            let mut gone: BTreeSet<String> = view.objects.keys().cloned().collect();
            let mut deltas = Vec::new();
            for object in items {
                gone.remove(&object.key());
                deltas.extend(view.put(object));
            }
            deltas.extend(gone.iter().filter_map(|key| view.remove(key)));
            deltas
        });
        self.revision.send_replace(revision.max(1));
        for delta in deltas {
            self.tell(delta);
        }
    }

    fn take(&self, event: WatchEvent) {
        let revision = event.object.head.revision;
        let delta = match event.kind {
            EventType::Bookmark => None,
            EventType::Deleted => self.write(|view| view.remove(&event.object.key())),
            EventType::Added | EventType::Modified => self.write(|view| view.put(event.object)),
        };
        self.revision.send_replace(revision);
        if let Some(delta) = delta {
            self.tell(delta);
        }
    }

    fn tell(&self, delta: Delta) {
        // An error only means that nobody listens.
        _ = self.changes.send(delta);
    }
}

impl View {
    fn put(&mut self, object: Arc<Object>) -> Option<Delta> {
        let key = object.key();
        let old = self.objects.get(&key).cloned();
        if old.as_ref().is_some_and(|old| old.head.revision == object.head.revision) {
            return None;
        }
        if let Some(old) = &old {
            self.disown(old, &key);
        }
        self.owned.entry(owner_of(&object)).or_default().insert(key.clone());
        self.objects.insert(key, Arc::clone(&object));
        Some(Delta::Change { old, new: Some(object) })
    }

    fn remove(&mut self, key: &str) -> Option<Delta> {
        let old = self.objects.remove(key)?;
        self.disown(&old, key);
        Some(Delta::Change { old: Some(old), new: None })
    }

    fn disown(&mut self, object: &Object, key: &str) {
        let owner = owner_of(object);
        if let Some(keys) = self.owned.get_mut(&owner) {
            keys.remove(key);
            if keys.is_empty() {
                self.owned.remove(&owner);
            }
        }
    }
}

fn owner_of(object: &Object) -> String {
    object.head.controller().map(|owner| owner.uid.clone()).unwrap_or_default()
}

fn in_namespace(objects: &BTreeMap<String, Arc<Object>>, namespace: &str) -> Vec<Arc<Object>> {
    let prefix = format!("{namespace}/");
    let from = objects.range::<String, _>(&prefix..);
    from.take_while(|(key, _)| key.starts_with(&prefix)).map(|(_, object)| Arc::clone(object)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(name: &str, owner: Option<&str>, revision: u64) -> Arc<Object> {
        let owners =
            owner.map(|uid| json!([{"uid": uid, "controller": true, "kind": "K", "name": "o", "apiVersion": "v1"}]));
        let value = json!({"metadata": {"name": name, "namespace": "n", "ownerReferences": owners,
            "resourceVersion": revision.to_string()}});
        Arc::new(Object::from_value(&value).unwrap())
    }

    #[test]
    fn the_owner_index_follows_changes() {
        let mut view = View::default();
        view.put(object("a", Some("u1"), 1));
        view.put(object("b", None, 2));
        assert_eq!(view.owned.keys().collect::<Vec<_>>(), ["", "u1"]);
        view.put(object("b", Some("u1"), 3));
        assert_eq!(view.owned["u1"].len(), 2);
        assert!(!view.owned.contains_key(""));
        assert!(view.put(object("b", Some("u1"), 3)).is_none(), "the same revision is no change");
        view.remove("n/a");
        view.remove("n/b");
        assert!(view.owned.is_empty());
    }

    #[test]
    fn a_namespace_ends_where_the_next_begins() {
        let objects = ["a/x", "a/y", "a-b/z", "b/x"].map(|key| (key.to_owned(), object("x", None, 1)));
        assert_eq!(in_namespace(&objects.into(), "a").len(), 2);
    }
}
