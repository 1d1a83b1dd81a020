//! The scheduler and its driver: a picture kept by watches, decisions that become bindings.

use crate::actor::{Actor, Inbox};
use crate::api::{Call, Tolerance, Verb};
use crate::ctx::{Ctx, Job, Me, Tag};
use crate::queue::{Outcome, Queue};
use crate::view::{Delta, Feed, Feeds};
use apimachinery::patch::PatchType;
use apimachinery::{GroupVersionResource as Gvr, Object, Value};
use kinds::resources::{PERSISTENT_VOLUME_CLAIMS, PODS};
use scheduler::{Cluster, Decision, NAME, PodFacts, READ, makes_room, schedule};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use stdx::Timestamp;

pub struct Scheduler {
    cluster: Cluster,
    feeds: Feeds,
    inbox: Inbox,
    queue: Queue,
    /// Pods that fit nowhere at present.
    refused: BTreeSet<String>,
}

impl Default for Scheduler {
    fn default() -> Self {
        Self {
            cluster: Cluster::default(),
            feeds: Feeds(READ.iter().map(|of| Feed::new(of)).collect()),
            inbox: Inbox::default(),
            queue: Queue::default(),
            refused: BTreeSet::new(),
        }
    }
}

impl Scheduler {
    fn read_all(&mut self) {
        self.cluster = Cluster::default();
        for of in READ {
            let all: Vec<Arc<Object>> = self.feeds.of(of).iter().cloned().collect();
            all.iter().for_each(|object| self.put(of, object));
        }
    }

    fn take_in(&mut self, of: &'static Gvr, delta: Delta) {
        let Delta::Change { old, new } = delta else { return self.read_all() };
        match (&old, &new) {
            (_, Some(object)) => self.put(of, object),
            (Some(object), None) => self.remove(of, object),
            (None, None) => {}
        }
        if makes_room(of, old.as_deref(), new.as_deref()) {
            for key in std::mem::take(&mut self.refused) {
                self.queue.add(key);
            }
        }
    }

    fn put(&mut self, of: &Gvr, object: &Object) {
        if *of == PODS {
            return self.put_pod(object);
        }
        self.cluster.put(of, object);
    }

    fn put_pod(&mut self, object: &Object) {
        let pod = PodFacts::of(object);
        if pod.node.is_empty() && !pod.is_finished {
            if pod.is_ours() && !self.refused.contains(&pod.key()) {
                self.queue.add(pod.key());
            }
            return self.cluster.put_pod(pod);
        }
        self.refused.remove(&pod.key());
        self.cluster.put_pod(pod);
    }

    fn remove(&mut self, of: &Gvr, object: &Object) {
        if *of == PODS {
            self.refused.remove(&object.key());
        }
        self.cluster.remove(of, object);
    }

    /// The calls for one pod; none if there is nothing to write.
    fn decide(&mut self, key: &str, now: Timestamp) -> Vec<Call> {
        let Some(object) = self.feeds.of(&PODS).get(key).cloned() else { return Vec::new() };
        let mut pod = PodFacts::of(&object);
        if !pod.is_ours() || !pod.node.is_empty() || pod.is_finished {
            return Vec::new();
        }
        match schedule(&pod, &self.cluster) {
            Decision::Refused { message, .. } | Decision::Preempt { message, .. } => {
                self.refused.insert(key.to_owned());
                refuse(&object, &message, now).into_iter().collect()
            }
            Decision::Bind { node } => {
                let claims = self.waiting_claims(&pod);
                if !claims.is_empty() {
                    self.refused.insert(key.to_owned());
                    return claims.iter().map(|claim| choose(&object, claim, &node)).collect();
                }
                pod.node.clone_from(&node);
                self.cluster.put_pod(pod);
                let (namespace, name) = (object.head.namespace.clone(), object.head.name.clone());
                vec![Call::new(&PODS, Verb::Bind { namespace, name, uid: object.head.uid.clone(), node })]
            }
        }
    }

    fn waiting_claims(&self, pod: &PodFacts) -> Vec<String> {
        let key = |name: &String| format!("{}/{name}", pod.namespace);
        let unbound = |name: &&String| self.cluster.claim(&key(name)).is_some_and(|claim| claim.volume.is_empty());
        pod.claims.iter().filter(unbound).cloned().collect()
    }
}

/// Writes the node on the claim; the pod is bound when its volume is.
fn choose(pod: &Object, claim: &str, node: &str) -> Call {
    let body = json!({"metadata": {"annotations": {"volume.kubernetes.io/selected-node": node}}});
    let (namespace, name) = (pod.head.namespace.clone(), claim.to_owned());
    let kind = PatchType::Merge;
    let verb = Verb::Patch { namespace, name, subresource: "", kind, body };
    Call::new(&PERSISTENT_VOLUME_CLAIMS, verb)
}

fn refuse(pod: &Object, message: &str, now: Timestamp) -> Option<Call> {
    let value = pod.to_value();
    let conditions = value["status"]["conditions"].as_array();
    let current = conditions.into_iter().flatten().find(|condition| condition["type"] == "PodScheduled");
    if current.is_some_and(|current| current["message"] == message && current["reason"] == "Unschedulable") {
        return None;
    }
    let at = apimachinery::time::format_seconds(now.secs());
    let since = current.filter(|current| current["status"] == "False").map(|old| old["lastTransitionTime"].clone());
    let body = json!({"metadata": {"uid": pod.head.uid}, "status": {"conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
        "lastTransitionTime": since.filter(Value::is_string).unwrap_or_else(|| at.into()), "lastProbeTime": null,
    }]}});
    let call = Call::patch(&PODS, pod, "status", PatchType::Strategic, body);
    Some(call.tolerating(Tolerance::Gone))
}

impl Actor for Scheduler {
    fn feeds(&mut self) -> &mut Feeds {
        &mut self.feeds
    }

    fn inbox(&mut self) -> &mut Inbox {
        &mut self.inbox
    }

    fn wake(&mut self, ctx: &mut Ctx, me: Me) -> Option<Timestamp> {
        if !self.feeds.are_listed() {
            return None;
        }
        if !std::mem::replace(&mut self.inbox.has_begun, true) {
            self.read_all();
        }
        while let Some((of, delta)) = self.inbox.next() {
            self.take_in(of, delta);
        }
        while let Some(key) = self.queue.take(ctx.now()) {
            let calls = self.decide(&key, ctx.now());
            if calls.is_empty() {
                self.queue.done(&key, ctx.now(), Outcome::Settled(None));
                continue;
            }
            ctx.start(Job::new(me, NAME, Tag::Round { key, again: None }, calls));
        }
        self.queue.next_due()
    }

    fn done(&mut self, job: Job, ctx: &mut Ctx, _: Me) {
        let Tag::Round { key, .. } = &job.tag else { return };
        let outcome = match &job.error {
            Some(error) if !error.is_not_found() => {
                if let Some(pod) = self.feeds.of(&PODS).get(key) {
                    self.cluster.remove_pod(&pod.head.uid);
                }
                self.refused.remove(key);
                Outcome::Failed
            }
            _ => Outcome::Settled(None),
        };
        self.queue.done(key, ctx.now(), outcome);
    }
}
