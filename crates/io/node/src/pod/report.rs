//! Writes a pod's status: one patch at a time, with only what differs from what the API has.

use super::{Done, Task};
use client::{Object, PatchKind, WriteOptions, resources};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use serde_json::{Map, Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};

pub(super) struct Reporter {
    /// Absent while the API has it: most pods do not change.
    wanted: Option<Value>,
    /// What we know the API to have, as bytes: a document in memory is many times as large.
    written: Box<[u8]>,
    is_writing: bool,
    /// For downward API volumes: labels and annotations as last seen.
    metadata: u64,
}

/// A finished write.
pub(super) struct Written {
    status: Value,
    result: Result<(), String>,
}

impl Reporter {
    pub fn new(object: &Object) -> Self {
        let value = object.to_value();
        Self { wanted: None, written: bytes(&value["status"]), is_writing: false, metadata: downward(&value) }
    }

    pub fn want(&mut self, status: &PodStatus) {
        let wanted = serde_json::to_value(status).unwrap_or(Value::Null);
        self.wanted = (bytes(&wanted) != self.written).then_some(wanted);
    }

    pub fn is_settled(&self) -> bool {
        !self.is_writing && self.change().is_none()
    }

    /// Whether labels or annotations have changed since the last call.
    pub fn labels_changed(&mut self, object: &Object) -> bool {
        let now = downward(&object.to_value());
        std::mem::replace(&mut self.metadata, now) != now
    }

    pub fn written(&mut self, written: Written) -> Result<(), String> {
        self.is_writing = false;
        written.result?;
        self.written = bytes(&written.status);
        self.wanted = self.wanted.take().filter(|wanted| *wanted != written.status);
        Ok(())
    }

    /// The fields of a patch that makes the API's status the wanted one.
    fn change(&self) -> Option<Map<String, Value>> {
        let wanted = self.wanted.as_ref()?.as_object()?;
        let written: Map<String, Value> = serde_json::from_slice(&self.written).unwrap_or_default();
        let mut change = Map::new();
        for (field, value) in wanted {
            if written.get(field) == Some(value) {
                continue;
            }
            let value =
                if field == "conditions" { changed_conditions(value, written.get(field)) } else { value.clone() };
            change.insert(field.clone(), value);
        }
        for field in written.keys().filter(|field| !wanted.contains_key(*field)) {
            change.insert(field.clone(), Value::Null);
        }
        (!change.is_empty()).then_some(change)
    }
}

fn bytes(value: &Value) -> Box<[u8]> {
    serde_json::to_vec(value).unwrap_or_default().into()
}

fn downward(pod: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes(&json!([pod["metadata"]["labels"], pod["metadata"]["annotations"]])).hash(&mut hasher);
    hasher.finish()
}

/// Conditions of ours that are taken away, not made false.
const GONE_WHEN_FALSE: [&str; 2] = ["PodResizePending", "PodResizeInProgress"];

/// Conditions merge by type and field by field: only those that differ, so that nobody else's is written, and with
/// null for what they no longer say.
fn changed_conditions(wanted: &Value, written: Option<&Value>) -> Value {
    let written = written.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let all = wanted.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_over = |old: &&Value| {
        GONE_WHEN_FALSE.contains(&old["type"].as_str().unwrap_or_default())
            && !all.iter().any(|condition| condition["type"] == old["type"])
    };
    let over = written.iter().filter(is_over).map(|old| json!({"type": old["type"], "$patch": "delete"}));
    let changed = all.iter().filter(|condition| !written.contains(condition));
    changed
        .map(|condition| {
            let mut condition = condition.clone();
            let before = written.iter().find(|old| old["type"] == condition["type"]).and_then(Value::as_object);
            for field in before.into_iter().flat_map(Map::keys) {
                if condition.get(field).is_none() {
                    condition[field] = Value::Null;
                }
            }
            condition
        })
        .chain(over)
        .collect()
}

impl Task {
    /// Starts to write the status if it differs and no write is under way.
    pub(super) fn write_status(&mut self) {
        if self.report.is_writing {
            return;
        }
        let Some(change) = self.report.change() else { return };
        self.report.is_writing = true;
        let status = self.report.wanted.clone().unwrap_or_default();
        let (api, key) = (self.agent.api.clone(), self.key.clone());
        self.jobs.push(Box::pin(async move {
            let patch = json!({"metadata": {"uid": key.uid}, "status": change});
            let options = WriteOptions { subresource: "status", field_manager: "kubelet" };
            let written =
                api.patch(&resources::PODS, &key.namespace, &key.name, PatchKind::Strategic, patch, options).await;
            let result = match written {
                // The pod is gone, or another one has its name: the informer tells.
                Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
                other => other.map(|_| ()).map_err(|error| error.to_string()),
            };
            Done::Reported(Box::new(Written { status, result }))
        }));
    }

    /// Removes the pod's object: everything of it has been cleaned up, its last status is written.
    pub(super) fn delete(&mut self, pod: &Pod) {
        let is_final = pod.metadata.deletion_grace_period_seconds == Some(0);
        if self.is_deleting || is_final || self.retry_at.is_some() {
            return;
        }
        if !self.report.is_settled() {
            return self.write_status();
        }
        self.is_deleting = true;
        let (api, key) = (self.agent.api.clone(), self.key.clone());
        self.jobs.push(Box::pin(async move {
            let options =
                client::DeleteOptions { uid: Some(key.uid.clone()), grace_seconds: Some(0), ..Default::default() };
            let deleted = api.delete(&resources::PODS, &key.namespace, &key.name, &options).await;
            Done::Deleted(match deleted {
                Ok(()) => true,
                Err(error) => error.is_not_found() || error.is_conflict(),
            })
        }));
    }
}
