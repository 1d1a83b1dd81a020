//! When checks run.

use super::{Health, Which};
use crate::server::{Millis, Oper};

/// `spread-checks` of the global section: by how much an interval may stray.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Noise {
    /// Percent of the interval, 0..=50, default 0.
    pub percent: u32,
    /// Evenly distributed in 0.0..1.0, new for each interval; the driver draws it.
    pub random: f64,
}

impl Noise {
    fn apply(self, interval: Millis) -> Millis {
        let spread = (interval * u64::from(self.percent) / 100) as f64;
        (interval as f64 + spread - 2.0 * spread * self.random).max(0.0) as Millis
    }
}

/// How long the first run of check number `place` of `count` waits, so that not all run at once: they are spread over
/// the shortest interval among them, `shortest`, and over no more than `max_spread` (`max-spread-checks`).
pub fn first_delay(place: usize, count: usize, shortest: Millis, max_spread: Option<Millis>) -> Millis {
    let over = max_spread.map_or(shortest, |max| max.min(shortest));
    over * place as Millis / count.max(1) as Millis
}

impl Health {
    /// From the end of one run to the beginning of the next.
    pub fn interval(&self, which: Which) -> Millis {
        let config = &self.settings;
        match which {
            Which::Agent => config.agent_inter,
            Which::Health if self.check.is_fully_up() => config.inter,
            Which::Health if self.oper == Oper::Stopped && self.check.health == 0 => {
                config.downinter.unwrap_or(config.inter)
            }
            Which::Health => config.fastinter.unwrap_or(config.inter),
        }
    }

    /// When the next run is due; absent where there is no such check.
    pub fn next_check(&self, which: Which) -> Option<Millis> {
        match which {
            Which::Health => self.next_check,
            Which::Agent => self.next_agent,
        }
    }

    /// Says when the first run is due.
    pub fn schedule_first(&mut self, which: Which, at: Millis) {
        if self.counter(which).configured {
            *self.next_mut(which) = Some(at);
        }
    }

    /// Says when the run after this end is due.
    pub fn schedule_next(&mut self, now: Millis, which: Which, noise: Noise) {
        *self.next_mut(which) = Some(now + noise.apply(self.interval(which)));
    }

    /// Whether a run that is due may begin: it is switched on and no maintenance holds it.
    pub fn may_check(&self, which: Which) -> bool {
        let counter = self.counter(which);
        counter.enabled && !counter.paused
    }

    /// Forgets a run that was begun and will not end.
    pub fn abandon_check(&mut self, which: Which) {
        self.counter_mut(which).started = None;
    }

    /// Passes over a run that may not begin: the next one is due an `inter` later.
    pub fn skip_check(&mut self, now: Millis, which: Which) {
        let step = match which {
            Which::Health => self.settings.inter,
            Which::Agent => self.settings.agent_inter,
        };
        let due = self.next_check(which).unwrap_or(now);
        let missed = now.saturating_sub(due) / step.max(1) + 1;
        *self.next_mut(which) = Some(due + missed * step.max(1));
    }

    /// Makes the next run due at `at`, if that is sooner; whether it was.
    pub(super) fn hasten(&mut self, at: Millis) -> bool {
        let sooner = self.next_check.is_some_and(|due| at < due);
        if sooner {
            self.next_check = Some(at);
        }
        sooner
    }

    fn next_mut(&mut self, which: Which) -> &mut Option<Millis> {
        match which {
            Which::Health => &mut self.next_check,
            Which::Agent => &mut self.next_agent,
        }
    }
}
