//! The agent of one machine: follows the node's pods, a task each.

use super::heartbeat::Heart;
use super::machine::Machine;
use super::pod::Task;
use super::{Local, volumes};
use crate::actor::Inbox;
use crate::ctx::{Ctx, Job, Me, Tag};
use crate::view::{Delta, Feed, Feeds};
use apimachinery::Object;
use kinds::resources::{PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub struct Agent {
    pub feeds: Feeds,
    pub inbox: Inbox,
    pub heart: Heart,
    volumes: volumes::Provisioner,
    tasks: BTreeMap<String, Task>,
}

/// Where the agent works.
pub struct Station<'a> {
    pub machine: &'a mut Machine,
}

impl Agent {
    pub fn new(machine: &Machine) -> Self {
        let feeds = vec![
            Feed::of_node(&PODS, &machine.name),
            Feed::new(&PERSISTENT_VOLUME_CLAIMS),
            Feed::new(&PERSISTENT_VOLUMES),
        ];
        Self {
            feeds: Feeds(feeds),
            inbox: Inbox::default(),
            heart: Heart::default(),
            volumes: volumes::Provisioner::default(),
            tasks: BTreeMap::new(),
        }
    }

    pub fn wake(&mut self, machine: &mut Machine, ctx: &mut Ctx, me: Me) -> Option<stdx::Timestamp> {
        if !self.feeds.are_listed() {
            return None;
        }
        let mut station = Station { machine };
        let mut changed = BTreeSet::new();
        if !std::mem::replace(&mut self.inbox.has_begun, true) {
            self.remove_orphans(&mut station);
            self.read_all(&mut station, &mut changed);
        }
        while let Some((of, delta)) = self.inbox.next() {
            if *of != PODS {
                self.volumes.take_in(of, &delta, &self.feeds);
                continue;
            }
            match delta {
                Delta::Change { old, new } => self.take_in(old, new, &mut station, &mut changed),
                Delta::Reset => self.read_all(&mut station, &mut changed),
            }
        }
        for uid in changed {
            self.look(&uid, &mut station, ctx, me);
        }
        self.volumes.work(&self.feeds, station.machine, ctx, me)
    }

    /// What an earlier agent left of pods that were deleted while nobody looked.
    fn remove_orphans(&self, station: &mut Station<'_>) {
        let live: BTreeSet<&String> = self.feeds.of(&PODS).iter().map(|pod| &pod.head.uid).collect();
        station.machine.sandboxes.retain(|uid, _| live.contains(uid));
    }

    fn read_all(&mut self, station: &mut Station<'_>, changed: &mut BTreeSet<String>) {
        let present: Vec<Arc<Object>> = self.feeds.of(&PODS).iter().cloned().collect();
        let uids: BTreeSet<String> = present.iter().map(|pod| pod.head.uid.clone()).collect();
        for pod in present {
            self.take_in(None, Some(pod), station, changed);
        }
        for (uid, task) in self.tasks.iter_mut().filter(|(uid, _)| !uids.contains(*uid)) {
            task.is_gone = true;
            changed.insert(uid.clone());
        }
    }

    fn take_in(
        &mut self,
        old: Option<Arc<Object>>,
        new: Option<Arc<Object>>,
        station: &mut Station<'_>,
        changed: &mut BTreeSet<String>,
    ) {
        let uid_of = |object: &Option<Arc<Object>>| object.as_ref().map(|object| object.head.uid.clone());
        let (old_uid, new_uid) = (uid_of(&old), uid_of(&new));
        if let Some(uid) = old_uid.filter(|uid| Some(uid) != new_uid.as_ref())
            && let Some(task) = self.tasks.get_mut(&uid)
        {
            task.is_gone = true;
            changed.insert(uid);
        }
        let Some(object) = new else { return };
        let uid = object.head.uid.clone();
        match self.tasks.get_mut(&uid) {
            Some(task) => task.object = object,
            None => _ = self.tasks.insert(uid.clone(), Task::new(object, station)),
        }
        changed.insert(uid);
    }

    fn look(&mut self, uid: &str, station: &mut Station<'_>, ctx: &mut Ctx, me: Me) {
        let Some(task) = self.tasks.get_mut(uid) else { return };
        task.round(station, ctx, me);
        if task.is_over(station) {
            self.tasks.remove(uid);
        }
    }

    pub fn local(&mut self, uid: &str, done: Local, machine: &mut Machine, ctx: &mut Ctx, me: Me) {
        let mut station = Station { machine };
        if let Some(task) = self.tasks.get_mut(uid) {
            task.local(done, &mut station, ctx);
            self.look(uid, &mut station, ctx, me);
        }
    }

    /// A container of the pod has ended by itself.
    pub fn news(&mut self, uid: &str, machine: &mut Machine, ctx: &mut Ctx, me: Me) {
        self.look(uid, &mut Station { machine }, ctx, me);
    }

    pub fn done(&mut self, job: Job, machine: &mut Machine, ctx: &mut Ctx, me: Me) {
        match job.tag.clone() {
            Tag::Heartbeat { reported } => self.heart.done(reported, job.error.as_ref(), ctx.now()),
            Tag::Pod { uid, status } => {
                let mut station = Station { machine };
                if let Some(task) = self.tasks.get_mut(&uid) {
                    task.wrote(status, &job, ctx);
                    self.look(&uid, &mut station, ctx, me);
                }
            }
            Tag::Round { key, .. } => self.volumes.done(&key, job.error.is_some(), ctx.now()),
            Tag::Told { .. } => {}
        }
    }
}
