//! Runs garbage collection: follows every resource the API serves, custom ones too, and acts on the graph's attempts.
//!
//! Invariants
//! - Nothing is deleted but on live reads of the object and its owners, with uid and revision as preconditions.
//! - No attempt is made before every built-in resource was seen once.
//!
//! Upstream: `pkg/controller/garbagecollector`.

mod attempt;
mod resources;

use crate::queue::{Outcome, Queue};
use crate::{Informers, Metrics};
use apimachinery::{GroupVersionResource, Object};
use attempt::{Attempter, Done};
use client::{Api, Delta, EventRecorder, Scope};
use controllers::garbage::{Attempt, Graph, Uid, gone};
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, FuturesUnordered, SelectAll};
use futures_util::{FutureExt, StreamExt, stream};
use resources::Resources;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Attempts at the same time: they mostly wait for commits, and share them. Upstream: 20 workers.
const WORKERS: usize = 32;

/// A definition's resource is served a moment after the definition says so; then we look once more.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

static DEFINITIONS: GroupVersionResource =
    GroupVersionResource::of("apiextensions.k8s.io", "v1", "customresourcedefinitions");

/// Runs the garbage collector until `stop`.
pub async fn run_garbage_collector(api: Arc<dyn Api>, informers: Informers, metrics: Metrics, stop: CancellationToken) {
    let collector = Collector {
        events: EventRecorder::start(Arc::clone(&api), "garbage-collector-controller", ""),
        api,
        informers,
        graph: Graph::default(),
        queue: Queue::counted(metrics.queue("garbage-collector-controller")),
        resources: Arc::default(),
        unresolved: HashSet::new(),
        changes: SelectAll::new(),
    };
    stop.run_until_cancelled(collector.run()).await;
}

struct Collector {
    api: Arc<dyn Api>,
    informers: Informers,
    events: EventRecorder,
    graph: Graph,
    queue: Queue,
    resources: Arc<Resources>,
    /// Attempts that wait for a kind nobody serves.
    unresolved: HashSet<String>,
    changes: Changes,
}

type Changes = SelectAll<BoxStream<'static, (Arc<GroupVersionResource>, Delta)>>;
type Work = FuturesUnordered<BoxFuture<'static, (String, Done)>>;

impl Collector {
    async fn run(mut self) {
        let mut definitions = self.informers.of(&DEFINITIONS).subscribe();
        self.refresh().await;
        for followed in self.resources.followed() {
            self.informers.of(followed).wait_for(1).await;
        }
        let mut refresh_at = None;
        let mut work = Work::new();
        loop {
            while work.len() < WORKERS
                && let Some(key) = self.queue.take(Instant::now())
            {
                match self.start(key.clone()) {
                    Some(job) => work.push(job),
                    None => self.queue.done(&key, Instant::now(), Outcome::Settled { again: None }),
                }
            }
            let due = self.queue.next_due().filter(|_| work.len() < WORKERS);
            tokio::select! {
                // The graph has to be as new as can be when an attempt starts.
                biased;
                Some((of, delta)) = self.changes.next() => self.take_in(&of, delta),
                Some((key, done)) = work.next() => self.finish(&key, done),
                Some(_) = definitions.next() => {
                    self.refresh().await;
                    refresh_at = Some(Instant::now() + LOOK_AGAIN);
                }
                () = crate::driver::sleep_until(due) => {}
                () = crate::driver::sleep_until(refresh_at) => {
                    refresh_at = None;
                    self.refresh().await;
                }
                else => return,
            }
        }
    }

    /// Follows what is served now, and forgets what no longer is.
    async fn refresh(&mut self) {
        let discovered = match self.api.discover().await {
            Ok(discovered) => discovered,
            Err(error) => {
                tracing::warn!(%error, "cannot tell which resources there are; garbage collection keeps to those it knows");
                return;
            }
        };
        let new = Resources::of(discovered);
        let old = std::mem::replace(&mut self.resources, Arc::new(new));
        let resources = Arc::clone(&self.resources);
        for gone in old.followed().filter(|of| !resources.follows(of)) {
            self.informers.forget(gone);
            let attempts = self.graph.remove_resource(gone);
            self.add(attempts);
        }
        for of in resources.followed().filter(|of| !old.follows(of)) {
            self.follow(of);
        }
        for key in self.unresolved.drain() {
            self.queue.add(key);
        }
    }

