//! The agent's handle to everything: images, sandboxes, events.

use crate::config::Config;
use crate::container::cgroup::Tree;
use crate::container::overlay;
use crate::error::{Error, Result};
use crate::images::{self, ImageStore};
use crate::sandbox::{self, Sandbox, Stored};
use crate::shim::client::Client;
use crate::shim::protocol::{Call, Record, Reply};
use crate::shim::{self, ShimFile};
use crate::spec::SandboxSpec;
use crate::status::{ContainerKey, ContainerStatus, Event};
use std::collections::{HashMap, HashSet};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;

/// Events a slow receiver may lag behind: far more than a node's containers end at once.
const EVENTS: usize = 1024;
/// A shim answers in milliseconds; only a machine in distress needs longer.
const SHIM_TIMEOUT: Duration = Duration::from_secs(15);
/// Upstream's default size of /dev/shm.
const SHM_SIZE: &str = "64m";
/// Socket paths must fit into 108 bytes: this, `/pods/`, an uid of 64, `/shim.sock`.
const MAX_STATE_DIR: usize = 28 + 22;

/// Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

/// What sandboxes share.
pub(crate) struct Shared {
    pub config: Config,
    pub tree: Tree,
    pub events: broadcast::Sender<Event>,
    images: ImageStore,
    sandboxes: Mutex<HashMap<String, Sandbox>>,
    /// Sandboxes being made, by uid.
    making: Mutex<HashSet<String>>,
    /// Two makers of neighbouring cgroups would race for the parents' settings.
    cgroup_making: tokio::sync::Mutex<()>,
    program: Program,
}

impl Shared {
    pub fn images(&self) -> &ImageStore {
        &self.images
    }

    pub fn pod_folder(&self, uid: &str) -> PathBuf {
        self.config.state_dir.join("pods").join(uid)
    }

    pub fn container_data(&self, uid: &str, key: &ContainerKey) -> PathBuf {
        self.config.data_dir.join("containers").join(uid).join(key.dir())
    }

    pub fn forget(&self, uid: &str) {
        self.sandboxes().remove(uid);
    }

    fn sandboxes(&self) -> MutexGuard<'_, HashMap<String, Sandbox>> {
        self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name under which a container holds its layers.
pub(crate) fn holder(uid: &str, container: &str) -> String {
    format!("container:{uid}/{container}")
}

impl Runtime {
    /// Opens or makes the folders, reconnects to the shims found in the state folder, removes leftovers of crashes.
    pub async fn open(config: Config) -> Result<Self> {
        if config.state_dir.as_os_str().len() > MAX_STATE_DIR {
            let path = config.state_dir.display();
            return Err(Error::Other(format!(
                "state folder {path} is longer than {MAX_STATE_DIR} bytes: sockets in it could not be named"
            )));
        }
        let pods = config.state_dir.join("pods");
        for folder in [&pods, &config.data_dir.join("containers")] {
            let make = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
            make.map_err(Error::io(format!("cannot make {}", folder.display())))?;
        }
        let tree = Tree::open(&config.cgroup_root).map_err(Error::io("cannot use control groups"))?;
        tree.make(&tree.shims()).map_err(Error::io("cannot make the cgroup for shims"))?;
        let found = found_pods(&pods);
        let held = found.iter().flat_map(|pod| {
            pod.containers.iter().map(|c| (holder(&pod.file.spec.uid, &c.status.key.dir()), c.layers.clone()))
        });
        let images = ImageStore::open(&config, held.collect())?;
        let (events, _) = broadcast::channel(EVENTS);
        let program = Program::of(&config.exe);
        let shared = Shared {
            config,
            tree,
            events,
            images,
            sandboxes: Mutex::default(),
            making: Mutex::default(),
            cgroup_making: Default::default(),
            program,
        };
        let runtime = Self { shared: Arc::new(shared) };
        futures_util::future::join_all(found.into_iter().map(|pod| runtime.recover(pod))).await;
        runtime.remove_orphans().await;
        Ok(runtime)
    }

