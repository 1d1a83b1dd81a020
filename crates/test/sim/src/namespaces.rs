//! Empties namespaces that are being deleted, pods first, then lets them go.

use crate::actor::{Actor, Inbox};
use crate::api::{Api, Call, SERVED, Tolerance, Verb};
use crate::ctx::{Ctx, Job, Me, Tag};
use crate::queue::{Outcome, Queue};
use crate::view::{Delta, Feed, Feeds};
use apimachinery::patch::PatchType;
use controllers::namespace::{Progress, finalized, is_ours, status};
use kinds::Scope;
use kinds::resources::{NAMESPACES, PODS};
use serde_json::json;
use std::time::Duration;
use stdx::Timestamp;

const NAME: &str = "namespace-controller";
/// How soon what is left is looked at again.
const AGAIN: Duration = Duration::from_secs(2);

pub struct Emptier {
    feeds: Feeds,
    inbox: Inbox,
    queue: Queue,
}

impl Default for Emptier {
    fn default() -> Self {
        Self { feeds: Feeds(vec![Feed::new(&NAMESPACES)]), inbox: Inbox::default(), queue: Queue::default() }
    }
}

impl Emptier {
    fn add_all(&mut self) {
        for namespace in self.feeds.0[0].iter().filter(|namespace| is_ours(namespace)) {
            self.queue.add(namespace.key());
        }
    }

    fn begin(&mut self, name: String, ctx: &mut Ctx, me: Me) {
        let namespace = ctx.api.get(&NAMESPACES, "", &name).ok().filter(|namespace| is_ours(namespace));
        let Some(namespace) = namespace else { return self.queue.done(&name, ctx.now(), Outcome::Settled(None)) };
        let (mut progress, mut calls) = (Progress::default(), Vec::new());
        clear(&ctx.api, &PODS, &name, &mut progress, &mut calls);
        if progress.is_done() {
            let others = SERVED.iter().filter(|of| **of != &PODS && ctx.api.def(of).scope == Scope::Namespaced);
            others.for_each(|of| clear(&ctx.api, of, &name, &mut progress, &mut calls));
        }
        let again = if progress.is_done() {
            let body = finalized(&namespace);
            calls.push(Call::new(&NAMESPACES, Verb::Finalize { body }).tolerating(Tolerance::Gone));
            None
        } else {
            let patch = status(&namespace, &progress, ctx.now()).map(|status| {
                let body = json!({"metadata": {"uid": namespace.head.uid}, "status": status});
                Call::patch(&NAMESPACES, &namespace, "status", PatchType::Merge, body)
            });
            calls.extend(patch);
            Some(AGAIN)
        };
        if calls.is_empty() {
            return self.queue.done(&name, ctx.now(), Outcome::Settled(again));
        }
        ctx.start(Job::new(me, NAME, Tag::Round { key: name, again }, calls));
    }
}

fn clear(
    api: &Api,
    of: &'static apimachinery::GroupVersionResource,
    namespace: &str,
    progress: &mut Progress,
    calls: &mut Vec<Call>,
) {
    for item in api.list(of, namespace) {
        progress.left(&of.qualified(), &item);
        if item.head.is_deleting() {
            continue;
        }
        let mut call = Call::delete(of, &item).tolerating(Tolerance::GoneOrOther);
        if let Verb::Delete(delete) = &mut call.verb {
            delete.propagation = Some("Background");
        }
        calls.push(Call { batch: 0, ..call });
    }
}

impl Actor for Emptier {
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
        while let Some((_, delta)) = self.inbox.next() {
            match delta {
                Delta::Change { new: Some(namespace), .. } if is_ours(&namespace) => self.queue.add(namespace.key()),
                Delta::Change { .. } => {}
                Delta::Reset => self.add_all(),
            }
        }
        while let Some(name) = self.queue.take(ctx.now()) {
            self.begin(name, ctx, me);
        }
        self.queue.next_due()
    }

    fn done(&mut self, job: Job, ctx: &mut Ctx, _: Me) {
        let Tag::Round { key, again } = &job.tag else { return };
        let outcome = if job.error.is_some() { Outcome::Failed } else { Outcome::Settled(*again) };
        self.queue.done(key, ctx.now(), outcome);
    }
}
