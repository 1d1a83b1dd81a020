//! `balance leastconn`: the server with the fewest connections for its weight, in turn among equals.
//!
//! All servers are looked at for each choice: with the few dozen that a backend has this is cheaper than keeping them
//! sorted, and it sees the loads as they are at this moment, whichever thread changed them.

use super::{Candidate, Load, Loads};

#[derive(Debug, Clone, Default)]
pub struct LeastConn {
    slots: Vec<Slot>,
    turn: u64,
}

#[derive(Debug, Clone)]
struct Slot {
    index: usize,
    weight: u32,
    /// When it was last taken: the one that waits longest is first among equals.
    turn: u64,
}

impl LeastConn {
    pub fn rebuild(&mut self, group: &[&Candidate]) {
        let old = std::mem::take(&mut self.slots);
        for server in group {
            let kept = old.iter().find(|slot| slot.index == server.index && slot.weight == server.eweight);
            let slot = kept.cloned().unwrap_or_else(|| {
                // New, back again or of another weight: behind its equals.
                self.turn += u64::from(!old.is_empty());
                Slot { index: server.index, weight: server.eweight, turn: self.turn }
            });
            self.slots.push(slot);
        }
    }

    pub fn pick(&mut self, loads: &Loads<'_>, avoid: Option<usize>) -> Option<usize> {
        let mut best: Option<(u64, u64, usize)> = None;
        let mut avoided = None;
        for (at, slot) in self.slots.iter().enumerate() {
            let load = loads(slot.index);
            if load.is_full() {
                continue;
            }
            if avoid == Some(slot.index) {
                avoided = Some(at);
                continue;
            }
            let rank = (pressure(load, slot.weight), slot.turn, at);
            if best.is_none_or(|best| rank < best) {
                best = Some(rank);
            }
        }
        let at = best.map(|(_, _, at)| at).or(avoided)?;
        self.turn += 1;
        self.slots[at].turn = self.turn;
        Some(self.slots[at].index)
    }

    /// Puts a server behind its equals.
    pub fn touch(&mut self, index: usize) {
        self.turn += 1;
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.index == index) {
            slot.turn = self.turn;
        }
    }
}

/// Connections per weight, counting the one that would come. Idle servers are equal whatever they weigh.
fn pressure(load: Load, weight: u32) -> u64 {
    match u64::from(load.served) + u64::from(load.queued) {
        0 => 0,
        busy => (busy + 1) * 4096 / u64::from(weight),
    }
}