    pub fn images(&self) -> &ImageStore {
        &self.shared.images
    }

    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Makes the pod's cgroup and starts its shim. Gives the existing sandbox when there is a live one of that uid.
    pub async fn sandbox(&self, spec: SandboxSpec) -> Result<Sandbox> {
        let valid = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if !(1..=64).contains(&spec.uid.len()) || !spec.uid.bytes().all(valid) {
            return Err(Error::Other(format!("pod uid {:?} must be 1 to 64 letters, digits and dashes", spec.uid)));
        }
        if let Some(sandbox) = self.get(&spec.uid).filter(Sandbox::is_alive) {
            return Ok(sandbox);
        }
        if self.get(&spec.uid).is_some() {
            return Err(Error::ShimGone { pod: spec.uid, problem: "remove the sandbox, then make it again".into() });
        }
        let making = self.shared.making.lock().unwrap_or_else(PoisonError::into_inner).insert(spec.uid.clone());
        if !making {
            return Err(Error::Other(format!("the sandbox of pod {} is being made by another call", spec.uid)));
        }
        let uid = spec.uid.clone();
        let folder = self.shared.pod_folder(&uid);
        if folder.exists() {
            self.sweep_pod(&spec).await; // an earlier attempt that could not clean up
        }
        let outcome = self.make_sandbox(spec.clone(), &folder).await;
        if outcome.is_err() {
            self.sweep_pod(&spec).await;
        }
        self.shared.making.lock().unwrap_or_else(PoisonError::into_inner).remove(&uid);
        outcome
    }

    /// Removes what a failed making left.
    async fn sweep_pod(&self, spec: &SandboxSpec) {
        let (shared, folder) = (self.shared.clone(), self.shared.pod_folder(&spec.uid));
        let group = shared.tree.pod(spec.cgroup.qos, &spec.uid);
        let _ = tokio::task::spawn_blocking(move || {
            overlay::unmount(&folder.join("shm"));
            let _ = shared.tree.remove(&group);
            let _ = images::remove_folder(&folder);
        })
        .await;
    }

