//! One pod's task: asks `pods` what to do after every event, and sees to it that it is done.
//!
//! Jobs run inside the task, side by side; what each of them is about is known, so that nothing is done twice.

mod admit;
mod evict;
mod opening;
mod prepare;
mod report;
mod resize;
mod see;
mod start;
mod stop;

use crate::agent::{Agent, Inbox};
use crate::probes;
use crate::volumes::Mounted;
use client::ObjectRef;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use k8s_openapi::api::core::v1::{Pod, ResourceRequirements};
use netplan::PodKey;
use pods::{Action, Life, Note, Outcome, ProbeKind, Trouble};
use runtime::ContainerKey;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use stdx::{Backoff, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use prepare::grace_of;
pub(crate) use start::log_path;

/// Everything of the pod that its containers share.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    pub ips: Vec<IpAddr>,
    pub volumes: Mounted,
}

/// What a job has come to.
enum Done {
    Prepared(Result<Surroundings, Trouble>),
    TornDown(Result<(), String>),
    Started { container: String, image: String, result: Result<(), Trouble> },
    Stopped { container: String },
    Probed { container: String, attempt: u32, kind: ProbeKind, outcome: Outcome },
    ResizeAgain(String),
    Measured(Option<String>),
    Resized { key: (String, u32), result: Result<ResourceRequirements, String> },
    Forgotten,
    Refreshed(Result<Mounted, Trouble>),
    Reported(Box<report::Written>),
    Deleted(bool),
}

struct Task {
    agent: Arc<Agent>,
    key: PodKey,
    life: Life,
    jobs: FuturesUnordered<BoxFuture<'static, Done>>,
    surroundings: Option<Arc<Surroundings>>,
    has_remains: bool,
    sandbox_busy: bool,
    /// Containers being started, and how to break that off.
    starting: BTreeMap<String, CancellationToken>,
    /// Containers being stopped, and by when.
    stopping: BTreeMap<String, watch::Sender<Instant>>,
    forgetting: BTreeSet<(String, u32)>,
    /// Containers whose limits are being changed, and why the last try failed.
    resizing: BTreeMap<String, String>,
    /// What attempts have after a change of their limits.
    resources: BTreeMap<(String, u32), ResourceRequirements>,
    /// Termination messages of ended attempts, read once.
    messages: BTreeMap<(String, u32), String>,
    /// Attempts that have opened their ports, or have had the time to.
    opened: BTreeSet<(String, u32)>,
    /// When to look at the others again.
    open_at: Option<Timestamp>,
    report: report::Reporter,
    /// It has been looked at whether the node takes the pod at all.
    is_admitted: bool,
    is_deleting: bool,
    is_refreshing: bool,
    is_measuring: bool,
    measure_at: Option<Timestamp>,
    refresh_at: Option<Timestamp>,
    config_changes: u64,
    /// Waits after a failed teardown, status write or deletion.
    retry: Backoff,
    retry_at: Option<Timestamp>,
}

pub(crate) async fn run(agent: Arc<Agent>, inbox: watch::Receiver<Inbox>) {
    let stop = agent.stop.clone();
    stop.run_until_cancelled(Task::new(agent, &inbox).run(inbox)).await;
}

impl Task {
    fn new(agent: Arc<Agent>, inbox: &watch::Receiver<Inbox>) -> Self {
        let head = inbox.borrow().object.head.clone();
        let key = PodKey { namespace: head.namespace, name: head.name, uid: head.uid };
        let has_remains = agent.config.pod_dir(&key.uid).exists() || agent.runtime.get(&key.uid).is_some();
        Self {
            report: report::Reporter::new(&inbox.borrow().object),
            agent,
            key,
            life: Life::default(),
            jobs: FuturesUnordered::new(),
            surroundings: None,
            has_remains,
            sandbox_busy: false,
            starting: BTreeMap::new(),
            stopping: BTreeMap::new(),
            forgetting: BTreeSet::new(),
            resizing: BTreeMap::new(),
            resources: BTreeMap::new(),
            messages: BTreeMap::new(),
            opened: BTreeSet::new(),
            open_at: None,
            is_admitted: has_remains,
            is_deleting: false,
            is_refreshing: false,
            is_measuring: false,
            measure_at: None,
            refresh_at: None,
            config_changes: 0,
            retry: Backoff::new(Duration::from_millis(200), Duration::from_secs(30)),
            retry_at: None,
        }
    }

