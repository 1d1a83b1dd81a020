//! `ttlSecondsAfterFinished`: a finished Job deletes itself after that time.
//!
//! Upstream: `pkg/controller/ttlafterfinished`.

use super::Round;
use crate::{Action, Plan};
use kinds::resources::JOBS;
use std::time::Duration;
use stdx::Timestamp;

pub fn apply(round: &Round, finished: Timestamp, plan: &mut Plan) {
    let Some(ttl) = round.spec.ttl_seconds_after_finished else { return };
    if round.object.head.is_deleting() {
        return;
    }
    let left = Duration::from_secs(u64::try_from(ttl).unwrap_or(0)).saturating_sub(round.now.since(finished));
    if !left.is_zero() {
        return plan.look_again(left);
    }
    plan.actions.push(Action::delete_by(&JOBS, &round.object, Some("Foreground"), None));
}
