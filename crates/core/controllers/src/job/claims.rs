//! Which pods are a Job's: those that match and that nobody controls are taken over, those that match no more are let go.
//!
//! With the owner goes our finalizer: a pod that is ours is counted before it goes, one that is not must not wait for us.

use super::{KIND, TRACKING, is_tracked, untrack, untracked};
use crate::{Action, View, owned};
use apimachinery::Object;
use apimachinery::selector::label::LabelSelector;
use k8s_openapi::api::batch::v1::Job;
use kinds::batch::job::JOB_NAME_LABELS;
use kinds::resources::{JOBS, PODS};
use serde_json::json;
use std::sync::Arc;

/// What has to be done before the pods of this Job are those that should be.
pub fn settle(object: &Object, job: &Job, view: &dyn View) -> Vec<Action> {
    let selector = selector(job);
    let live = |pods: Vec<Arc<Object>>| pods.into_iter().filter(|pod| !pod.head.is_deleting());
    let strayed = live(view.owned_by(&PODS, &object.head.uid)).filter(|pod| !selector.matches(&pod.head.labels));
    let free = live(view.owned_by(&PODS, "")).filter(|pod| pod.head.namespace == object.head.namespace);
    let matching = free.filter(|pod| selector.matches(&pod.head.labels));
    let release = strayed.map(|pod| {
        let owners = owned::owners_without(&pod, object);
        Action::patch_seen(
            &PODS,
            &pod,
            "",
            json!({"metadata": {"ownerReferences": owners, "finalizers": untracked(&pod)}}),
        )
    });
    let adopt = matching.map(|pod| {
        let owners = KIND.added_to(&pod, object);
        let mut finalizers = untracked(&pod);
        finalizers.push(TRACKING);
        Action::patch_seen(&PODS, &pod, "", json!({"metadata": {"ownerReferences": owners, "finalizers": finalizers}}))
    });
    release.chain(adopt).collect()
}

/// Pods of a Job that is gone need not be counted any more, whether they still name it as their owner or forgot it.
pub fn let_go(key: &str, view: &dyn View) -> Vec<Action> {
    let Some((namespace, name)) = key.split_once('/') else { return Vec::new() };
    let pods = view.list(&PODS, namespace).into_iter().filter(|pod| is_tracked(pod));
    let left = pods.filter(|pod| match pod.head.controller() {
        Some(owner) => owner.kind == KIND.kind && owner.name == name,
        None => job_name(pod) == Some(name) && takers(pod, view).is_empty(),
    });
    left.map(|pod| untrack(&pod)).collect()
}

/// Keys of the Jobs that a pod without a controller concerns: those that would take it, or the one it once was of.
pub fn concerned(pod: &Object, view: &dyn View) -> Vec<String> {
    let mut keys = takers(pod, view);
    if keys.is_empty() && is_tracked(pod) {
        keys.extend(job_name(pod).map(|name| format!("{}/{name}", pod.head.namespace)));
    }
    keys
}

fn takers(pod: &Object, view: &dyn View) -> Vec<String> {
    let jobs = view.list(&JOBS, &pod.head.namespace).into_iter();
    let matches = |object: &Object| object.decode().is_ok_and(|job| selector(&job).matches(&pod.head.labels));
    jobs.filter(|job| matches(job)).map(|job| job.key()).collect()
}

fn selector(job: &Job) -> LabelSelector {
    let selector = job.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    selector.map_or_else(LabelSelector::nothing, owned::matcher)
}

fn job_name(pod: &Object) -> Option<&str> {
    JOB_NAME_LABELS.iter().find_map(|label| pod.head.labels.get(*label)).map(String::as_str)
}
