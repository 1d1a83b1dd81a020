//! Making a container: in a forked child of the shim, which is single-threaded, so that libcontainer may be called.
//!
//! libcontainer makes namespaces, mounts and cgroups and calls our [`Starter`] in the new process, which then waits
//! for one byte from the shim before it becomes the command.

use crate::container::launch::{self, Launch};
use crate::container::overlay::Overlay;
use crate::container::user::{User, UserRequest};
use libcontainer::container::builder::ContainerBuilder;
use libcontainer::notify_socket::{NOTIFY_FILE, NotifySocket};
use libcontainer::oci_spec::runtime::Spec;
use libcontainer::syscall::syscall::SyscallType;
use libcontainer::workload::{Executor, ExecutorError, ExecutorSetEnvsError, ExecutorValidationError};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;
use std::path::Path;

/// `launch.json`: everything the shim's children need besides the OCI bundle.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LaunchFile {
    pub launch: Launch,
    pub user: UserRequest,
    pub overlay: Overlay,
}

/// Descriptor numbers in the child, besides 0..=2.
pub const GO: i32 = 3;
pub const STATUS: i32 = 4;
pub const RESULT: i32 = 5;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Created { pid: i32, user: User },
    Failed(String),
}

/// The name of libcontainer's own state folder in a container's folder. It is gone when the container stands.
const STATE: &str = "state";

/// Runs in the child. Standard streams are the container's.
pub fn child(folder: &Path, tty: bool) -> Outcome {
    match create(folder, tty) {
        Ok((pid, user)) => Outcome::Created { pid, user },
        Err(problem) => Outcome::Failed(problem),
    }
}

fn create(folder: &Path, tty: bool) -> Result<(i32, User), String> {
    let bundle = folder.join("bundle");
    let rootfs = bundle.join("rootfs");
    let file = read_launch(folder)?;
    file.overlay.mount(&rootfs)?;
    let user = resolve_user(&file.user, &rootfs)?;
    if file.launch.oom_score_adj != 0 {
        set_oom_score(file.launch.oom_score_adj);
    }
    let filter = match &file.launch.seccomp_path {
        Some(path) => Some(std::fs::read(path).map_err(|e| format!("cannot read the seccomp filter: {e}"))?),
        None => None,
    };
    let state = folder.join(STATE);
    std::fs::create_dir_all(&state).map_err(|e| e.to_string())?;
    let starter = Starter { launch: file.launch, user: user.clone(), filter };
    let id = "c".to_string();
    let container = ContainerBuilder::new(id.clone(), SyscallType::default())
        .with_executor(starter)
        .with_root_path(&state)
        .map_err(|e| chain(&e))?
        .with_console_socket(tty.then(|| folder.join("tty.sock")))
        .as_init(&bundle)
        .with_systemd(false)
        .build()
        .map_err(|e| chain(&e))?;
    let pid = container.pid().ok_or("the container's process did not start")?.as_raw();
    // Lets the process go on to our own gate.
    NotifySocket::new(state.join(&id).join(NOTIFY_FILE)).notify_container_start().map_err(|e| chain(&e))?;
    Ok((pid, user))
}

pub fn read_launch(folder: &Path) -> Result<LaunchFile, String> {
    let path = folder.join("launch.json");
    let bytes = std::fs::read(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    serde_json::from_slice(&bytes).map_err(|e| format!("{} is damaged: {e}", path.display()))
}

fn set_oom_score(wanted: i32) {
    // Lowering needs CAP_SYS_RESOURCE; without it the value we have is the least.
    if std::fs::write("/proc/self/oom_score_adj", wanted.to_string()).is_err() {
        tracing::debug!(wanted, "kept our own oom_score_adj");
    }
}

fn resolve_user(request: &UserRequest, rootfs: &Path) -> Result<User, String> {
    let root = rustix::fs::open(rootfs, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|e| e.to_string())?;
    let read = |path: &str| -> String {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let Ok(fd) = rustix::fs::openat2(&root, path, flags, Mode::empty(), resolve) else { return String::new() };
        let mut bytes = Vec::new();
        // Larger account files than a mebibyte are no account files.
        let _ = std::fs::File::from(fd).take(1 << 20).read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    };
    request.resolve(&read("etc/passwd"), &read("etc/group"))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}

/// Becomes the container's command when the shim says so.
#[derive(Clone)]
struct Starter {
    launch: Launch,
    user: User,
    filter: Option<Vec<u8>>,
}

impl Executor for Starter {
    fn exec(&self, _: &Spec) -> Result<(), ExecutorError> {
        // SAFETY: the shim placed these descriptors for us and nobody else uses them.
        let (mut go, mut status) = unsafe { (std::fs::File::from_raw_fd(GO), std::fs::File::from_raw_fd(STATUS)) };
        // SAFETY: as above; the child that made us keeps its own copy.
        drop(unsafe { std::fs::File::from_raw_fd(RESULT) });
        if go.read_exact(&mut [0]).is_err() {
            std::process::exit(0); // removed before it was started
        }
        drop(go);
        let problem = launch::run(&self.launch, &self.user, self.filter.as_deref());
        let _ = status.write_all(problem.as_bytes());
        std::process::exit(START_FAILED);
    }

    fn validate(&self, _: &Spec) -> Result<(), ExecutorValidationError> {
        Ok(()) // the command is looked for when it is started, so that it fails there
    }

    fn setup_envs(&self, _: HashMap<String, String>) -> Result<(), ExecutorSetEnvsError> {
        Ok(()) // execve gets its own
    }
}

/// Exit code of a process whose command could not be executed. Upstream: containerd shows 128.
pub const START_FAILED: i32 = 128;
