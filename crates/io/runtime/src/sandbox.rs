//! A pod's sandbox: its shim, and the containers in it. All calls are safe to repeat.

mod bundle;
mod sessions;

use crate::error::{Error, Result};
use crate::images::{self, Image};
use crate::logs::{self, LogOptions, LogStream};
use crate::runtime::Shared;
use crate::shim::client::{CallError, Client};
use crate::shim::protocol::{Call, Record, Reply};
use crate::spec::{ContainerSpec, NetNs, Resources, SandboxSpec};
use crate::stats::{self, PodStats};
use crate::status::{ContainerKey, ContainerState, ContainerStatus, Event, Exit, SandboxStatus};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A killed container is gone in milliseconds, unless the kernel holds it (dead network storage).
const KILL_TIMEOUT: Duration = Duration::from_secs(20);

/// Cheap to clone. Dropping it changes nothing: sandboxes live until [`Sandbox::remove`].
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    spec: SandboxSpec,
    folder: PathBuf,
    cgroup: PathBuf,
    client: Option<Client>,
    shim_pid: i32,
    pod_pid_ns: Option<i32>,
    containers: Mutex<BTreeMap<ContainerKey, Entry>>,
    /// Set by `remove`: the shim's end is then no loss.
    removing: CancellationToken,
    /// Cancelled when the shim's connection is gone and all ends are recorded.
    gone: CancellationToken,
}

struct Entry {
    status: ContainerStatus,
    ended: CancellationToken,
}

/// `container.json`: what the agent must know again after a restart.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub status: ContainerStatus,
    pub layers: Vec<String>,
}

impl Sandbox {
    /// A sandbox whose shim answers. `known` come from disk, their state from the shim.
    pub(crate) fn connected(
        shared: Arc<Shared>,
        spec: SandboxSpec,
        link: (Client, mpsc::UnboundedReceiver<Record>, i32, Option<i32>),
        known: Vec<ContainerStatus>,
    ) -> Self {
        let (client, exits, shim_pid, pod_pid_ns) = link;
        let sandbox = Self::make(shared, spec, Some(client), (shim_pid, pod_pid_ns), known);
        tokio::spawn(watch_exits(sandbox.clone(), exits));
        sandbox
    }

    /// A sandbox whose shim is dead: everything in it has ended.
    pub(crate) fn lost(shared: Arc<Shared>, spec: SandboxSpec, known: Vec<ContainerStatus>) -> Self {
        let sandbox = Self::make(shared, spec, None, (0, None), known);
        sandbox.shared().tree.kill(&sandbox.inner.cgroup);
        sandbox.record_losses();
        sandbox.inner.gone.cancel();
        sandbox
    }

    fn make(
        shared: Arc<Shared>,
        spec: SandboxSpec,
        client: Option<Client>,
        (shim_pid, pod_pid_ns): (i32, Option<i32>),
        known: Vec<ContainerStatus>,
    ) -> Self {
        let folder = shared.pod_folder(&spec.uid);
        let cgroup = shared.tree.pod(spec.cgroup.qos, &spec.uid);
        let entry = |status: ContainerStatus| {
            let ended = CancellationToken::new();
            if status.exit.is_some() {
                ended.cancel();
            }
            (status.key.clone(), Entry { status, ended })
        };
        let containers = Mutex::new(known.into_iter().map(entry).collect());
        let (removing, gone) = (CancellationToken::new(), CancellationToken::new());
        let inner = Inner { shared, spec, folder, cgroup, client, shim_pid, pod_pid_ns, containers, removing, gone };
        Self { inner: Arc::new(inner) }
    }

    pub fn spec(&self) -> &SandboxSpec {
        &self.inner.spec
    }

    /// False when the shim is gone: only `remove` is of use then.
    pub fn is_alive(&self) -> bool {
        self.inner.client.as_ref().is_some_and(Client::is_connected) && !self.inner.gone.is_cancelled()
    }

    /// Process id of the shim; its namespaces are the pod's.
    pub fn shim_pid(&self) -> i32 {
        self.inner.shim_pid
    }

