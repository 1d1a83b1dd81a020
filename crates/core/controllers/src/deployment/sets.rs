//! The ReplicaSets of a Deployment: the one of the present template, and those before it.

use super::{DESIRED, HASH, KIND, MAXIMUM, REVISION, Round};
use crate::{Action, owned};
use apimachinery::selector::label::LabelSelector;
use apimachinery::{Object, Value};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kinds::resources::REPLICA_SETS;
use serde_json::json;
use std::sync::Arc;

#[derive(Clone)]
pub struct Set {
    pub object: Arc<Object>,
    pub set: ReplicaSet,
    /// The template without our hash label, for comparing.
    template: Value,
}

pub struct Sets {
    /// The set of the present template, if it exists.
    pub new: Option<Set>,
    /// All others, oldest first.
    pub old: Vec<Set>,
    /// What this round did that the Progressing condition should tell: (reason, message).
    pub told: Option<(&'static str, String)>,
    /// What has to be done before the sets are those that should be: some are taken over, some let go.
    pub claims: Vec<Action>,
}

impl Set {
    fn read(object: Arc<Object>) -> Option<Self> {
        let set = object.decode().ok()?;
        let template = bare_template(&object.to_value()["spec"]["template"]);
        Some(Self { object, set, template })
    }

    pub fn name(&self) -> &str {
        &self.object.head.name
    }

    /// Pods this set is told to run.
    pub fn wanted(&self) -> i32 {
        self.set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
    }

    pub fn available(&self) -> i32 {
        self.set.status.as_ref().and_then(|status| status.available_replicas).unwrap_or(0)
    }

    pub fn actual(&self) -> i32 {
        self.set.status.as_ref().map_or(0, |status| status.replicas)
    }

    pub fn ready(&self) -> i32 {
        self.set.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0)
    }

    /// Pods that are ending; None if the set has not said.
    pub fn terminating(&self) -> Option<i32> {
        self.set.status.as_ref()?.terminating_replicas
    }

    pub fn min_ready_seconds(&self) -> i32 {
        self.set.spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or(0)
    }

    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.set.metadata.annotations.as_ref()?.get(name).map(String::as_str)
    }

    pub fn revision(&self) -> i64 {
        self.annotation(REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    fn created(&self) -> i64 {
        self.set.metadata.creation_timestamp.as_ref().map_or(0, |at| at.0.as_nanosecond() as i64)
    }

    /// Scales the set and notes what the Deployment wanted then; None if nothing changes.
    pub fn scale(&mut self, to: i32, round: &Round<'_>) -> Option<[Action; 2]> {
        let from = self.wanted();
        if from == to {
            return None;
        }
        self.set.spec.as_mut()?.replicas = Some(to);
        let direction = if to > from { "up" } else { "down" };
        let message = format!("Scaled {direction} replica set {} from {from} to {to}", self.name());
        Some([self.patch_scale(to, round), event(round, "ScalingReplicaSet", message)])
    }

    fn patch_scale(&self, to: i32, round: &Round<'_>) -> Action {
        let annotations = sizes(round);
        self.patch(json!({"metadata": {"annotations": annotations}, "spec": {"replicas": to}}))
    }

    /// Only notes what the Deployment wants now.
    pub fn note_sizes(&self, round: &Round<'_>) -> Option<Action> {
        let annotations = sizes(round);
        let same = [DESIRED, MAXIMUM].iter().all(|name| self.annotation(name) == annotations[*name].as_str());
        (!same).then(|| self.patch(json!({"metadata": {"annotations": annotations}})))
    }

    pub fn patch(&self, body: Value) -> Action {
        Action::patch(&REPLICA_SETS, &self.object, "", body)
    }
}

impl Sets {
    pub fn read(round: &Round<'_>) -> Self {
        let selector = selector(&round.deployment);
        let owned = round.view.owned_by(&REPLICA_SETS, &round.object.head.uid).into_iter();
        let (owned, strayed): (Vec<_>, Vec<_>) = owned.partition(|set| selector.matches(&set.head.labels));
        let mut all: Vec<Set> = owned.into_iter().filter_map(Set::read).collect();
        all.sort_by(|a, b| (a.created(), a.name()).cmp(&(b.created(), b.name())));
        let wanted = bare_template(&round.object.to_value()["spec"]["template"]);
        // Of several equal ones the oldest is taken, as upstream does.
        let new = all.iter().position(|set| set.template == wanted).map(|at| all.remove(at));
        Self { new, old: all, told: None, claims: Self::claims(round, &selector, &strayed) }
    }

    /// Sets that match and that nobody controls become ours; of ours, those that match no more are let go.
    fn claims(round: &Round<'_>, selector: &LabelSelector, strayed: &[Arc<Object>]) -> Vec<Action> {
        let free = round.view.owned_by(&REPLICA_SETS, "").into_iter();
        let near = free.filter(|set| set.head.namespace == round.object.head.namespace && !set.head.is_deleting());
        let matching = near.filter(|set| selector.matches(&set.head.labels));
        let release = strayed.iter().map(|set| owned::release(&REPLICA_SETS, set, &round.object));
        release.chain(matching.map(|set| KIND.adopt(&REPLICA_SETS, &set, &round.object))).collect()
    }

    pub fn all(&self) -> impl Iterator<Item = &Set> {
        self.old.iter().chain(&self.new)
    }

    pub fn wanted(&self) -> i32 {
        self.all().map(Set::wanted).sum()
    }

    pub fn available(&self) -> i32 {
        self.all().map(Set::available).sum()
    }

    pub fn actual(&self) -> i32 {
        self.all().map(Set::actual).sum()
    }

    /// Whether `spec.replicas` changed since the sets were last scaled.
    pub fn scaling(&self, round: &Round<'_>) -> bool {
        let active = self.all().filter(|set| set.wanted() > 0);
        let noted = active.filter_map(|set| set.annotation(DESIRED)?.parse::<i32>().ok());
        noted.into_iter().any(|desired| desired != round.replicas())
    }
}

pub fn selector(deployment: &Deployment) -> LabelSelector {
    deployment.spec.as_ref().map_or_else(LabelSelector::nothing, |spec| owned::matcher(&spec.selector))
}

pub fn event(round: &Round<'_>, reason: &'static str, message: String) -> Action {
    Action::Event { about: KIND.regarding(&round.object), warning: false, reason, message }
}

/// The two sizes noted on a set whenever it is scaled.
pub fn sizes(round: &Round<'_>) -> Value {
    let maximum = round.replicas() + round.max_surge();
    json!({DESIRED: round.replicas().to_string(), MAXIMUM: maximum.to_string()})
}

/// A template as it counts for "is it the same": without the label that we add.
fn bare_template(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove(HASH);
    }
    if let Some(metadata) = template["metadata"].as_object_mut() {
        metadata.retain(|_, value| !value.is_null());
    }
    template
}
