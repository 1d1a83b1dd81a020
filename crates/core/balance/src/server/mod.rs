//! A server's administrative state, weight and limits, and what follows for balancing.

mod admin;
mod limit;
mod weight;

pub use admin::Admin;
pub use limit::Limits;
pub use weight::{SCALE, Weight, parse_weight};

/// Milliseconds since a moment that never moves, such as the start of the process.
pub type Millis = u64;

/// What a server can do, apart from what an administrator wishes. The numbers are `srv_op_state` of
/// `show servers state` and of state files (management manual, "show servers state").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Oper {
    /// Takes nothing.
    Stopped = 0,
    /// Up, and not yet at full weight (`slowstart`).
    Starting = 1,
    #[default]
    Running = 2,
    /// Takes what is bound to it already, and nothing new (`http-check disable-on-404`): `NOLB`.
    Stopping = 3,
}

impl Oper {
    /// Takes new connections as far as it alone is concerned.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Starting | Self::Running)
    }
}

/// What balancing may know of a server: computed by [`crate::health::Health`], published by its driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    pub oper: Oper,
    pub admin: Admin,
    /// In steps of 1/[`SCALE`] of the weight in force; 0 for a server that gets nothing new.
    pub effective_weight: u32,
}

impl Verdict {
    /// May be picked for a connection that is bound to no server yet.
    pub fn usable(&self) -> bool {
        self.oper.is_up() && self.effective_weight > 0 && !self.admin.maint() && !self.admin.drain()
    }

    /// May be given what is bound to it already (a cookie, a stick table, `use-server`): drained and stopping servers
    /// may, stopped ones and those in maintenance may not.
    pub fn usable_when_bound(&self) -> bool {
        self.oper != Oper::Stopped && !self.admin.maint()
    }
}
