//! Writes a pod's status: one patch at a time, with only what differs from what the API has.

use super::{Done, Task};
use client::{Object, PatchKind, WriteOptions, resources};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use serde_json::{Map, Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

pub(super) struct Reporter {
    /// Absent while the API has it: most pods do not change.
    wanted: Option<Value>,
    /// What we know the API to have, as bytes: a document in memory is many times as large.
    written: Box<[u8]>,
    /// Of the object that had it.
    revision: u64,
    is_writing: bool,
    /// For downward API volumes: labels and annotations as last seen.
    metadata: u64,
    /// They have changed since the last [`Self::see`].
    is_relabelled: bool,
}

/// A finished write.
pub(super) struct Written {
    status: Value,
    /// None: the pod is gone, or has become another than we knew.
    result: Result<Option<Arc<Object>>, String>,
}

impl Reporter {
    pub fn new(object: &Object) -> Self {
        let value = object.to_value();
        Self {
            wanted: None,
            written: bytes(&value["status"]),
            revision: object.head.revision,
            is_writing: false,
            metadata: downward(&value),
            is_relabelled: false,
        }
    }

    /// Takes in what the API has now: what others wrote over our status is written anew. True if labels or annotations
    /// have changed.
    pub fn see(&mut self, object: &Object) -> bool {
        if !self.is_writing && object.head.revision > self.revision {
            self.take_in(object);
        }
        std::mem::take(&mut self.is_relabelled)
    }

    fn take_in(&mut self, object: &Object) {
        let value = object.to_value();
        self.revision = object.head.revision;
        self.written = bytes(&value["status"]);
        let metadata = downward(&value);
        self.is_relabelled |= std::mem::replace(&mut self.metadata, metadata) != metadata;
    }

    pub fn want(&mut self, status: &PodStatus) {
        self.wanted = serde_json::to_value(status).ok();
        if self.change().is_none() {
            self.wanted = None;
        }
    }

    pub fn is_settled(&self) -> bool {
        !self.is_writing && self.change().is_none()
    }

    pub fn written(&mut self, written: Written) -> Result<(), String> {
        self.is_writing = false;
        match written.result? {
            // With it come labels that were changed while we wrote.
            Some(object) => self.take_in(&object),
            None => self.written = bytes(&written.status),
        }
        if self.change().is_none() {
            self.wanted = None;
        }
        Ok(())
    }

    /// The fields of a patch that makes the API's status the wanted one.
    fn change(&self) -> Option<Map<String, Value>> {
        let written: Map<String, Value> = serde_json::from_slice(&self.written).unwrap_or_default();
        pods::status_patch(self.wanted.as_ref()?, &written)
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

impl Task {
    /// Starts to write the status if it differs and no write is under way.
    pub(super) fn write_status(&mut self) {
        if self.report.is_writing {
            return;
        }
        let Some(change) = self.report.change() else { return };
        self.report.is_writing = true;
        let status = self.report.wanted.clone().unwrap_or_default();
        let (api, key, revision) = (self.agent.api.clone(), self.key.clone(), self.report.revision);
        self.jobs.push(Box::pin(async move {
            let patch = pods::status_body(&key.uid, revision, change);
            let options = WriteOptions { subresource: "status", field_manager: "kubelet" };
            let written =
                api.patch(&resources::PODS, &key.namespace, &key.name, PatchKind::Strategic, patch, options).await;
            let result = match written {
                // The pod is gone, has changed, or another one has its name: the informer tells.
                Err(error) if error.is_not_found() || error.is_conflict() => Ok(None),
                other => other.map(Some).map_err(|error| error.to_string()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn object(revision: u64, status: Value) -> Object {
        let revision = revision.to_string();
        let meta = json!({"name": "p", "namespace": "ns", "uid": "u", "resourceVersion": revision});
        Object::from_value(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status})).unwrap()
    }

    #[test]
    fn what_others_write_over_our_status_is_written_anew() {
        let ready = |status: &str| json!({"type": "Ready", "status": status});
        let other = json!({"type": "example.test/gate", "status": "True"});
        let full = json!({"phase": "Running", "conditions": [ready("True"), other]});
        let wanted: PodStatus = serde_json::from_value(full).unwrap();
        let mut reporter = Reporter::new(&object(5, json!({"phase": "Pending"})));
        let change = |reporter: &mut Reporter| {
            reporter.want(&wanted);
            Value::from(reporter.change().unwrap_or_default())
        };
        assert_eq!(change(&mut reporter)["phase"], "Running");
        // In another order: nothing to write.
        reporter.see(&object(6, json!({"phase": "Running", "conditions": [other, ready("True")]})));
        assert_eq!(change(&mut reporter), json!({}));
        reporter.see(&object(7, json!({"phase": "Running", "conditions": [ready("False"), other]})));
        assert_eq!(change(&mut reporter), json!({"conditions": [ready("True")]}));
        // Older news than ours is no news.
        reporter.see(&object(3, json!({"phase": "Pending"})));
        assert_eq!(change(&mut reporter), json!({"conditions": [ready("True")]}));
    }

    #[test]
    fn a_refused_write_is_made_again_on_what_the_api_has() {
        let wanted: PodStatus = serde_json::from_value(json!({"phase": "Running", "podIP": "10.0.0.1"})).unwrap();
        let refused = |news: Value| {
            let mut reporter = Reporter::new(&object(5, json!({"phase": "Pending"})));
            reporter.want(&wanted);
            let status = reporter.wanted.clone().unwrap();
            reporter.is_writing = true;
            reporter.written(Written { status, result: Ok(None) }).unwrap();
            assert!(reporter.is_settled(), "nothing to do before the informer tells");
            reporter.see(&object(6, news));
            reporter.want(&wanted);
            (Value::from(reporter.change().unwrap_or_default()), reporter.revision)
        };
        let labelled = refused(json!({"phase": "Pending"}));
        assert_eq!(labelled, (json!({"phase": "Running", "podIP": "10.0.0.1"}), 6));
        let ended = refused(json!({"phase": "Failed"}));
        assert_eq!(ended, (json!({"podIP": "10.0.0.1"}), 6));
    }
}
