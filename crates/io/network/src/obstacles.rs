//! Rules of others that stop pods' traffic: looked for when our rules are loaded, and when somebody asks how things are.

use crate::{Config, nft};
use netplan::proxy::firewall;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use telemetry::Check;

/// The Service proxy's voice: whether our rules are loaded, and whether they are of use. Clone it freely.
#[derive(Clone)]
pub struct Voice {
    table: String,
    bridge: String,
    health: Check,
    /// Whether the kernel has our rules as they should be; held while a verdict is given, so that the last word is of
    /// what is so.
    loaded: Arc<Mutex<bool>>,
}

impl Voice {
    pub fn new(config: &Config, health: Check) -> Self {
        Self { table: config.table.clone(), bridge: config.bridge.clone(), health, loaded: Arc::default() }
    }

    pub fn failed(&self, error: &dyn std::fmt::Display) {
        let mut loaded = self.is_loaded();
        *loaded = false;
        self.health.ill(format!("Service rules are out of date: {error}"), "see the cause; it is tried again");
    }

    /// Our rules are loaded.
    pub async fn loaded(&self) {
        *self.is_loaded() = true;
        self.look().await;
    }

    /// Tells of rules in the way, as of now.
    pub async fn look(&self) {
        if !*self.is_loaded() {
            return;
        }
        let listing = match nft::chains().await {
            Ok(listing) => listing,
            Err(error) => return tracing::warn!(%error, "cannot tell whether other firewall rules block pods"),
        };
        let (table, bridge) = (&self.table, &self.bridge);
        // Only tables that would be an obstacle are worth listing.
        let mut knowing = Vec::new();
        for suspect in firewall::suspects(&listing, table) {
            if nft::table_mentions(&suspect.0, &suspect.1, bridge).await {
                knowing.push(suspect);
            }
        }
        let knows = |family: &str, name: &str| knowing.iter().any(|(f, n)| f == family && n == name);
        self.tell(&firewall::obstacles(&listing, table, bridge, knows));
    }

    fn is_loaded(&self) -> MutexGuard<'_, bool> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Our rules may have failed while others' were looked at: that is worse news than these.
    fn tell(&self, found: &[firewall::Obstacle]) {
        let loaded = self.is_loaded();
        if !*loaded {
            return;
        }
        if found.is_empty() {
            return self.health.well();
        }
        let join = |part: fn(&firewall::Obstacle) -> &str| found.iter().map(part).collect::<Vec<_>>().join("; ");
        let (cause, cure) = (join(|it| &it.cause), join(|it| &it.cure));
        tracing::warn!(%cause, %cure, "another firewall stops pods' traffic");
        self.health.ill(cause, cure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use telemetry::{Health, Verdict};

    #[test]
    fn a_look_that_ends_after_a_failure_does_not_hide_it() {
        let health = Health::default();
        let voice = Voice {
            table: "barque".into(),
            bridge: "barque0".into(),
            health: health.part("service-proxy"),
            loaded: Arc::new(Mutex::new(true)),
        };
        voice.tell(&[]);
        assert!(health.is_well());
        voice.failed(&"no such table");
        voice.tell(&[]);
        let cause = "Service rules are out of date: no such table".to_owned();
        let cure = "see the cause; it is tried again".to_owned();
        assert_eq!(health.verdicts(), [("service-proxy", Verdict::Ill { cause, cure })]);
    }
}
