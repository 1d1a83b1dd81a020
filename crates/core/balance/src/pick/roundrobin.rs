//! `balance roundrobin`: servers in turn, as often as their weights say, spread evenly.
//!
//! A round has as many positions as the sum of weights. A server waits in `fresh` for its first turn of the round,
//! heaviest first; after a turn at position p its next one is due at p + sum / weight, in `due` if that lies within
//! this round and the next, else in `later`, which becomes the next round's `fresh`. A position goes to the server
//! that is due, else to the next fresh one. Weights may change at any time: only the distance to the next turn does.

use std::{cmp::Reverse, collections::BTreeSet};

use super::{Candidate, Loads};

#[derive(Debug, Clone, Default)]
pub struct RoundRobin {
    slots: Vec<Slot>,
    /// Heaviest first, then who came first.
    fresh: BTreeSet<(Reverse<u32>, u64, usize)>,
    /// Earliest first, the heavier of two at one position, then who came first.
    due: BTreeSet<(i64, i64, u64, usize)>,
    later: BTreeSet<(Reverse<u32>, u64, usize)>,
    position: i64,
    /// Sum of weights, in sixteenths, when this round began.
    round: i64,
    /// Sum of weights now: the length of the next round.
    total: i64,
    arrivals: u64,
}

#[derive(Debug, Clone)]
struct Slot {
    index: usize,
    weight: u32,
    /// Position of its next turn; 0 before its first one.
    next: i64,
    /// What the division of round by weight left over so far: no turn is lost to rounding.
    rest: i64,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Fresh(u64),
    Due(i64, u64),
    Later(u64),
    Out,
}

impl RoundRobin {
    pub fn rebuild(&mut self, group: &[&Candidate]) {
        let old = std::mem::take(&mut self.slots);
        let begun = self.round > 0;
        (self.fresh, self.due, self.later) = Default::default();
        self.total = group.iter().map(|server| i64::from(server.eweight)).sum();
        for server in group {
            let slot = old.iter().find(|slot| slot.index == server.index);
            self.slots.push(match slot {
                Some(slot) => Slot { weight: server.eweight, ..slot.clone() },
                None => {
                    // In the middle of its interval: neither first of all, nor only after a whole round.
                    let next = if begun { self.position + self.total / i64::from(server.eweight) / 2 } else { 0 };
                    Slot { index: server.index, weight: server.eweight, next, rest: 0, place: Place::Out }
                }
            });
        }
        // The order of arrival within each queue lives on in the sequence numbers.
        for at in 0..self.slots.len() {
            let Slot { weight, place, rest, .. } = self.slots[at];
            match place {
                Place::Fresh(arrival) => _ = self.fresh.insert((Reverse(weight), arrival, at)),
                Place::Later(arrival) => _ = self.later.insert((Reverse(weight), arrival, at)),
                Place::Due(next, arrival) => _ = self.due.insert((next, rest - i64::from(weight), arrival, at)),
                Place::Out if begun => self.queue(at),
                Place::Out => self.wait_in_fresh(at),
            }
        }
    }

    pub fn pick(&mut self, loads: &Loads<'_>, avoid: Option<usize>) -> Option<usize> {
        let mut passed = Vec::new();
        let mut avoided = None;
        let mut switched = false;
        let chosen = loop {
            if self.round == 0 {
                self.round = self.total;
                self.position = self.round;
            }
            let Some(at) = self.front() else {
                if switched {
                    break avoided;
                }
                switched = true;
                self.next_round();
                continue;
            };
            self.advance(at);
            let index = self.slots[at].index;
            if !loads(index).is_full() {
                if avoid != Some(index) || avoided.is_some() {
                    break Some(at);
                }
                avoided = Some(at);
            }
            passed.push(at);
        };
        if let Some(at) = chosen {
            self.queue(at);
        }
        for at in passed.into_iter().rev().filter(|at| Some(*at) != chosen) {
            self.queue(at);
        }
        chosen.map(|at| self.slots[at].index)
    }

    /// Whose turn it is.
    fn front(&self) -> Option<usize> {
        let due = self.due.first();
        match due {
            Some((next, _, _, at)) if *next <= self.position => Some(*at),
            _ => self.fresh.first().map(|(_, _, at)| *at).or(due.map(|(_, _, _, at)| *at)),
        }
    }

    /// Takes a server out of its queue and counts its turn.
    fn advance(&mut self, at: usize) {
        self.leave(at);
        let slot = &mut self.slots[at];
        if slot.next == 0 {
            slot.next = self.position;
        }
        let weight = i64::from(slot.weight);
        slot.next += self.round / weight;
        slot.rest += self.round % weight;
        if slot.rest >= weight {
            slot.rest -= weight;
            slot.next += 1;
        }
        self.position += 1;
    }

    fn queue(&mut self, at: usize) {
        self.arrivals += 1;
        let slot = &mut self.slots[at];
        if slot.next >= 2 * self.round || slot.next >= self.round + self.total {
            slot.next -= self.round;
            slot.place = Place::Later(self.arrivals);
            self.later.insert((Reverse(slot.weight), self.arrivals, at));
        } else {
            slot.place = Place::Due(slot.next, self.arrivals);
            self.due.insert((slot.next, slot.rest - i64::from(slot.weight), self.arrivals, at));
        }
    }

    fn wait_in_fresh(&mut self, at: usize) {
        self.arrivals += 1;
        self.slots[at].place = Place::Fresh(self.arrivals);
        self.fresh.insert((Reverse(self.slots[at].weight), self.arrivals, at));
    }

    fn leave(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        match std::mem::replace(&mut slot.place, Place::Out) {
            Place::Fresh(arrival) => _ = self.fresh.remove(&(Reverse(slot.weight), arrival, at)),
            Place::Later(arrival) => _ = self.later.remove(&(Reverse(slot.weight), arrival, at)),
            Place::Due(next, arrival) => {
                self.due.remove(&(next, slot.rest - i64::from(slot.weight), arrival, at));
            }
            Place::Out => {}
        }
    }

    fn next_round(&mut self) {
        std::mem::swap(&mut self.fresh, &mut self.later);
        for (_, arrival, at) in &self.fresh {
            self.slots[*at].place = Place::Fresh(*arrival);
        }
        self.round = self.total;
        self.position = self.round;
    }
}
