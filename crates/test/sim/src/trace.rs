//! What happened, as lines: hashed always, shown if asked for.

use std::time::Duration;

/// FNV-1a over all lines. Two runs with the same hash did the same.
#[derive(Debug)]
pub struct Trace {
    hash: u64,
    shown: bool,
}

impl Trace {
    pub fn new(shown: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, shown }
    }

    pub fn line(&mut self, at: Duration, text: &str) {
        for byte in at.as_micros().to_le_bytes().iter().chain(text.as_bytes()) {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        if self.shown {
            println!("{:>12.6} {text}", at.as_secs_f64());
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }
}
