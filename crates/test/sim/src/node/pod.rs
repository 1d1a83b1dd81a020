//! One pod's task on its node: asks `pods` what to do, and does it on the machine.

use super::Local;
use super::agent::Station;
use super::machine::image_of;
use crate::agenda::Event;
use crate::api::{Call, Delete, Tolerance, Verb};
use crate::ctx::{Ctx, Job, Me, Tag};
use apimachinery::patch::PatchType;
use apimachinery::{Object, Value};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kinds::resources::PODS;
use pods::{Action, ContainerState, Life, Outcome, SandboxSeen, Seen, Trouble};
use serde_json::Map;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use stdx::{Backoff, Timestamp};

/// Chances, in permille.
const PULL_FAILS: u64 = 60;
const PREPARE_FAILS: u64 = 40;

pub struct Task {
    pub object: Arc<Object>,
    pub is_gone: bool,
    uid: String,
    life: Life,
    sandbox_busy: bool,
    /// The agent knows the pod's surroundings: it made them, or took them over.
    knows_sandbox: bool,
    starting: BTreeSet<String>,
    stopping: BTreeSet<String>,
    /// What the API has, as far as we know.
    written: Value,
    revision: u64,
    wanted: Option<Value>,
    is_writing: bool,
    is_deleting: bool,
    retry: Backoff,
    retry_at: Option<Timestamp>,
    /// A look is planned for then.
    look_at: Option<Timestamp>,
}

impl Task {
    pub fn new(object: Arc<Object>, station: &Station<'_>) -> Self {
        let uid = object.head.uid.clone();
        Self {
            knows_sandbox: station.machine.sandboxes.get(&uid).is_some_and(|s| s.state == SandboxSeen::Ready),
            written: object.to_value()["status"].clone(),
            revision: object.head.revision,
            object,
            is_gone: false,
            uid,
            life: Life::default(),
            sandbox_busy: false,
            starting: BTreeSet::new(),
            stopping: BTreeSet::new(),
            wanted: None,
            is_writing: false,
            is_deleting: false,
            retry: Backoff::new(Duration::from_millis(200), Duration::from_secs(30)),
            retry_at: None,
            look_at: None,
        }
    }

    /// Nothing of it is left, here or in the API.
    pub fn is_over(&self, station: &Station<'_>) -> bool {
        let is_idle = !self.sandbox_busy && self.starting.is_empty() && self.stopping.is_empty() && !self.is_writing;
        self.is_gone && is_idle && !station.machine.sandboxes.contains_key(&self.uid)
    }

