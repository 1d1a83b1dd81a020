//! The one source of chance: everything a run does follows from its seed.

use std::time::Duration;

/// SplitMix64: small, and the same everywhere.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `least` to below `end`; `least` if there is nothing between.
    pub fn range(&mut self, least: u64, end: u64) -> u64 {
        if end <= least { least } else { least + self.next() % (end - least) }
    }

    /// An index below `length`; 0 of nothing.
    pub fn index(&mut self, length: usize) -> usize {
        self.range(0, length as u64) as usize
    }

    /// True in so many of a thousand cases.
    pub fn permille(&mut self, chance: u64) -> bool {
        self.range(0, 1000) < chance
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.index(of.len()))
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            let other = self.index(at + 1);
            items.swap(at, other);
        }
    }

    pub fn millis(&mut self, least: u64, end: u64) -> Duration {
        // Microseconds, so that two things seldom happen at the very same time.
        Duration::from_micros(self.range(least * 1000, end * 1000))
    }
}