    pub fn status(&self) -> SandboxStatus {
        let SandboxSpec { uid, namespace, name, .. } = self.inner.spec.clone();
        let containers = self.containers().values().map(|entry| entry.status.clone()).collect();
        SandboxStatus { uid, namespace, name, alive: self.is_alive(), containers }
    }

    /// The status of one container, from memory.
    pub fn container(&self, key: &ContainerKey) -> Option<ContainerStatus> {
        self.containers().get(key).map(|entry| entry.status.clone())
    }

    /// Prepares the root file system, namespaces and the first process up to the point before its command runs.
    pub async fn create_container(&self, spec: ContainerSpec) -> Result<ContainerKey> {
        let key = ContainerKey::new(spec.name.clone(), spec.attempt);
        if !valid_name(&key.name) {
            return Err(Error::CreateContainerConfig(format!("container name {:?} is not a DNS label", key.name)));
        }
        if self.containers().contains_key(&key) {
            return Err(Error::CreateContainer(format!("container {key} exists already")));
        }
        let images = self.shared().images();
        let image = images.by_id(&spec.image_id).ok_or_else(|| Error::ImageNotFound(spec.image_id.clone()))?;
        self.check_non_root(&spec, &image)?;
        let holder = self.holder(&key);
        images.hold(&holder, &image.layers);
        let outcome = self.create_inner(&key, &spec, &image).await;
        if outcome.is_err() {
            self.clean_files(&key).await;
        }
        outcome.map(|()| key)
    }

    async fn create_inner(&self, key: &ContainerKey, spec: &ContainerSpec, image: &Image) -> Result<()> {
        let failed = |problem: String| {
            Error::CreateContainer(format!("failed to create container \"{}\": {problem}", spec.name))
        };
        let status = self.new_status(key, spec, image);
        let create = self.write_bundle(key, spec, image, &status).map_err(failed)?;
        // Known before it is made: its end may be told before the answer is read.
        self.containers().insert(key.clone(), Entry { status, ended: CancellationToken::new() });
        let problem = match self.call(Call::Create(create)).await {
            Ok(Reply::Created(record)) => {
                if let Some(entry) = self.containers().get_mut(key).filter(|entry| !entry.ended.is_cancelled()) {
                    apply(entry, &record);
                }
                return Ok(());
            }
            Ok(_) => failed("the shim gave a wrong answer".into()),
            Err(CallError::Refused(failure)) => failed(failure.message),
            Err(CallError::Gone(problem)) => self.shim_gone(problem),
        };
        self.containers().remove(key);
        Err(problem)
    }

    /// Lets the command run. A command that cannot be executed is [`Error::StartContainer`]; the container is then
    /// exited with code 128, as containerd has it.
    pub async fn start(&self, key: &ContainerKey) -> Result<()> {
        self.known(key)?;
        match self.call(Call::Start(key.clone())).await {
            Ok(_) => {
                if let Some(entry) = self.containers().get_mut(key)
                    && entry.status.exit.is_none()
                {
                    entry.status.state = ContainerState::Running;
                    entry.status.started_at = Some(Timestamp::now());
                }
                Ok(())
            }
            Err(CallError::Refused(failure)) if failure.code != 0 => {
                let prefix = "failed to create containerd task: failed to create shim task: OCI runtime create failed: \
                              runc create failed: unable to start container process: error during container init";
                // Scripts and people look for the end; the beginning is what upstream's users see.
                let message = format!("{prefix}: {}: unknown", failure.message);
                if let Some(entry) = self.containers().get_mut(key)
                    && let Some(exit) = &mut entry.status.exit
                {
                    exit.message = message.clone();
                }
                Err(Error::StartContainer { message, exit_code: failure.code })
            }
            Err(CallError::Refused(failure)) => Err(Error::Other(failure.message)),
            Err(CallError::Gone(problem)) => Err(self.shim_gone(problem)),
        }
    }

