//! A stick table.

use std::sync::Arc;

use super::{
    config::{Stored, TableConfig},
    data::{DataType, Kind, place_of},
    entries::{Entries, Entry},
    key::Key,
    rate::Rate,
};
use crate::sample::Counter;

/// An entry. Good while a stream tracks it ([`Table::track`] until [`Table::release`]), or until the table changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryId(pub(super) u32);

/// Times are milliseconds of one clock that never goes back.
#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    config: Arc<TableConfig>,
    /// Where each stored type's words begin.
    offsets: Vec<usize>,
    words: usize,
    pub(super) entries: Entries,
}

impl Table {
    pub fn new(name: &str, config: Arc<TableConfig>) -> Self {
        let mut words = 0;
        let offset = |stored: &Stored| {
            let start = words;
            words += stored.data.row().kind.words() * stored.elements;
            start
        };
        let offsets = config.store.iter().map(offset).collect();
        Self { name: name.into(), config, offsets, words, entries: Entries::default() }
    }

    pub fn config(&self) -> &TableConfig {
        &self.config
    }

    /// Entries in use, those that expired but were not yet removed among them.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry of a key, which it does not touch.
    pub fn find(&self, key: &Key, now: u64) -> Option<EntryId> {
        let place = self.entries.find(key)?;
        (!self.expired(place, now)).then_some(EntryId(place))
    }

    /// The entry of a key, made if there is none; touched. None if the table is full and nothing may go.
    pub fn find_or_add(&mut self, key: Key, now: u64) -> Option<EntryId> {
        if let Some(EntryId(place)) = self.find(&key, now) {
            self.touch(EntryId(place), now);
            return Some(EntryId(place));
        }
        if let Some(place) = self.entries.find(&key) {
            self.entries.remove(place);
        }
        if self.entries.len() >= self.config.size && !self.make_room(now) {
            return None;
        }
        let entry = Entry {
            key,
            trackers: 0,
            touched: now,
            expires: self.expiry(now),
            words: vec![0; self.words].into(),
            server_key: None,
        };
        Some(EntryId(self.entries.insert(entry)))
    }

    /// The key of an entry.
    pub fn key(&self, id: EntryId) -> &Key {
        &self.entries.get(id.0).key
    }

    /// A number of an entry, as samples ask for it; none if it is not stored.
    pub fn value(&self, id: EntryId, counter: Counter, now: u64) -> Option<i64> {
        let entry = self.entries.get(id.0);
        match counter {
            Counter::Exists => Some(1),
            Counter::Trackers => Some(i64::from(entry.trackers)),
            Counter::Expire => entry.expires.map(|expires| expires.saturating_sub(now) as i64),
            Counter::Idle => Some(now.saturating_sub(entry.touched) as i64),
            _ => {
                let (data, element) = self.place(counter)?;
                self.read(id, data, element, now)
            }
        }
    }

    /// Adds one, also to the rate that goes with a counter; the new number.
    pub fn increment(&mut self, id: EntryId, counter: Counter, now: u64) -> Option<i64> {
        let rate = match counter {
            Counter::Gpc0 => Some(Counter::Gpc0Rate),
            Counter::Gpc1 => Some(Counter::Gpc1Rate),
            Counter::Gpc(index) => Some(Counter::GpcRate(index)),
            _ => None,
        };
        for counter in rate.into_iter().chain([counter]) {
            if let Some((data, element)) = self.place(counter) {
                self.add(id, data, element, 1, now);
            }
        }
        self.touch(id, now);
        self.value(id, counter, now)
    }

    /// Sets a number to zero; the one before.
    pub fn clear(&mut self, id: EntryId, counter: Counter, now: u64) -> Option<i64> {
        let before = self.value(id, counter, now)?;
        self.set(id, counter, 0, now);
        Some(before)
    }

    /// Sets a number; a rate then stands at it for a period. False if it is not stored.
    pub fn set(&mut self, id: EntryId, counter: Counter, value: u64, now: u64) -> bool {
        let place = self.place(counter);
        if let Some((data, element)) = place {
            self.write(id, data, element, value, now);
        }
        place.is_some()
    }

    /// The server remembered: its id (0 is none) and its name or address.
    pub fn server(&self, id: EntryId, now: u64) -> Option<(u32, Option<Arc<str>>)> {
        let number = self.read(id, DataType::ServerId, 0, now)?;
        Some((number as u32, self.entries.get(id.0).server_key.clone()))
    }

    /// Remembers a server.
    pub fn set_server(&mut self, id: EntryId, number: u32, key: &Arc<str>, now: u64) {
        self.write(id, DataType::ServerId, 0, number.into(), now);
        if self.stored(DataType::ServerKey).is_some() {
            self.entries.get_mut(id.0).server_key = Some(key.clone());
        }
    }

    /// Touches an entry: its time begins anew.
    pub fn touch(&mut self, id: EntryId, now: u64) {
        let expires = self.expiry(now);
        let entry = self.entries.get_mut(id.0);
        (entry.touched, entry.expires) = (now, expires);
        self.entries.renew(id.0);
    }

    /// Removes what expired, `most` entries at a time: a caller that holds a lock asks again. True if more is left.
    pub fn purge(&mut self, now: u64, most: usize) -> bool {
        let over: Vec<u32> = self.entries.oldest_first().take(most).filter(|place| self.expired(*place, now)).collect();
        over.iter().for_each(|place| self.entries.remove(*place));
        over.len() == most
    }

