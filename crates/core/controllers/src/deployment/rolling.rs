//! RollingUpdate: one step a round; the ReplicaSets' status brings the next.

use super::sets::Sets;
use super::{Round, history, new_set, status};
use crate::Action;

pub fn roll(round: &Round<'_>, sets: &mut Sets) -> Vec<Action> {
    let first_size = new_size(round, sets, 0);
    let mut actions = new_set::ensure(round, sets, first_size);
    if sets.new.is_none() {
        return actions;
    }
    let up = scale_up(round, sets);
    let done = !up.is_empty();
    actions.extend(up);
    if done {
        return actions;
    }
    let down = scale_down(round, sets);
    let done = !down.is_empty();
    actions.extend(down);
    if !done && status::is_complete(round, sets) {
        actions.extend(history::clean_up(round, sets));
    }
    actions
}

/// What the new set may grow to. Upstream: `NewRSNewReplicas`.
fn new_size(round: &Round<'_>, sets: &Sets, present: i32) -> i32 {
    let most = round.replicas() + round.max_surge();
    let room = (most - sets.wanted()).max(0);
    present + room.min(round.replicas() - present).max(0)
}

fn scale_up(round: &Round<'_>, sets: &mut Sets) -> Vec<Action> {
    let present = sets.new.as_ref().map_or(0, |new| new.wanted());
    let to = if present > round.replicas() { round.replicas() } else { new_size(round, sets, present) };
    let scaled = sets.new.as_mut().and_then(|new| new.scale(to, round));
    scaled.into_iter().flatten().collect()
}

/// First old pods that do not serve anyway, then as many serving ones as may be missing.
fn scale_down(round: &Round<'_>, sets: &mut Sets) -> Vec<Action> {
    let least = round.replicas() - round.max_unavailable();
    let new_unavailable = sets.new.as_ref().map_or(0, |new| (new.wanted() - new.available()).max(0));
    let mut spare = sets.wanted() - least - new_unavailable;
    let mut actions = Vec::new();
    if spare <= 0 || sets.old.iter().all(|set| set.wanted() == 0) {
        return actions;
    }
    for set in &mut sets.old {
        let broken = (set.wanted() - set.available()).clamp(0, spare);
        spare -= broken;
        actions.extend(set.scale(set.wanted() - broken, round).into_iter().flatten());
    }
    let mut serving = sets.available() - least;
    for set in &mut sets.old {
        let less = set.wanted().min(serving).max(0);
        serving -= less;
        actions.extend(set.scale(set.wanted() - less, round).into_iter().flatten());
    }
    one_patch_a_set(actions)
}

/// A set scaled twice in a round is told only the last size.
fn one_patch_a_set(actions: Vec<Action>) -> Vec<Action> {
    let name = |action: &Action| match action {
        Action::Patch { name, .. } => Some(name.clone()),
        _ => None,
    };
    let last = |at: usize, wanted: &str| !actions[at + 1..].iter().any(|later| name(later).as_deref() == Some(wanted));
    let keep: Vec<bool> =
        actions.iter().enumerate().map(|(at, action)| name(action).is_none_or(|name| last(at, &name))).collect();
    actions.into_iter().zip(keep).filter(|(_, keep)| *keep).map(|(action, _)| action).collect()
}
