//! What an actor sees of one resource: a list, and the changes that have reached it since.

use crate::agenda::Who;
use crate::api::Api;
use crate::rng::Rng;
use apimachinery::{GroupVersionResource, Object};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A change as it reaches the actor.
#[derive(Debug, Clone)]
pub enum Delta {
    Change {
        old: Option<Arc<Object>>,
        new: Option<Arc<Object>>,
    },
    /// Changes were missed: everything is to be read again.
    Reset,
}

/// Chances of a delivery, in permille.
const RELIST: u64 = 40;
const RESET: u64 = 15;
const TWICE: u64 = 40;

/// One watch of one actor.
#[derive(Debug)]
pub struct Feed {
    pub of: &'static GroupVersionResource,
    /// Only pods of this node.
    node: Option<String>,
    objects: BTreeMap<String, Arc<Object>>,
    owned: BTreeMap<String, BTreeSet<String>>,
    /// Entries of the log that were taken in.
    cursor: usize,
    /// Of the newest change taken in.
    pub revision: u64,
    /// The first list is in.
    pub is_listed: bool,
    /// A delivery is on its way.
    pub is_due: bool,
}

impl Feed {
    pub fn new(of: &'static GroupVersionResource) -> Self {
        let (objects, owned) = (BTreeMap::new(), BTreeMap::new());
        Self { of, node: None, objects, owned, cursor: 0, revision: 0, is_listed: false, is_due: false }
    }

    pub fn of_node(of: &'static GroupVersionResource, node: &str) -> Self {
        Self { node: Some(node.to_owned()), ..Self::new(of) }
    }

    pub fn lags(&self, api: &Api) -> bool {
        !self.is_listed || self.cursor < api.log(self.of).len()
    }

    /// Takes in some of what has happened.
    pub fn deliver(&mut self, api: &Api, rng: &mut Rng, calm: bool) -> Vec<Delta> {
        let log = api.log(self.of);
        if !self.is_listed || (!calm && rng.permille(RELIST)) {
            self.is_listed = true;
            let deltas = self.skip_to_end(api);
            let missed = !calm && rng.permille(RESET);
            return if missed { vec![Delta::Reset] } else { deltas };
        }
        let end = self.cursor + rng.range(1, (log.len() - self.cursor) as u64 + 1) as usize;
        let mut deltas = Vec::new();
        for entry in &log[self.cursor..end.min(log.len())] {
            let delta = match &entry.new {
                Some(object) if self.is_wanted(object) => self.put(object),
                Some(object) => self.remove(&object.key()),
                None => self.remove(&entry.key),
            };
            self.revision = entry.revision;
            if !calm && rng.permille(TWICE) {
                deltas.extend(delta.clone());
            }
            deltas.extend(delta);
        }
        self.cursor = end.min(log.len());
        deltas
    }

    /// Lists: of what came between only the result is seen.
    fn skip_to_end(&mut self, api: &Api) -> Vec<Delta> {
        let mut gone: BTreeSet<String> = self.objects.keys().cloned().collect();
        let mut deltas = Vec::new();
        for (key, object) in api.shelf(self.of) {
            if self.is_wanted(object) {
                gone.remove(key);
                deltas.extend(self.put(object));
            }
        }
        deltas.extend(gone.iter().filter_map(|key| self.remove(key)));
        self.cursor = api.log(self.of).len();
        self.revision = api.revision().max(1);
        deltas
    }

    fn is_wanted(&self, object: &Object) -> bool {
        self.node.as_ref().is_none_or(|node| object.to_value()["spec"]["nodeName"] == **node)
    }

    fn put(&mut self, object: &Arc<Object>) -> Option<Delta> {
        let key = object.key();
        let old = self.objects.get(&key).cloned();
        if old.as_ref().is_some_and(|old| old.head.revision == object.head.revision) {
            return None;
        }
        if let Some(old) = &old {
            self.disown(old, &key);
        }
        self.owned.entry(owner_of(object)).or_default().insert(key.clone());
        self.objects.insert(key, Arc::clone(object));
        Some(Delta::Change { old, new: Some(Arc::clone(object)) })
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

    pub fn get(&self, key: &str) -> Option<&Arc<Object>> {
        self.objects.get(key)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.values()
    }
}

fn owner_of(object: &Object) -> String {
    object.head.controller().map(|owner| owner.uid.clone()).unwrap_or_default()
}

/// All watches of one actor.
#[derive(Debug)]
pub struct Feeds(pub Vec<Feed>);

impl Feeds {
    /// # Panics
    /// If the actor does not say that it reads this resource.
    pub fn of(&self, of: &GroupVersionResource) -> &Feed {
        let feed = self.0.iter().find(|feed| feed.of == of);
        feed.unwrap_or_else(|| panic!("{} is looked at by one who does not say that he reads it", of.qualified()))
    }

    pub fn are_listed(&self) -> bool {
        self.0.iter().all(|feed| feed.is_listed)
    }

    /// Watches that lag and of which no news is on its way yet.
    pub fn overdue(&mut self, api: &Api, of: Option<&GroupVersionResource>) -> Vec<usize> {
        let lagging = self.0.iter_mut().enumerate().filter(|(_, feed)| of.is_none_or(|of| feed.of == of));
        let lagging = lagging.filter(|(_, feed)| !feed.is_due && feed.lags(api));
        lagging
            .map(|(at, feed)| {
                feed.is_due = true;
                at
            })
            .collect()
    }
}

impl controllers::View for Feeds {
    fn get(&self, of: &GroupVersionResource, key: &str) -> Option<Arc<Object>> {
        self.of(of).get(key).cloned()
    }

    fn list(&self, of: &GroupVersionResource, namespace: &str) -> Vec<Arc<Object>> {
        let all = self.of(of).iter();
        all.filter(|object| namespace.is_empty() || object.head.namespace == namespace).cloned().collect()
    }

    fn owned_by(&self, of: &GroupVersionResource, uid: &str) -> Vec<Arc<Object>> {
        let feed = self.of(of);
        let keys = feed.owned.get(uid).into_iter().flatten();
        keys.filter_map(|key| feed.objects.get(key).cloned()).collect()
    }

    fn revision(&self, of: &GroupVersionResource) -> u64 {
        self.of(of).revision
    }
}

/// Who is told of changes of a resource first is chance; that it is told is not.
pub fn delay(rng: &mut Rng, who: Who, calm: bool) -> std::time::Duration {
    let is_slow = !calm && rng.permille(if matches!(who, Who::Node(_)) { 60 } else { 30 });
    if is_slow { rng.millis(500, 15_000) } else { rng.millis(1, 40) }
}
