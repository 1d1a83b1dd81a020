//! What controllers of pods share: making a pod from a template, and reading a pod's state.
//!
//! Upstream: `pkg/controller/controller_utils.go`, `pkg/api/v1/pod/util.go`.

use crate::{Action, Change, Regarding};
use apimachinery::selector::label::LabelSelector;
use apimachinery::{GroupVersionResource, Object, Value, time};
use k8s_openapi::api::core::v1::{Pod, PodCondition, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as Selector;
use kinds::corev1::pod::facts::disruption_target;
use serde_json::json;
use std::time::Duration;
use stdx::Timestamp;

/// Who controls: goes into `metadata.ownerReferences` and into events.
#[derive(Debug, Clone, Copy)]
pub struct OwnerKind {
    pub api_version: &'static str,
    pub kind: &'static str,
}

impl OwnerKind {
    /// The reference of a controlling owner.
    pub fn reference(&self, owner: &Object) -> Value {
        json!({
            "apiVersion": self.api_version, "kind": self.kind, "name": owner.head.name, "uid": owner.head.uid,
            "controller": true, "blockOwnerDeletion": true,
        })
    }

    /// Keys of the controlling owners of this kind that a dependent had or has.
    pub fn owners(&self, change: Change<'_>) -> Vec<String> {
        let dependents = [change.old, change.new].into_iter().flatten();
        let mut keys: Vec<String> = dependents.filter_map(|dependent| self.owner(dependent)).collect();
        keys.dedup();
        keys
    }

    /// The key of the controlling owner, if it is of this kind.
    pub fn owner(&self, dependent: &Object) -> Option<String> {
        let owner = dependent.head.controller().filter(|owner| owner.kind == self.kind)?;
        Some(format!("{}/{}", dependent.head.namespace, owner.name))
    }

    /// Makes `owner` the controlling owner of an object that has none.
    pub fn adopt(&self, of: &'static GroupVersionResource, dependent: &Object, owner: &Object) -> Action {
        Action::patch_seen(of, dependent, "", json!({"metadata": {"ownerReferences": self.added_to(dependent, owner)}}))
    }

    /// The owners of an object, and `owner` as the controlling one.
    pub fn added_to(&self, dependent: &Object, owner: &Object) -> Vec<Value> {
        let mut owners = owner_references(dependent);
        owners.push(self.reference(owner));
        owners
    }

    pub fn regarding(&self, object: &Object) -> Regarding {
        Regarding {
            api_version: self.api_version.to_owned(),
            kind: self.kind,
            namespace: object.head.namespace.clone(),
            name: object.head.name.clone(),
            uid: object.head.uid.clone(),
        }
    }
}

/// Takes an owner off an object.
pub fn release(of: &'static GroupVersionResource, dependent: &Object, owner: &Object) -> Action {
    Action::patch_seen(of, dependent, "", json!({"metadata": {"ownerReferences": owners_without(dependent, owner)}}))
}

/// The owners of an object but this one.
pub fn owners_without(dependent: &Object, owner: &Object) -> Vec<Value> {
    let mut owners = owner_references(dependent);
    owners.retain(|reference| reference["uid"] != *owner.head.uid);
    owners
}

fn owner_references(object: &Object) -> Vec<Value> {
    object.to_value()["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default()
}

/// The body of a new pod: the template's labels, annotations, finalizers and spec under a generated name.
pub fn pod_from_template(template: &Value, owner: &Object, kind: OwnerKind) -> Value {
    let mut metadata = json!({
        "generateName": format!("{}-", owner.head.name),
        "namespace": owner.head.namespace,
        "ownerReferences": [kind.reference(owner)],
    });
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template["metadata"].get(field).filter(|value| !value.is_null()) {
            metadata[field] = value.clone();
        }
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
}

/// Not ended, not being deleted: it counts towards the number wanted.
pub fn is_active(pod: &Pod) -> bool {
    !is_finished(pod) && pod.metadata.deletion_timestamp.is_none()
}

/// Succeeded or Failed: its containers will not run again.
pub fn is_finished(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

pub fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

pub fn condition<'a>(pod: &'a Pod, name: &str) -> Option<&'a PodCondition> {
    pod.status.as_ref()?.conditions.as_ref()?.iter().find(|condition| condition.type_ == name)
}

pub fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|ready| ready.status == "True")
}

/// Since when the pod is ready; None if it is not.
pub fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let ready = condition(pod, "Ready").filter(|ready| ready.status == "True")?;
    let seconds = ready.last_transition_time.as_ref()?.0.as_second();
    Some(Timestamp::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// How long until the pod has been ready for `min_ready`: zero if it is available, None if it is not ready.
pub fn available_in(pod: &Pod, min_ready: Duration, now: Timestamp) -> Option<Duration> {
    if min_ready.is_zero() {
        return is_ready(pod).then_some(Duration::ZERO);
    }
    Some(min_ready.saturating_sub(now.since(ready_since(pod)?)))
}

/// Restarts of the container that restarted most.
pub fn restarts(pod: &Pod) -> i32 {
    let statuses = pod.status.iter().filter_map(|status| status.container_statuses.as_ref()).flatten();
    statuses.map(|status| status.restart_count).max().unwrap_or(0)
}

/// Marks a pod that is about to be deleted for a reason of the cluster's. None if it is marked so already.
pub fn disrupt(pod: &Object, reason: &str, message: &str, now: Timestamp) -> Option<Value> {
    let mut conditions = pod.to_value()["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let is_target = |condition: &Value| condition["type"] == "DisruptionTarget";
    if conditions.iter().any(|condition| is_target(condition) && condition["reason"] == reason) {
        return None;
    }
    conditions.retain(|condition| !is_target(condition));
    conditions.push(disruption_target(reason, message, &time::format_seconds(now.secs())));
    Some(json!({"conditions": conditions}))
}

/// The template as a value, from its typed form.
pub fn template_value(template: Option<&PodTemplateSpec>) -> Value {
    template.map_or(Value::Null, |template| serde_json::to_value(template).unwrap_or(Value::Null))
}

/// A selector ready to match. One that cannot be read (validation refuses it) matches nothing.
pub fn matcher(selector: &Selector) -> LabelSelector {
    let value = serde_json::to_value(selector).unwrap_or(Value::Null);
    LabelSelector::from_value(&value).unwrap_or_else(|_| LabelSelector::nothing())
}
