//! `balance random(draws)`: of a few servers drawn by weight, the one that serves least.

use super::{Candidate, Loads, ring::Ring};

#[derive(Debug, Clone)]
pub struct Random {
    ring: Ring,
    draws: u32,
}

impl Random {
    pub fn new(draws: u32, balance_factor: u32) -> Self {
        Self { ring: Ring::new(balance_factor), draws }
    }

    pub fn rebuild(&mut self, group: &[&Candidate]) {
        self.ring.rebuild(group);
    }

    /// None also when the one drawn is full: then the connection waits for whichever server is free first.
    pub fn pick(&mut self, random: u64, loads: &Loads<'_>, avoid: Option<usize>) -> Option<usize> {
        let mut state = random;
        let mut best: Option<usize> = None;
        for _ in 0..self.draws.max(1) {
            let drawn = self.ring.at(mix(&mut state), loads, avoid)?;
            best = match best {
                Some(best) if best != drawn && self.busier(drawn, best, loads) => Some(best),
                _ => Some(drawn),
            };
        }
        best.filter(|index| !loads(*index).is_full())
    }

    fn busier(&self, a: usize, b: usize, loads: &Loads<'_>) -> bool {
        u64::from(loads(a).served) * self.ring.weight(b) > u64::from(loads(b).served) * self.ring.weight(a)
    }
}

/// One more number out of a seed (the finalizer of splitmix64): a caller brings one random number per choice.
fn mix(state: &mut u64) -> u32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) as u32
}
