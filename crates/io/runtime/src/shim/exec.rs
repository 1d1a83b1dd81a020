//! A further process in a running container: a forked child of the shim enters the container's namespaces and cgroups
//! and forks the process there.

use super::create::{self, RESULT, STATUS};
use super::protocol;
use crate::container::launch;
use crate::container::user::User;
use nix::libc;
use nix::sched::CloneFlags;
use nix::unistd::ForkResult;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::{Path, PathBuf};

/// What the shim hands to its child.
pub struct Plan<'a> {
    pub folder: &'a Path,
    pub args: Vec<String>,
    pub tty: bool,
    /// First process of the container.
    pub init: i32,
    pub user: &'a User,
}

/// Sent on the result socket, the terminal's descriptor with `Started`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Started { pid: i32 },
    Terminal,
    Failed(String),
}

/// Runs in the child and never returns.
pub fn child(plan: &Plan<'_>) -> ! {
    let problem = match enter(plan) {
        Ok(never) => match never {},
        Err(problem) => problem,
    };
    report(&Outcome::Failed(problem), None);
    // SAFETY: ends only this child; the shim's exit handlers are not ours.
    unsafe { libc::_exit(create::START_FAILED) }
}

enum Never {}

fn enter(plan: &Plan<'_>) -> Result<Never, String> {
    let mut file = create::read_launch(plan.folder)?;
    file.launch.args = plan.args.clone();
    file.launch.terminal = plan.tty;
    let filter = match &file.launch.seccomp_path {
        Some(path) => Some(std::fs::read(path).map_err(|e| format!("cannot read the seccomp filter: {e}"))?),
        None => None,
    };
    let text = |what: &'static str| move |e: nix::Error| format!("{what}: {}", launch::words(e as i32));
    let pidfd = open_pid(plan.init).map_err(text("the container has ended"))?;
    for path in cgroup_files(plan.init) {
        std::fs::write(&path, b"0").map_err(|e| format!("cannot join {}: {e}", path.display()))?;
    }
    let score = std::fs::read(format!("/proc/{}/oom_score_adj", plan.init)).unwrap_or_default();
    let _ = std::fs::write("/proc/self/oom_score_adj", score);
    let namespaces = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWCGROUP;
    nix::sched::setns(&pidfd, namespaces).map_err(text("cannot enter the container"))?;
    drop(pidfd);
    // SAFETY: this process has one thread.
    match unsafe { nix::unistd::fork() }.map_err(text("fork"))? {
        ForkResult::Parent { child } => {
            report(&Outcome::Started { pid: child.as_raw() }, None);
            // SAFETY: as in `child`. The new process goes over to the shim.
            unsafe { libc::_exit(0) }
        }
        ForkResult::Child => {
            let problem = in_container(plan, &file.launch, filter.as_deref());
            // SAFETY: the shim placed this descriptor for us.
            let mut status = unsafe { std::fs::File::from_raw_fd(STATUS) };
            let _ = status.write_all(problem.as_bytes());
            // SAFETY: as in `child`.
            unsafe { libc::_exit(create::START_FAILED) }
        }
    }
}

fn in_container(plan: &Plan<'_>, wanted: &launch::Launch, filter: Option<&[u8]>) -> String {
    let _ = nix::unistd::setsid();
    if plan.tty
        && let Err(error) = open_terminal(plan.user.uid)
    {
        return format!("cannot open a terminal: {error}");
    }
    launch::run(wanted, plan.user, filter)
}

/// A terminal of the container's own devpts, so that its name exists there.
fn open_terminal(owner: u32) -> rustix::io::Result<()> {
    let master = rustix::fs::open("/dev/ptmx", OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::pty::unlockpt(&master)?;
    let name = rustix::pty::ptsname(&master, Vec::new())?;
    let slave = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    let _ = rustix::fs::fchown(&slave, Some(rustix::fs::Uid::from_raw(owner)), None);
    rustix::process::ioctl_tiocsctty(&slave)?;
    for target in 0..3 {
        // SAFETY: plain descriptor numbers; 0..=2 are not owned by Rust values here.
        if unsafe { libc::dup2(slave.as_raw_fd(), target) } < 0 {
            return Err(rustix::io::Errno::BADF);
        }
    }
    report(&Outcome::Terminal, Some(&master));
    Ok(())
}

fn report(outcome: &Outcome, fd: Option<&OwnedFd>) {
    // SAFETY: the shim placed this descriptor for us; it stays open.
    let socket = unsafe { BorrowedFd::borrow_raw(RESULT) };
    let bytes = serde_json::to_vec(outcome).unwrap_or_default();
    let fds: Vec<BorrowedFd<'_>> = fd.iter().map(|fd| fd.as_fd()).collect();
    let _ = protocol::send(socket, &bytes, &fds);
}

fn open_pid(pid: i32) -> nix::Result<OwnedFd> {
    // SAFETY: takes numbers and gives a descriptor that is ours.
    let fd = nix::errno::Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: just made, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// `cgroup.procs` of all hierarchies the container is in, as mounted on the host.
fn cgroup_files(pid: i32) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let unified = !Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    text.lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            let mount = match (number, controllers) {
                ("0", "") if unified => return None, // hybrid: the container is not in the unified hierarchy
                ("0", "") => PathBuf::from("/sys/fs/cgroup"),
                (_, named) => Path::new("/sys/fs/cgroup").join(named.strip_prefix("name=").unwrap_or(named)),
            };
            // Hierarchies where the container is at the root with everybody else need no joining.
            (path != "/").then(|| mount.join(path.trim_start_matches('/')).join("cgroup.procs"))
        })
        .collect()
}
