//! All objects of one place, and their newest changes.
//!
//! Invariants
//! - Changes are put in revision order; a snapshot holds either all or none of one transaction's changes here.
//! - The ring is bounded in number and weight; a reader whose place has been dropped is cut (410), never waited for.

use super::event::{Entry, Event};
use super::selection::Selection;
use apimachinery::Object;
use imbl::OrdMap;
use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use store::{Key, Revision};
use tokio::sync::watch;

/// Events kept for watches that start in the past or are slow, at most. A list of 5,000 objects and the watch after
/// it must fit a burst of changes of each of them.
const RING_EVENTS: usize = 8192;
/// Their weight, at most, unless there are fewer than [`RING_MIN_EVENTS`].
const RING_BYTES: usize = 2 << 20;
/// As many are kept whatever they weigh.
const RING_MIN_EVENTS: usize = 256;

/// The objects at one moment. Cheap to take, consistent.
pub struct Snapshot {
    objects: OrdMap<Key, Arc<Entry>>,
    /// Every change here up to this revision is in it.
    pub revision: Revision,
}

#[derive(Debug)]
pub struct Shelf {
    state: RwLock<State>,
    observer: OnceLock<Observer>,
    /// Number of the next event; readers wait for it to rise.
    changed: watch::Sender<u64>,
}

/// Who is told of each change before any reader can see it: by the object's key, None for one that is gone.
struct Observer(Box<Told>);

type Told = dyn Fn(&str, Option<&Object>) + Send + Sync;

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Observer")
    }
}

#[derive(Debug)]
struct State {
    objects: OrdMap<Key, Arc<Entry>>,
    selectable: Arc<Vec<(String, String)>>,
    ring: VecDeque<Arc<Event>>,
    weight: usize,
    /// Number of the ring's first event.
    first: u64,
    /// A watch may start at this revision or later.
    oldest: Revision,
    /// Revision of the last change here.
    last: Revision,
}

/// What a reader finds from its position on.
pub enum Ahead {
    Events(Vec<Arc<Event>>),
    /// The reader's position has been dropped from the ring.
    Lost,
}

/// Events handed over in one go, at most, so that a reader far behind does not hold the lock for long.
const BATCH: usize = 512;

impl Shelf {
    pub fn new(revision: Revision) -> Self {
        let state = State {
            objects: OrdMap::new(),
            selectable: Arc::default(),
            ring: VecDeque::new(),
            weight: 0,
            first: 0,
            oldest: revision,
            last: 0,
        };
        Self { state: RwLock::new(state), observer: OnceLock::new(), changed: watch::Sender::new(0) }
    }

    /// Sets who is told of changes; once, and before the first objects are here.
    pub fn observe(&self, observer: impl Fn(&str, Option<&Object>) + Send + Sync + 'static) {
        _ = self.observer.set(Observer(Box::new(observer)));
    }

    /// Sets the selectable fields, and takes them out of the objects that are here already.
    pub fn index(&self, selectable: &[(String, String)]) {
        if *self.read().selectable == selectable {
            return;
        }
        let mut state = self.write();
        state.selectable = Arc::new(selectable.to_vec());
        let renew = |entry: &Arc<Entry>| Arc::new(Entry::new((*entry.object).clone(), selectable));
        state.objects = state.objects.iter().map(|(key, entry)| (key.clone(), renew(entry))).collect();
    }

    pub fn selectable(&self) -> Arc<Vec<(String, String)>> {
        self.read().selectable.clone()
    }

    pub fn get(&self, key: &str) -> Option<Arc<Object>> {
        self.read().objects.get(key).map(|entry| entry.object.clone())
    }

    pub fn len(&self) -> usize {
        self.read().objects.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All objects now. `complete` is the cache's revision, read before this call.
    pub fn snapshot(&self, complete: Revision) -> Snapshot {
        let state = self.read();
        Snapshot { objects: state.objects.clone(), revision: complete.max(state.last) }
    }

    /// All objects, in key order.
    pub fn objects(&self) -> Vec<Arc<Object>> {
        self.read().objects.values().map(|entry| entry.object.clone()).collect()
    }

    /// The keys and revisions of all objects.
    pub fn keys(&self) -> Vec<(Key, Revision)> {
        self.read().objects.iter().map(|(key, entry)| (key.clone(), entry.object.head.revision)).collect()
    }

    /// Puts the objects the store held at the start. No events: nobody can have seen an earlier state.
    pub fn load(&self, objects: Vec<(Key, Object)>, revision: Revision) {
        let mut state = self.write();
        let selectable = state.selectable.clone();
        for (key, object) in objects {
            self.tell(&key, Some(&object));
            state.objects.insert(key, Arc::new(Entry::new(object, &selectable)));
        }
        state.oldest = revision;
    }

    /// Puts changes of one transaction.
    pub fn apply(&self, revision: Revision, changes: Vec<(Key, Option<Object>)>) {
        changes.iter().for_each(|(key, object)| self.tell(key, object.as_ref()));
        let selectable = self.selectable();
        let entries =
            changes.into_iter().map(|(key, object)| (key, object.map(|o| Arc::new(Entry::new(o, &selectable)))));
        let entries: Vec<_> = entries.collect();
        let mut state = self.write();
        for (key, after) in entries {
            let before = match &after {
                Some(entry) => state.objects.insert(key, entry.clone()),
                None => state.objects.remove(&key),
            };
            if before.is_some() || after.is_some() {
                state.push(Arc::new(Event::new(revision, before, after)));
            }
        }
        state.last = revision;
        let next = state.next();
        drop(state);
        self.changed.send_replace(next);
    }

    /// The position after all events up to `revision`.
    ///
    /// # Errors
    /// The oldest revision to start from, if `revision` is older.
    pub fn position(&self, revision: Revision) -> Result<u64, Revision> {
        let state = self.read();
        if revision < state.oldest {
            return Err(state.oldest);
        }
        Ok(state.first + state.ring.partition_point(|event| event.revision <= revision) as u64)
    }

    pub fn ahead(&self, position: u64) -> Ahead {
        let state = self.read();
        match position.checked_sub(state.first) {
            None => Ahead::Lost,
            Some(skip) => Ahead::Events(state.ring.iter().skip(skip as usize).take(BATCH).cloned().collect()),
        }
    }

    /// Number of the next event.
    pub fn end(&self) -> u64 {
        self.read().next()
    }

    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn tell(&self, key: &str, object: Option<&Object>) {
        if let Some(Observer(told)) = self.observer.get() {
            told(key, object);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&self) -> u64 {
        self.first + self.ring.len() as u64
    }

    fn push(&mut self, event: Arc<Event>) {
        self.weight += event.weight();
        self.ring.push_back(event);
        while self.ring.len() > RING_EVENTS || (self.weight > RING_BYTES && self.ring.len() > RING_MIN_EVENTS) {
            let Some(dropped) = self.ring.pop_front() else { break };
            self.weight -= dropped.weight();
            self.first += 1;
            self.oldest = dropped.revision;
        }
    }
}

impl Snapshot {
    /// Selected objects in key order, those after `after` only.
    pub fn select<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        selection: &'a Selection,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Object>)> + 'a {
        let start = match after {
            Some(key) => Bound::Excluded(key),
            None => Bound::Included(prefix),
        };
        self.objects
            .range::<(Bound<&str>, Bound<&str>), str>((start, Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .filter(move |(_, entry)| selection.matches(entry))
            .map(|(key, entry)| (key, &entry.object))
    }

    pub fn get(&self, key: &str) -> Option<&Arc<Object>> {
        self.objects.get(key).map(|entry| &entry.object)
    }
}
