//! The state of a server as its checks, its traffic, its administrators and the server it tracks make it.
//!
//! One machine holds all of it, since each may override the others. Events come in by methods, with the time; what is
//! to be done comes back as [`Effect`]s in order. The driver carries them out, publishes [`Health::verdict`] and runs
//! the checks at [`Health::next_check`].
//!
//! Invariants
//! - A server in maintenance is stopped, and no check runs on it.
//! - What a check counts never leaves 0..rise+fall-1.
//! - A server that tracks another one has no check of its own; [`Health::follow`] is its only source of failures.

mod admin;
mod checks;
mod counter;
mod effect;
mod observe;
mod settings;
mod shown;
mod status;
#[cfg(test)]
mod tests;
mod timing;

pub use admin::{ForcedHealth, Wish};
pub use checks::{Agent, parse_maxconn};
pub use counter::{Counter, Outcome};
pub use effect::{Around, Effect, StateLine, no_server_available};
pub use observe::Observed;
pub use status::{Status, Verdict as CheckVerdict};
pub use timing::{Noise, first_delay};

use crate::config::model::{Observe, OnError};
use crate::server::{Admin, Millis, Oper, Verdict, Weight};

/// What the machine is told once, and again when the configuration changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub backend: String,
    pub server: String,
    pub backup: bool,
    /// `check`
    pub checked: bool,
    pub inter: Millis,
    pub fastinter: Option<Millis>,
    pub downinter: Option<Millis>,
    pub rise: u32,
    pub fall: u32,
    /// `agent-check`
    pub agent: bool,
    pub agent_inter: Millis,
    pub observe: Observe,
    pub error_limit: u32,
    pub on_error: OnError,
    /// `on-marked-down shutdown-sessions`
    pub shutdown_sessions: bool,
    /// `on-marked-up shutdown-backup-sessions`
    pub shutdown_backup_sessions: bool,
    /// `backend/server` it tracks, with the backend's name filled in.
    pub tracks: Option<String>,
    /// Its name in the configuration, where that was not an address: log lines of resolution have it.
    pub hostname: Option<String>,
    /// `option log-health-checks`.
    pub log_health_checks: bool,
    pub weight: Weight,
    /// `disabled` stands on the server line.
    pub disabled: bool,
}

/// Which of a server's two checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Which {
    Health,
    Agent,
}

/// A server's state.
#[derive(Debug, Clone)]
pub struct Health {
    settings: Settings,
    pub check: Counter,
    pub agent: Counter,
    oper: Oper,
    admin: Admin,
    /// State of the server it tracks, as last heard.
    tracked: Option<Oper>,
    weight: Weight,
    effective: u32,
    /// When `oper` or usability changed last: column `lastchg`, and the beginning of a slow start.
    last_change: Millis,
    /// Failures seen in traffic since the last success (`observe`).
    consecutive_errors: u32,
    pub counters: Counters,
    /// Milliseconds this server was down, all in all, without the current time.
    down_millis: Millis,
    next_check: Option<Millis>,
    next_agent: Option<Millis>,
}

/// What statistics count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// `chkfail`: failed checks while the server was up.
    pub failed_checks: u64,
    /// `chkdown`: from up to down.
    pub down_transitions: u64,
    /// `hanafail`: times `on-error` acted.
    pub failed_observations: u64,
}

impl Health {
    /// A server at the start of the process: up, if nobody disabled it, and not warming up.
    pub fn new(settings: Settings, now: Millis) -> Self {
        let mut health = Self {
            check: Counter::new(settings.checked, settings.rise, settings.fall),
            agent: Counter::new(settings.agent, 1, 1),
            oper: Oper::Running,
            admin: Admin::READY,
            tracked: None,
            weight: settings.weight,
            effective: 0,
            last_change: now,
            consecutive_errors: 0,
            counters: Counters::default(),
            down_millis: 0,
            next_check: None,
            next_agent: None,
            settings,
        };
        if health.settings.disabled {
            health.admin = Admin::FORCED_MAINT | Admin::CONFIG_MAINT;
            health.oper = Oper::Stopped;
            health.check.health = 0;
            health.check.paused = true;
        }
        health.recompute_weight(now);
        health
    }

    /// Takes in another configuration of the same server: what is known of it stays, unless the words changed.
    pub fn reconfigure(&mut self, now: Millis, settings: Settings) -> Vec<Effect> {
        let before = std::mem::replace(&mut self.settings, settings);
        let settings = &self.settings;
        self.check.reconfigure(settings.checked, settings.rise, settings.fall);
        self.agent.reconfigure(settings.agent, 1, 1);
        if !self.check.configured {
            self.next_check = None;
        }
        if !self.agent.configured {
            self.next_agent = None;
        }
        let user =
            if before.weight.initial == settings.weight.initial { self.weight.user } else { settings.weight.user };
        self.weight = Weight { user, ..settings.weight };
        let (was, is) = (before.disabled, settings.disabled);
        let unchecked = !settings.checked && !settings.agent && settings.tracks.is_none();
        let verdict = self.verdict();
        self.recompute_weight(now);
        let mut effects = Vec::new();
        if self.verdict() != verdict {
            effects.push(Effect::Changed);
        }
        match (was, is) {
            (false, true) => effects.extend(self.wish(now, Wish::Maint)),
            (true, false) => effects.extend(self.wish(now, Wish::Ready)),
            // What no check looks at any more is up, as at the start.
            _ if unchecked && (before.checked || before.agent || before.tracks.is_some()) => {
                effects.extend(self.force_health(now, ForcedHealth::Up));
            }
            _ => {}
        }
        effects
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What balancing may know.
    pub fn verdict(&self) -> Verdict {
        Verdict { oper: self.oper, admin: self.admin, effective_weight: self.effective }
    }

    pub fn oper(&self) -> Oper {
        self.oper
    }

    pub fn admin(&self) -> Admin {
        self.admin
    }

    pub fn weight(&self) -> Weight {
        self.weight
    }

    pub fn last_change(&self) -> Millis {
        self.last_change
    }

    /// Gone of its slow start, in percent, while it lasts.
    pub fn warmth(&self, now: Millis) -> Option<u32> {
        self.weight.warmth(self.oper, self.last_change, now)
    }

    pub fn counter(&self, which: Which) -> &Counter {
        match which {
            Which::Health => &self.check,
            Which::Agent => &self.agent,
        }
    }

    fn counter_mut(&mut self, which: Which) -> &mut Counter {
        match which {
            Which::Health => &mut self.check,
            Which::Agent => &mut self.agent,
        }
    }

    fn recompute_weight(&mut self, now: Millis) {
        if self.oper == Oper::Starting && self.weight.warmth(self.oper, self.last_change, now).is_none() {
            self.oper = Oper::Running;
        }
        self.effective = self.weight.effective(self.oper, self.last_change, now);
    }

    /// Moves to another state, and keeps the account of time.
    fn move_to(&mut self, now: Millis, oper: Oper) {
        if self.oper == Oper::Stopped {
            self.down_millis += now.saturating_sub(self.last_change);
        }
        self.oper = oper;
        self.last_change = now;
        self.recompute_weight(now);
    }

    /// The state a server comes up in.
    fn rising(&self) -> Oper {
        if self.weight.slowstart > 0 { Oper::Starting } else { Oper::Running }
    }
}
