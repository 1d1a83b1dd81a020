//! Ends of checks, and what an agent says, turned into states.

use super::effect::{Effect, Why};
use super::status::{Status, Verdict};
use super::{Health, Outcome, Which};
use crate::health::admin::Wish;
use crate::log::Level;
use crate::server::{Admin, Millis, Oper};

/// One answer of an agent, taken apart by [`crate::check::agent::read`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agent {
    /// `up`, `down`, `fail` or `stopped`, as written, and what it means.
    pub health: Option<(String, Status)>,
    /// `ready`, `drain` or `maint`.
    pub wish: Option<Wish>,
    /// `75%`
    pub weight: Option<String>,
    /// Of `maxconn:30` the number.
    pub maxconn: Option<String>,
    /// A word that means nothing.
    pub unknown: Option<String>,
    /// What stands behind `#`.
    pub description: String,
}

impl Health {
    /// A run begins. What the one before told is forgotten, its status is not.
    pub fn start_check(&mut self, now: Millis, which: Which) {
        let counter = self.counter_mut(which);
        counter.started = Some(now);
        counter.last.info.clear();
    }

    /// A run ended. Sets the time of the next one.
    pub fn finish_check(&mut self, now: Millis, which: Which, outcome: Outcome) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.take_outcome(now, which, outcome, &mut effects);
        effects
    }

    /// An agent's answer: what it wishes first, then its word on health.
    pub fn finish_agent(&mut self, now: Millis, answer: Agent) -> Vec<Effect> {
        let mut effects = Vec::new();
        if !self.agent.enabled {
            self.agent.started = None;
            return effects;
        }
        if let Some(wish) = answer.wish {
            effects.extend(self.wish(now, wish));
        }
        let mut warning = None;
        match answer.weight.as_ref().map(|weight| crate::server::parse_weight(weight, &self.weight)) {
            Some(Ok(weight)) => effects.extend(self.set_weight(now, weight)),
            Some(Err(problem)) => warning = Some(problem),
            None => {}
        }
        match answer.maxconn.as_ref().map(|maxconn| parse_maxconn(maxconn)) {
            Some(Ok(maxconn)) => effects.push(Effect::Maxconn(maxconn)),
            Some(Err(problem)) => warning = warning.or(Some(problem)),
            None => {}
        }
        if let Some((_, status)) = &answer.health {
            // An agent's word counts at once.
            self.agent.health = if *status == Status::L7Ok { self.agent.top() } else { 0 };
        }
        self.take_outcome(now, Which::Agent, agent_outcome(answer, warning), &mut effects);
        effects
    }

    pub(super) fn take_outcome(&mut self, now: Millis, which: Which, outcome: Outcome, effects: &mut Vec<Effect>) {
        let status = outcome.status;
        let counted = self.counter_mut(which).count(now, outcome, which == Which::Agent);
        self.counter_mut(which).started = None;
        if counted.failed {
            self.counters.failed_checks += 1;
        }
        if matches!(counted.verdict, Verdict::Passed | Verdict::Conditional) {
            self.consecutive_errors = 0;
        }
        if counted.news && self.settings.log_health_checks {
            effects.push(Effect::Log(Level::Notice, self.check_line(which)));
        }
        match counted.verdict {
            Verdict::Failed => self.notify_failure(now, which, status, effects),
            Verdict::Conditional => self.notify_stopping(now, which, effects),
            Verdict::Passed => self.notify_success(now, which, effects),
            Verdict::Unknown | Verdict::Neutral => {}
        }
        effects.extend(self.warm_up(now));
    }

    /// The end of a run as a reason, unless `option log-health-checks` told it already.
    fn why(&self, which: Which) -> Why {
        if self.settings.log_health_checks { Why::Known } else { Why::Check(which) }
    }

    pub(super) fn notify_failure(&mut self, now: Millis, which: Which, status: Status, effects: &mut Vec<Effect>) {
        // An agent that cannot be reached says nothing; only its own word takes the server down.
        if which == Which::Agent && status != Status::L7Status {
            return;
        }
        if self.counter(which).health == 0 {
            self.stop(now, self.why(which), effects);
        }
    }

    fn notify_success(&mut self, now: Millis, which: Which, effects: &mut Vec<Effect>) {
        if self.admin.maint() || !self.check.agrees() || !self.agent.agrees() {
            return;
        }
        if which == Which::Agent && self.oper == Oper::Stopping {
            return;
        }
        self.run(now, self.why(which), effects);
    }

    fn notify_stopping(&mut self, now: Millis, which: Which, effects: &mut Vec<Effect>) {
        if self.admin.maint() || which == Which::Agent || !self.check.agrees() || !self.agent.agrees() {
            return;
        }
        self.soft_stop(now, self.why(which), effects);
    }

    /// To `Stopped`, unless it is that already.
    pub(super) fn stop(&mut self, now: Millis, why: Why, effects: &mut Vec<Effect>) {
        if self.admin.maint() || self.oper == Oper::Stopped {
            return;
        }
        let level = self.loss_level(self.admin);
        self.move_to(now, Oper::Stopped);
        self.leave_service(effects);
        effects.push(Effect::Log(level, self.report("is DOWN", why)));
        self.counters.down_transitions += 1;
    }

    /// How loud a loss is: nobody is woken for a server that was on its way out.
    pub(super) fn loss_level(&self, before: Admin) -> Level {
        if self.oper == Oper::Stopping || before.drain() { Level::Notice } else { Level::Alert }
    }

    /// To `Stopping`, unless it is that already.
    pub(super) fn soft_stop(&mut self, now: Millis, why: Why, effects: &mut Vec<Effect>) {
        if self.admin.maint() || self.oper == Oper::Stopping {
            return;
        }
        self.move_to(now, Oper::Stopping);
        effects.extend([Effect::Changed, Effect::MoveQueue]);
        effects.push(Effect::Log(Level::Notice, self.report("is stopping", why)));
    }

    /// To `Starting` or `Running`, unless it is up already.
    pub(super) fn run(&mut self, now: Millis, why: Why, effects: &mut Vec<Effect>) {
        if self.admin.maint() || self.oper.is_up() {
            return;
        }
        self.move_to(now, self.rising());
        self.enter_service(effects);
        effects.push(Effect::Log(Level::Notice, self.report("is UP", why)));
    }

    /// What follows when connections may no longer go to it.
    pub(super) fn leave_service(&self, effects: &mut Vec<Effect>) {
        effects.push(Effect::Changed);
        if self.settings.shutdown_sessions {
            effects.push(Effect::ShutdownSessions);
        }
        effects.push(Effect::MoveQueue);
    }

    /// What follows when it may serve again.
    pub(super) fn enter_service(&self, effects: &mut Vec<Effect>) {
        effects.push(Effect::Changed);
        if self.settings.shutdown_backup_sessions && !self.settings.backup && self.effective > 0 {
            effects.push(Effect::ShutdownBackupSessions);
        }
        effects.push(Effect::MoveQueue);
    }

    /// Follows the server it tracks.
    pub fn follow(&mut self, now: Millis, oper: Oper, admin: Admin) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.tracked = Some(oper);
        // What is new first: so it is told once, and not as a state in between.
        let inherited = [(Admin::INHERITED_MAINT, admin.maint()), (Admin::INHERITED_DRAIN, admin.drain())];
        for wanted in [true, false] {
            for (flag, on) in inherited.iter().filter(|(_, on)| *on == wanted) {
                self.inherit(now, *flag, *on, &mut effects);
            }
        }
        match oper {
            _ if admin.maint() => {}
            Oper::Stopped => self.stop(now, Why::Known, &mut effects),
            Oper::Stopping => self.soft_stop(now, Why::Known, &mut effects),
            Oper::Starting | Oper::Running => self.run(now, Why::Known, &mut effects),
        }
        effects
    }
}

