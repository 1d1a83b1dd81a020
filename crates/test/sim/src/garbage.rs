//! The garbage collector: the graph and the verdicts of `controllers`, on live reads and writes that may come late.

use crate::actor::{Actor, Inbox};
use crate::api::{Api, Call, Delete, SERVED, Tolerance, Verb, key};
use crate::ctx::{Ctx, Job, Me, Tag};
use crate::queue::{Outcome, Queue};
use crate::view::{Delta, Feed, Feeds};
use apimachinery::object::Owner;
use apimachinery::patch::PatchType;
use apimachinery::{GroupVersionResource as Gvr, Object, Value};
use controllers::garbage::{
    Attempt, FOREGROUND, Graph, Identity, ORPHAN, OwnerState, Uid, Verdict, Work, gone, judge, unblock_owners,
    without_finalizer, without_owners,
};
use kinds::Scope;
use std::collections::BTreeSet;
use std::sync::Arc;
use stdx::Timestamp;

const NAME: &str = "garbage-collector";
const WORKERS: usize = 32;

pub struct Collector {
    graph: Graph,
    feeds: Feeds,
    inbox: Inbox,
    queue: Queue,
    busy: usize,
}

/// What looking at an object came to.
#[derive(Default)]
struct Found {
    calls: Vec<Call>,
    gone: Vec<(String, Uid)>,
    absent: Vec<(String, String)>,
    look_at: Vec<Uid>,
}

impl Default for Collector {
    fn default() -> Self {
        Self {
            graph: Graph::default(),
            feeds: Feeds(SERVED.iter().map(|of| Feed::new(of)).collect()),
            inbox: Inbox::default(),
            queue: Queue::default(),
            busy: 0,
        }
    }
}

impl Collector {
    fn take_in(&mut self, api: &Api, of: &'static Gvr, delta: Delta) {
        match delta {
            Delta::Change { old, new } => {
                if let Some(gone) = gone(old.as_deref(), new.as_deref()) {
                    let attempts = self.graph.remove(&gone.head.namespace, &gone.head.uid);
                    self.add(attempts);
                }
                if let Some(object) = new {
                    self.put(api, of, &object);
                }
            }
            Delta::Reset => {
                let all: Vec<Arc<Object>> = self.feeds.of(of).iter().cloned().collect();
                let attempts = self.graph.keep(of, &all.iter().map(|object| object.head.uid.as_str()).collect());
                self.add(attempts);
                all.iter().for_each(|object| self.put(api, of, object));
                let attempts = self.graph.all();
                self.add(attempts);
            }
        }
    }

    fn put(&mut self, api: &Api, of: &'static Gvr, object: &Object) {
        let known = object.head.owner_references.iter().all(|owner| {
            place(api, owner, &object.head.namespace).is_some_and(|(of, namespace)| {
                let seen = self.feeds.of(of).get(&key(&namespace, &owner.name));
                seen.is_some_and(|seen| seen.head.uid == owner.uid && !seen.head.is_deleting())
            })
        });
        let attempts = self.graph.put(&Arc::new(of.clone()), object, known);
        self.add(attempts);
    }

    fn add(&mut self, attempts: BTreeSet<Attempt>) {
        for attempt in attempts {
            self.queue.add(match attempt {
                Attempt::Delete(uid) => format!("delete/{uid}"),
                Attempt::Orphan(uid) => format!("orphan/{uid}"),
            });
        }
    }

    fn begin(&mut self, key: String, ctx: &mut Ctx, me: Me) {
        let (what, uid) = key.split_once('/').unwrap_or_default();
        let attempt = if what == "orphan" { Attempt::Orphan(Uid::from(uid)) } else { Attempt::Delete(Uid::from(uid)) };
        let Some(work) = self.graph.work(&attempt) else {
            return self.end(&key, ctx, Outcome::Settled(None));
        };
        let found = match attempt {
            Attempt::Delete(_) => self.delete(&ctx.api, &work),
            Attempt::Orphan(_) => orphan(&ctx.api, &work),
        };
        for (namespace, uid) in &found.absent {
            self.graph.note_absent(namespace, uid);
        }
        for (namespace, uid) in &found.gone {
            let attempts = self.graph.remove(namespace, uid);
            self.add(attempts);
        }
        for uid in found.look_at {
            self.queue.add(format!("delete/{uid}"));
        }
        if found.calls.is_empty() {
            return self.end(&key, ctx, Outcome::Settled(None));
        }
        ctx.start(Job::new(me, NAME, Tag::Round { key, again: None }, found.calls));
    }

    fn end(&mut self, key: &str, ctx: &Ctx, outcome: Outcome) {
        self.busy -= 1;
        self.queue.done(key, ctx.now(), outcome);
    }