    async fn make_sandbox(&self, spec: SandboxSpec, folder: &Path) -> Result<Sandbox> {
        let shared = &self.shared;
        let failed = |what: &str| Error::io(format!("cannot make the sandbox of pod {}: {what}", spec.uid));
        let group = shared.tree.pod(spec.cgroup.qos, &spec.uid);
        {
            let _making = shared.cgroup_making.lock().await;
            std::fs::DirBuilder::new().mode(0o700).create(folder).map_err(failed("its folder"))?;
            shared.tree.make(&group).map_err(failed("its cgroup"))?;
            shared.tree.limit(&group, &spec.cgroup.resources).map_err(failed("its limits"))?;
        }
        std::fs::create_dir_all(folder.join("c")).map_err(failed("its folder"))?;
        mount_shm(&folder.join("shm")).map_err(failed("its shared memory"))?;
        let file = ShimFile { spec: spec.clone(), procs_files: shared.tree.procs_files(&shared.tree.shims()) };
        let bytes = serde_json::to_vec(&file).map_err(|e| Error::Other(e.to_string()))?;
        shim::write_atomically(&folder.join("shim.json"), &bytes, false).map_err(failed("its description"))?;
        let socket = folder.join("shim.sock");
        let listener = UnixListener::bind(&socket).map_err(failed("its socket"))?;
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600)).map_err(failed("its socket"))?;
        let mut command = tokio::process::Command::new(shared.program.path());
        command.arg0("barque").arg("shim").arg(folder).env_clear().stdout(Stdio::null()).stderr(Stdio::null());
        command.stdin(std::os::fd::OwnedFd::from(listener));
        let mut child = command.spawn().map_err(failed(&format!("starting {}", shared.config.exe.display())))?;
        drop(command); // and with it our copy of the listening socket
        child.wait().await.map_err(failed("its shim"))?;
        let link = match tokio::time::timeout(SHIM_TIMEOUT, Client::connect(&socket)).await {
            Ok(Ok(link)) => link,
            Ok(Err(error)) => {
                let told = std::fs::read_to_string(folder.join("shim.failed")).unwrap_or_else(|_| error.to_string());
                return Err(Error::Other(format!("failed to create pod sandbox: {told}")));
            }
            Err(_) => return Err(Error::Other("failed to create pod sandbox: its shim does not answer".into())),
        };
        let sandbox = Sandbox::connected(shared.clone(), spec.clone(), link, Vec::new());
        shared.sandboxes().insert(spec.uid, sandbox.clone());
        Ok(sandbox)
    }

    /// The sandbox of a pod's uid, alive or not.
    pub fn get(&self, uid: &str) -> Option<Sandbox> {
        self.shared.sandboxes().get(uid).cloned()
    }

    /// All sandboxes, also those found after a restart.
    pub fn list(&self) -> Vec<Sandbox> {
        self.shared.sandboxes().values().cloned().collect()
    }

    /// Ends all containers, each with its stop signal and after its pod's `grace` with SIGKILL. For a machine that goes down:
    /// sandboxes stay as they are.
    pub async fn stop_all(&self, grace: impl Fn(&SandboxSpec) -> Duration) {
        let mut stops = Vec::new();
        for sandbox in self.list() {
            let grace = grace(sandbox.spec());
            for container in sandbox.status().containers {
                let sandbox = sandbox.clone();
                stops.push(async move { sandbox.stop(&container.key, grace).await.map(drop) });
            }
        }
        for problem in futures_util::future::join_all(stops).await.into_iter().filter_map(|stopped| stopped.err()) {
            tracing::warn!(error = %problem, "a container was not ended");
        }
    }

    /// Exits and losses from now on. A receiver that lags more than 1024 events behind gets `Lagged` and must look at
    /// [`Sandbox::status`] again.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.shared.events.subscribe()
    }

    async fn recover(&self, pod: FoundPod) {
        let spec = pod.file.spec.clone();
        let uid = spec.uid.clone();
        let socket = pod.folder.join("shim.sock");
        let connect = Client::connect(&socket);
        let link = match tokio::time::timeout(SHIM_TIMEOUT, connect).await {
            Ok(Ok(link)) => match link.0.call(Call::List).await {
                Ok(Reply::List(records)) => Some((link, records)),
                _ => None,
            },
            _ => None,
        };
        let sandbox = match link {
            Some((link, records)) => {
                let (known, stray) = sort_out(pod.containers, &records);
                for key in &stray {
                    // The agent died while it was made or removed.
                    let _ = link.0.call(Call::Signal { key: key.clone(), signal: nix::libc::SIGKILL }).await;
                    let _ = link.0.call(Call::Remove(key.clone())).await;
                }
                let sandbox = Sandbox::connected(self.shared.clone(), spec, link, known);
                for key in stray {
                    sandbox.clean_files(&key).await;
                }
                sandbox
            }
            None => Sandbox::lost(self.shared.clone(), spec, pod.containers.into_iter().map(|c| c.status).collect()),
        };
        self.shared.sandboxes().insert(uid, sandbox);
    }

    /// Data of containers that are nowhere any more: the host was restarted.
    async fn remove_orphans(&self) {
        let folder = self.shared.config.data_dir.join("containers");
        let known: Vec<String> = self.shared.sandboxes().keys().cloned().collect();
        let _ = tokio::task::spawn_blocking(move || {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if !known.iter().any(|uid| entry.file_name() == uid.as_str()) {
                    let _ = images::remove_folder(&entry.path());
                }
            }
        })
        .await;
    }

    /// Kills every container and shim of these folders and removes every mount, cgroup and file made, and nothing
    /// else. Works without an open runtime (`barque reset`).
    pub async fn purge(config: &Config) -> Result<()> {
        let config = config.clone();
        tokio::task::spawn_blocking(move || purge(&config)).await.map_err(|e| Error::Other(e.to_string()))?
    }
}

/// The binary that shims run.
///
/// A container's root process can reach the program of whoever enters it through `/proc/<pid>/exe` and could
/// overwrite it (CVE-2019-5736). So shims are started from a read-only view of it that is mounted nowhere.
struct Program {
    plain: PathBuf,
    view: Option<std::os::fd::OwnedFd>,
}

impl Program {
    fn of(path: &Path) -> Self {
        let view = read_only_view(path)
            .inspect_err(|error| tracing::warn!(%error, "shims run from the file itself: make it immutable"))
            .ok();
        Self { plain: path.into(), view }
    }

    fn path(&self) -> PathBuf {
        match &self.view {
            Some(fd) => format!("/proc/self/fd/{}", fd.as_raw_fd()).into(),
            None => self.plain.clone(),
        }
    }
}

