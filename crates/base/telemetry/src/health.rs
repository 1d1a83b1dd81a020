//! Health of the parts: each reports its own verdict, `/readyz` and `barque status` read them all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a part says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Starting,
    Well,
    /// What is wrong, and what to do about it.
    Ill {
        cause: String,
        cure: String,
    },
}

/// All verdicts of this process. Clone it freely.
#[derive(Debug, Clone, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<&'static str, Verdict>>>,
}

/// One part's voice in [`Health`].
#[derive(Debug, Clone)]
pub struct Check {
    name: &'static str,
    health: Health,
}

impl Health {
    /// Adds a part; it is `Starting` until it says otherwise.
    pub fn part(&self, name: &'static str) -> Check {
        self.set(name, Verdict::Starting);
        Check { name, health: self.clone() }
    }

    /// Every part and its verdict, by name.
    pub fn verdicts(&self) -> Vec<(&'static str, Verdict)> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.iter().map(|(name, verdict)| (*name, verdict.clone())).collect()
    }

    pub fn is_well(&self) -> bool {
        self.verdicts().iter().all(|(_, verdict)| *verdict == Verdict::Well)
    }

    fn set(&self, name: &'static str, verdict: Verdict) {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).insert(name, verdict);
    }
}

impl Check {
    pub fn well(&self) {
        self.health.set(self.name, Verdict::Well);
    }

    pub fn ill(&self, cause: impl Into<String>, cure: impl Into<String>) {
        self.health.set(self.name, Verdict::Ill { cause: cause.into(), cure: cure.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_well_when_all_parts_are() {
        let health = Health::default();
        let (store, node) = (health.part("store"), health.part("node"));
        store.well();
        assert!(!health.is_well());
        node.well();
        assert!(health.is_well());
        node.ill("no space", "free some");
        assert_eq!(health.verdicts()[0].0, "node");
        assert!(!health.is_well());
    }
}
