//! A part of the cache: answers by key, and the order in which they go when there is no room.
//!
//! Whoever was asked for since the last look stays once more (second chance). What has expired is left in its place until
//! it is replaced, purged or needed: a key that expires each second is in the order once.

use super::{Answer, Micros};
use crate::monitor::gtid::Gtid;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// What a slot costs beside key and packets: its places in the map and the order.
const OVERHEAD: usize = 160;

#[derive(Debug, Default)]
pub struct Shard {
    slots: HashMap<Arc<[u8]>, Slot>,
    /// Each key of `slots` once.
    order: VecDeque<Arc<[u8]>>,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    answer: Arc<Answer>,
    /// Of the rule that had it kept.
    ttl: Micros,
    /// Since it was looked at for eviction.
    used: bool,
    /// Somebody asks a server for a newer one already.
    refreshing: bool,
}

impl Slot {
    fn age(&self, now: Micros) -> Micros {
        now.saturating_sub(self.answer.asked_at)
    }
}

/// Who asks, and how old an answer may be.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub key: &'a [u8],
    pub now: Micros,
    /// Of the rule that counts now.
    pub ttl: Micros,
    /// `mysql-query_cache_soft_ttl_pct`: from this part of its time on, one client asks anew. 0: none does.
    pub soft_pct: u64,
    /// When the asker has last written; 0: never.
    pub wrote_at: Micros,
    /// What it wrote then, where replicas may not have it.
    pub written: Option<&'a Gtid>,
}

impl Shard {
    /// The bytes that an answer would take.
    pub fn weight(key: &[u8], answer: &Answer) -> usize {
        key.len() + answer.packets.len() + OVERHEAD
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// An answer that is fresh enough for this asker.
    pub fn get(&mut self, ask: &Ask) -> Option<Arc<Answer>> {
        let slot = self.slots.get_mut(ask.key)?;
        let age = slot.age(ask.now);
        let written = ask.written.filter(|_| slot.answer.position.is_some());
        let lacks =
            written.is_some_and(|gtid| !slot.answer.position.as_ref().is_some_and(|known| known.contains(gtid)));
        if age >= slot.ttl.min(ask.ttl) || slot.answer.asked_at < ask.wrote_at || lacks {
            return None;
        }
        let soft = ask.soft_pct > 0 && age.saturating_mul(100) >= slot.ttl.saturating_mul(ask.soft_pct);
        if soft && !slot.refreshing {
            slot.refreshing = true;
            return None;
        }
        slot.used = true;
        Some(slot.answer.clone())
    }

    /// Keeps an answer, in the place of an older one. Room is the caller's business ([`Self::evict`]).
    pub fn put(&mut self, key: &[u8], answer: Arc<Answer>, ttl: Micros) {
        let weight = Self::weight(key, &answer);
        if let Some(slot) = self.slots.get_mut(key) {
            // Of two that were asked for at once, the later one.
            if slot.answer.asked_at > answer.asked_at {
                return;
            }
            self.bytes = self.bytes - Self::weight(key, &slot.answer) + weight;
            *slot = Slot { answer, ttl, used: slot.used, refreshing: false };
            return;
        }
        let key: Arc<[u8]> = key.into();
        self.slots.insert(key.clone(), Slot { answer, ttl, used: false, refreshing: false });
        self.order.push_back(key);
        self.bytes += weight;
    }

    /// Gives up one answer; the bytes it took, 0 where there is none.
    pub fn evict(&mut self, now: Micros) -> usize {
        while let Some(key) = self.order.pop_front() {
            let Some(slot) = self.slots.get_mut(&key) else { continue };
            if slot.used && slot.age(now) < slot.ttl {
                slot.used = false;
                self.order.push_back(key);
                continue;
            }
            let weight = Self::weight(&key, &slot.answer);
            self.slots.remove(&key);
            self.bytes -= weight;
            return weight;
        }
        0
    }

    /// Gives up all that has expired; how many they were.
    pub fn purge(&mut self, now: Micros) -> usize {
        let before = self.slots.len();
        let bytes = &mut self.bytes;
        self.slots.retain(|key, slot| {
            let stays = slot.age(now) < slot.ttl;
            if !stays {
                *bytes -= Self::weight(key, &slot.answer);
            }
            stays
        });
        if self.slots.len() < before {
            self.order.retain(|key| self.slots.contains_key(key));
        }
        before - self.slots.len()
    }

    /// Gives up all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::gtid::Position;

    const TTL: Micros = 1000;

    fn answer(asked_at: Micros, position: Option<&str>) -> Arc<Answer> {
        let position = position.map(|text| Arc::new(text.parse::<Position>().unwrap()));
        Arc::new(Answer { packets: vec![0; 100].into(), rows: 1, asked_at, position })
    }

    fn ask(now: Micros) -> Ask<'static> {
        Ask { key: b"k", now, ttl: TTL, soft_pct: 0, wrote_at: 0, written: None }
    }

