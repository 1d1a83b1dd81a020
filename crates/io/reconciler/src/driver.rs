//! Runs one controller: changes become keys, keys become rounds.

use crate::execute::{Executor, Write, Written};
use crate::queue::{Outcome, Queue};
use crate::{Informers, Metrics};
use client::{Api, Delta, EventRecorder, Informer, Subscription};
use controllers::{Change, Controller, Settings, Wanted};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, SelectAll, Stream};
use futures_util::{FutureExt, StreamExt, stream};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use stdx::{Clock, chain};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Keys of one controller worked on at the same time. Rounds mostly wait for commits, so a few share each commit.
const WORKERS: usize = 8;

/// Starts every controller of [`controllers::all`]; they run until `stop`. Returns their names and tasks.
pub fn run_controllers(
    settings: &Settings,
    api: &Arc<dyn Api>,
    informers: &Informers,
    clock: &Arc<dyn Clock>,
    metrics: &Metrics,
    stop: &CancellationToken,
) -> Vec<(&'static str, AbortHandle)> {
    let start = |controller: Box<dyn Controller>| {
        let name = controller.name();
        let queue = Queue::counted(metrics.queue(name));
        let driver = Driver::new(controller, Arc::clone(api), informers.clone(), Arc::clone(clock), queue);
        let stop = stop.clone();
        (name, tokio::spawn(async move { stop.run_until_cancelled(driver.run()).await }).abort_handle())
    };
    controllers::all(settings).into_iter().map(start).collect()
}

struct Driver {
    controller: Arc<dyn Controller>,
    api: Arc<dyn Api>,
    informers: Informers,
    clock: Arc<dyn Clock>,
    events: EventRecorder,
    queue: Queue,
    /// What our last round for a key wrote, until the view has caught up with it.
    written: HashMap<String, Written>,
}

type Changes = SelectAll<Pin<Box<dyn Stream<Item = (Wanted, Delta)> + Send>>>;
type Rounds = FuturesUnordered<BoxFuture<'static, Round>>;

struct Round {
    key: String,
    outcome: Outcome,
    written: Written,
}

impl Driver {
    fn new(
        controller: Box<dyn Controller>,
        api: Arc<dyn Api>,
        informers: Informers,
        clock: Arc<dyn Clock>,
        queue: Queue,
    ) -> Self {
        let events = EventRecorder::start(Arc::clone(&api), controller.name(), "");
        Self { controller: controller.into(), api, informers, clock, events, queue, written: HashMap::new() }
    }

    async fn run(mut self) {
        let mut changes = self.subscribe().await;
        let mut rounds = Rounds::new();
        self.add_all();
        loop {
            while rounds.len() < WORKERS
                && let Some(key) = self.queue.take(Instant::now())
            {
                rounds.push(self.round(key));
            }
            let due = self.queue.next_due().filter(|_| rounds.len() < WORKERS);
            tokio::select! {
                Some((of, delta)) = changes.next() => self.take_in(of, delta),
                Some(round) = rounds.next() => self.finish(round),
                () = sleep_until(due) => {}
                else => return,
            }
        }
    }

    /// Subscribes first, so that no change falls between the view and the stream.
    async fn subscribe(&self) -> Changes {
        let mut changes = SelectAll::new();
        for of in self.controller.reads() {
            let informer = self.informers.of(of);
            changes.push(changes_of(of, informer.subscribe()));
            informer.wait_for(1).await;
        }
        changes
    }

    fn own(&self) -> Informer {
        self.informers.of(self.controller.reads()[0])
    }

    fn add_all(&mut self) {
        for object in self.own().list(client::Scope::All) {
            self.queue.add(object.key());
        }
    }

    fn take_in(&mut self, of: Wanted, delta: Delta) {
        let Delta::Change { old, new } = delta else { return self.add_all() };
        let change = Change { of, old: old.as_deref(), new: new.as_deref() };
        if of == self.controller.reads()[0] {
            self.queue.add(change.object().map(apimachinery::Object::key).unwrap_or_default());
        }
        for key in self.controller.affected(change, &self.informers) {
            self.queue.add(key);
        }
    }

    fn round(&mut self, key: String) -> BoxFuture<'static, Round> {
        let wrote = self.written.remove(&key).unwrap_or_default();
        let (controller, api) = (Arc::clone(&self.controller), Arc::clone(&self.api));
        let (informers, clock, events) = (self.informers.clone(), Arc::clone(&self.clock), self.events.clone());
        async move {
            for write in wrote.into_iter().filter(|write| controller.reads().contains(&write.of())) {
                see(&informers.of(write.of()), &write).await;
            }
            let plan = controller.reconcile(&key, &informers, clock.now());
            let executor = Executor { api: &*api, events: &events, manager: controller.name() };
            let mut written = Written::new();
            let outcome = match executor.run(plan.actions, &mut written).await {
                Ok(()) => Outcome::Settled { again: plan.again },
                Err(error) => {
                    tracing::debug!(controller = controller.name(), key, error = %chain(&error), "will retry");
                    // A conflict is ours to settle; everything else may be news.
                    if !error.is_conflict() {
                        let told = controller.refused(&key, &informers, clock.now(), &error.to_string());
                        if let Err(error) = executor.run(told, &mut written).await {
                            tracing::debug!(controller = controller.name(), key, error = %chain(&error), "not told");
                        }
                    }
                    Outcome::Failed
                }
            };
            Round { key, outcome, written }
        }
        .boxed()
    }

    fn finish(&mut self, round: Round) {
        self.queue.done(&round.key, Instant::now(), round.outcome);
        if !round.written.is_empty() {
            self.written.insert(round.key, round.written);
        }
    }
}

/// Waits until the view shows the write.
async fn see(informer: &Informer, write: &Write) {
    let (key, uid) = match write {
        Write::Revision(_, revision) => return informer.wait_for(*revision).await,
        Write::Deletion(_, key, uid) => (key, uid),
    };
    let mut changes = informer.subscribe();
    while informer.get(key).is_some_and(|object| object.head.uid == *uid && !object.head.is_deleting()) {
        if changes.next().await.is_none() {
            return;
        }
    }
}

fn changes_of(of: Wanted, subscription: Subscription) -> Pin<Box<dyn Stream<Item = (Wanted, Delta)> + Send>> {
    Box::pin(stream::unfold(subscription, move |mut subscription| async move {
        let delta = subscription.next().await?;
        Some(((of, delta), subscription))
    }))
}

pub(crate) async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
