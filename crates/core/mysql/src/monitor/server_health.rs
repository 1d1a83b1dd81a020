//! Whether a server is tried: errors of connects shun it for a while, missed pings take it down until it answers.
//!
//! Lag and read_only are not looked at here; see [`super::replication`].

use super::Millis;

/// Variables of ProxySQL, in its units turned to milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Errors within one second that shun it: the less of `mysql-shun_on_failures` (5) and
    /// `mysql-connect_retries_on_failure` (10) + 1.
    pub shun_on_failures: u32,
    /// `mysql-shun_recovery_time_sec`; default 10,000 ms.
    pub shun_recovery: Millis,
    /// `mysql-connect_timeout_server_max`; default 10,000 ms. Shunning ends a second before it, so that a client that
    /// waits finds the server again.
    pub connect_timeout_max: Millis,
    /// `mysql-monitor_ping_max_failures`; default 3.
    pub ping_max_failures: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { shun_on_failures: 5, shun_recovery: 10_000, connect_timeout_max: 10_000, ping_max_failures: 3 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Usable,
    /// No new connections until then; those there are go on.
    Shunned {
        until: Millis,
    },
    /// Pings are missed: connections are closed, whoever needs it fails at once.
    Down,
}

/// A server's health; one for each address, whatever its hostgroups.
#[derive(Debug, Clone)]
pub struct ServerHealth {
    config: Config,
    /// Second (of the caller's clock) of the newest errors, and how many fell into it.
    error_second: Millis,
    errors: u32,
    shunned_at: Option<Millis>,
    missed: u32,
    /// Round trips of the last pings in microseconds, newest last.
    pings: Vec<u64>,
}

/// Pings whose mean is the latency.
const AVERAGED: usize = 3;

/// Errors of a login that tell of the user or of limits, not of a sick server.
const NOT_SICK: [u16; 6] = [
    1044, // access to the database denied
    1045, // wrong password
    1049, // unknown database
    1203, // the user's connections are used up
    1226, // a resource of the user is used up
    3118, // account locked
];

impl ServerHealth {
    pub fn new(config: Config) -> Self {
        Self { config, error_second: 0, errors: 0, shunned_at: None, missed: 0, pings: Vec::new() }
    }

    pub fn set_config(&mut self, config: Config) {
        self.config = config;
    }

    /// Whether an error of connecting counts; `code` is the server's, `None` where there was no answer.
    pub fn counts(code: Option<u16>) -> bool {
        code.is_none_or(|code| !NOT_SICK.contains(&code))
    }

    /// Takes in a failed connect that counts. True if the server is shunned from now on.
    pub fn handle_connect_error(&mut self, now: Millis) -> bool {
        let second = now / 1000;
        if second != self.error_second {
            self.errors = 0;
        }
        self.error_second = second;
        self.errors += 1;
        let shun = self.errors >= self.config.shun_on_failures;
        let was = matches!(self.verdict(now, false), Verdict::Shunned { .. });
        if shun {
            self.shunned_at = Some(now);
            self.errors = 0;
        }
        shun && !was
    }

    /// A connect worked: nothing is held against it.
    pub fn handle_connected(&mut self) {
        self.errors = 0;
        self.shunned_at = None;
    }

    /// Takes in a ping: its round trip in microseconds, or nothing if it was missed. True if that takes the server down
    /// or up.
    pub fn handle_ping(&mut self, round_trip: Option<u64>) -> bool {
        let before = self.is_down();
        match round_trip {
            Some(micros) => {
                if self.pings.len() == AVERAGED {
                    self.pings.remove(0);
                }
                self.pings.push(micros);
                self.missed = 0;
                if before {
                    self.handle_connected();
                }
            }
            None => self.missed = self.missed.saturating_add(1),
        }
        self.is_down() != before
    }

    /// `alone`: no other server of the hostgroup can be used; shunning then takes a tenth of its time.
    pub fn verdict(&self, now: Millis, alone: bool) -> Verdict {
        if self.is_down() {
            return Verdict::Down;
        }
        let longest = self.config.connect_timeout_max.saturating_sub(1000);
        let recovery = self.config.shun_recovery.min(longest.max(1)) / if alone { 10 } else { 1 };
        match self.shunned_at.map(|at| at + recovery) {
            Some(until) if now < until => Verdict::Shunned { until },
            _ => Verdict::Usable,
        }
    }

    /// Mean of the last three pings, in microseconds; `None` before the first.
    pub fn latency(&self) -> Option<u64> {
        let count = self.pings.len() as u64;
        (count > 0).then(|| self.pings.iter().sum::<u64>() / count)
    }

    fn is_down(&self) -> bool {
        self.missed >= self.config.ping_max_failures.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHUNNED: fn(Millis) -> Verdict = |until| Verdict::Shunned { until };

    #[test]
    fn five_errors_in_a_second_shun() {
        check("error@100 x4", 100, Verdict::Usable);
        check("error@100 x5", 100, SHUNNED(9_100));
        check("error@100 x5", 9_100, Verdict::Usable);
        check("error@900 x4, error@1100 x4", 1_100, Verdict::Usable);
    }

    #[test]
    fn a_connect_forgives() {
        check("error@100 x5, connected@200", 200, Verdict::Usable);
        check("error@100 x4, connected@100, error@100 x4", 100, Verdict::Usable);
    }

    #[test]
    fn three_missed_pings_are_down() {
        check("miss@0 x2", 0, Verdict::Usable);
        check("miss@0 x2, ping@0, miss@0 x2", 0, Verdict::Usable);
        check("miss@0 x3", 99_999, Verdict::Down);
        check("error@0 x5, miss@0 x3, ping@0", 0, Verdict::Usable);
    }

    #[test]
    fn a_lonely_server_is_tried_sooner() {
        let mut health = ServerHealth::new(Config::default());
        let shunned: Vec<_> = (0..5).map(|_| health.handle_connect_error(1_000)).collect();
        assert_eq!(shunned, [false, false, false, false, true]);
        assert_eq!(health.verdict(1_000, true), SHUNNED(1_900));
    }

    #[test]
    fn errors_of_users_do_not_count() {
        assert!(!ServerHealth::counts(Some(1045)));
        assert!(ServerHealth::counts(Some(1040)) && ServerHealth::counts(None));
    }

    #[test]
    fn latency_is_a_mean_of_three() {
        let mut health = ServerHealth::new(Config::default());
        [1000, 10, 20, 30].into_iter().for_each(|micros| _ = health.handle_ping(Some(micros)));
        assert_eq!(health.latency(), Some(20));
    }

    /// `EVENT@MILLIS xCOUNT`.
    #[track_caller]
    fn check(events: &str, now: Millis, expected: Verdict) {
        let mut health = ServerHealth::new(Config::default());
        for event in events.split(", ") {
            let (event, count) = event.split_once(" x").unwrap_or((event, "1"));
            let (event, at) = event.split_once('@').unwrap();
            for _ in 0..count.parse().unwrap() {
                match event {
                    "error" => _ = health.handle_connect_error(at.parse().unwrap()),
                    "connected" => health.handle_connected(),
                    "ping" => _ = health.handle_ping(Some(100)),
                    _ => _ = health.handle_ping(None),
                }
            }
        }
        assert_eq!(health.verdict(now, false), expected);
    }
}
