//! The machine's clock was set: what pods' tasks have planned by it is looked at anew, and tokens are fetched anew, which
//! may have expired all at once, or not be of this time yet.

use crate::agent::Agent;
use std::sync::Arc;
use std::time::Duration;
use stdx::Timestamp;
use tokio::time::{Instant, sleep};

/// Between looks: a token that has expired is refused for so long at most.
const LOOK: Duration = Duration::from_secs(30);
/// Clocks that are steered slowly, and a machine that was busy, are no news.
const TOLERANCE: Duration = Duration::from_secs(5);

pub async fn run(agent: Arc<Agent>) {
    let mut before = (Instant::now(), agent.clock.now());
    while agent.stop.run_until_cancelled(sleep(LOOK)).await.is_some() {
        let now = (Instant::now(), agent.clock.now());
        if was_set(now.0 - before.0, before.1, now.1) {
            tracing::warn!("the clock was set; pods' tokens are fetched anew");
            agent.tokens.forget_all();
            agent.tell_all(|inbox| inbox.config_changes += 1);
        }
        before = now;
    }
}

/// Whether more or less time has passed by the clock than has.
fn was_set(passed: Duration, before: Timestamp, now: Timestamp) -> bool {
    let expected = before + passed;
    now.since(expected).max(expected.since(now)) > TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_and_back() {
        let at = Timestamp::from_secs;
        let passed = Duration::from_secs(30);
        assert!(!was_set(passed, at(1000), at(1030)));
        assert!(!was_set(passed, at(1000), at(1034)), "steered");
        assert!(was_set(passed, at(1000), at(1036)));
        assert!(was_set(passed, at(1000), at(1000 + 2 * 365 * 86_400)));
        assert!(was_set(passed, at(1000), at(900)));
    }
}
