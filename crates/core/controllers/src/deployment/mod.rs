//! Deployment controller: rolls a template out by scaling ReplicaSets, old ones down as the new one comes up.
//!
//! Invariants
//! - While rolling, available pods never fall below `replicas - maxUnavailable` by our doing, and pods never exceed
//!   `replicas + maxSurge`.
//! - One ReplicaSet a template; its name is the Deployment's and a hash of the template.
//! - A paused Deployment is scaled, never rolled.
//!
//! Upstream: `pkg/controller/deployment` (deployment_controller.go, rolling.go, recreate.go, sync.go, progress.go).

mod history;
mod new_set;
mod proportion;
mod recreate;
mod rolling;
mod sets;
mod status;

use crate::owned::OwnerKind;
use crate::{Action, Change, Controller, Plan, View, Wanted};
use apimachinery::Object;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kinds::resources::{DEPLOYMENTS, PODS, REPLICA_SETS};
use sets::Sets;
use std::sync::Arc;
use stdx::Timestamp;

const KIND: OwnerKind = OwnerKind { api_version: "apps/v1", kind: "Deployment" };

/// Number of the rollout; on the Deployment and on each of its ReplicaSets.
const REVISION: &str = "deployment.kubernetes.io/revision";
/// `spec.replicas` of the Deployment when the ReplicaSet was last scaled: tells a scaling from a rollout.
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// `spec.replicas` plus surge at that time: what proportional scaling divides by.
const MAXIMUM: &str = "deployment.kubernetes.io/max-replicas";
/// Revisions a ReplicaSet had before, when it was rolled back to.
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const HASH: &str = "pod-template-hash";

pub struct Deployments;

/// What one round knows.
struct Round<'a> {
    object: Arc<Object>,
    deployment: Deployment,
    view: &'a dyn View,
    now: Timestamp,
}

impl Controller for Deployments {
    fn name(&self) -> &'static str {
        "deployment-controller"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&DEPLOYMENTS, &REPLICA_SETS, &PODS] }
    }

    fn affected(&self, change: Change<'_>, view: &dyn View) -> Vec<String> {
        if *change.of == REPLICA_SETS {
            let mut keys = KIND.owners(change);
            if let Some(free) = change.new.filter(|set| set.head.controller().is_none()) {
                keys.extend(deployments_matching(free, view));
            }
            return keys;
        }
        // Only Recreate looks at pods: it waits for the last old one to go.
        let gone = change.old.filter(|_| *change.of == PODS && change.new.is_none());
        gone.and_then(|pod| deployment_of_pod(pod, view)).into_iter().collect()
    }

    fn reconcile(&self, key: &str, view: &dyn View, now: Timestamp) -> Plan {
        let Some(object) = view.get(&DEPLOYMENTS, key) else { return Plan::rest() };
        let Ok(deployment) = object.decode::<Deployment>() else { return Plan::rest() };
        let round = Round { object, deployment, view, now };
        let mut sets = Sets::read(&round);
        let mut plan = Plan::default();
        if round.object.head.is_deleting() {
            plan.actions.extend(status::write(&round, &sets, None, &mut plan.again));
            return plan;
        }
        if !sets.claims.is_empty() {
            // The next round sees whose the sets are: until then pods might be made that are there already.
            return Plan::of(sets.claims);
        }
        plan.actions.extend(self.act(&round, &mut sets));
        let told = std::mem::take(&mut sets.told);
        plan.actions.extend(status::write(&round, &sets, told, &mut plan.again));
        plan
    }

    /// Without the set of its template a Deployment does not get on, and says why.
    fn refused(&self, key: &str, view: &dyn View, now: Timestamp, why: &str) -> Vec<Action> {
        let Some(object) = view.get(&DEPLOYMENTS, key).filter(|object| !object.head.is_deleting()) else {
            return Vec::new();
        };
        let Ok(deployment) = object.decode::<Deployment>() else { return Vec::new() };
        let round = Round { object, deployment, view, now };
        let sets = Sets::read(&round);
        if sets.new.is_some() || !sets.claims.is_empty() { Vec::new() } else { status::refused(&round, &sets, why) }
    }
}

impl Deployments {
    fn act(&self, round: &Round<'_>, sets: &mut Sets) -> Vec<Action> {
        if round.paused() || sets.scaling(round) && !proportion::is_beside_the_point(round, sets) {
            let mut actions = proportion::scale(round, sets);
            if round.paused() {
                actions.extend(history::clean_up(round, sets));
            }
            return actions;
        }
        match round.strategy() {
            "Recreate" => recreate::roll(round, sets),
            _ => rolling::roll(round, sets),
        }
    }
}

impl Round<'_> {
    fn replicas(&self) -> i32 {
        self.deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
    }

    fn paused(&self) -> bool {
        self.deployment.spec.as_ref().and_then(|spec| spec.paused).unwrap_or(false)
    }

    fn strategy(&self) -> &str {
        let strategy = self.deployment.spec.as_ref().and_then(|spec| spec.strategy.as_ref());
        strategy.and_then(|strategy| strategy.type_.as_deref()).unwrap_or("RollingUpdate")
    }

    /// Pods allowed beyond the wanted, and missing below it. Percentages round up and down; both zero would
    /// never move, so then one may be missing.
    fn limits(&self) -> (i32, i32) {
        let strategy = self.deployment.spec.as_ref().and_then(|spec| spec.strategy.as_ref());
        let Some(rolling) = strategy.and_then(|strategy| strategy.rolling_update.as_ref()) else {
            return (0, 0);
        };
        let surge = resolve(rolling.max_surge.as_ref(), self.replicas(), true);
        let unavailable = resolve(rolling.max_unavailable.as_ref(), self.replicas(), false);
        if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
    }

    fn max_surge(&self) -> i32 {
        if self.strategy() == "Recreate" { 0 } else { self.limits().0 }
    }

    fn max_unavailable(&self) -> i32 {
        if self.strategy() == "Recreate" || self.replicas() == 0 {
            return 0;
        }
        self.limits().1.min(self.replicas())
    }
}

/// A number, or a percentage of `of`. Upstream's default is 25 %.
fn resolve(value: Option<&IntOrString>, of: i32, up: bool) -> i32 {
    let percent = match value {
        Some(IntOrString::Int(number)) => return *number,
        Some(IntOrString::String(text)) => text.trim_end_matches('%').parse().unwrap_or(0),
        None => 25,
    };
    let exact = i64::from(of) * percent;
    let rounded = if up { (exact + 99).div_euclid(100) } else { exact.div_euclid(100) };
    i32::try_from(rounded).unwrap_or(i32::MAX)
}

fn deployments_matching(set: &Object, view: &dyn View) -> Vec<String> {
    let deployments = view.list(&DEPLOYMENTS, &set.head.namespace).into_iter();
    let matches =
        |object: &Object| object.decode().is_ok_and(|deployment| sets::selector(&deployment).matches(&set.head.labels));
    deployments.filter(|object| matches(object)).map(|object| object.key()).collect()
}

fn deployment_of_pod(pod: &Object, view: &dyn View) -> Option<String> {
    let owner = pod.head.controller().filter(|owner| owner.kind == "ReplicaSet")?;
    let set = view.get(&REPLICA_SETS, &format!("{}/{}", pod.head.namespace, owner.name))?;
    KIND.owner(&set)
}

#[cfg(test)]
mod tests;