    /// One look at the world.
    pub fn round(&mut self, station: &mut Station<'_>, ctx: &mut Ctx, me: Me) {
        let now = ctx.now();
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
        }
        if !self.is_writing && self.object.head.revision > self.revision {
            self.revision = self.object.head.revision;
            self.written = self.object.to_value()["status"].clone();
        }
        let Ok(pod) = self.object.decode::<Pod>() else { return };
        let seen = self.see(station);
        let step = self.life.step(&pod, &seen, now);
        if let Some(status) = &step.status {
            self.want(status);
        }
        for action in step.actions {
            self.act(&pod, action, station, ctx, me);
        }
        if !self.is_gone && self.retry_at.is_none() {
            self.write_status(ctx, me);
        }
        let wake = [step.wake, self.retry_at].into_iter().flatten().min();
        if let Some(at) = wake.filter(|at| self.look_at.is_none_or(|planned| planned <= now || *at < planned)) {
            self.look_at = Some(at.max(now + Duration::from_millis(1)));
            self.after(at.since(now).max(Duration::from_millis(1)), Local::Look, ctx, me, station);
        }
    }

    fn see(&self, station: &Station<'_>) -> Seen {
        let sandbox = station.machine.sandboxes.get(&self.uid);
        let state = match sandbox.map(|sandbox| &sandbox.state) {
            Some(SandboxSeen::Ready) if !self.knows_sandbox => SandboxSeen::Absent,
            Some(state) => state.clone(),
            None => SandboxSeen::Absent,
        };
        Seen {
            pod_ips: sandbox.filter(|_| state == SandboxSeen::Ready).map(|s| s.ip.clone()).into_iter().collect(),
            sandbox: state,
            has_remains: sandbox.is_some(),
            sandbox_busy: self.sandbox_busy,
            host_ips: vec![station.machine.address()],
            containers: sandbox.map(|sandbox| sandbox.containers.clone()).unwrap_or_default(),
            starting: self.starting.clone(),
            stopping: self.stopping.clone(),
            is_gone: self.is_gone,
            ..Seen::default()
        }
    }

    fn after(&self, wait: Duration, done: Local, ctx: &mut Ctx, me: Me, station: &Station<'_>) {
        let (node, uid) = (station.machine.place, self.uid.clone());
        ctx.agenda.after(wait, Event::Local { node, life: me.life, uid, done });
    }

    fn act(&mut self, pod: &Pod, action: Action, station: &mut Station<'_>, ctx: &mut Ctx, me: Me) {
        let (calm, slow) = (ctx.calm, if ctx.calm { 300 } else { 4000 });
        match action {
            Action::Prepare if !self.sandbox_busy => {
                self.sandbox_busy = true;
                let fails = !calm && ctx.rng.permille(PREPARE_FAILS);
                let result = if fails { Err(trouble("FailedCreatePodSandBox")) } else { Ok(()) };
                let wait = ctx.rng.millis(50, slow);
                self.after(wait, Local::Prepared(result), ctx, me, station);
            }
            Action::Start { container, attempt } if self.starting.insert(container.clone()) => {
                let fails = !calm && ctx.rng.permille(PULL_FAILS);
                let result = if fails { Err(trouble("ErrImagePull")) } else { Ok(()) };
                let (wait, image) = (ctx.rng.millis(50, slow), image_of(pod, &container));
                self.after(wait, Local::Started { container, attempt, image, result }, ctx, me, station);
            }
            Action::Stop { container, attempt, grace, .. } if self.stopping.insert(container.clone()) => {
                let most = u64::try_from(grace.as_millis()).unwrap_or(0).max(200);
                let wait = ctx.rng.millis(20, if calm { 200 } else { most });
                self.after(wait, Local::Stopped { container, attempt }, ctx, me, station);
            }
            Action::Probe { container, attempt, kind } => {
                let wait = ctx.rng.millis(1, 300);
                self.after(wait, Local::Probed { container, attempt, kind }, ctx, me, station);
            }
            Action::Forget { container, attempt } => {
                if let Some(sandbox) = station.machine.sandboxes.get_mut(&self.uid) {
                    sandbox.containers.retain(|seen| seen.name != container || seen.attempt != attempt);
                }
            }
            Action::Teardown if !self.sandbox_busy => {
                self.sandbox_busy = true;
                let wait = ctx.rng.millis(20, slow);
                self.after(wait, Local::TornDown, ctx, me, station);
            }
            Action::Delete => self.delete(pod, ctx, me),
            _ => {}
        }
    }

    /// Takes in that something has ended on the machine.
    pub fn local(&mut self, done: Local, station: &mut Station<'_>, ctx: &mut Ctx) {
        let now = ctx.now();
        let Ok(pod) = self.object.decode::<Pod>() else { return };
        match done {
            Local::Prepared(result) => {
                self.sandbox_busy = false;
                match result {
                    Ok(()) => {
                        station.machine.prepare(&self.uid);
                        self.knows_sandbox = true;
                        self.life.prepared();
                    }
                    Err(trouble) => self.life.prepare_failed(trouble, now),
                }
            }
            Local::TornDown => {
                self.sandbox_busy = false;
                self.knows_sandbox = false;
                station.machine.sandboxes.remove(&self.uid);
            }
            // Broken off by a stop.
            Local::Started { container, .. } if self.stopping.contains(&container) => {
                self.starting.remove(&container);
            }
            Local::Started { container, attempt, image, result } => {
                self.starting.remove(&container);
                match result {
                    Ok(()) => {
                        let chance = (&mut ctx.rng, ctx.calm);
                        station.machine.start(&pod, &self.uid, attempt, &container, chance, &mut ctx.agenda);
                        self.life.started(&container);
                    }
                    Err(trouble) => self.life.start_failed(&container, &image, trouble, now),
                }
            }
            Local::Stopped { container, attempt } => {
                self.stopping.remove(&container);
                let code = if ctx.rng.permille(300) { 0 } else { 143 };
                let ended = super::Ended { uid: self.uid.clone(), container, attempt, code };
                station.machine.end(&ended, now);
            }
            Local::Probed { container, attempt, kind } => {
                let runs = station.machine.sandboxes.get(&self.uid).is_some_and(|sandbox| {
                    sandbox
                        .containers
                        .iter()
                        .any(|seen| seen.name == container && matches!(seen.state, ContainerState::Running { .. }))
                });
                let is_well = runs && (ctx.calm || !ctx.rng.permille(100));
                let outcome = if is_well { Outcome::Success } else { Outcome::Failure("no".to_owned()) };
                self.life.probed(&pod, &container, attempt, kind, &outcome, now);
            }
            Local::Look => self.look_at = None,
        }
    }

    fn want(&mut self, status: &PodStatus) {
        self.wanted = serde_json::to_value(status).ok();
        if self.change().is_none() {
            self.wanted = None;
        }
    }

    /// The fields of a patch that makes the API's status the wanted one.
    fn change(&self) -> Option<Map<String, Value>> {
        let none = Map::new();
        pods::status_patch(self.wanted.as_ref()?, self.written.as_object().unwrap_or(&none))
    }

    fn write_status(&mut self, ctx: &mut Ctx, me: Me) {
        if self.is_writing {
            return;
        }
        let Some(change) = self.change() else { return };
        self.is_writing = true;
        let body = pods::status_body(&self.uid, self.revision, change);
        let call = Call::patch(&PODS, &self.object, "status", PatchType::Strategic, body);
        let tag = Tag::Pod { uid: self.uid.clone(), status: self.wanted.clone() };
        ctx.start(Job::new(me, "kubelet", tag, vec![call.tolerating(Tolerance::GoneOrOther)]));
    }

    fn delete(&mut self, pod: &Pod, ctx: &mut Ctx, me: Me) {
        let is_final = pod.metadata.deletion_grace_period_seconds == Some(0);
        if self.is_deleting || is_final || self.retry_at.is_some() || self.is_writing || self.change().is_some() {
            return;
        }
        self.is_deleting = true;
        let head = &self.object.head;
        let (namespace, name, uid) = (head.namespace.clone(), head.name.clone(), head.uid.clone());
        let delete = Delete { namespace, name, uid: uid.clone(), grace_seconds: Some(0), ..Delete::default() };
        let call = Call::new(&PODS, Verb::Delete(delete)).tolerating(Tolerance::GoneOrOther);
        ctx.start(Job::new(me, "kubelet", Tag::Pod { uid, status: None }, vec![call]));
    }

    /// A write is done, or failed.
    pub fn wrote(&mut self, status: Option<Value>, job: &Job, ctx: &Ctx) {
        let failed = job.error.is_some();
        if failed {
            self.retry_at = Some(ctx.now() + self.retry.fail());
        }
        let Some(status) = status else {
            self.is_deleting = !failed;
            return;
        };
        self.is_writing = false;
        if failed {
            return;
        }
        self.retry.reset();
        self.written = status;
        if job.last > 0 {
            self.revision = job.last;
            if let Ok(object) = ctx.api.get(&PODS, &self.object.head.namespace, &self.object.head.name)
                && object.head.revision == job.last
            {
                self.written = object.to_value()["status"].clone();
            }
        }
    }
}

fn trouble(reason: &str) -> Trouble {
    Trouble { reason: reason.to_owned(), message: "by chance".to_owned() }
}
