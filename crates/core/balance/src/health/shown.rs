//! How statistics show a state.

use super::{Health, Which};
use crate::server::{Admin, Millis, Oper, Weight};

impl Health {
    /// Column `status`. `reference`: the server at the end of the chain of `track`, which is checked; itself where it
    /// tracks none.
    pub fn status_text(&self, reference: &Health) -> String {
        if self.admin.any(Admin::RESOLUTION_MAINT) {
            return "MAINT (resolution)".into();
        }
        if self.admin.any(Admin::INHERITED_MAINT) {
            return format!("MAINT (via {})", self.settings.tracks.as_deref().unwrap_or_default());
        }
        if self.admin.maint() {
            return "MAINT".into();
        }
        let check = &reference.check;
        let (runs, of) = check.fraction();
        let failing = |word: &str| match check.enabled && !check.is_fully_up() {
            true => format!("{word} {runs}/{of}"),
            false => word.to_owned(),
        };
        let agent_down = reference.agent.enabled && reference.agent.health == 0;
        match self.oper {
            _ if self.oper.is_up() && self.admin.drain() => match reference.agent.enabled {
                true => "DRAIN (agent)".into(),
                false => failing("DRAIN"),
            },
            Oper::Starting | Oper::Running if !check.enabled => "no check".into(),
            Oper::Starting | Oper::Running => failing("UP"),
            Oper::Stopping => failing("NOLB"),
            Oper::Stopped if agent_down => "DOWN (agent)".into(),
            Oper::Stopped if check.health == 0 => "DOWN".into(),
            Oper::Stopped => format!("DOWN {runs}/{of}"),
        }
    }

    /// Column `check_status` or `agent_status`: the code, behind `* ` while a run is under way.
    pub fn code_text(&self, which: Which) -> String {
        let counter = self.counter(which);
        let running = if counter.started.is_some() { "* " } else { "" };
        format!("{running}{}", counter.last.status.code())
    }

    /// Column `weight`.
    pub fn weight_shown(&self) -> u32 {
        Weight::shown(self.effective)
    }

    /// Column `throttle`, while it warms up.
    pub fn throttle(&self) -> Option<u32> {
        let draining = self.weight.user == 0 || self.admin.drain();
        (self.oper == Oper::Starting && !draining).then(|| self.weight.throttle(self.effective))
    }

    /// Column `downtime`, seconds.
    pub fn downtime(&self, now: Millis) -> u64 {
        let current = if self.oper == Oper::Stopped { now.saturating_sub(self.last_change) } else { 0 };
        (self.down_millis + current) / 1000
    }
}