    fn with(position: Option<&str>) -> Shard {
        let mut shard = Shard::default();
        shard.put(b"k", answer(100, position), TTL);
        shard
    }

    #[test]
    fn until_its_time_is_over() {
        let mut shard = with(None);
        assert!(shard.get(&ask(100)).is_some());
        assert!(shard.get(&ask(1099)).is_some());
        assert!(shard.get(&ask(1100)).is_none());
        assert!(shard.get(&Ask { ttl: 10, ..ask(110) }).is_none());
        assert!(shard.get(&Ask { key: b"other", ..ask(110) }).is_none());
    }

    #[test]
    fn nobody_gets_less_than_they_wrote() {
        let gtid = "0-1-5".parse().unwrap();
        let mut shard = with(None);
        assert!(shard.get(&Ask { wrote_at: 100, ..ask(200) }).is_some());
        assert!(shard.get(&Ask { wrote_at: 101, ..ask(200) }).is_none());
        // The writer's answer has all that was committed before it was asked for.
        assert!(shard.get(&Ask { wrote_at: 90, written: Some(&gtid), ..ask(200) }).is_some());
        assert!(with(Some("0-1-5")).get(&Ask { wrote_at: 90, written: Some(&gtid), ..ask(200) }).is_some());
        assert!(with(Some("0-1-4")).get(&Ask { wrote_at: 90, written: Some(&gtid), ..ask(200) }).is_none());
        assert!(with(Some("0-1-4")).get(&ask(200)).is_some());
    }

    #[test]
    fn one_refreshes_early() {
        let mut shard = with(None);
        let soft = |now| Ask { soft_pct: 50, ..ask(now) };
        assert!(shard.get(&soft(599)).is_some());
        assert!(shard.get(&soft(600)).is_none());
        assert!(shard.get(&soft(601)).is_some());
        shard.put(b"k", answer(602, None), TTL);
        assert!(shard.get(&soft(1101)).is_some());
    }

    #[test]
    fn the_later_of_two_stays() {
        let mut shard = with(None);
        shard.put(b"k", answer(50, None), TTL);
        assert_eq!(shard.get(&ask(200)).unwrap().asked_at, 100);
        assert_eq!((shard.len(), shard.order.len()), (1, 1));
    }

    #[test]
    fn what_is_asked_for_stays_longest() {
        let mut shard = Shard::default();
        for key in [b"a", b"b", b"c"] {
            shard.put(key, answer(100, None), TTL);
        }
        shard.get(&Ask { key: b"a", ..ask(200) }).unwrap();
        let weight = shard.bytes() / 3;
        assert_eq!(shard.evict(200), weight);
        assert!(shard.get(&Ask { key: b"b", ..ask(200) }).is_none());
        assert!(shard.get(&Ask { key: b"a", ..ask(200) }).is_some());
        assert_eq!((shard.evict(200), shard.evict(200), shard.evict(200)), (weight, weight, 0));
        assert_eq!((shard.bytes(), shard.len()), (0, 0));
    }

    #[test]
    fn purged_when_expired() {
        let mut shard = with(None);
        shard.put(b"later", answer(900, None), TTL);
        assert_eq!(shard.purge(1100), 1);
        assert_eq!((shard.len(), shard.order.len()), (1, 1));
        assert_eq!(shard.bytes(), Shard::weight(b"later", &answer(900, None)));
        shard.clear();
        assert_eq!((shard.bytes(), shard.is_empty()), (0, true));
    }
}
