//! The pods a Job creates.

use super::tally::Tally;
use super::{INDEX, KIND, Round, TRACKING, indexes};
use crate::owned;
use crate::{Action, Announce};
use apimachinery::Value;
use kinds::resources::PODS;
use serde_json::json;
use std::collections::BTreeSet;

pub fn pods(round: &Round, tally: &Tally, count: usize) -> Vec<Action> {
    if !round.is_indexed() {
        let template = round.object.to_value()["spec"]["template"].take();
        return std::iter::repeat_with(|| create(round, plain(round, &template))).take(count).collect();
    }
    indexed_pods(round, free_indexes(round, tally).take(count))
}

pub fn indexed_pods(round: &Round, indexes: impl Iterator<Item = i32>) -> Vec<Action> {
    let template = round.object.to_value()["spec"]["template"].take();
    indexes.map(|index| create(round, indexed(round, &template, index))).collect()
}

fn create(round: &Round, body: Value) -> Action {
    Action::Create {
        of: &PODS,
        namespace: round.object.head.namespace.clone(),
        body,
        announce: Some(Announce::pod(KIND.regarding(&round.object))),
    }
}

fn plain(round: &Round, template: &Value) -> Value {
    let mut pod = owned::pod_from_template(template, &round.object, KIND);
    let mut finalizers = pod["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    finalizers.push(TRACKING.into());
    pod["metadata"]["finalizers"] = finalizers.into();
    pod
}

/// Lowest first: neither done, nor given up, nor at work.
pub fn free_indexes<'a>(round: &'a Round, tally: &'a Tally) -> impl Iterator<Item = i32> + 'a {
    let mut busy: BTreeSet<i32> = tally.active.iter().filter_map(|at| indexes::of(&round.pods[*at].pod)).collect();
    if round.replaces_only_failed() {
        let ending =
            round.pods.iter().filter(|member| member.object.head.is_deleting() && !owned::is_finished(&member.pod));
        busy.extend(ending.filter_map(|member| indexes::of(&member.pod)));
    }
    (0..round.spec.completions.unwrap_or(0)).filter(move |index| {
        !busy.contains(index) && !tally.completed_indexes.contains(index) && !tally.failed_indexes.contains(index)
    })
}

/// The index is in the name, in an annotation and a label, in the host name and in the environment.
fn indexed(round: &Round, template: &Value, index: i32) -> Value {
    let mut pod = plain(round, template);
    let text = index.to_string();
    pod["metadata"]["generateName"] = format!("{}-{index}-", round.object.head.name).into();
    pod["metadata"]["annotations"][INDEX] = text.as_str().into();
    pod["metadata"]["labels"][INDEX] = text.as_str().into();
    if round.spec.backoff_limit_per_index.is_some() {
        pod["metadata"]["annotations"][indexes::FAILURES] = failures_before(round, index).to_string().into();
    }
    if pod["spec"]["hostname"].is_null() {
        pod["spec"]["hostname"] = format!("{}-{index}", round.object.head.name).into();
    }
    let path = format!("metadata.annotations['{INDEX}']");
    let env = json!({"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": {"fieldPath": path}}});
    for list in ["initContainers", "containers"] {
        for container in pod["spec"][list].as_array_mut().into_iter().flatten() {
            let mut all = container["env"].as_array().cloned().unwrap_or_default();
            if !all.iter().any(|one| one["name"] == env["name"]) {
                all.push(env.clone());
            }
            container["env"] = all.into();
        }
    }
    if pod["spec"]["initContainers"].is_null() {
        pod["spec"].as_object_mut().map(|spec| spec.remove("initContainers"));
    }
    pod
}

fn failures_before(round: &Round, index: i32) -> i32 {
    let failed = round.pods.iter().filter(|member| owned::phase(&member.pod) == "Failed");
    let same = failed.filter(|member| indexes::of(&member.pod) == Some(index));
    same.map(|member| indexes::failures(&member.pod) + 1).max().unwrap_or(0)
}
