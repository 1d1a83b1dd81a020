//! What the world asks of an actor, and the inbox all of them have.

use crate::ctx::{Ctx, Job, Me};
use crate::view::{Delta, Feeds};
use apimachinery::GroupVersionResource as Gvr;
use std::collections::VecDeque;
use stdx::Timestamp;

pub trait Actor {
    fn feeds(&mut self) -> &mut Feeds;

    fn inbox(&mut self) -> &mut Inbox;

    /// Looks at its inbox and its keys. Returns when to look again though nothing comes.
    fn wake(&mut self, ctx: &mut Ctx, me: Me) -> Option<Timestamp>;

    fn done(&mut self, job: Job, ctx: &mut Ctx, me: Me);
}

/// Changes that the view shows already and the actor has not looked at.
#[derive(Debug, Default)]
pub struct Inbox {
    deltas: VecDeque<(&'static Gvr, Delta)>,
    /// All first lists are in and were looked at.
    pub has_begun: bool,
}

impl Inbox {
    pub fn add(&mut self, of: &'static Gvr, deltas: Vec<Delta>) {
        for delta in deltas {
            self.deltas.push_back((of, delta));
        }
    }

    pub fn next(&mut self) -> Option<(&'static Gvr, Delta)> {
        self.deltas.pop_front()
    }
}
