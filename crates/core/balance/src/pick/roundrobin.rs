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
    /// 0 while it is out of use.
    weight: u32,
    /// Positions of its last and its next turn; 0 before its first one.
    last: i64,
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
    /// Takes in who is usable now, and with what weight. Who stays as he is keeps his turn.
    pub fn rebuild(&mut self, group: &[&Candidate]) {
        for at in 0..self.slots.len() {
            let gone = group.iter().all(|server| server.index != self.slots[at].index);
            if gone && self.slots[at].weight > 0 {
                self.leave(at);
                self.total -= i64::from(self.slots[at].weight);
                self.slots[at].weight = 0;
            }
        }
        let first_time = self.slots.is_empty();
        for server in group {
            let known = self.slots.iter().position(|slot| slot.index == server.index);
            let at = known.unwrap_or_else(|| {
                let Candidate { index, .. } = **server;
                self.slots.push(Slot { index, weight: 0, last: 0, next: 0, rest: 0, place: Place::Out });
                self.slots.len() - 1
            });
            match self.slots[at].weight {
                0 if first_time => {
                    self.total += i64::from(server.eweight);
                    self.slots[at].weight = server.eweight;
                    self.wait_in_fresh(at);
                }
                0 => self.enter(at, server.eweight),
                weight if weight != server.eweight => self.reweigh(at, server.eweight),
                _ => {}
            }
        }
        if first_time {
            (self.round, self.position) = (self.total, self.total);
        }
    }

    /// A server that comes (back) into use gets its share of what is left of this round and the next.
    fn enter(&mut self, at: usize, weight: u32) {
        let share = i64::from(weight);
        self.total += share;
        let next = self.position + (self.total + self.round - self.position) / share;
        let slot = &mut self.slots[at];
        (slot.weight, slot.next) = (weight, next);
        self.queue(at);
    }

    /// A changed weight moves the next turn, not beyond where it was, nor to right now.
    fn reweigh(&mut self, at: usize, weight: u32) {
        let slot = &self.slots[at];
        self.total += i64::from(weight) - i64::from(slot.weight);
        let before = match slot.place {
            Place::Fresh(_) => {
                self.leave(at);
                self.slots[at].weight = weight;
                return self.wait_in_fresh(at);
            }
            Place::Later(_) => slot.next + self.round,
            Place::Due(..) | Place::Out => slot.next,
        };
        let step = self.total / i64::from(weight);
        let next = (slot.last + step).min(before);
        let next = if next < self.position + 2 { self.position + step } else { next };
        self.leave(at);
        let slot = &mut self.slots[at];
        (slot.weight, slot.next, slot.rest) = (weight, next, 0);
        self.queue(at);
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
        let fresh = matches!(self.slots[at].place, Place::Fresh(_));
        self.leave(at);
        let slot = &mut self.slots[at];
        if fresh {
            (slot.next, slot.rest) = (self.position, 0);
        }
        let weight = i64::from(slot.weight);
        slot.last = slot.next;
        slot.next += self.total / weight;
        slot.rest += self.total % weight;
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
