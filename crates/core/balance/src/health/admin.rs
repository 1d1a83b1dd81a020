//! Wishes of administrators and agents, and what a tracked server passes on.

use super::effect::{Effect, Why};
use super::{Health, Which};
use crate::log::Level;
use crate::server::{Admin, Millis, Oper};

/// `set server b/s state ...`, and the words of agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Ready,
    Drain,
    Maint,
}

/// `set server b/s health ...`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForcedHealth {
    Up,
    Stopping,
    Down,
}

const FROM_CLI: Why = Why::Said("changed from CLI");

impl Health {
    /// `set server b/s state`, `enable server`, `disable server`, or an agent's word.
    pub fn wish(&mut self, now: Millis, wish: Wish) -> Vec<Effect> {
        let mut effects = Vec::new();
        match wish {
            Wish::Ready => {
                self.clear(now, Admin::FORCED_DRAIN, &mut effects);
                self.clear(now, Admin::FORCED_MAINT, &mut effects);
            }
            Wish::Drain => {
                self.set(now, Admin::FORCED_DRAIN, &mut effects);
                self.clear(now, Admin::FORCED_MAINT, &mut effects);
            }
            Wish::Maint => {
                self.set(now, Admin::FORCED_MAINT, &mut effects);
                self.clear(now, Admin::FORCED_DRAIN, &mut effects);
            }
        }
        effects
    }