    fn follow(&mut self, of: &Arc<GroupVersionResource>) {
        // Subscribed first, so that no change falls between the view and the stream.
        let (subscription, of) = (self.informers.of(of).subscribe(), Arc::clone(of));
        let followed = Arc::clone(&of);
        let changes = stream::unfold(subscription, move |mut subscription| {
            let of = Arc::clone(&followed);
            async move { Some(((of, subscription.next().await?), subscription)) }
        });
        self.changes.push(changes.boxed());
        self.read(&of);
    }

    fn read(&mut self, of: &Arc<GroupVersionResource>) {
        for object in self.informers.of(of).list(Scope::All) {
            self.put(of, &object);
        }
    }

    fn take_in(&mut self, of: &Arc<GroupVersionResource>, delta: Delta) {
        match delta {
            Delta::Change { old, new } => {
                if let Some(gone) = gone(old.as_deref(), new.as_deref()) {
                    let attempts = self.graph.remove(&gone.head.namespace, &gone.head.uid);
                    self.add(attempts);
                }
                if let Some(object) = new {
                    self.put(of, &object);
                }
            }
            Delta::Reset => self.read_again(of),
        }
    }

    /// Changes were missed: everything is looked at again.
    fn read_again(&mut self, of: &Arc<GroupVersionResource>) {
        let seen = self.informers.of(of).list(Scope::All);
        let attempts = self.graph.keep(of, &seen.iter().map(|object| object.head.uid.as_str()).collect());
        self.add(attempts);
        seen.iter().for_each(|object| self.put(of, object));
        let attempts = self.graph.all();
        self.add(attempts);
    }

    fn put(&mut self, of: &Arc<GroupVersionResource>, object: &Object) {
        let known = object.head.owner_references.iter().all(|owner| {
            self.resources.resolve(owner, &object.head.namespace).is_some_and(|place| {
                let seen = self.informers.of(&place.of).get(&place.key());
                seen.is_some_and(|seen| seen.head.uid == owner.uid && !seen.head.is_deleting())
            })
        });
        let attempts = self.graph.put(of, object, known);
        self.add(attempts);
    }

    fn add(&mut self, attempts: BTreeSet<Attempt>) {
        for attempt in attempts {
            self.queue.add(key_of(&attempt));
        }
    }

    fn start(&self, key: String) -> Option<BoxFuture<'static, (String, Done)>> {
        let attempt = attempt_of(&key);
        let work = self.graph.work(&attempt)?;
        let attempter = Attempter {
            api: Arc::clone(&self.api),
            events: self.events.clone(),
            resources: Arc::clone(&self.resources),
            absent: self.graph.absent_owners(&work.object.uid),
            work,
        };
        let job = async move {
            let done = match attempt {
                Attempt::Delete(_) => attempter.delete().await,
                Attempt::Orphan(_) => attempter.orphan().await,
            };
            (key, done)
        };
        Some(job.boxed())
    }

    fn finish(&mut self, key: &str, done: Done) {
        let outcome = match done.result {
            Ok(()) => Outcome::Settled { again: None },
            Err(error) => {
                tracing::debug!(attempt = key, %error, "garbage collection will try again");
                Outcome::Failed
            }
        };
        if done.unknown_kind {
            self.unresolved.insert(key.to_owned());
        }
        for (namespace, uid) in &done.absent {
            self.graph.note_absent(namespace, uid);
        }
        for (namespace, uid) in &done.gone {
            let attempts = self.graph.remove(namespace, uid);
            self.add(attempts);
        }
        self.queue.done(key, Instant::now(), outcome);
        for uid in done.look_at {
            self.queue.add(key_of(&Attempt::Delete(uid)));
        }
    }
}

fn key_of(attempt: &Attempt) -> String {
    match attempt {
        Attempt::Delete(uid) => format!("delete/{uid}"),
        Attempt::Orphan(uid) => format!("orphan/{uid}"),
    }
}

fn attempt_of(key: &str) -> Attempt {
    match key.split_once('/') {
        Some(("orphan", uid)) => Attempt::Orphan(Uid::from(uid)),
        Some((_, uid)) => Attempt::Delete(Uid::from(uid)),
        None => Attempt::Delete(Uid::from(key)),
    }
}