    /// Removes an entry that nobody tracks; whether it went.
    pub fn remove(&mut self, id: EntryId) -> bool {
        let free = self.entries.get(id.0).trackers == 0;
        if free {
            self.entries.remove(id.0);
        }
        free
    }

    /// All entries, by key.
    pub fn sorted(&self, now: u64) -> Vec<EntryId> {
        let mut places: Vec<u32> = self.entries.oldest_first().filter(|place| !self.expired(*place, now)).collect();
        places.sort_by(|a, b| self.entries.get(*a).key.cmp(&self.entries.get(*b).key));
        places.into_iter().map(EntryId).collect()
    }

    pub(super) fn entry(&self, id: EntryId) -> &Entry {
        self.entries.get(id.0)
    }

    /// A stable number of an entry: what stands for its address in `show table`.
    pub(super) fn address(&self, id: EntryId) -> u64 {
        0x5600_0000_0000 + u64::from(id.0) * 64
    }

    /// A number of an entry: total, count, or rate per period.
    pub(super) fn read(&self, id: EntryId, data: DataType, element: usize, now: u64) -> Option<i64> {
        let (offset, stored) = self.stored(data)?;
        let kind = data.row().kind;
        let start = (element < stored.elements).then_some(offset + element * kind.words())?;
        let words = &self.entries.get(id.0).words;
        match kind {
            Kind::Count => Some(i64::from(words[start])),
            Kind::Total => Some((u64::from(words[start]) | u64::from(words[start + 1]) << 32) as i64),
            Kind::Rate => {
                let rate = Rate { start: words[start], current: words[start + 1], previous: words[start + 2] };
                Some(i64::from(rate.read(now as u32, stored.period)))
            }
            Kind::Text => None,
        }
    }

    /// Sets a number; a rate gets it as that of the period before.
    pub(super) fn write(&mut self, id: EntryId, data: DataType, element: usize, value: u64, now: u64) {
        let Some((offset, _)) = self.stored(data).filter(|(_, stored)| element < stored.elements) else { return };
        let kind = data.row().kind;
        let start = offset + element * kind.words();
        let words = &mut self.entries.get_mut(id.0).words;
        match kind {
            Kind::Count => words[start] = value as u32,
            Kind::Total => (words[start], words[start + 1]) = (value as u32, (value >> 32) as u32),
            Kind::Rate => {
                (words[start], words[start + 1], words[start + 2]) = (now as u32, 0, value as u32);
            }
            Kind::Text => {}
        }
    }

    pub(super) fn add(&mut self, id: EntryId, data: DataType, element: usize, count: u64, now: u64) {
        let Some((offset, stored)) = self.stored(data).filter(|(_, stored)| element < stored.elements) else { return };
        let (kind, period) = (data.row().kind, stored.period);
        let start = offset + element * kind.words();
        let words = &mut self.entries.get_mut(id.0).words;
        match kind {
            Kind::Count => words[start] = words[start].saturating_add(count as u32),
            Kind::Total => {
                let total = (u64::from(words[start]) | u64::from(words[start + 1]) << 32).saturating_add(count);
                (words[start], words[start + 1]) = (total as u32, (total >> 32) as u32);
            }
            Kind::Rate => {
                let mut rate = Rate { start: words[start], current: words[start + 1], previous: words[start + 2] };
                rate.add(now as u32, period, u32::try_from(count).unwrap_or(u32::MAX));
                (words[start], words[start + 1], words[start + 2]) = (rate.start, rate.current, rate.previous);
            }
            Kind::Text => {}
        }
    }

    pub(super) fn stored(&self, data: DataType) -> Option<(usize, Stored)> {
        let place = self.config.store.binary_search_by_key(&data, |stored| stored.data).ok()?;
        Some((self.offsets[place], self.config.store[place]))
    }

    /// The type and the element that hold a sample's counter in this table.
    fn place(&self, counter: Counter) -> Option<(DataType, usize)> {
        let (data, element, array) = place_of(counter)?;
        match array.and_then(|array| self.stored(array).map(|(_, stored)| (array, stored))) {
            Some((array, stored)) => (element < stored.elements).then_some((array, element)),
            None => self.stored(data).map(|_| (data, 0)),
        }
    }

    fn expiry(&self, now: u64) -> Option<u64> {
        self.config.expire.map(|expire| now + u64::from(expire))
    }

    fn expired(&self, place: u32, now: u64) -> bool {
        let entry = self.entries.get(place);
        entry.trackers == 0 && entry.expires.is_some_and(|expires| expires <= now)
    }

    /// Drops some of the oldest entries that nobody tracks: 1/256 of the table at once, so that a flood of new keys does
    /// not pay for it each time.
    fn make_room(&mut self, now: u64) -> bool {
        let expired = |place: &u32| self.expired(*place, now);
        let batch = (self.config.size >> 8) + 1;
        let unused = |place: &u32| self.entries.get(*place).trackers == 0;
        let gone: Vec<u32> = match self.config.nopurge {
            true => self.entries.oldest_first().take(batch).filter(expired).collect(),
            false => self.entries.oldest_first().filter(unused).take(batch).collect(),
        };
        gone.iter().for_each(|place| self.entries.remove(*place));
        !gone.is_empty()
    }
}
