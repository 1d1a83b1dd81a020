//! A table with as many places as the sum of weights: `static-rr` walks it, map-based hashes index it.

use super::{Candidate, Loads};

#[derive(Debug, Clone, Default)]
pub struct Map {
    /// Indexes of servers, each as often as it weighs, spread evenly; the first is the first declared.
    places: Vec<usize>,
    turn: usize,
}

impl Map {
    /// `divisor` is what all weights of the backend have in common: without it the table would only be longer.
    pub fn rebuild(&mut self, group: &[&Candidate], divisor: u32) {
        let weights: Vec<i64> = group.iter().map(|server| i64::from(server.weight / divisor).max(1)).collect();
        let total: i64 = weights.iter().sum();
        let mut scores = vec![0; group.len()];
        self.places.clear();
        for _ in 0..total {
            let mut best = (i64::MIN, 0);
            for (at, score) in scores.iter_mut().enumerate() {
                *score += weights[at];
                // Equal within one whole turn: the earlier declared one wins.
                let rank = (*score + total) / total;
                if rank > best.0 {
                    best = (rank, at);
                }
            }
            scores[best.1] -= total;
            self.places.push(group[best.1].index);
        }
    }

    pub fn at(&self, hash: u32) -> Option<usize> {
        let place = (hash as usize).checked_rem(self.places.len())?;
        Some(self.places[place])
    }

    /// The next server in turn that is not full.
    pub fn next(&mut self, loads: &Loads<'_>, avoid: Option<usize>) -> Option<usize> {
        let places = self.places.len();
        if places == 0 {
            return None;
        }
        let start = if self.turn < places { self.turn } else { 0 };
        let mut avoided = None;
        for place in (start..places).chain(0..start) {
            let index = self.places[place];
            if loads(index).is_full() {
                continue;
            }
            if avoid != Some(index) {
                self.turn = place + 1;
                return Some(index);
            }
            avoided = Some((index, place));
        }
        let (index, place) = avoided?;
        self.turn = place + 1;
        Some(index)
    }
}

/// The greatest common divisor of all weights of a backend, usable or not, so that the table of the same servers is the
/// same whoever else is down.
pub fn divisor(servers: &[Candidate]) -> u32 {
    fn gcd(a: u32, b: u32) -> u32 {
        if b == 0 { a } else { gcd(b, a % b) }
    }
    servers.iter().map(|server| server.weight).fold(0, gcd).max(1)
}
