//! Rules of others that stop pods' traffic: looked for when our rules are loaded, and when somebody asks how things are.

use crate::{Config, nft};
use netplan::proxy::firewall;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use telemetry::Check;

/// The Service proxy's voice: whether our rules are loaded, and whether they are of use. Clone it freely.
#[derive(Clone)]
pub struct Voice {
    table: String,
    bridge: String,
    health: Check,
    /// Whether the kernel has our rules as they should be.
    loaded: Arc<AtomicBool>,
}

impl Voice {
    pub fn new(config: &Config, health: Check) -> Self {
        Self { table: config.table.clone(), bridge: config.bridge.clone(), health, loaded: Arc::default() }
    }

    pub fn failed(&self, error: &dyn std::fmt::Display) {
        self.loaded.store(false, Ordering::Relaxed);
        self.health.ill(format!("Service rules are out of date: {error}"), "see the cause; it is tried again");
    }

    /// Our rules are loaded.
    pub async fn loaded(&self) {
        self.loaded.store(true, Ordering::Relaxed);
        self.look().await;
    }

    /// Tells of rules in the way, as of now.
    pub async fn look(&self) {
        if !self.loaded.load(Ordering::Relaxed) {
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
        let found = firewall::obstacles(&listing, table, bridge, knows);
        if found.is_empty() {
            return self.health.well();
        }
        let join = |part: fn(&firewall::Obstacle) -> &str| found.iter().map(part).collect::<Vec<_>>().join("; ");
        let (cause, cure) = (join(|it| &it.cause), join(|it| &it.cure));
        tracing::warn!(%cause, %cure, "another firewall stops pods' traffic");
        self.health.ill(cause, cure);
    }
}
