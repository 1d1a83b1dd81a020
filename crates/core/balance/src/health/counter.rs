//! One check's count of successes and failures, and how its last run ended.

use super::status::{Status, Verdict};
use crate::server::Millis;

/// Bytes of the text about a check's end that are kept, as HAProxy does.
const LONGEST_INFO: usize = 127;

/// The end of one run of a check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    pub status: Status,
    /// What the server answered (HTTP, SMTP, ...) or a process returned; 0 where it did not.
    pub code: i32,
    /// What went wrong, for logs and `last_chk`; empty where there is nothing to say.
    pub info: String,
}

impl Outcome {
    pub fn new(status: Status) -> Self {
        Self { status, ..Self::default() }
    }

    pub fn with_info(mut self, info: impl Into<String>) -> Self {
        self.info = info.into();
        self
    }
}

/// The state of a health or agent check.
///
/// `health` is 0 (down), 1..rise (down, recovering), rise..rise+fall-1 (up, failing) or rise+fall-1 (up).
#[derive(Debug, Clone)]
pub struct Counter {
    /// The server has this check in its configuration.
    pub configured: bool,
    /// It may run: `disable health` and `disable agent` clear it.
    pub enabled: bool,
    /// Maintenance holds it.
    pub paused: bool,
    pub rise: u32,
    pub fall: u32,
    pub health: u32,
    /// How the last finished run ended.
    pub last: Outcome,
    /// Milliseconds the last finished run took; absent before the first one and for what was seen in traffic.
    pub duration: Option<Millis>,
    /// When the current run began, if one is under way.
    pub started: Option<Millis>,
}

/// What a finished run changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    pub verdict: Verdict,
    /// `health` moved, or the run ended differently than the one before: `option log-health-checks` says so.
    pub news: bool,
    /// A failure that was counted (column `chkfail`).
    pub failed: bool,
}

impl Counter {
    /// Up, as all servers begin, and down at its first failure.
    pub(super) fn new(configured: bool, rise: u32, fall: u32) -> Self {
        Self {
            configured,
            enabled: configured,
            paused: false,
            rise,
            fall,
            health: rise,
            last: Outcome::new(if configured { Status::Initializing } else { Status::Unknown }),
            duration: None,
            started: None,
        }
    }

    /// Other numbers of the same check: the verdict stays.
    pub(super) fn reconfigure(&mut self, configured: bool, rise: u32, fall: u32) {
        if configured != self.configured {
            *self = Self { paused: self.paused, ..Self::new(configured, rise, fall) };
        } else if (rise, fall) != (self.rise, self.fall) {
            let (up, full, down) = (self.is_up(), self.is_fully_up(), self.health == 0);
            (self.rise, self.fall) = (rise, fall);
            self.health = match (up, full, down) {
                (true, true, _) => self.top(),
                (true, ..) => self.health.clamp(rise, self.top()),
                (false, _, true) => 0,
                (false, ..) => self.health.min(rise - 1),
            };
        }
    }

    pub fn is_up(&self) -> bool {
        self.health >= self.rise
    }

    pub fn top(&self) -> u32 {
        self.rise + self.fall - 1
    }

    pub fn is_fully_up(&self) -> bool {
        self.health == self.top()
    }

    /// Runs of the current verdict and the runs that make it, as in `UP 2/3` and `DOWN 1/2`.
    pub fn fraction(&self) -> (u32, u32) {
        if self.is_up() { (self.health - self.rise + 1, self.fall) } else { (self.health, self.rise) }
    }

    /// It lets the server be up: it is switched off, or its count says so.
    pub(super) fn agrees(&self) -> bool {
        !self.enabled || self.is_up()
    }

    /// Takes a result in. `agent`: failures to talk to an agent do not count.
    pub(super) fn count(&mut self, now: Millis, outcome: Outcome, agent: bool) -> Counted {
        let previous = self.last.status;
        self.last = outcome;
        let mut end = self.last.info.len().min(LONGEST_INFO);
        while !self.last.info.is_char_boundary(end) {
            end -= 1;
        }
        self.last.info.truncate(end);
        if self.last.status == Status::Analyze {
            self.duration = None;
        } else if let Some(started) = self.started.take() {
            self.duration = Some(now.saturating_sub(started));
        }
        let verdict = self.last.status.verdict();
        let moved = match verdict {
            Verdict::Failed if !agent || self.last.status.has_code() => self.lower(),
            Verdict::Passed | Verdict::Conditional => self.raise(),
            _ => false,
        };
        let news = verdict != Verdict::Neutral && (moved || previous != self.last.status);
        Counted { verdict, news, failed: moved && verdict == Verdict::Failed }
    }

    fn lower(&mut self) -> bool {
        if self.health == 0 {
            return false;
        }
        self.health -= 1;
        if self.health < self.rise {
            self.health = 0;
        }
        true
    }

    fn raise(&mut self) -> bool {
        if self.health >= self.top() {
            return false;
        }
        self.health += 1;
        if self.health >= self.rise {
            self.health = self.top();
        }
        true
    }
}
