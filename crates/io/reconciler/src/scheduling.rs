//! Runs the scheduler: informers keep its picture, its decisions become bindings.
//!
//! A pod is assumed on its node while the binding is on its way, so that the next decision counts it. A pod that fits
//! nowhere waits until something changes that could make room.

use crate::Informers;
use crate::queue::{Outcome, Queue};
use apimachinery::{ApiError, GroupVersionResource, Object, Value};
use client::resources::{NAMESPACES, NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, STORAGE_CLASSES};
use client::{Api, Delta, EventRecorder, ObjectRef, PatchKind, Scope, WriteOptions};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, SelectAll};
use futures_util::{FutureExt, StreamExt, stream};
use scheduler::{Cluster, Decision, PodFacts, schedule};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use stdx::{Clock, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The name pods ask for, and the source of the events.
const NAME: &str = "default-scheduler";

/// Bindings on their way at the same time: they share commits.
const BINDINGS: usize = 32;

static READ: [&GroupVersionResource; 6] =
    [&NAMESPACES, &NODES, &STORAGE_CLASSES, &PERSISTENT_VOLUMES, &PERSISTENT_VOLUME_CLAIMS, &PODS];

/// Runs the scheduler until `stop`.
pub async fn run_scheduler(api: Arc<dyn Api>, informers: Informers, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let events = EventRecorder::start(Arc::clone(&api), NAME, "");
    let driver = Driver {
        api,
        informers,
        clock,
        events,
        cluster: Cluster::default(),
        queue: Queue::default(),
        refused: HashSet::new(),
    };
    stop.run_until_cancelled(driver.run()).await;
}

struct Driver {
    api: Arc<dyn Api>,
    informers: Informers,
    clock: Arc<dyn Clock>,
    events: EventRecorder,
    cluster: Cluster,
    queue: Queue,
    /// Keys of pods that fit nowhere at present.
    refused: HashSet<String>,
}

/// A binding (or the note of a refusal) that has ended.
struct Done {
    key: String,
    uid: String,
    result: Result<(), ApiError>,
}

type Work = FuturesUnordered<BoxFuture<'static, Done>>;

impl Driver {
    async fn run(mut self) {
        let mut changes = SelectAll::new();
        for of in READ {
            let informer = self.informers.of(of);
            let subscription = informer.subscribe();
            changes.push(Box::pin(stream::unfold(subscription, move |mut subscription| async move {
                Some(((of, subscription.next().await?), subscription))
            })));
            informer.wait_for(1).await;
        }
        self.read_all();
        let mut work = Work::new();
        loop {
            while work.len() < BINDINGS
                && let Some(key) = self.queue.take(Instant::now())
            {
                match self.decide(&key) {
                    Some(job) => work.push(job),
                    None => self.queue.done(&key, Instant::now(), Outcome::Settled { again: None }),
                }
            }
            let due = self.queue.next_due().filter(|_| work.len() < BINDINGS);
            tokio::select! {
                // What happened before the decision first: it may free or take the room.
                biased;
                Some((of, delta)) = changes.next() => self.take_in(of, delta),
                Some(done) = work.next() => self.finish(done),
                () = crate::driver::sleep_until(due) => {}
                else => return,
            }
        }
    }

    /// Starts the picture anew from the informers.
    fn read_all(&mut self) {
        self.cluster = Cluster::default();
        for of in READ {
            for object in self.informers.of(of).list(Scope::All) {
                self.put(of, &object);
            }
        }
    }

    fn take_in(&mut self, of: &GroupVersionResource, delta: Delta) {
        let Delta::Change { old, new } = delta else { return self.read_all() };
        match (&old, &new) {
            (_, Some(object)) => self.put(of, object),
            (Some(object), None) => self.remove(of, object),
            (None, None) => {}
        }
        if makes_room(of, old.as_deref(), new.as_deref()) {
            for key in self.refused.drain() {
                self.queue.add(key);
            }
        }
    }

    fn put(&mut self, of: &GroupVersionResource, object: &Object) {
        match &*of.resource {
            "nodes" => self.cluster.put_node(object),
            "namespaces" => self.cluster.put_namespace(object),
            "persistentvolumes" => self.cluster.put_volume(object),
            "persistentvolumeclaims" => self.cluster.put_claim(object),
            "storageclasses" => self.cluster.put_class(object),
            _ => self.put_pod(object),
        }
    }

    fn put_pod(&mut self, object: &Object) {
        let pod = PodFacts::of(object);
        if pod.node.is_empty() && !pod.is_finished {
            if is_ours(&pod) && !self.refused.contains(&pod.key()) {
                self.queue.add(pod.key());
            }
            return;
        }
        self.refused.remove(&pod.key());
        self.cluster.put_pod(pod);
    }

    fn remove(&mut self, of: &GroupVersionResource, object: &Object) {
        match &*of.resource {
            "nodes" => self.cluster.remove_node(&object.head.name),
            "namespaces" => self.cluster.remove_namespace(&object.head.name),
            "persistentvolumes" => self.cluster.remove_volume(&object.head.name),
            "persistentvolumeclaims" => self.cluster.remove_claim(&object.key()),
            "storageclasses" => self.cluster.remove_class(&object.head.name),
            _ => {
                self.refused.remove(&object.key());
                self.cluster.remove_pod(&object.head.uid);
            }
        }
    }

    /// Decides on one pod. None: there is nothing to write.
    fn decide(&mut self, key: &str) -> Option<BoxFuture<'static, Done>> {
        let object = self.informers.of(&PODS).get(key)?;
        let mut pod = PodFacts::of(&object);
        if !is_ours(&pod) || !pod.node.is_empty() || pod.is_finished {
            return None;
        }
        match schedule(&pod, &self.cluster) {
            Decision::Refused { message } => {
                self.refused.insert(key.to_owned());
                self.refuse(&object, message)
            }
            Decision::Bind { node } => {
                if let Some(claims) = self.waiting_claims(&pod) {
                    self.refused.insert(key.to_owned());
                    return Some(self.choose_node_for(claims, &object, node));
                }
                pod.node.clone_from(&node);
                self.cluster.put_pod(pod);
                Some(self.bind(&object, node))
            }
        }
    }

    /// Claims whose volume is made only once the node is chosen.
    fn waiting_claims(&self, pod: &PodFacts) -> Option<Vec<String>> {
        let key = |name: &&String| format!("{}/{name}", pod.namespace);
        let unbound = |name: &&String| self.cluster.claim(&key(name)).is_some_and(|claim| claim.volume.is_empty());
        let claims: Vec<String> = pod.claims.iter().filter(unbound).cloned().collect();
        (!claims.is_empty()).then_some(claims)
    }

    /// Writes the node on the claims; the pod is bound when their volumes are.
    fn choose_node_for(&self, claims: Vec<String>, pod: &Object, node: String) -> BoxFuture<'static, Done> {
        let api = Arc::clone(&self.api);
        let (key, uid, namespace) = (pod.key(), pod.head.uid.clone(), pod.head.namespace.clone());
        async move {
            let mut result = Ok(());
            for claim in claims {
                let patch = json!({"metadata": {"annotations": {"volume.kubernetes.io/selected-node": node}}});
                let of = &PERSISTENT_VOLUME_CLAIMS;
                let patched = api.patch(of, &namespace, &claim, PatchKind::Merge, patch, manager("")).await;
                result = result.and(patched.map(|_| ()));
            }
            Done { key, uid, result }
        }
        .boxed()
    }

    fn bind(&self, pod: &Arc<Object>, node: String) -> BoxFuture<'static, Done> {
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
            Done { key: pod.key(), uid: head.uid.clone(), result }
        }
        .boxed()
    }

    /// Says why, in an event and in the pod's PodScheduled condition; only if that is news.
    fn refuse(&self, pod: &Arc<Object>, message: String) -> Option<BoxFuture<'static, Done>> {
        self.events.warning(&ObjectRef::to(pod, "v1", "Pod"), "FailedScheduling", &*message);
        let status = unschedulable(&pod.to_value(), &message, self.clock.now())?;
        let (api, pod) = (Arc::clone(&self.api), Arc::clone(pod));
        let job = async move {
            let patch = json!({"metadata": {"uid": pod.head.uid}, "status": status});
            let head = &pod.head;
            let patched = api.patch(&PODS, &head.namespace, &head.name, PatchKind::Strategic, patch, manager("status"));
            let result = patched.await.map(|_| ());
            Done { key: pod.key(), uid: head.uid.clone(), result }
        };
        Some(job.boxed())
    }

    fn finish(&mut self, done: Done) {
        let outcome = match done.result {
            Err(error) if !error.is_not_found() => {
                tracing::debug!(pod = done.key, %error, "not bound; will retry");
                self.cluster.remove_pod(&done.uid);
                self.refused.remove(&done.key);
                Outcome::Failed
            }
            _ => Outcome::Settled { again: None },
        };
        self.queue.done(&done.key, Instant::now(), outcome);
    }
}

