//! When a schedule is due: five fields in a time zone, by upstream's rules for what was missed.
//!
//! Upstream: `pkg/controller/cronjob/utils.go` (mostRecentScheduleTime), robfig/cron v3.

use k8s_openapi::jiff::{self, tz::TimeZone};
use kinds::batch::schedule::Schedule as Rule;
use std::time::Duration;
use stdx::Timestamp;

/// Starts missed that are too many to make sense of. Upstream: 100.
const TOO_MANY: usize = 100;

pub struct Schedule {
    rule: Rule,
    zone: TimeZone,
}

/// What of a schedule cannot be read, and why.
#[derive(Debug)]
pub enum Unreadable {
    Schedule(String),
    Zone(String),
}

/// `Tue, 01 Jan 2019 03:00:00 +0000`.
pub fn rfc1123(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(at.secs()).unwrap_or_default();
    at.strftime("%a, %d %b %Y %H:%M:%S %z").to_string()
}

/// What has come due since the last look.
#[derive(Debug, PartialEq, Default)]
pub struct Due {
    /// The newest scheduled time that has passed.
    pub latest: Option<Timestamp>,
    pub too_many: bool,
}

impl Schedule {
    /// # Errors
    /// If schedule or time zone cannot be read; validation has refused them before.
    pub fn parse(schedule: &str, time_zone: Option<&str>) -> Result<Self, Unreadable> {
        let zone = match time_zone {
            Some(name) => TimeZone::get(name).map_err(|error| Unreadable::Zone(error.to_string()))?,
            None => TimeZone::UTC,
        };
        Ok(Self { rule: Rule::parse(schedule).map_err(Unreadable::Schedule)?, zone })
    }

    /// The first scheduled time after `after`.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = jiff::Timestamp::from_second(after.secs()).ok()?;
        let next = self.rule.next_after(after, &self.zone)?;
        Some(Timestamp::from_secs(u64::try_from(next.as_second()).ok()?))
    }

    /// Scheduled times in `(since, now]`.
    pub fn due(&self, since: Timestamp, now: Timestamp) -> Due {
        let mut due = Due::default();
        let mut at = since;
        for count in 0.. {
            match self.next(at) {
                Some(next) if next <= now => (due.latest, at) = (Some(next), next),
                _ => return due,
            }
            if count >= TOO_MANY {
                due.too_many = true;
                due.latest = self.last_before(now, at);
                return due;
            }
        }
        due
    }

    /// Without walking through all that was missed: looks back from now over growing stretches.
    fn last_before(&self, now: Timestamp, floor: Timestamp) -> Option<Timestamp> {
        let mut stretch = Duration::from_secs(120);
        loop {
            let from = Timestamp(now.0.saturating_sub(stretch)).max(floor);
            let mut latest = None;
            let mut at = from;
            while let Some(next) = self.next(at).filter(|next| *next <= now) {
                (latest, at) = (Some(next), next);
            }
            if latest.is_some() || from == floor {
                return latest.or(Some(floor));
            }
            stretch *= 4;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_secs(u64::try_from(apimachinery::time::parse_seconds(text).unwrap()).unwrap())
    }

    #[track_caller]
    fn check(schedule: &str, zone: Option<&str>, after: &str, expected: &str) {
        let next = Schedule::parse(schedule, zone).unwrap().next(at(after)).unwrap();
        assert_eq!(apimachinery::time::format_seconds(next.secs()), expected);
    }

    #[test]
    fn the_next_time() {
        check("*/30 * * * *", None, "2019-01-02T03:04:05Z", "2019-01-02T03:30:00Z");
        check("*/30 * * * *", None, "2019-01-02T03:30:00Z", "2019-01-02T04:00:00Z");
        check("@daily", None, "2019-01-02T03:04:05Z", "2019-01-03T00:00:00Z");
        check("0 4 * * *", Some("Europe/Paris"), "2019-01-02T03:04:05Z", "2019-01-03T03:00:00Z");
        check("0 4 * * *", Some("Europe/Paris"), "2019-07-02T01:04:05Z", "2019-07-02T02:00:00Z");
        check("@every 1h", None, "2019-01-02T03:04:05Z", "2019-01-02T04:04:05Z");
    }

    #[test]
    fn times_in_events() {
        assert_eq!(rfc1123(at("2019-01-01T03:00:00Z")), "Tue, 01 Jan 2019 03:00:00 +0000");
    }

    #[test]
    fn day_of_month_or_day_of_week() {
        // Both restricted: either fits, as cron has always had it.
        check("0 0 13 * 5", None, "2019-01-01T00:00:00Z", "2019-01-04T00:00:00Z");
    }

    #[test]
    fn what_was_missed() {
        let hourly = Schedule::parse("0 * * * *", None).unwrap();
        let due = hourly.due(at("2019-01-01T00:30:00Z"), at("2019-01-01T03:10:00Z"));
        assert_eq!(due, Due { latest: Some(at("2019-01-01T03:00:00Z")), too_many: false });
        let due = hourly.due(at("2019-01-01T00:30:00Z"), at("2019-02-01T03:10:00Z"));
        assert_eq!(due, Due { latest: Some(at("2019-02-01T03:00:00Z")), too_many: true });
        assert_eq!(hourly.due(at("2019-01-01T00:30:00Z"), at("2019-01-01T00:40:00Z")), Due::default());
    }
}
