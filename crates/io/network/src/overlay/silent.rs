//! Nodes that have all but a key: for a moment after they joined that is as it should be, later somebody must know.

use netplan::overlay::Why;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// From its range to its key a node needs some hundredths of a second.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub struct Silent {
    since: BTreeMap<String, Instant>,
}

impl Silent {
    pub fn look(&mut self, left_out: &BTreeMap<String, Why>) {
        let without_key = |node: &String| left_out.get(node) == Some(&Why::NoKey);
        self.since.retain(|node, _| without_key(node));
        for node in left_out.keys().filter(|node| without_key(node)) {
            self.since.entry(node.clone()).or_insert_with(Instant::now);
        }
    }

    pub fn is_too_long(&self, node: &str) -> bool {
        self.since.get(node).is_some_and(|since| since.elapsed() >= PATIENCE)
    }

    /// When the next of them has been silent for too long.
    pub fn due(&self) -> Option<Duration> {
        self.since.values().filter_map(|since| PATIENCE.checked_sub(since.elapsed())).min()
    }
}
