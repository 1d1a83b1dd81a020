//! What the scheduler writes: bindings, refusals, and room for pods that are more important than others.

use crate::metrics::Attempt;
use apimachinery::{ApiError, ApiResult, Object, Value};
use client::resources::{PERSISTENT_VOLUME_CLAIMS, PODS};
use client::{Api, DeleteOptions, EventRecorder, ObjectRef, PatchKind, WriteOptions};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use kinds::corev1::pod::facts::disruption_target;
use scheduler::pod::PREEMPTION;
use scheduler::{NAME, PodFacts};
use serde_json::json;
use std::sync::Arc;
use stdx::{Clock, Timestamp};

/// Pods made to go at the same time: they share commits.
const SIDE_BY_SIDE: usize = 16;

#[derive(Clone)]
pub struct Writer {
    pub api: Arc<dyn Api>,
    pub events: EventRecorder,
    pub clock: Arc<dyn Clock>,
}

/// A write about one pod that has ended.
pub struct Done {
    pub key: String,
    pub uid: String,
    /// Keys of pods that were to make room.
    pub victims: Vec<String>,
    /// How the attempt ended, if it went as far as a binding.
    pub attempt: Option<Attempt>,
    /// Its own revision after a write of its status.
    pub revision: Option<u64>,
    pub result: Result<(), ApiError>,
}

impl Done {
    fn of(pod: &Object, result: ApiResult<()>) -> Self {
        let (key, uid) = (pod.key(), pod.head.uid.clone());
        Self { key, uid, victims: Vec::new(), attempt: None, revision: None, result }
    }
}