    async fn run(mut self, mut inbox: watch::Receiver<Inbox>) {
        self.adopt();
        loop {
            let word = inbox.borrow_and_update().clone();
            let now = self.agent.clock.now();
            let wake = match word.object.decode::<Pod>() {
                Ok(pod) => self.round(Arc::new(pod), &word, now),
                Err(error) => {
                    tracing::error!(pod = %self.key, %error, "a pod that cannot be read is left alone");
                    None
                }
            };
            if word.is_gone && !self.has_remains && self.jobs.is_empty() {
                self.remove_logs();
                return self.agent.forget(&self.key.uid);
            }
            let wait = wake.map(|at| Duration::from_nanos(1).max(Duration::saturating_sub(at.0, now.0)));
            tokio::select! {
                changed = inbox.changed() => if changed.is_err() { return },
                Some(done) = self.jobs.next() => self.finish(done),
                () = sleep(wait) => {}
            }
            // All that has ended meanwhile is one round.
            while let Some(Some(done)) = futures_util::FutureExt::now_or_never(self.jobs.next()) {
                self.finish(done);
            }
        }
    }

    /// Takes over the containers of a pod that an earlier agent started.
    fn adopt(&mut self) {
        if !self.agent.runtime.get(&self.key.uid).is_some_and(|sandbox| sandbox.is_alive()) {
            return;
        }
        let plugged = self.agent.network.list().into_iter().find(|(key, _)| *key == self.key);
        let ips = match plugged {
            Some((_, network)) => vec![IpAddr::V4(network.ip)],
            None => self.agent.config.addresses.clone(),
        };
        self.surroundings = Some(Arc::new(Surroundings { ips, volumes: Mounted::default() }));
        // Finds the volumes again, which may have missed changes.
        self.refresh_at = Some(self.agent.clock.now());
    }

