//! From the agent's child to the pod's shim: session, cgroup, namespaces, signals.

use super::server::Server;
use crate::spec::{NetNs, PidMode, SandboxSpec};
use nix::libc;
use nix::sched::CloneFlags;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::unistd::ForkResult;
use rustix::fd::OwnedFd;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::{Path, PathBuf};

/// `shim.json`: what the agent tells the shim.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShimFile {
    pub spec: SandboxSpec,
    /// `cgroup.procs` files of the cgroup for shims, in all hierarchies.
    pub procs_files: Vec<PathBuf>,
}

pub fn become_shim(folder: &Path) -> Result<Server, String> {
    let bytes = std::fs::read(folder.join("shim.json")).map_err(|e| format!("shim.json: {e}"))?;
    let file: ShimFile = serde_json::from_slice(&bytes).map_err(|e| format!("shim.json: {e}"))?;
    let text = |what: &'static str| move |e: nix::Error| format!("{what}: {e}");
    // The agent waits for its child only; we live on as a child of init.
    // SAFETY: there is one thread.
    match unsafe { nix::unistd::fork() }.map_err(text("fork"))? {
        // SAFETY: ends the intermediate process without running anybody's exit handlers.
        ForkResult::Parent { .. } => unsafe { libc::_exit(0) },
        ForkResult::Child => {}
    }
    nix::unistd::setsid().map_err(text("setsid"))?;
    let _ = nix::unistd::chdir("/");
    for path in &file.procs_files {
        std::fs::write(path, b"0").map_err(|e| format!("{}: {e}", path.display()))?;
    }
    nix::sys::prctl::set_child_subreaper(true).map_err(text("subreaper"))?;
    let _ = nix::sys::prctl::set_name(c"barque-shim");
    let signals = block_signals().map_err(text("signals"))?;
    // SAFETY: the agent gave us the socket as standard input; it is owned from here on only.
    let listener = unsafe { OwnedFd::from_raw_fd(0) };
    let listener = rustix::io::fcntl_dupfd_cloexec(&listener, 10).map_err(|e| e.to_string())?;
    null_streams().map_err(|e| e.to_string())?;
    enter_namespaces(&file.spec)?;
    let pod_pid_ns = match file.spec.pid {
        PidMode::Pod => Some(start_pod_init()?),
        _ => None,
    };
    std::fs::write(folder.join("shim.pid"), std::process::id().to_string()).map_err(|e| e.to_string())?;
    Server::new(listener, signals, pod_pid_ns).map_err(|e| e.to_string())
}

/// Child and termination signals come as data; the rest of the shim is never interrupted.
fn block_signals() -> nix::Result<OwnedFd> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    // A session's end or a stray `kill` of the process group must not take the pod along.
    set.add(Signal::SIGHUP);
    set.add(Signal::SIGINT);
    nix::sys::signal::sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None)?;
    // SAFETY: no handler is installed, the signal is only ignored.
    unsafe { nix::sys::signal::signal(Signal::SIGPIPE, nix::sys::signal::SigHandler::SigIgn) }?;
    let mut only_child = SigSet::empty();
    only_child.add(Signal::SIGCHLD);
    // SAFETY: a valid signal set; makes a descriptor that is ours.
    let fd = unsafe { libc::signalfd(-1, only_child.as_ref(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    // SAFETY: just made, owned by nobody else.
    nix::errno::Errno::result(fd).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Undoes [`block_signals`] in children that become something else.
pub fn restore_signals() {
    let _ = SigSet::empty().thread_set_mask();
    // SAFETY: back to the default, no handler.
    let _ = unsafe { nix::sys::signal::signal(Signal::SIGPIPE, nix::sys::signal::SigHandler::SigDfl) };
}

fn null_streams() -> std::io::Result<()> {
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    for target in 0..3 {
        // SAFETY: plain numbers; the listener's copy at 0 has been duplicated before.
        if null.as_raw_fd() != target && unsafe { libc::dup2(null.as_raw_fd(), target) } < 0 {
            return Err(std::io::Error::last_os_error());
        }
    }
    if null.as_raw_fd() < 3 {
        std::mem::forget(null); // it took the place of one of them
    }
    Ok(())
}

fn enter_namespaces(spec: &SandboxSpec) -> Result<(), String> {
    if let NetNs::Path(path) = &spec.netns {
        let file = std::fs::File::open(path).map_err(|e| format!("network namespace {}: {e}", path.display()))?;
        nix::sched::setns(file, CloneFlags::CLONE_NEWNET)
            .map_err(|e| format!("network namespace {}: {e}", path.display()))?;
    }
    let mut own = CloneFlags::empty();
    own.set(CloneFlags::CLONE_NEWIPC, !spec.host_ipc);
    own.set(CloneFlags::CLONE_NEWUTS, spec.hostname.is_some());
    nix::sched::unshare(own).map_err(|e| format!("unshare: {e}"))?;
    if let Some(hostname) = &spec.hostname {
        nix::unistd::sethostname(hostname).map_err(|e| format!("hostname {hostname}: {e}"))?;
    }
    for (name, value) in &spec.sysctls {
        let path = Path::new("/proc/sys").join(name.replace('.', "/"));
        std::fs::write(&path, value).map_err(|e| format!("sysctl {name}={value}: {e}"))?;
    }
    Ok(())
}

/// The first process of the pod's own PID namespace: does nothing but wait for orphans. Gives its pid.
fn start_pod_init() -> Result<i32, String> {
    let text = |e: nix::Error| format!("pod PID namespace: {e}");
    let (reader, writer) = nix::unistd::pipe().map_err(text)?;
    // SAFETY: there is one thread.
    match unsafe { nix::unistd::fork() }.map_err(text)? {
        ForkResult::Child => {
            let made = nix::sched::unshare(CloneFlags::CLONE_NEWPID)
                // SAFETY: there is one thread.
                .and_then(|()| unsafe { nix::unistd::fork() });
            match made {
                Ok(ForkResult::Parent { child }) => {
                    let _ = nix::unistd::write(&writer, &child.as_raw().to_ne_bytes());
                }
                Ok(ForkResult::Child) => wait_for_orphans(),
                Err(_) => {}
            }
            // SAFETY: ends only this child.
            unsafe { libc::_exit(0) }
        }
        ForkResult::Parent { .. } => {
            drop(writer);
            let mut pid = [0; 4];
            std::fs::File::from(reader).read_exact(&mut pid).map_err(|e| format!("pod PID namespace: {e}"))?;
            Ok(i32::from_ne_bytes(pid))
        }
    }
}

fn wait_for_orphans() -> ! {
    let _ = nix::sys::prctl::set_name(c"barque-pod-init");
    // SAFETY: closes what the shim had open; nothing of it is used here.
    unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, 0u32) };
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    loop {
        let _ = set.wait();
        while let Ok(status) = nix::sys::wait::waitpid(None, Some(nix::sys::wait::WaitPidFlag::WNOHANG)) {
            if status == nix::sys::wait::WaitStatus::StillAlive {
                break;
            }
        }
    }
}