    /// Sends the stop signal, waits up to `grace`, kills; returns when the container has exited.
    pub async fn stop(&self, key: &ContainerKey, grace: Duration) -> Result<ContainerStatus> {
        let (status, ended) = self.known(key)?;
        if !ended.is_cancelled() {
            if !grace.is_zero() && status.state == ContainerState::Running {
                self.signal(key, &status.stop_signal).await?;
                let _ = tokio::time::timeout(grace, ended.cancelled()).await;
            }
            if !ended.is_cancelled() {
                self.signal(key, "SIGKILL").await?;
                tokio::time::timeout(KILL_TIMEOUT, ended.cancelled()).await.map_err(|_| {
                    Error::Other(format!(
                        "container {key} does not end after SIGKILL: the kernel holds one of its processes"
                    ))
                })?;
            }
        }
        self.container(key).ok_or_else(|| Error::ContainerNotFound(key.to_string()))
    }

    /// Sends a signal (`SIGHUP`, `15`, ...) to the container's first process. Nothing happens when it has ended.
    pub async fn signal(&self, key: &ContainerKey, signal: &str) -> Result<()> {
        self.known(key)?;
        let signal = signal_number(signal).ok_or_else(|| Error::Other(format!("unknown signal {signal:?}")))?;
        self.plain_call(Call::Signal { key: key.clone(), signal }).await.map(drop)
    }

    /// Waits for the container's end.
    pub async fn wait(&self, key: &ContainerKey) -> Result<ContainerStatus> {
        let (_, ended) = self.known(key)?;
        ended.cancelled().await;
        self.container(key).ok_or_else(|| Error::ContainerNotFound(key.to_string()))
    }

    /// Kills the container if it runs, and removes its root file system, cgroup and records. The log file stays.
    /// A container that does not exist is fine.
    pub async fn remove_container(&self, key: &ContainerKey) -> Result<()> {
        if self.known(key).is_err() {
            return Ok(());
        }
        if self.is_alive() {
            self.stop(key, Duration::ZERO).await?;
            self.plain_call(Call::Remove(key.clone())).await?;
        }
        self.clean_files(key).await;
        self.containers().remove(key);
        Ok(())
    }

    /// Opens the container's log. With `follow` the stream ends when the container has exited and all is read.
    pub async fn logs(&self, key: &ContainerKey, options: LogOptions) -> Result<LogStream> {
        let (status, ended) = self.known(key)?;
        let path = status.log_path.ok_or_else(|| Error::Other(format!("container {key} has no log")))?;
        logs::read(&path, options, ended).await
    }

    /// Usage of the pod and its running containers, read from the kernel's files now.
    pub fn stats(&self) -> Result<PodStats> {
        let tree = &self.shared().tree;
        let pod = tree.usage(&self.inner.cgroup).ok_or_else(|| Error::SandboxNotFound(self.inner.spec.uid.clone()))?;
        let containers = self.containers();
        let running = containers.iter().filter(|(_, entry)| entry.status.state == ContainerState::Running);
        let usage =
            |(key, _): (&ContainerKey, &Entry)| Some((key.clone(), tree.usage(&self.inner.cgroup.join(key.dir()))?));
        let containers = running.filter_map(usage).collect();
        let interfaces = match self.inner.spec.netns {
            // A dead shim's number may be another process's.
            NetNs::Path(_) if self.is_alive() => {
                let table = std::fs::read_to_string(format!("/proc/{}/net/dev", self.shim_pid()));
                stats::interfaces(&table.unwrap_or_default())
            }
            _ => Vec::new(),
        };
        Ok(PodStats { pod, containers, interfaces })
    }

    /// The pod's control group below the mount points; a container's is named after its key below it.
    pub fn cgroup(&self) -> &Path {
        &self.inner.cgroup
    }

    /// Bytes in the container's own writable layer. Walks it: costs time with many files.
    pub async fn rootfs_usage(&self, key: &ContainerKey) -> Result<u64> {
        let upper = self.shared().container_data(&self.inner.spec.uid, key).join("upper");
        tokio::task::spawn_blocking(move || crate::usage::disk_usage(&upper))
            .await
            .map_err(|e| Error::Other(e.to_string()))
    }

