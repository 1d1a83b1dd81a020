//! When the next scheduled snapshot is due.

use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// What is overdue, or was never made, waits so long: a server that starts has other things to do.
const SOON: Duration = Duration::from_secs(60);

/// How long to wait for the next, `every` after the `newest` whoever made that one: a machine that is turned off each
/// night has its snapshots, too. A clock that was turned back makes no wait longer than `every`.
pub fn wait(newest: Option<Timestamp>, now: Timestamp, every: Duration) -> Duration {
    let soon = SOON.min(every);
    let Some(newest) = newest else { return soon };
    let age = now.duration_since(newest).max(SignedDuration::ZERO).unsigned_abs();
    every.saturating_sub(age).max(soon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits() {
        let at = |hours: i64| Timestamp::from_second(hours * 3600).unwrap();
        let hours = |count: u64| Duration::from_secs(count * 3600);
        let every = hours(12);
        assert_eq!(wait(None, at(100), every), SOON, "never made");
        assert_eq!(wait(Some(at(100)), at(100), every), every);
        assert_eq!(wait(Some(at(95)), at(100), every), hours(7));
        assert_eq!(wait(Some(at(1)), at(100), every), SOON, "overdue");
        assert_eq!(wait(Some(at(200)), at(100), every), every, "the clock was turned back");
        assert_eq!(wait(None, at(100), Duration::from_secs(2)), Duration::from_secs(2));
    }
}
