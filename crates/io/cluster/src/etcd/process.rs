//! The running etcd: found by its command line and data directory, or started; waited for without being its parent.
//!
//! No file says which process it is: between starting etcd and writing such a file we could die. The kernel knows.
//!
//! Invariant: a signal goes to the process that was looked at, never to one that has its number now (a pidfd).

use super::binary::Binary;
use super::{MemberConfig, MemberError, log};
use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd as _, OwnedFd};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions};
use std::ffi::OsStr;
use std::io::{PipeReader, PipeWriter};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// etcd closes its database and hands leadership on in this time. Upstream: systemd gives 90 s, Kubernetes 30 s.
const GRACE: Duration = Duration::from_secs(10);
/// A killed process that is still there then waits for a disk that does not answer.
const KILL_WAIT: Duration = Duration::from_secs(10);

/// Of a thread that makes one system call.
const WAIT_STACK: usize = 64 << 10;

pub struct Process {
    pub pid: Pid,
    handle: Arc<OwnedFd>,
    /// Its command line.
    pub arguments: Vec<String>,
    /// How it ended, once it has.
    end: watch::Receiver<Option<String>>,
    /// Closed with this, it lets the waiting thread go.
    _held: PipeWriter,
}

impl Process {
    /// The etcd that has this data directory, whoever started it.
    pub fn find(config: &MemberConfig) -> Option<Self> {
        let entries = std::fs::read_dir("/proc").ok()?.flatten();
        let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw));
        pids.find_map(|pid| {
            is_ours(pid, &config.data_dir)?;
            let process = Self::of(pid).ok()?;
            // Looked at again, now that the number cannot become another's.
            is_ours(pid, &config.data_dir).map(|arguments| Self { arguments, ..process })
        })
    }

    /// Starts it in a process group of its own, so that a signal of the terminal to us does not reach it, and with
    /// nothing of our environment: not our variables for etcd, not systemd's socket.
    pub fn start(binary: &Binary, config: &MemberConfig, arguments: Vec<String>) -> Result<Self, MemberError> {
        let failed = |path: &Path, source| MemberError::File { path: path.to_owned(), source };
        let out = log::open(&config.log).map_err(|source| failed(&config.log, source))?;
        let error = out.try_clone().map_err(|source| failed(&config.log, source))?;
        let mut command = Command::new(&binary.path);
        command.args(&arguments).env_clear().current_dir("/").process_group(0);
        if cfg!(target_arch = "aarch64") {
            // Before 3.5 etcd wants to be told that we mean it.
            command.env("ETCD_UNSUPPORTED_ARCH", "arm64");
        }
        command.stdin(Stdio::null()).stdout(out).stderr(error);
        let child = command.spawn().map_err(|source| failed(&binary.path, source))?;
        // Not dropped before it ends: `ended` collects it.
        let process = Self::of(Pid::from_child(&child)).map_err(|source| failed(&binary.path, source))?;
        Ok(Self { arguments, ..process })
    }

    fn of(pid: Pid) -> std::io::Result<Self> {
        let handle = Arc::new(rustix::process::pidfd_open(pid, PidfdFlags::empty())?);
        let (sender, end) = watch::channel(None);
        let (given_up, held) = std::io::pipe()?;
        let waited_for = Arc::clone(&handle);
        let wait = move || {
            if wait(&waited_for, &given_up) {
                sender.send_replace(Some(how(&waited_for)));
            }
        };
        // A descriptor of a process cannot be waited for by tokio without `unsafe`. The thread sleeps in the kernel.
        std::thread::Builder::new().name("etcd-wait".into()).stack_size(WAIT_STACK).spawn(wait)?;
        Ok(Self { pid, handle, arguments: Vec::new(), end, _held: held })
    }

    /// Waits for its end; says how it ended where we are its parent.
    pub async fn ended(&self) -> String {
        let mut end = self.end.clone();
        let ended = end.wait_for(Option::is_some).await.ok().and_then(|how| how.clone());
        ended.unwrap_or_else(|| "it cannot be waited for".to_owned())
    }

    /// Asks it to end, and makes it after [`GRACE`].
    pub async fn stop(&self, data_dir: &Path) -> Result<(), MemberError> {
        for (signal, limit) in [(Signal::TERM, GRACE), (Signal::KILL, KILL_WAIT)] {
            // Gone already is as good.
            _ = rustix::process::pidfd_send_signal(&self.handle, signal);
            if timeout(limit, self.ended()).await.is_ok() {
                return Ok(());
            }
            tracing::warn!(pid = self.pid.as_raw_nonzero(), ?signal, "etcd did not end in {limit:?}");
        }
        Err(MemberError::Immortal { pid: self.pid.as_raw_nonzero().get(), data_dir: data_dir.to_owned() })
    }
}

/// True: the process has ended. False: nobody wants to know any more.
fn wait(process: &OwnedFd, given_up: &PipeReader) -> bool {
    let mut waited = [PollFd::new(process, PollFlags::IN), PollFd::new(given_up, PollFlags::IN)];
    // Interrupted, it begins again.
    while rustix::event::poll(&mut waited, None) == Err(rustix::io::Errno::INTR) {}
    !waited[0].revents().is_empty()
}

/// How it ended, where it is our child; collects it.
fn how(process: &OwnedFd) -> String {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    match rustix::process::waitid(WaitId::PidFd(process.as_fd()), options) {
        Ok(Some(status)) => match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => format!("it ended with code {code}"),
            (None, Some(signal)) => format!("it was killed by signal {signal}"),
            (None, None) => "it ended".to_owned(),
        },
        // Somebody else's child, or collected already.
        _ => "it ended".to_owned(),
    }
}

/// The arguments of a process, if it is an etcd on this very directory. Seen by the process's own root, so that an etcd
/// in a container, which may say the same path, is not taken for ours.
fn is_ours(pid: Pid, data_dir: &Path) -> Option<Vec<String>> {
    let folder = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
    let line = std::fs::read(folder.join("cmdline")).ok()?;
    let mut words = line.split(|byte| *byte == 0);
    let program = Path::new(OsStr::from_bytes(words.next()?)).file_name()?;
    if program != "etcd" {
        return None;
    }
    let wanted = [b"--data-dir=", data_dir.as_os_str().as_bytes()].concat();
    let words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).collect();
    let inside = folder.join("root").join(data_dir.strip_prefix("/").ok()?);
    let place = |path: &Path| std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    if !words.contains(&wanted.as_slice()) || place(&inside)? != place(data_dir)? {
        return None;
    }
    Some(words.into_iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect())
}
