//! `observe`: what live traffic says of a server's health.

use super::effect::Effect;
use super::status::Status;
use super::{Health, Outcome, Which};
use crate::config::model::{Observe, OnError};
use crate::server::Millis;

/// Something seen in traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Observed {
    /// A connection was made.
    Connected,
    ConnectFailed,
    /// A response of status 100 to 499, 501 or 505.
    GoodResponse,
    WrongStatus,
    InvalidHeaders,
    InvalidResponse,
    ReadError,
    ReadTimeout,
    /// The server closed before its response was complete.
    BrokenPipe,
}

/// Its text, and whether it is good under `observe layer4` and `observe layer7`; absent where it says nothing.
type Line = (Observed, &'static str, Option<bool>, Option<bool>);

#[rustfmt::skip]
const TABLE: &[Line] = &[
    (Observed::Connected,       "L4 successful connection",        Some(true),  None),
    (Observed::ConnectFailed,   "L4 unsuccessful connection",      Some(false), Some(false)),
    (Observed::GoodResponse,    "Correct http response",           None,        Some(true)),
    (Observed::WrongStatus,     "Wrong http response",             None,        Some(false)),
    (Observed::InvalidHeaders,  "Invalid http response (headers)", None,        Some(false)),
    (Observed::InvalidResponse, "Invalid http response",           None,        Some(false)),
    (Observed::ReadError,       "Read error (http)",               None,        Some(false)),
    (Observed::ReadTimeout,     "Read timeout (http)",             None,        Some(false)),
    (Observed::BrokenPipe,      "Close from server (http)",        None,        Some(false)),
];

impl Observed {
    fn line(self) -> &'static Line {
        &TABLE[self as usize]
    }

    /// Whether it is good or bad under this mode; absent where the mode does not look at it. Workers ask this first,
    /// so that good news of a server without errors costs no lock.
    pub fn is_good(self, mode: Observe) -> Option<bool> {
        let (_, _, layer4, layer7) = self.line();
        match mode {
            Observe::None => None,
            Observe::Layer4 => *layer4,
            Observe::Layer7 => *layer7,
        }
    }
}

impl Health {
    /// Errors in a row that traffic showed.
    pub fn consecutive_errors(&self) -> u32 {
        self.consecutive_errors
    }

    /// Takes in what traffic showed. After it, [`Health::next_check`] may be sooner than before.
    pub fn observe(&mut self, now: Millis, seen: Observed) -> Vec<Effect> {
        let mut effects = Vec::new();
        let config = &self.settings;
        match seen.is_good(config.observe) {
            None => return effects,
            Some(true) => {
                self.consecutive_errors = 0;
                return effects;
            }
            Some(false) => {}
        }
        self.consecutive_errors += 1;
        if self.consecutive_errors < config.error_limit {
            return effects;
        }
        let info = format!("Detected {} consecutive errors, last one was: {}", self.consecutive_errors, seen.line().1);
        let (on_error, fastinter) = (config.on_error, config.fastinter);
        match on_error {
            OnError::Fastinter => {}
            OnError::FailCheck => self.simulate_failure(now, info, &mut effects),
            OnError::SuddenDeath => {
                if self.check.health > self.check.rise {
                    self.check.health = self.check.rise + 1;
                }
                self.simulate_failure(now, info, &mut effects);
            }
            OnError::MarkDown => {
                self.check.health = self.check.rise;
                self.simulate_failure(now, info, &mut effects);
            }
        }
        self.consecutive_errors = 0;
        self.counters.failed_observations += 1;
        if let Some(fast) = fastinter {
            self.hasten(now + fast);
        }
        effects
    }

    /// The run under way, if any, goes on.
    fn simulate_failure(&mut self, now: Millis, info: String, effects: &mut Vec<Effect>) {
        let started = self.check.started;
        self.take_outcome(now, Which::Health, Outcome::new(Status::Analyze).with_info(info), effects);
        self.check.started = started;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_variants() {
        for (place, line) in TABLE.iter().enumerate() {
            assert_eq!(line.0 as usize, place);
        }
    }
}
