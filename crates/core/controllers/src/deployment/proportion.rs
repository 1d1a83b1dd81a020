//! Scaling while a rollout is under way: each set grows or shrinks in proportion to its size.
//!
//! Upstream: `sync.go` (`scale`), `deployment_util.go` (`GetReplicaSetProportion`).

use super::sets::{Set, Sets};
use super::{MAXIMUM, Round};
use crate::Action;

pub fn scale(round: &Round<'_>, sets: &mut Sets) -> Vec<Action> {
    if actives(sets) <= 1 {
        return the_only_one(round, sets);
    }
    if saturated(round, sets) {
        return sets.old.iter_mut().flat_map(|set| set.scale(0, round)).flatten().collect();
    }
    if round.strategy() == "RollingUpdate" { spread(round, sets) } else { Vec::new() }
}

/// Recreate has no proportions to keep: its rollout empties the old sets and gives the new one its size, which is all
/// that scaling wants. Upstream does nothing at all here, for ever, once somebody has scaled an old set by hand.
pub fn is_beside_the_point(round: &Round<'_>, sets: &Sets) -> bool {
    round.strategy() == "Recreate" && actives(sets) > 1
}

fn actives(sets: &Sets) -> usize {
    sets.all().filter(|set| set.wanted() > 0).count()
}

/// One set is active, or none: then the new one, or the newest, takes it all.
fn the_only_one(round: &Round<'_>, sets: &mut Sets) -> Vec<Action> {
    let active = sets.old.iter().rposition(|set| set.wanted() > 0);
    let target = match (active, sets.new.as_mut()) {
        (Some(at), _) => &mut sets.old[at],
        (None, Some(new)) => new,
        (None, None) => match sets.old.last_mut() {
            Some(latest) => latest,
            None => return Vec::new(),
        },
    };
    match target.scale(round.replicas(), round) {
        Some(actions) => actions.into(),
        None => target.note_sizes(round).into_iter().collect(),
    }
}

/// The new set has all its pods, and all serve.
fn saturated(round: &Round<'_>, sets: &Sets) -> bool {
    sets.new.as_ref().is_some_and(|new| new.wanted() == round.replicas() && new.available() == round.replicas())
}

fn spread(round: &Round<'_>, sets: &mut Sets) -> Vec<Action> {
    let allowed = if round.replicas() > 0 { round.replicas() + round.max_surge() } else { 0 };
    let to_add = allowed - sets.wanted();
    let mut active: Vec<&mut Set> = sets.old.iter_mut().chain(&mut sets.new).filter(|set| set.wanted() > 0).collect();
    // Biggest first; of equals the newer grows, the older shrinks.
    active.sort_by_key(|set| {
        let age = if to_add > 0 { -set.revision() } else { set.revision() };
        (std::cmp::Reverse(set.wanted()), age)
    });
    let mut added = 0;
    let sizes: Vec<i32> = active
        .iter()
        .map(|set| {
            let share = if to_add == 0 { 0 } else { share(round, set, to_add, added) };
            added += share;
            set.wanted() + share
        })
        .collect();
    let leftover = to_add - added;
    let mut actions = Vec::new();
    for (at, (set, size)) in active.into_iter().zip(sizes).enumerate() {
        let size = if at == 0 { (size + leftover).max(0) } else { size };
        match set.scale(size, round) {
            Some(scaled) => actions.extend(scaled),
            None => actions.extend(set.note_sizes(round)),
        }
    }
    actions
}

/// What this set gains (or loses), never more than is left to give.
fn share(round: &Round<'_>, set: &Set, to_add: i32, added: i32) -> i32 {
    let now = f64::from(round.replicas() + round.max_surge());
    let before = set.annotation(MAXIMUM).and_then(|text| text.parse::<i32>().ok()).filter(|size| *size > 0);
    let before = f64::from(before.unwrap_or_else(|| round.replicas() + round.max_surge()));
    let grown = (f64::from(set.wanted()) * now / before).round() as i32;
    let fraction = grown - set.wanted();
    let left = to_add - added;
    if to_add > 0 { fraction.min(left) } else { fraction.max(left) }
}
