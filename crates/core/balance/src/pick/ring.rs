//! `hash-type consistent`: each server stands at many points of a ring of 2^32, a key goes to the nearest.
//!
//! A server has sixteen points per unit of weight, at places that follow from its id alone: when a server leaves, only
//! its own keys move.

use super::{Candidate, Loads, hash::avalanche};

/// Points that ids are apart: the most that one server can have (weight 256).
const POINTS_PER_ID: u32 = 4096;

#[derive(Debug, Clone, Default)]
pub struct Ring {
    /// Place and position in `members`, sorted.
    points: Vec<(u32, u32)>,
    members: Vec<Member>,
    total_weight: u64,
    /// `hash-balance-factor`, in per cent of the average load; 0 is off.
    balance_factor: u32,
    /// Place of the last server taken in turn.
    turn: u32,
}

#[derive(Debug, Clone)]
struct Member {
    index: usize,
    weight: u64,
    /// Weights of the members before it: shares rounded by running sums add up to the whole.
    before: u64,
}

impl Ring {
    pub fn new(balance_factor: u32) -> Self {
        Self { balance_factor, ..Self::default() }
    }

    pub fn rebuild(&mut self, group: &[&Candidate]) {
        self.points.clear();
        self.members.clear();
        self.total_weight = 0;
        for (member, server) in group.iter().enumerate() {
            let weight = u64::from(server.eweight);
            self.members.push(Member { index: server.index, weight, before: self.total_weight });
            self.total_weight += weight;
            let first = server.id.wrapping_mul(POINTS_PER_ID);
            let places = (0..server.eweight).map(|point| avalanche(first.wrapping_add(point)));
            self.points.extend(places.map(|place| (place, member as u32)));
        }
        self.points.sort_by_key(|(place, _)| *place);
    }

    /// Effective weight of a member, by the server's index; 1 for strangers.
    pub fn weight(&self, index: usize) -> u64 {
        self.members.iter().find(|member| member.index == index).map_or(1, |member| member.weight)
    }

    /// The server nearest to this place; the next one around the ring while it is to be avoided or has its share.
    pub fn at(&self, hash: u32, loads: &Loads<'_>, avoid: Option<usize>) -> Option<usize> {
        let start = self.nearest(hash)?;
        let slots = self.slots(loads);
        let mut last = None;
        for step in 0..self.points.len() {
            let member = self.member((start + step) % self.points.len());
            last = last.or(Some(member.index));
            let has_share = slots
                .is_some_and(|slots| u64::from(loads(member.index).served) >= share(slots, member, self.total_weight));
            if avoid != Some(member.index) && !has_share {
                return Some(member.index);
            }
        }
        last
    }

    /// The next server around the ring that is not full: for requests without a key.
    pub fn next(&mut self, loads: &Loads<'_>, avoid: Option<usize>) -> Option<usize> {
        let start = self.points.partition_point(|(place, _)| *place <= self.turn);
        let mut avoided = None;
        for step in 0..self.points.len() {
            let point = (start + step) % self.points.len();
            let index = self.member(point).index;
            if loads(index).is_full() {
                continue;
            }
            if avoid != Some(index) {
                self.turn = self.points[point].0;
                return Some(index);
            }
            avoided = Some(index);
        }
        avoided
    }

    fn member(&self, point: usize) -> &Member {
        &self.members[self.points[point].1 as usize]
    }

    fn nearest(&self, hash: u32) -> Option<usize> {
        let points = self.points.len();
        let next = self.points.partition_point(|(place, _)| *place < hash);
        if points == 0 {
            return None;
        }
        let next = next % points;
        if self.points[next].0 == hash {
            return Some(next);
        }
        let previous = (next + points - 1) % points;
        let behind = hash.wrapping_sub(self.points[previous].0);
        let ahead = self.points[next].0.wrapping_sub(hash);
        Some(if behind <= ahead { previous } else { next })
    }

    /// Connections that all members together may have with the coming one, at `hash-balance-factor`.
    fn slots(&self, loads: &Loads<'_>) -> Option<u64> {
        if self.balance_factor == 0 {
            return None;
        }
        let served: u64 = self.members.iter().map(|member| u64::from(loads(member.index).served)).sum();
        Some(((served + 1) * u64::from(self.balance_factor)).div_ceil(100))
    }
}

/// What of `slots` a member may have.
fn share(slots: u64, member: &Member, total_weight: u64) -> u64 {
    let upto = |weight: u64| slots * weight / total_weight;
    (upto(member.before + member.weight) - upto(member.before)).max(1)
}