    fn delete(&self, api: &Api, work: &Work) -> Found {
        let (me, mut found) = (&work.object, Found::default());
        let Some(object) = live(api, me) else {
            found.gone.push((me.namespace.clone(), Arc::clone(&me.uid)));
            return found;
        };
        if object.head.is_deleting() {
            if has(&object, FOREGROUND) && work.blocking.is_empty() {
                found.calls.push(patch(me, without_finalizer(&object, FOREGROUND)).tolerating(Tolerance::Gone));
            } else if has(&object, FOREGROUND) {
                found.look_at.clone_from(&work.blocking);
            }
            return found;
        }
        let absent = self.graph.absent_owners(&me.uid);
        let owners = object.head.owner_references.iter();
        let states: Vec<OwnerState> = owners.map(|owner| state(api, &object, owner, &absent, &mut found)).collect();
        match judge(&object, &states, work) {
            Verdict::Keep => {}
            Verdict::Forget(lost) => {
                found.calls.push(patch(me, without_owners(&object, &lost)).tolerating(Tolerance::Gone));
            }
            Verdict::Delete { propagation, unblock } => {
                if unblock {
                    found.calls.push(patch(me, unblock_owners(&object)));
                }
                let delete = Delete {
                    namespace: me.namespace.clone(),
                    name: me.name.clone(),
                    uid: object.head.uid.clone(),
                    revision: Some(object.head.revision),
                    after_last: unblock,
                    propagation: Some(propagation),
                    grace_seconds: None,
                };
                let of = served(&me.of);
                found.calls.push(Call::new(of, Verb::Delete(delete)).tolerating(Tolerance::Gone));
            }
        }
        found
    }
}

fn state(api: &Api, object: &Object, owner: &Owner, absent: &[Uid], found: &mut Found) -> OwnerState {
    if absent.iter().any(|uid| **uid == *owner.uid) {
        return OwnerState::Absent;
    }
    let Some((of, namespace)) = place(api, owner, &object.head.namespace) else { return OwnerState::Unresolvable };
    let there = api.get(of, &namespace, &owner.name).ok().filter(|there| there.head.uid == owner.uid);
    let Some(there) = there else {
        found.absent.push((object.head.namespace.clone(), owner.uid.clone()));
        return OwnerState::Absent;
    };
    let waits = there.head.is_deleting() && has(&there, FOREGROUND);
    if waits { OwnerState::Waiting } else { OwnerState::Solid }
}

fn orphan(api: &Api, work: &Work) -> Found {
    let (me, mut found) = (&work.object, Found::default());
    let Some(owner) = live(api, me).filter(|owner| owner.head.is_deleting() && has(owner, ORPHAN)) else {
        return found;
    };
    for dependent in &work.dependents {
        let Some(object) = live(api, dependent) else { continue };
        if object.head.owner_references.iter().any(|own| own.uid == owner.head.uid) {
            let forget = without_owners(&object, std::slice::from_ref(&owner.head.uid));
            found.calls.push(Call { batch: 0, ..patch(dependent, forget) }.tolerating(Tolerance::Gone));
        }
    }
    found.calls.push(patch(me, without_finalizer(&owner, ORPHAN)).tolerating(Tolerance::Gone));
    found
}

fn live(api: &Api, object: &Identity) -> Option<Arc<Object>> {
    api.get(&object.of, &object.namespace, &object.name).ok().filter(|found| *found.head.uid == *object.uid)
}

fn patch(object: &Identity, body: Value) -> Call {
    let (namespace, name) = (object.namespace.clone(), object.name.clone());
    let kind = PatchType::Merge;
    Call::new(served(&object.of), Verb::Patch { namespace, name, subresource: "", kind, body })
}

fn served(of: &Gvr) -> &'static Gvr {
    SERVED.iter().find(|served| **served == of).copied().unwrap_or(SERVED[0])
}

/// Where an owner is to be looked for.
fn place(api: &Api, owner: &Owner, namespace: &str) -> Option<(&'static Gvr, String)> {
    let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
    let of = SERVED.iter().find(|of| of.group == group && api.def(of).kind == owner.kind)?;
    let is_namespaced = api.def(of).scope == Scope::Namespaced;
    if is_namespaced && namespace.is_empty() {
        return None;
    }
    Some((of, if is_namespaced { namespace.to_owned() } else { String::new() }))
}

fn has(object: &Object, finalizer: &str) -> bool {
    object.head.finalizers.iter().any(|own| own == finalizer)
}

impl Actor for Collector {
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
        while let Some((of, delta)) = self.inbox.next() {
            self.take_in(&ctx.api, of, delta);
        }
        while self.busy < WORKERS
            && let Some(key) = self.queue.take(ctx.now())
        {
            self.busy += 1;
            self.begin(key, ctx, me);
        }
        self.queue.next_due()
    }

    fn done(&mut self, job: Job, ctx: &mut Ctx, _: Me) {
        let Tag::Round { key, .. } = &job.tag else { return };
        let outcome = if job.error.is_some() { Outcome::Failed } else { Outcome::Settled(None) };
        self.end(key, ctx, outcome);
    }
}
