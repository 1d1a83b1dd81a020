//! Old, empty ReplicaSets beyond `revisionHistoryLimit` go, lowest revision first.

use super::Round;
use super::sets::{Set, Sets};
use crate::Action;
use kinds::resources::REPLICA_SETS;

pub fn clean_up(round: &Round<'_>, sets: &Sets) -> Vec<Action> {
    let limit = round.deployment.spec.as_ref().and_then(|spec| spec.revision_history_limit).unwrap_or(10);
    let limit = usize::try_from(limit).unwrap_or(0);
    let mut empty: Vec<&Set> = sets.old.iter().filter(|set| is_spent(set)).collect();
    let surplus = empty.len().saturating_sub(limit);
    empty.sort_by_key(|set| set.revision());
    empty.into_iter().take(surplus).map(|set| Action::delete(&REPLICA_SETS, &set.object)).collect()
}

fn is_spent(set: &Set) -> bool {
    let observed = set.set.status.as_ref().and_then(|status| status.observed_generation).unwrap_or(0);
    set.wanted() == 0 && set.actual() == 0 && observed >= set.object.head.generation && !set.object.head.is_deleting()
}
