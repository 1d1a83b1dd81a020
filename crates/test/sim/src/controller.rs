//! One controller and its driver: changes become keys, keys become rounds, as `reconciler` does it.

use crate::actor::{Actor, Inbox};
use crate::api::{Call, Tolerance, Verb};
use crate::ctx::{Ctx, Job, Me, Tag, Write};
use crate::queue::{Outcome, Queue};
use crate::view::{Delta, Feed, Feeds};
use apimachinery::Object;
use apimachinery::patch::PatchType;
use controllers::{Action, Change, Controller};
use std::collections::BTreeMap;
use stdx::Timestamp;

const WORKERS: usize = 8;

pub struct Driver {
    controller: Box<dyn Controller>,
    feeds: Feeds,
    inbox: Inbox,
    queue: Queue,
    written: BTreeMap<String, Vec<Write>>,
    /// Rounds that wait for the view to show the last one's writes.
    waiting: Vec<String>,
    busy: usize,
}

impl Driver {
    pub fn new(controller: Box<dyn Controller>) -> Self {
        Self {
            feeds: Feeds(controller.reads().iter().map(|of| Feed::new(of)).collect()),
            controller,
            inbox: Inbox::default(),
            queue: Queue::default(),
            written: BTreeMap::new(),
            waiting: Vec::new(),
            busy: 0,
        }
    }

    fn add_all(&mut self) {
        for object in self.feeds.0[0].iter() {
            self.queue.add(object.key());
        }
    }

    fn take_in(&mut self, of: &'static apimachinery::GroupVersionResource, delta: &Delta) {
        let Delta::Change { old, new } = delta else { return self.add_all() };
        let change = Change { of, old: old.as_deref(), new: new.as_deref() };
        if of == self.controller.reads()[0] {
            self.queue.add(change.object().map(Object::key).unwrap_or_default());
        }
        for key in self.controller.affected(change, &self.feeds) {
            self.queue.add(key);
        }
    }

    fn has_seen(&self, key: &str) -> bool {
        self.written.get(key).is_none_or(|writes| writes.iter().all(|write| self.is_shown(write)))
    }

    fn is_shown(&self, write: &Write) -> bool {
        let reads = self.controller.reads();
        match write {
            Write::Revision(of, revision) => !reads.contains(of) || self.feeds.of(of).revision >= *revision,
            Write::Deletion(of, key, uid) => {
                let stays = |object: &std::sync::Arc<Object>| object.head.uid == *uid && !object.head.is_deleting();
                !reads.contains(of) || !self.feeds.of(of).get(key).is_some_and(stays)
            }
        }
    }

    fn begin(&mut self, key: String, ctx: &mut Ctx, me: Me) {
        if !self.has_seen(&key) {
            return self.waiting.push(key);
        }
        self.written.remove(&key);
        let plan = self.controller.reconcile(&key, &self.feeds, ctx.now());
        let calls = calls(plan.actions, ctx);
        if calls.is_empty() {
            self.busy -= 1;
            return self.queue.done(&key, ctx.now(), Outcome::Settled(plan.again));
        }
        let tag = Tag::Round { key, again: plan.again };
        ctx.start(Job::new(me, self.controller.name(), tag, calls));
    }

    fn end(&mut self, key: &str, job: Job, outcome: Outcome, ctx: &Ctx) {
        self.busy -= 1;
        self.queue.done(key, ctx.now(), outcome);
        if !job.written.is_empty() {
            self.written.insert(key.to_owned(), job.written);
        }
    }
}

impl Actor for Driver {
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
            self.add_all();
        }
        while let Some((of, delta)) = self.inbox.next() {
            self.take_in(of, &delta);
        }
        for key in std::mem::take(&mut self.waiting) {
            self.begin(key, ctx, me);
        }
        while self.busy < WORKERS
            && let Some(key) = self.queue.take(ctx.now())
        {
            self.busy += 1;
            self.begin(key, ctx, me);
        }
        self.queue.next_due().filter(|_| self.busy < WORKERS)
    }

    fn done(&mut self, job: Job, ctx: &mut Ctx, me: Me) {
        match job.tag.clone() {
            Tag::Round { key, again } => match &job.error {
                None => self.end(&key, job, Outcome::Settled(again), ctx),
                Some(error) if error.is_conflict() => self.end(&key, job, Outcome::Failed, ctx),
                Some(error) => {
                    let told = self.controller.refused(&key, &self.feeds, ctx.now(), &error.to_string());
                    let calls = calls(told, ctx);
                    if calls.is_empty() {
                        return self.end(&key, job, Outcome::Failed, ctx);
                    }
                    let mut telling = Job::new(me, self.controller.name(), Tag::Told { key }, calls);
                    telling.written = job.written;
                    ctx.start(telling);
                }
            },
            Tag::Told { key } => self.end(&key, job, Outcome::Failed, ctx),
            _ => {}
        }
    }
}

/// Actions as calls; neighbouring creates and deletes go side by side, in whatever order they arrive.
fn calls(actions: Vec<Action>, ctx: &mut Ctx) -> Vec<Call> {
    let (mut calls, mut side_by_side, mut batch) = (Vec::new(), Vec::new(), 0);
    for action in actions {
        let Some(call) = call(action) else { continue };
        if matches!(call.verb, Verb::Create { .. } | Verb::Delete { .. }) {
            side_by_side.push(Call { batch, ..call });
            continue;
        }
        ctx.rng.shuffle(&mut side_by_side);
        calls.append(&mut side_by_side);
        batch += 1;
        calls.push(call);
    }
    ctx.rng.shuffle(&mut side_by_side);
    calls.append(&mut side_by_side);
    calls
}

/// Events are for people: nobody here reads them.
fn call(action: Action) -> Option<Call> {
    Some(match action {
        Action::Create { of, namespace, body, .. } => Call::new(of, Verb::Create { namespace, body }),
        Action::Update { of, subresource, body } => Call::new(of, Verb::Update { subresource, body }),
        Action::Patch { of, namespace, name, subresource, body } => {
            let kind = PatchType::Merge;
            Call::new(of, Verb::Patch { namespace, name, subresource, kind, body })
        }
        Action::Delete { of, namespace, name, uid, propagation, grace_seconds } => {
            let delete = crate::api::Delete {
                namespace,
                name,
                uid,
                propagation,
                grace_seconds,
                ..crate::api::Delete::default()
            };
            Call::new(of, Verb::Delete(delete)).tolerating(Tolerance::Deletion)
        }
        Action::Event { .. } => return None,
    })
}