impl Writer {
    /// Writes the node on the claims; the pod is bound when their volumes are.
    pub fn choose_node_for(&self, claims: Vec<String>, pod: &Arc<Object>, node: String) -> BoxFuture<'static, Done> {
        let (api, pod) = (Arc::clone(&self.api), Arc::clone(pod));
        async move {
            let mut result = Ok(());
            for claim in claims {
                let patch = json!({"metadata": {"annotations": {"volume.kubernetes.io/selected-node": node}}});
                let of = &PERSISTENT_VOLUME_CLAIMS;
                let patched = api.patch(of, &pod.head.namespace, &claim, PatchKind::Merge, patch, manager("")).await;
                result = result.and(patched.map(|_| ()));
            }
            Done::of(&pod, result)
        }
        .boxed()
    }

    pub fn bind(&self, pod: &Arc<Object>, node: String) -> BoxFuture<'static, Done> {
        let (api, events, pod) = (Arc::clone(&self.api), self.events.clone(), Arc::clone(pod));
        async move {
            let head = &pod.head;
            let body = json!({
                "apiVersion": "v1", "kind": "Binding",
                "metadata": {"name": head.name, "namespace": head.namespace, "uid": head.uid},
                "target": {"apiVersion": "v1", "kind": "Node", "name": node},
            });
            let result = api.create(&PODS, &head.namespace, body, manager("binding")).await.map(|_| ());
            if result.is_ok() {
                let message = format!("Successfully assigned {} to {node}", pod.key());
                events.normal(&ObjectRef::to(&pod, "v1", "Pod"), "Scheduled", message);
            }
            let attempt = if result.is_ok() { Attempt::Scheduled } else { Attempt::Error };
            // A pod that is gone meanwhile is nobody's failure.
            let attempt = Some(attempt).filter(|_| !result.as_ref().is_err_and(ApiError::is_not_found));
            Done { attempt, ..Done::of(&pod, result) }
        }
        .boxed()
    }

    /// Says why, in an event and in the pod's PodScheduled condition; only if that is news. `nominated`: the node where
    /// room is made for it from now on; empty for none. `known`: where it is made so far.
    pub fn refuse(
        &self,
        pod: &Arc<Object>,
        message: String,
        known: &str,
        nominated: Option<String>,
    ) -> Option<BoxFuture<'static, Done>> {
        self.events.warning(&ObjectRef::to(pod, "v1", "Pod"), "FailedScheduling", &*message);
        let status = unschedulable(&pod.to_value(), &message, nominated.filter(|new| new != known), self.clock.now())?;
        let (writer, pod) = (self.clone(), Arc::clone(pod));
        let refuse = async move {
            let written = writer.patch_status(&pod, status).await;
            Done { revision: written.as_ref().ok().copied(), ..Done::of(&pod, written.map(drop)) }
        };
        Some(refuse.boxed())
    }

    /// Notes the node first, so that the room is kept for the pod; then makes the victims go. `displaced` (keys) are
    /// less important pods that waited for room on the node.
    pub fn make_room(
        &self,
        pod: &Arc<Object>,
        known: &str,
        node: String,
        victims: Vec<PodFacts>,
        displaced: Vec<String>,
        message: String,
    ) -> BoxFuture<'static, Done> {
        let refused = self.refuse(pod, message, known, Some(node.clone()));
        let (writer, pod) = (self.clone(), Arc::clone(pod));
        async move {
            let mut done = match refused {
                Some(refused) => refused.await,
                None => Done::of(&pod, Ok(())),
            };
            done.victims = victims.iter().map(PodFacts::key).collect();
            if done.result.is_ok() {
                done.result = writer.preempt(&pod, &node, victims, displaced).await;
            }
            done
        }
        .boxed()
    }

    async fn preempt(&self, pod: &Object, node: &str, victims: Vec<PodFacts>, displaced: Vec<String>) -> ApiResult<()> {
        for key in displaced {
            let (namespace, name) = key.split_once('/').unwrap_or_default();
            let patch = json!({"status": {"nominatedNodeName": null}});
            existing(self.api.patch(&PODS, namespace, name, PatchKind::Merge, patch, manager("status")).await)?;
        }
        let mut going = Vec::with_capacity(victims.len());
        for victim in &victims {
            going.push(self.end(pod, node, victim).boxed());
        }
        let mut going = stream::iter(going).buffer_unordered(SIDE_BY_SIDE);
        let mut result = Ok(());
        while let Some(ended) = going.next().await {
            result = result.and(ended);
        }
        result
    }

    async fn end(&self, pod: &Object, node: &str, victim: &PodFacts) -> ApiResult<()> {
        let message = format!("{NAME}: preempting to accommodate a higher priority pod");
        let at = apimachinery::time::format_seconds(self.clock.now().secs());
        let status = json!({"conditions": [disruption_target(PREEMPTION, &message, &at)]});
        let patch = json!({"metadata": {"uid": victim.uid}, "status": status});
        let (namespace, name) = (&*victim.namespace, &*victim.name);
        let options = manager("status");
        let Some(marked) =
            existing(self.api.patch(&PODS, namespace, name, PatchKind::Strategic, patch, options).await)?
        else {
            return Ok(());
        };
        let options = DeleteOptions { uid: Some(victim.uid.clone()), ..DeleteOptions::default() };
        if existing(self.api.delete(&PODS, namespace, name, &options).await)?.is_some() {
            let message = format!("Preempted by pod {} on node {node}", pod.head.uid);
            self.events.normal(&ObjectRef::to(&marked, "v1", "Pod"), "Preempted", message);
        }
        Ok(())
    }

    /// Gives the pod's new revision.
    async fn patch_status(&self, pod: &Object, status: Value) -> ApiResult<u64> {
        let patch = json!({"metadata": {"uid": pod.head.uid}, "status": status});
        let (head, options) = (&pod.head, manager("status"));
        let patched = self.api.patch(&PODS, &head.namespace, &head.name, PatchKind::Strategic, patch, options).await?;
        Ok(patched.head.revision)
    }
}

/// None: it is gone, or another pod has its name by now.
fn existing<T>(result: ApiResult<T>) -> ApiResult<Option<T>> {
    match result {
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(None),
        done => done.map(Some),
    }
}

fn manager(subresource: &'static str) -> WriteOptions<'static> {
    WriteOptions { subresource, field_manager: "kube-scheduler" }
}

/// The status to write; None if the pod already says so.
fn unschedulable(pod: &Value, message: &str, nominated: Option<String>, now: Timestamp) -> Option<Value> {
    let conditions = pod["status"]["conditions"].as_array();
    let current = conditions.into_iter().flatten().find(|condition| condition["type"] == "PodScheduled");
    let is_said = current.is_some_and(|current| current["message"] == message && current["reason"] == "Unschedulable");
    if is_said && nominated.is_none() {
        return None;
    }
    let since = current.filter(|current| current["status"] == "False").map(|old| old["lastTransitionTime"].clone());
    let at = apimachinery::time::format_seconds(now.secs());
    let mut status = json!({"conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
        "lastTransitionTime": since.filter(Value::is_string).unwrap_or_else(|| at.into()), "lastProbeTime": null,
    }]});
    if let Some(node) = nominated {
        status["nominatedNodeName"] = if node.is_empty() { Value::Null } else { node.into() };
    }
    Some(status)
}