    /// New limits for a running container (in-place resize).
    pub async fn update_resources(&self, key: &ContainerKey, resources: Resources) -> Result<()> {
        self.known(key)?;
        let group = self.inner.cgroup.join(key.dir());
        self.shared().tree.limit(&group, &resources).map_err(Error::io("cannot set the limits"))
    }

    /// The same for the pod as a whole.
    pub async fn update_pod_resources(&self, resources: Resources) -> Result<()> {
        self.shared().tree.limit(&self.inner.cgroup, &resources).map_err(Error::io("cannot set the pod's limits"))
    }

    /// Kills and removes all containers, the shim, the pod's cgroup and its files in the state folder. The network
    /// namespace stays: its maker removes it. Log files stay.
    pub async fn remove(&self) -> Result<()> {
        self.inner.removing.cancel();
        if self.is_alive() {
            let _ = self.call(Call::Shutdown).await;
            let _ = tokio::time::timeout(KILL_TIMEOUT, self.inner.gone.cancelled()).await;
        }
        if !self.inner.gone.is_cancelled() && self.inner.shim_pid > 1 {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.inner.shim_pid), nix::sys::signal::SIGKILL);
        }
        let keys: Vec<ContainerKey> = self.containers().keys().cloned().collect();
        for key in &keys {
            self.clean_files(key).await;
        }
        let sandbox = self.clone();
        tokio::task::spawn_blocking(move || sandbox.remove_files())
            .await
            .map_err(|e| Error::Other(e.to_string()))??;
        self.shared().forget(&self.inner.spec.uid);
        Ok(())
    }

    fn remove_files(&self) -> Result<()> {
        let shared = self.shared();
        shared.tree.kill(&self.inner.cgroup);
        crate::container::overlay::unmount(&self.inner.folder.join("shm"));
        shared.tree.remove(&self.inner.cgroup).map_err(Error::io("cannot remove the pod's cgroup"))?;
        let data = shared.config.data_dir.join("containers").join(&self.inner.spec.uid);
        images::remove_folder(&data).map_err(Error::io("cannot remove the containers' data"))?;
        images::remove_folder(&self.inner.folder).map_err(Error::io("cannot remove the pod's folder"))
    }

    // Inside.

    fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    fn containers(&self) -> MutexGuard<'_, BTreeMap<ContainerKey, Entry>> {
        self.inner.containers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, key: &ContainerKey) -> Result<(ContainerStatus, CancellationToken)> {
        let containers = self.containers();
        let entry = containers.get(key).ok_or_else(|| Error::ContainerNotFound(key.to_string()))?;
        Ok((entry.status.clone(), entry.ended.clone()))
    }

    fn container_folder(&self, key: &ContainerKey) -> PathBuf {
        self.inner.folder.join("c").join(key.dir())
    }

    fn holder(&self, key: &ContainerKey) -> String {
        crate::runtime::holder(&self.inner.spec.uid, &key.dir())
    }

    fn socket(&self) -> PathBuf {
        self.inner.folder.join("shim.sock")
    }

    fn shim_gone(&self, problem: String) -> Error {
        Error::ShimGone { pod: self.inner.spec.uid.clone(), problem }
    }

    async fn call(&self, call: Call) -> std::result::Result<Reply, CallError> {
        match &self.inner.client {
            Some(client) => client.call(call).await,
            None => Err(CallError::Gone("it died".into())),
        }
    }

    async fn plain_call(&self, call: Call) -> Result<Reply> {
        self.call(call).await.map_err(|error| match error {
            CallError::Refused(failure) => Error::Other(failure.message),
            CallError::Gone(problem) => self.shim_gone(problem),
        })
    }

    /// Files, mounts and cgroup of one container whose processes have ended.
    pub(crate) async fn clean_files(&self, key: &ContainerKey) {
        let (folder, group) = (self.container_folder(key), self.inner.cgroup.join(key.dir()));
        let (shared, data) = (self.shared().clone(), self.shared().container_data(&self.inner.spec.uid, key));
        let _ = tokio::task::spawn_blocking(move || {
            crate::container::overlay::unmount(&folder.join("bundle/rootfs"));
            shared.tree.kill(&group);
            for (what, outcome) in [
                ("cgroup", shared.tree.remove(&group)),
                ("data", images::remove_folder(&data)),
                ("folder", images::remove_folder(&folder)),
            ] {
                if let Err(error) = outcome {
                    tracing::warn!(group = %group.display(), what, %error, "left behind; removing the pod tries again");
                }
            }
        })
        .await;
        self.shared().images().release(&self.holder(key)).await;
    }

    fn exited(&self, record: &Record) {
        let status = {
            let mut containers = self.containers();
            let Some(entry) = containers.get_mut(&record.key) else { return };
            if entry.ended.is_cancelled() {
                return;
            }
            apply(entry, record);
            entry.ended.cancel();
            entry.status.clone()
        };
        let event = Event::ContainerExited { pod_uid: self.inner.spec.uid.clone(), status };
        let _ = self.shared().events.send(event); // nobody listening is fine
    }

    /// The shim died: what was not recorded as ended is recorded as killed.
    fn record_losses(&self) {
        let open: Vec<(ContainerKey, PathBuf)> = {
            let containers = self.containers();
            let open = containers.iter().filter(|(_, entry)| entry.status.exit.is_none());
            open.map(|(key, _)| (key.clone(), self.container_folder(key).join("status.json"))).collect()
        };
        for (key, path) in open {
            let on_disk = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
            let mut record =
                on_disk.unwrap_or(Record { key, pid: None, started_at: None, exit: None, user: Default::default() });
            record.exit.get_or_insert_with(|| Exit {
                code: 137,
                signal: Some(9),
                oom_killed: false,
                finished_at: Timestamp::now(),
                message: String::new(),
            });
            self.exited(&record);
        }
    }
}