    /// Whether the server's name resolves.
    pub fn resolved(&mut self, now: Millis, resolves: bool) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.inherit(now, Admin::RESOLUTION_MAINT, !resolves, &mut effects);
        effects
    }

    /// `set server b/s health`.
    pub fn force_health(&mut self, now: Millis, health: ForcedHealth) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.check.health = if health == ForcedHealth::Down { 0 } else { self.check.top() };
        match health {
            ForcedHealth::Up => self.run(now, FROM_CLI, &mut effects),
            ForcedHealth::Stopping => self.soft_stop(now, FROM_CLI, &mut effects),
            ForcedHealth::Down => self.stop(now, FROM_CLI, &mut effects),
        }
        effects
    }

    /// `set server b/s agent up|down`.
    pub fn force_agent(&mut self, now: Millis, up: bool) -> Vec<Effect> {
        let mut effects = Vec::new();
        if up {
            self.agent.health = self.agent.top();
            self.run(now, FROM_CLI, &mut effects);
        } else {
            self.agent.health = 0;
            self.stop(now, FROM_CLI, &mut effects);
        }
        effects
    }

    /// `enable health`, `disable health`, `enable agent`, `disable agent`; false if there is no such check.
    pub fn switch_check(&mut self, which: Which, on: bool) -> bool {
        let counter = self.counter_mut(which);
        if counter.configured {
            counter.enabled = on;
            if which == Which::Agent && !on {
                counter.health = counter.top();
            }
        }
        counter.configured
    }

    /// `set server b/s weight`; the number comes from [`crate::server::parse_weight`].
    pub fn set_weight(&mut self, now: Millis, weight: u32) -> Vec<Effect> {
        self.weight.user = weight;
        let before = self.effective;
        self.recompute_weight(now);
        if self.effective == before { Vec::new() } else { vec![Effect::Changed] }
    }

    /// Goes on with a slow start; to be called once a second while [`Health::warmth`] is there.
    pub fn warm_up(&mut self, now: Millis) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.oper != Oper::Starting {
            return effects;
        }
        let before = self.verdict();
        self.recompute_weight(now);
        if self.verdict() != before {
            effects.extend([Effect::Changed, Effect::MoveQueue]);
        }
        if self.oper == Oper::Running {
            effects.push(Effect::Log(Level::Notice, self.report("is UP", Why::Known)));
        }
        effects
    }

    /// Sets or clears a flag that is not an administrator's own.
    pub(super) fn inherit(&mut self, now: Millis, flag: Admin, on: bool, effects: &mut Vec<Effect>) {
        if on { self.set(now, flag, effects) } else { self.clear(now, flag, effects) }
    }

    fn set(&mut self, now: Millis, flag: Admin, effects: &mut Vec<Effect>) {
        if self.admin.any(flag) {
            return;
        }
        let before = self.admin;
        self.admin |= flag;
        let why = if self.admin.any(Admin::FORCED_MAINT | Admin::FORCED_DRAIN) { Why::Forced } else { Why::Known };
        if !before.maint() && self.admin.maint() {
            self.enter_maintenance(now, before, why, effects);
        } else if !before.drain() && self.admin.drain() && !self.admin.maint() {
            self.last_change = now;
            effects.extend([Effect::Changed, Effect::MoveQueue]);
            effects.push(Effect::Log(Level::Notice, self.report("enters drain state", why)));
        } else if before.drain() && flag.drain() && !self.admin.maint() {
            self.note_remaining_drain(effects);
        }
    }

    fn enter_maintenance(&mut self, now: Millis, before: Admin, why: Why, effects: &mut Vec<Effect>) {
        // An agent goes on: it may end what it began.
        self.check.paused = true;
        let unresolved = if self.admin.any(Admin::RESOLUTION_MAINT) && !self.admin.any(Admin::FORCED_MAINT) {
            " (No IP for server)"
        } else {
            ""
        };
        if self.oper == Oper::Stopped {
            let line = self.report_without_counts(&format!("was DOWN and now enters maintenance{unresolved}"), why);
            effects.push(Effect::Changed);
            effects.push(Effect::Log(Level::Notice, line));
            return;
        }
        let level = self.loss_level(before);
        self.check.health = 0;
        self.move_to(now, Oper::Stopped);
        self.leave_service(effects);
        let line = self.report(&format!("is going DOWN for maintenance{unresolved}"), why);
        effects.push(Effect::Log(level, line));
        self.counters.down_transitions += 1;
    }

    fn clear(&mut self, now: Millis, flag: Admin, effects: &mut Vec<Effect>) {
        if !self.admin.any(flag) {
            return;
        }
        let before = self.admin;
        self.admin = self.admin.without(flag);
        if before.maint() {
            match self.admin.maint() {
                true => self.note_remaining_maintenance(flag, effects),
                false => self.leave_maintenance(now, flag, effects),
            }
        } else if self.admin.drain() {
            self.note_remaining_drain(effects);
        } else {
            self.leave_drain(now, effects);
        }
    }

    fn note_remaining_drain(&self, effects: &mut Vec<Effect>) {
        let line = if self.admin.any(Admin::FORCED_DRAIN) {
            self.note("remains in forced drain mode")
        } else {
            self.note(&format!("is leaving forced drain but remains in drain mode{}", self.via()))
        };
        effects.push(Effect::Log(Level::Notice, line));
    }

    fn note_remaining_maintenance(&self, flag: Admin, effects: &mut Vec<Effect>) {
        let line = match flag {
            Admin::FORCED_MAINT => {
                self.note(&format!("is leaving forced maintenance but remains in maintenance{}", self.via()))
            }
            Admin::RESOLUTION_MAINT => {
                self.note(&format!("{}resolves again but remains in maintenance", self.quoted_name()))
            }
            Admin::INHERITED_MAINT => self.note("remains in forced maintenance"),
            // Leaving drain says nothing while maintenance goes on.
            _ => return,
        };
        effects.push(Effect::Log(Level::Notice, line));
    }

    /// A server comes back at once, and goes down again at the first failure of its check.
    fn leave_maintenance(&mut self, now: Millis, flag: Admin, effects: &mut Vec<Effect>) {
        self.check.paused = false;
        if self.check.enabled {
            self.check.health = self.check.rise;
        }
        if self.tracked != Some(Oper::Stopped) && self.check.agrees() && self.agent.agrees() {
            let oper = if self.tracked == Some(Oper::Stopping) { Oper::Stopping } else { self.rising() };
            self.move_to(now, oper);
        }
        let up = if self.oper == Oper::Stopped { "DOWN" } else { "UP" };
        let ready = if self.admin.drain() { "DRAIN" } else { "READY" };
        let line = match flag {
            Admin::FORCED_MAINT => self.note(&format!("is {up}/{ready} (leaving forced maintenance)")),
            Admin::RESOLUTION_MAINT => self.note(&format!("{}is {up}/{ready} (resolves again)", self.quoted_name())),
            _ => self.note(&format!("is {up}/{ready} (leaving maintenance)")),
        };
        self.enter_service(effects);
        effects.push(Effect::Log(Level::Notice, line));
        // Said by HAProxy, too.
        if self.admin.drain() {
            self.note_remaining_drain(effects);
        }
    }

    fn leave_drain(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        let up = if self.oper == Oper::Stopped { "DOWN" } else { "UP" };
        let line = self.note(&format!("is {up} (leaving forced drain)"));
        self.last_change = now;
        self.recompute_weight(now);
        self.enter_service(effects);
        effects.push(Effect::Log(Level::Notice, line));
    }

    fn quoted_name(&self) -> String {
        self.settings.hostname.as_ref().map(|name| format!("('{name}') ")).unwrap_or_default()
    }
}