    /// One look at the world; returns when to look again without an event.
    fn round(&mut self, pod: Arc<Pod>, word: &Inbox, now: Timestamp) -> Option<Timestamp> {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
        }
        if word.config_changes != self.config_changes {
            self.config_changes = word.config_changes;
            self.life.nudge(now);
            self.refresh_at = Some(now);
        }
        if self.report.see(&word.object) {
            // Paths and variables may come from them.
            self.life.nudge(now);
            self.refresh_at = Some(now);
        }
        self.admit(&pod);
        let seen = self.see(&pod, word.is_gone, now);
        let step = self.life.step(&pod, &seen, now);
        for note in &step.notes {
            self.tell(&pod, note);
        }
        if let Some(status) = &step.status {
            self.report.want(status);
        }
        for action in step.actions {
            match action {
                // What is made anew is made without a resize that is refused.
                Action::Prepare | Action::Start { .. } => match pods::allocated(&pod, &seen) {
                    Cow::Borrowed(_) => self.act(&pod, action),
                    Cow::Owned(allocated) => self.act(&Arc::new(allocated), action),
                },
                _ => self.act(&pod, action),
            }
        }
        if !word.is_gone && self.retry_at.is_none() {
            self.write_status();
        }
        self.refresh(&pod, now);
        let measure_at = self.watch_storage(&pod, now);
        let refresh_at = self.refresh_at.filter(|_| !self.is_refreshing && self.surroundings.is_some());
        [step.wake, self.retry_at, refresh_at, measure_at, self.open_at].into_iter().flatten().min()
    }

    fn act(&mut self, pod: &Arc<Pod>, action: Action) {
        match action {
            Action::Prepare => self.prepare(pod),
            Action::Start { container, attempt } => self.start(pod, container, attempt),
            Action::Stop { container, attempt, grace, message } => self.stop(pod, container, attempt, grace, message),
            Action::Probe { container, attempt, kind } => self.probe(pod, container, attempt, kind),
            Action::Resize { container, attempt } => self.resize(pod, container, attempt),
            Action::Forget { container, attempt } => self.forget(container, attempt),
            Action::Teardown => self.tear_down(),
            Action::Delete => self.delete(pod),
        }
    }

    fn finish(&mut self, done: Done) {
        let now = self.agent.clock.now();
        match done {
            Done::Prepared(result) => {
                self.sandbox_busy = false;
                match result {
                    Ok(surroundings) => {
                        self.life.prepared();
                        self.refresh_at = surroundings.volumes.refresh_at;
                        self.surroundings = Some(Arc::new(surroundings));
                    }
                    Err(trouble) => self.life.prepare_failed(trouble, now),
                }
            }
            Done::TornDown(result) => {
                self.sandbox_busy = false;
                match result {
                    Ok(()) => self.has_remains = false,
                    Err(error) => self.retry_later("tear down", &error, now),
                }
            }
            Done::Started { container, image, result } => {
                self.starting.remove(&container);
                match result {
                    Ok(()) => self.life.started(&container),
                    Err(trouble) => self.life.start_failed(&container, &image, trouble, now),
                }
            }
            Done::Stopped { container } => _ = self.stopping.remove(&container),
            Done::Probed { container, attempt, kind, outcome } => self.probed(&container, attempt, kind, &outcome, now),
            Done::Resized { key, result } => self.resized(key, result, now),
            Done::Measured(excess) => self.measured(excess, now),
            Done::ResizeAgain(container) => _ = self.resizing.remove(&container),
            Done::Forgotten => {}
            Done::Refreshed(result) => {
                self.is_refreshing = false;
                self.refreshed(result, now);
            }
            Done::Reported(written) => {
                if let Err(error) = self.report.written(*written) {
                    self.retry_later("write the status of", &error, now);
                } else {
                    self.retry.reset();
                }
            }
            Done::Deleted(is_done) => {
                self.is_deleting = is_done;
                if !is_done {
                    self.retry_later("delete the object of", "the API refused", now);
                }
            }
        }
    }

    fn retry_later(&mut self, what: &str, error: &str, now: Timestamp) {
        let wait = self.retry.fail();
        tracing::warn!(pod = %self.key, error, ?wait, "failed to {what} a pod; will retry");
        self.retry_at = Some(now + wait);
    }

    fn probe(&mut self, pod: &Arc<Pod>, container: String, attempt: u32, kind: ProbeKind) {
        let (agent, pod, uid) = (self.agent.clone(), pod.clone(), self.key.uid.clone());
        let ip = self.surroundings.as_ref().and_then(|surroundings| surroundings.ips.first().copied());
        let job = async move {
            let key = ContainerKey::new(container.clone(), attempt);
            let outcome = probes::run(&agent, &pod, &uid, &key, kind, ip).await;
            Done::Probed { container, attempt, kind, outcome }
        };
        self.jobs.push(Box::pin(job));
    }

    fn probed(&mut self, container: &str, attempt: u32, kind: ProbeKind, outcome: &Outcome, now: Timestamp) {
        let Some(object) = self.agent.pods.get(&format!("{}/{}", self.key.namespace, self.key.name)) else { return };
        let Ok(pod) = object.decode::<Pod>() else { return };
        // The container may have ended because it was asked: that is no illness.
        let is_stopping = self.stopping.contains_key(container);
        if let Some(note) = self.life.probed(&pod, container, attempt, kind, outcome, now).filter(|_| !is_stopping) {
            self.tell(&pod, &note);
        }
    }

    /// Removes an attempt of which only the log was of use, and that log.
    fn forget(&mut self, container: String, attempt: u32) {
        if !self.forgetting.insert((container.clone(), attempt)) {
            return;
        }
        self.messages.remove(&(container.clone(), attempt));
        self.resources.remove(&(container.clone(), attempt));
        self.opened.remove(&(container.clone(), attempt));
        let log = log_path(&self.agent.config, &self.key, &container, attempt);
        let Some(sandbox) = self.agent.runtime.get(&self.key.uid) else { return };
        let job = async move {
            if let Err(error) = sandbox.remove_container(&ContainerKey::new(container, attempt)).await {
                tracing::debug!(error = %stdx::chain(&error), "an ended container's files stay until its pod goes");
            }
            start::remove_log(&log);
            Done::Forgotten
        };
        self.jobs.push(Box::pin(job));
    }

    fn remove_logs(&self) {
        let folder = start::log_folder(&self.agent.config, &self.key);
        if let Err(error) = std::fs::remove_dir_all(&folder)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(folder = %folder.display(), %error, "logs of a deleted pod stay");
        }
    }

    fn tell(&self, pod: &Pod, note: &Note) {
        let about = note.container.as_deref().map_or_else(|| reference(pod, ""), |name| container_reference(pod, name));
        self.agent.events.record(&about, note.warning, note.reason, note.message.clone());
    }
}

/// Events about the pod.
pub(crate) fn reference(pod: &Pod, field_path: &str) -> ObjectRef {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        namespace: text(&pod.metadata.namespace),
        name: text(&pod.metadata.name),
        uid: text(&pod.metadata.uid),
        field_path: field_path.to_owned(),
    }
}

/// Events about one of its containers.
pub(crate) fn container_reference(pod: &Pod, name: &str) -> ObjectRef {
    let item = pods::items(pod).into_iter().find(|item| item.name == name);
    reference(pod, &item.map(|item| item.field_path()).unwrap_or_default())
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
