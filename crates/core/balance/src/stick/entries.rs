//! Entries in the order in which they were last touched.

use std::{collections::HashMap, sync::Arc};

use super::key::Key;

/// No entry: the end of a list.
const NONE: u32 = u32::MAX;

/// Places of entries, reused, and two ways through them: by key, and from the oldest to the newest.
#[derive(Debug, Clone, Default)]
pub struct Entries {
    slots: Vec<Slot>,
    free: Vec<u32>,
    places: HashMap<Key, u32>,
    ends: Option<Ends>,
}

#[derive(Debug, Clone, Copy)]
struct Ends {
    oldest: u32,
    newest: u32,
}

#[derive(Debug, Clone)]
struct Slot {
    entry: Entry,
    older: u32,
    newer: u32,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub key: Key,
    /// Streams that track it.
    pub trackers: u32,
    /// Milliseconds when it was last touched, and when it expires.
    pub touched: u64,
    pub expires: Option<u64>,
    /// The stored types' words, one after the other.
    pub words: Box<[u32]>,
    pub server_key: Option<Arc<str>>,
}

impl Entries {
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn find(&self, key: &Key) -> Option<u32> {
        self.places.get(key).copied()
    }

    pub fn get(&self, place: u32) -> &Entry {
        &self.slots[place as usize].entry
    }

    pub fn get_mut(&mut self, place: u32) -> &mut Entry {
        &mut self.slots[place as usize].entry
    }

    /// Adds an entry as the newest.
    pub fn insert(&mut self, entry: Entry) -> u32 {
        let key = entry.key.clone();
        let slot = Slot { entry, older: NONE, newer: NONE };
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place as usize] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                self.slots.len() as u32 - 1
            }
        };
        self.places.insert(key, place);
        self.link_newest(place);
        place
    }

    pub fn remove(&mut self, place: u32) {
        self.unlink(place);
        let entry = &mut self.slots[place as usize].entry;
        entry.words = Box::default();
        entry.server_key = None;
        self.places.remove(&entry.key);
        self.free.push(place);
    }

    /// Makes an entry the newest.
    pub fn renew(&mut self, place: u32) {
        if self.ends.is_some_and(|ends| ends.newest != place) {
            self.unlink(place);
            self.link_newest(place);
        }
    }

    /// Places from the oldest on.
    pub fn oldest_first(&self) -> impl Iterator<Item = u32> {
        let known = |place: u32| (place != NONE).then_some(place);
        std::iter::successors(self.ends.map(|ends| ends.oldest), move |place| known(self.slots[*place as usize].newer))
    }

    fn link_newest(&mut self, place: u32) {
        match &mut self.ends {
            None => self.ends = Some(Ends { oldest: place, newest: place }),
            Some(ends) => {
                self.slots[ends.newest as usize].newer = place;
                self.slots[place as usize].older = ends.newest;
                self.slots[place as usize].newer = NONE;
                ends.newest = place;
            }
        }
    }

    fn unlink(&mut self, place: u32) {
        let Slot { older, newer, .. } = self.slots[place as usize];
        let Some(ends) = &mut self.ends else { return };
        if ends.oldest == ends.newest {
            self.ends = None;
        } else {
            match older {
                NONE => ends.oldest = newer,
                _ => self.slots[older as usize].newer = newer,
            }
            match newer {
                NONE => ends.newest = older,
                _ => self.slots[newer as usize].older = older,
            }
        }
        let slot = &mut self.slots[place as usize];
        (slot.older, slot.newer) = (NONE, NONE);
    }
}
