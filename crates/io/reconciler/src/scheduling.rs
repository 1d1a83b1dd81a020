//! Runs the scheduler: informers keep its picture, its decisions become bindings.
//!
//! A pod is assumed on its node while the binding is on its way, so that the next decision counts it. A pod that fits
//! nowhere waits until something changes that could make room; where less important pods are in its way, they are made
//! to go, and the room they leave is kept for it.

mod nominations;
mod writes;

use crate::metrics::Attempt;
use crate::queue::{Outcome, Queue};
use crate::{Informers, Metrics};
use apimachinery::{GroupVersionResource, Object};
use client::resources::PODS;
use client::{Api, Delta, EventRecorder, Scope};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, SelectAll};
use futures_util::{StreamExt, stream};
use nominations::Nominations;
use scheduler::{Cluster, Decision, NAME, PodFacts, READ, makes_room, schedule};
use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;
use stdx::Clock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use writes::{Done, Writer};

/// Bindings on their way at the same time: they share commits.
const BINDINGS: usize = 32;

/// Runs the scheduler until `stop`.
pub async fn run_scheduler(
    api: Arc<dyn Api>,
    informers: Informers,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    stop: CancellationToken,
) {
    let events = EventRecorder::start(Arc::clone(&api), NAME, "");
    let driver = Driver {
        writer: Writer { api, events, clock },
        informers,
        cluster: Cluster::default(),
        queue: Queue::default(),
        refused: HashSet::new(),
        metrics,
        nominations: Nominations::default(),
    };
    stop.run_until_cancelled(driver.run()).await;
}

struct Driver {
    writer: Writer,
    informers: Informers,
    cluster: Cluster,
    queue: Queue,
    /// Keys of pods that fit nowhere at present.
    refused: HashSet<String>,
    metrics: Metrics,
    nominations: Nominations,
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
            for (queue, count) in
                [("active", self.queue.ready()), ("backoff", self.queue.later()), ("unschedulable", self.refused.len())]
            {
                self.metrics.pending(queue, count);
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
            self.wake_refused();
        }
    }

    /// The most important first, then those that wait longest.
    fn wake_refused(&mut self) {
        let pods = self.informers.of(&PODS);
        let rank = |key: &String| {
            let pod = pods.get(key).map(|pod| pod.to_value()).unwrap_or_default();
            let created = pod["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
            (Reverse(pod["spec"]["priority"].as_i64().unwrap_or(0)), created, key.clone())
        };
        let mut keys: Vec<String> = self.refused.drain().collect();
        keys.sort_by_cached_key(rank);
        for key in keys {
            self.queue.add(key);
        }
    }

    fn put(&mut self, of: &GroupVersionResource, object: &Object) {
        if *of == PODS {
            return self.put_pod(object);
        }
        self.cluster.put(of, object);
    }

    fn put_pod(&mut self, object: &Object) {
        let pod = self.nominations.facts(object);
        if pod.node.is_empty() && !pod.is_finished {
            if pod.is_ours() && !self.refused.contains(&pod.key()) {
                self.queue.add(pod.key());
            }
            return self.cluster.put_pod(pod);
        }
        self.refused.remove(&pod.key());
        self.cluster.put_pod(pod);
    }

    fn remove(&mut self, of: &GroupVersionResource, object: &Object) {
        if *of == PODS {
            self.refused.remove(&object.key());
            self.nominations.forget(&object.head.uid);
        }
        self.cluster.remove(of, object);
    }

    /// Decides on one pod. None: there is nothing to write.
    fn decide(&mut self, key: &str) -> Option<BoxFuture<'static, Done>> {
        let object = self.informers.of(&PODS).get(key)?;
        let mut pod = self.nominations.facts(&object);
        if !pod.is_ours() || !pod.node.is_empty() || pod.is_finished {
            return None;
        }
        match schedule(&pod, &self.cluster) {
            Decision::Refused { message, is_hopeless } => {
                self.metrics.attempt(Attempt::Unschedulable);
                self.refused.insert(key.to_owned());
                let forgets = is_hopeless && !pod.nominated.is_empty();
                if forgets {
                    self.cluster.remove_pod(&pod.uid);
                    self.nominations.begin(&pod.uid, "");
                }
                self.writer.refuse(&object, message, &pod.nominated, forgets.then(String::new))
            }
            Decision::Preempt { node, victims, message } => {
                self.metrics.attempt(Attempt::Unschedulable);
                self.refused.insert(key.to_owned());
                let displaced = self.cluster.nominated_after(&pod, &node).map(PodFacts::key).collect();
                for victim in &victims {
                    self.cluster.put_pod(PodFacts { is_deleting: true, is_preempted: true, ..victim.clone() });
                }
                let known = std::mem::replace(&mut pod.nominated, node.clone());
                if known != node {
                    self.nominations.begin(&pod.uid, &node);
                }
                self.cluster.put_pod(pod);
                Some(self.writer.make_room(&object, &known, node, victims, displaced, message))
            }
            Decision::Bind { node } => {
                if let Some(claims) = self.waiting_claims(&pod) {
                    self.refused.insert(key.to_owned());
                    return Some(self.writer.choose_node_for(claims, &object, node));
                }
                pod.node.clone_from(&node);
                self.cluster.put_pod(pod);
                Some(self.writer.bind(&object, node))
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

    fn finish(&mut self, done: Done) {
        if let Some(attempt) = done.attempt {
            self.metrics.attempt(attempt);
        }
        if self.nominations.end(&done.uid, done.revision)
            && let Some(pod) = self.informers.of(&PODS).get(&done.key)
        {
            // The view may have shown the write already, and what came after.
            let pod = self.nominations.facts(&pod);
            self.cluster.put_pod(pod);
        }
        let outcome = match done.result {
            Err(error) if !error.is_not_found() => {
                tracing::debug!(pod = done.key, %error, "not bound; will retry");
                self.cluster.remove_pod(&done.uid);
                self.refused.remove(&done.key);
                let pods = self.informers.of(&PODS);
                for pod in done.victims.iter().filter_map(|victim| pods.get(victim)) {
                    self.put_pod(&pod);
                }
                Outcome::Failed
            }
            _ => Outcome::Settled { again: None },
        };
        self.queue.done(&done.key, Instant::now(), outcome);
    }
}
