//! Recreate: all old pods go before the first new one comes.

use super::sets::Sets;
use super::{Round, history, new_set, status};
use crate::{Action, owned};
use k8s_openapi::api::core::v1::Pod;
use kinds::resources::PODS;

pub fn roll(round: &Round<'_>, sets: &mut Sets) -> Vec<Action> {
    let down: Vec<Action> = sets.old.iter_mut().flat_map(|set| set.scale(0, round)).flatten().collect();
    if !down.is_empty() || old_pods_live(round, sets) {
        return down;
    }
    let mut actions = new_set::ensure(round, sets, round.replicas());
    actions.extend(sets.new.as_mut().and_then(|new| new.scale(round.replicas(), round)).into_iter().flatten());
    if status::is_complete(round, sets) {
        actions.extend(history::clean_up(round, sets));
    }
    actions
}

/// A pod that is still ending counts: two versions must not run at the same time.
fn old_pods_live(round: &Round<'_>, sets: &Sets) -> bool {
    let pods = sets.old.iter().flat_map(|set| round.view.owned_by(&PODS, &set.object.head.uid));
    pods.into_iter().any(|pod| pod.decode::<Pod>().is_ok_and(|pod| !owned::is_finished(&pod)))
}