fn is_ours(pod: &PodFacts) -> bool {
    pod.scheduler == NAME && !pod.is_deleting && !pod.is_gated
}

fn manager(subresource: &'static str) -> WriteOptions<'static> {
    WriteOptions { subresource, field_manager: "kube-scheduler" }
}

/// Whether a change could let a refused pod fit: pods that go or end, anything of nodes and volumes but heartbeats.
fn makes_room(of: &GroupVersionResource, old: Option<&Object>, new: Option<&Object>) -> bool {
    if *of == NODES {
        let fit = |node: Option<&Object>| {
            let value = node.map(Object::to_value).unwrap_or_default();
            (value["spec"].clone(), value["metadata"]["labels"].clone(), value["status"]["allocatable"].clone())
        };
        return fit(old) != fit(new);
    }
    if *of != PODS {
        return true;
    }
    let placed =
        |pod: Option<&Object>| pod.map(PodFacts::of).is_some_and(|pod| !pod.node.is_empty() && !pod.is_finished);
    placed(old) != placed(new) || old.map(|pod| &pod.head.labels) != new.map(|pod| &pod.head.labels)
}

/// The status to write; None if the pod already says so.
fn unschedulable(pod: &Value, message: &str, now: Timestamp) -> Option<Value> {
    let conditions = pod["status"]["conditions"].as_array();
    let current = conditions.into_iter().flatten().find(|condition| condition["type"] == "PodScheduled");
    if current.is_some_and(|current| current["message"] == message && current["reason"] == "Unschedulable") {
        return None;
    }
    let at = apimachinery::time::format_seconds(now.secs());
    Some(json!({"conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
        "lastTransitionTime": at, "lastProbeTime": null,
    }]}))
}