fn read_only_view(path: &Path) -> std::io::Result<std::os::fd::OwnedFd> {
    use rustix::mount::OpenTreeFlags;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let view = rustix::mount::open_tree(rustix::fs::CWD, path, flags)?;
    let attributes =
        nix::libc::mount_attr { attr_set: nix::libc::MOUNT_ATTR_RDONLY, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let size = std::mem::size_of::<nix::libc::mount_attr>();
    let number = nix::libc::SYS_mount_setattr;
    let empty = nix::libc::AT_EMPTY_PATH;
    // SAFETY: an open descriptor, an empty string, and a structure of the size that is told.
    let code = unsafe { nix::libc::syscall(number, view.as_raw_fd(), c"".as_ptr(), empty, &attributes, size) };
    if code < 0 { Err(std::io::Error::last_os_error()) } else { Ok(view) }
}

fn purge(config: &Config) -> Result<()> {
    let tree = Tree::open(&config.cgroup_root).map_err(Error::io("cannot use control groups"))?;
    let root = tree.root();
    // Processes may fork while they are killed: until none is left, for 5 s at most.
    for _ in 0..500 {
        tree.kill(&root);
        if tree.processes(&root).is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let (pods, containers) = (config.state_dir.join("pods"), config.data_dir.join("containers"));
    for mount in mounts_below(&[&config.state_dir, &config.data_dir]) {
        overlay::unmount(&mount);
    }
    tree.remove(&root).map_err(Error::io("cannot remove our cgroups"))?;
    for folder in [pods, containers, config.data_dir.join("images")] {
        images::remove_folder(&folder).map_err(Error::io(format!("cannot remove {}", folder.display())))?;
    }
    for folder in [&config.state_dir, &config.data_dir] {
        let _ = std::fs::remove_dir(folder); // stays when others have files in it
    }
    Ok(())
}

/// Deepest first.
fn mounts_below(folders: &[&PathBuf]) -> Vec<PathBuf> {
    let text = std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap_or_default();
    let path = |line: &str| Some(PathBuf::from(line.split(' ').nth(4)?.replace("\\040", " ")));
    let mut found: Vec<PathBuf> =
        text.lines().filter_map(path).filter(|p| folders.iter().any(|f| p.starts_with(f) && p != *f)).collect();
    found.reverse();
    found
}

fn mount_shm(target: &Path) -> std::io::Result<()> {
    std::fs::create_dir(target)?;
    let flags =
        rustix::mount::MountFlags::NOSUID | rustix::mount::MountFlags::NODEV | rustix::mount::MountFlags::NOEXEC;
    let data = std::ffi::CString::new(format!("mode=1777,size={SHM_SIZE}")).map_err(std::io::Error::other)?;
    Ok(rustix::mount::mount("shm", target, "tmpfs", flags, data.as_c_str())?)
}

struct FoundPod {
    folder: PathBuf,
    file: ShimFile,
    containers: Vec<Stored>,
}

/// What the state folder knows. Folders of pods that were never described are leftovers and go.
fn found_pods(pods: &Path) -> Vec<FoundPod> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(pods).into_iter().flatten().flatten() {
        let folder = entry.path();
        let file =
            std::fs::read(folder.join("shim.json")).ok().and_then(|b| serde_json::from_slice::<ShimFile>(&b).ok());
        let Some(file) = file else {
            overlay::unmount(&folder.join("shm"));
            let _ = images::remove_folder(&folder);
            continue;
        };
        let stored = |entry: std::fs::DirEntry| -> Option<Stored> {
            serde_json::from_slice(&std::fs::read(entry.path().join("container.json")).ok()?).ok()
        };
        let containers =
            std::fs::read_dir(folder.join("c")).into_iter().flatten().flatten().filter_map(stored).collect();
        found.push(FoundPod { folder, file, containers });
    }
    found
}

/// Containers that both disk and shim know, and those only one of them knows.
fn sort_out(stored: Vec<Stored>, records: &[Record]) -> (Vec<ContainerStatus>, Vec<ContainerKey>) {
    let record = |key: &ContainerKey| records.iter().find(|r| r.key == *key);
    let (both, disk_only): (Vec<Stored>, Vec<Stored>) =
        stored.into_iter().partition(|s| record(&s.status.key).is_some());
    let mut stray: Vec<ContainerKey> = disk_only.into_iter().map(|s| s.status.key).collect();
    stray.extend(records.iter().filter(|r| !both.iter().any(|s| s.status.key == r.key)).map(|r| r.key.clone()));
    let known = both.into_iter().map(|s| {
        let record = record(&s.status.key).cloned();
        sandbox::merged(s, record.as_ref())
    });
    (known.collect(), stray)
}