/// A check's end in an agent's words.
fn agent_outcome(answer: Agent, warning: Option<String>) -> Outcome {
    let problem = answer.unknown.or_else(|| warning.clone());
    if let Some((word, status)) = answer.health {
        // A reason for being down is never hidden by a complaint about the line.
        let complaint = answer.description.is_empty() || status == Status::L7Ok;
        let told = if complaint { problem.unwrap_or(answer.description) } else { answer.description };
        let told = if told.is_empty() { told } else { format!(" ({told})") };
        return Outcome::new(status).with_info(format!("via agent : {word}{told}"));
    }
    match (problem, warning) {
        (Some(problem), Some(warning)) if problem == warning => {
            Outcome::new(Status::Checked).with_info(format!("agent warns : {warning}"))
        }
        (Some(problem), _) => Outcome::new(Status::Checked).with_info(format!("agent reports an error : {problem}")),
        _ => Outcome::new(Status::Checked),
    }
}

/// Reads a `maxconn` as `set maxconn server` and agents give it. The errors are what the CLI answers.
pub fn parse_maxconn(text: &str) -> Result<u32, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    match (text, &text[digits..]) {
        ("", _) => Err("Require <maxconn>.".into()),
        (_, "") => text.parse().map_err(|_| "Trailing garbage in maxconn string".into()),
        (_, _) if digits == 0 => Err("maxconn string empty or preceded by garbage".into()),
        _ => Err("Trailing garbage in maxconn string".into()),
    }
}
