//! A round for a pod that ends: main containers first, then sidecars in reverse order, then its surroundings.

use crate::life::Action;
use crate::run::Round;
use crate::wanted::{Item, Role, grace};
use std::time::Duration;
use stdx::Timestamp;

/// What containers of a pod get that was deleted by force. Upstream: `calculateEffectiveGracePeriod`.
const FORCED_GRACE: Duration = Duration::from_secs(1);

/// What a sidecar is given at least, however long the others took. Upstream: `minimumGracePeriodInSeconds`.
const MIN_SIDECAR_GRACE: Duration = Duration::from_secs(2);

impl Round<'_> {
    pub fn shut_down(&mut self) {
        let items = std::mem::take(&mut self.items);
        let mut is_still = true;
        // A pod that is no longer in the API was deleted by force; one that harms the node is not asked twice.
        let is_urgent = self.seen.is_gone || self.life.ended.as_ref().is_some_and(|ended| ended.reason == "Evicted");
        let grace = if is_urgent { FORCED_GRACE } else { grace(self.pod) };
        items.iter().for_each(|item| self.watch_ending(item));
        for item in items.iter().filter(|item| item.role != Role::Sidecar) {
            is_still &= !self.stop_if_alive(item, grace);
        }
        if is_still {
            is_still = self.stop_sidecars(&items);
        }
        self.items = items;
        if !is_still {
            return;
        }
        if self.seen.has_remains {
            if !self.seen.sandbox_busy {
                self.ask(Action::Teardown);
            }
        } else if self.pod.metadata.deletion_timestamp.is_some() && !self.seen.is_gone {
            self.ask(Action::Delete);
        }
    }

    /// Stops the last sidecar that is alive; true when none is.
    pub fn stop_sidecars(&mut self, items: &[Item<'_>]) -> bool {
        let grace = self.remaining_grace();
        !items.iter().rev().filter(|item| item.role == Role::Sidecar).any(|item| self.stop_if_alive(item, grace))
    }

    fn stop_if_alive(&mut self, item: &Item<'_>, grace: Duration) -> bool {
        let latest = self.seen.latest(item.name);
        let is_alive = latest.is_some_and(crate::ContainerSeen::is_alive);
        if is_alive || self.seen.is_busy(item.name) {
            let attempt = latest.map_or(0, |latest| latest.attempt);
            self.stop(item, attempt, grace, format!("Stopping container {}", item.name));
            return true;
        }
        false
    }

    /// What is left until the deletion's deadline.
    fn remaining_grace(&self) -> Duration {
        let deadline =
            self.pod.metadata.deletion_timestamp.as_ref().map(|time| time.0.as_second().max(0).unsigned_abs());
        let left = deadline.map(|deadline| Timestamp::from_secs(deadline).since(self.now));
        left.unwrap_or(grace(self.pod)).clamp(MIN_SIDECAR_GRACE, grace(self.pod).max(MIN_SIDECAR_GRACE))
    }
}