fn apply(entry: &mut Entry, record: &Record) {
    let status = &mut entry.status;
    status.pid = record.pid;
    status.started_at = record.started_at.or(status.started_at);
    status.exit = record.exit.clone();
    if record.pid.is_some() || record.started_at.is_some() {
        status.user = Some(record.user.clone());
    }
    status.state = match (&record.exit, status.started_at) {
        (Some(_), _) => ContainerState::Exited,
        (None, Some(_)) => ContainerState::Running,
        (None, None) => ContainerState::Created,
    };
}

/// The state of a container as disk and shim tell it.
pub(crate) fn merged(stored: Stored, record: Option<&Record>) -> ContainerStatus {
    let mut entry = Entry { status: stored.status, ended: CancellationToken::new() };
    if let Some(record) = record {
        apply(&mut entry, record);
    }
    entry.status
}

async fn watch_exits(sandbox: Sandbox, mut exits: mpsc::UnboundedReceiver<Record>) {
    while let Some(record) = exits.recv().await {
        sandbox.exited(&record);
    }
    if !sandbox.inner.removing.is_cancelled() {
        let pod = &sandbox.inner.spec.uid;
        tracing::error!(pod, "the pod's shim died; its containers are killed");
        sandbox.shared().tree.kill(&sandbox.inner.cgroup);
        sandbox.record_losses();
        let _ = sandbox.shared().events.send(Event::SandboxLost { pod_uid: pod.clone() });
    } else {
        sandbox.record_losses();
    }
    sandbox.inner.gone.cancel();
}

fn valid_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&name.len()) && name.bytes().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}

/// `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3`.
fn signal_number(name: &str) -> Option<i32> {
    if let Ok(number) = name.parse::<i32>() {
        return (1..=64).contains(&number).then_some(number);
    }
    let upper = name.to_uppercase();
    let plain = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(rest) = plain.strip_prefix("RTMIN") {
        let offset = if rest.is_empty() { 0 } else { rest.strip_prefix('+')?.parse::<i32>().ok()? };
        return (0..=30).contains(&offset).then_some(34 + offset);
    }
    format!("SIG{plain}").parse::<nix::sys::signal::Signal>().ok().map(|s| s as i32)
}
