//! Keeps one member running: takes over the etcd that is there, or starts one, and starts it again when it ends.
//!
//! Dropped, it lets etcd run: so does a `barque` that is killed or restarted. [`Supervisor::stop`] ends etcd.

use super::binary::Binary;
use super::process::Process;
use super::state::Disk;
use super::{MemberConfig, MemberError, log};
use std::fs::File;
use std::time::Duration;
use stdx::Backoff;
use store::{EtcdAdmin, MemberStatus};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// Waits before starting it again.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const MAX_WAIT: Duration = Duration::from_secs(30);
/// Having run so long, its next end is a first one.
const STEADY: Duration = Duration::from_secs(60);
/// How often the log's size is looked at: at etcd's worst, a few thousand lines.
const LOG_INTERVAL: Duration = Duration::from_secs(60);
/// How often a starting member is asked: it tells nobody by itself.
const ASK_INTERVAL: Duration = Duration::from_millis(100);
/// A supervisor that was dropped gives its lock back once its task is.
const LOCK_WAIT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// `found`: it ran before we came.
    Running { pid: i32, found: bool },
    /// It ended, or could not be started, for this reason; it is started again soon.
    Waiting(String),
    /// As asked.
    Stopped,
    /// It was to be stopped and does not end.
    Stuck { pid: i32 },
}

/// The running member.
pub struct Supervisor {
    config: MemberConfig,
    admin: EtcdAdmin,
    wanted: watch::Sender<bool>,
    state: watch::Receiver<State>,
    task: JoinHandle<()>,
}

impl Supervisor {
    /// Finds or starts etcd; does not wait until it answers ([`Self::ready`]). One that runs with other arguments than
    /// `config` makes is stopped first.
    ///
    /// # Errors
    /// If somebody else supervises it, keys or folders cannot be used, or etcd cannot be started.
    pub async fn start(binary: Binary, config: MemberConfig) -> Result<Self, MemberError> {
        let disk = Disk(&config);
        disk.make()?;
        let lock = lock(&disk).await?;
        let admin = config.admin([config.local_url()])?;
        let mut found = Process::find(&config);
        if let Some(process) = found.take_if(|process| !serves(process, &binary, &config)) {
            tracing::info!(pid = process.pid.as_raw_nonzero(), "etcd runs with other arguments: it is restarted");
            process.stop(&config.data_dir).await?;
        }
        let (process, found) = match found {
            Some(process) => (process, true),
            None => (launch(&binary, &config)?, false),
        };
        let (wanted, wanted_state) = watch::channel(true);
        let (told, state) = watch::channel(running(&process, found));
        let run = Run { binary, config: config.clone(), wanted: wanted_state, told, _lock: lock };
        let task = tokio::spawn(run.run(process));
        Ok(Self { config, admin, wanted, state, task })
    }

    /// Waits until the member answers and knows a leader, `limit` at most.
    ///
    /// # Errors
    /// If it does not; with why, and the end of its log.
    pub async fn ready(&self, limit: Duration) -> Result<MemberStatus, MemberError> {
        let deadline = Instant::now() + limit;
        loop {
            let why = match self.status().await {
                Ok(status) if status.has_leader => {
                    Disk(&self.config).remember_started(status.member_id)?;
                    return Ok(status);
                }
                Ok(_) => "its members have not elected a leader".to_owned(),
                Err(why) => why,
            };
            if Instant::now() >= deadline {
                let why = if let State::Waiting(ended) = self.state() { ended } else { why };
                let (log, tail) = (self.config.log.clone(), log::tail(&self.config.log));
                return Err(MemberError::NotReady { limit, why, log, tail });
            }
            sleep(ASK_INTERVAL).await;
        }
    }

    /// How the member says it is; else why it says nothing.
    pub async fn status(&self) -> Result<MemberStatus, String> {
        self.admin.statuses().await.remove(0).1
    }

    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Follows [`Self::state`].
    pub fn watch(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    pub fn config(&self) -> &MemberConfig {
        &self.config
    }

    /// Our member's own door, for an administrator.
    pub fn admin(&self) -> &EtcdAdmin {
        &self.admin
    }

    /// Ends etcd, by force after 10 s, and starts it no more.
    ///
    /// # Errors
    /// If even force does not end it.
    pub async fn stop(mut self) -> Result<(), MemberError> {
        self.wanted.send_replace(false);
        // An error means the task is gone, and that happens after it said so.
        let state = self.state.wait_for(|state| matches!(state, State::Stopped | State::Stuck { .. })).await;
        match state.as_deref() {
            Ok(&State::Stuck { pid }) => Err(MemberError::Immortal { pid, data_dir: self.config.data_dir.clone() }),
            _ => Ok(()),
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the task has.
struct Run {
    binary: Binary,
    config: MemberConfig,
    wanted: watch::Receiver<bool>,
    told: watch::Sender<State>,
    _lock: File,
}

impl Run {
    async fn run(mut self, mut process: Process) {
        let mut backoff = Backoff::new(FIRST_WAIT, MAX_WAIT);
        loop {
            let began = Instant::now();
            let Some(ended) = self.watch_over(&process).await else { return self.stop(&process).await };
            if began.elapsed() > STEADY {
                backoff.reset();
            }
            process = match self.start_again(ended, &mut backoff).await {
                Some(process) => process,
                None => break,
            };
            self.told.send_replace(running(&process, false));
        }
        self.told.send_replace(State::Stopped);
    }

    /// Until it ends (then how), or is wanted no more.
    async fn watch_over(&mut self, process: &Process) -> Option<String> {
        let mut look = tokio::time::interval(LOG_INTERVAL);
        loop {
            tokio::select! {
                ended = process.ended() => return Some(ended),
                () = unwanted(&mut self.wanted) => return None,
                _ = look.tick() => {
                    if let Err(error) = log::shorten(&self.config.log, log::BOUND) {
                        tracing::warn!(path = %self.config.log.display(), %error, "etcd's log cannot be shortened");
                    }
                }
            }
        }
    }

    /// None: it is wanted no more.
    async fn start_again(&mut self, mut ended: String, backoff: &mut Backoff) -> Option<Process> {
        loop {
            let wait = backoff.fail();
            let tail = log::tail(&self.config.log);
            tracing::warn!(why = ended, tail, "etcd is not running; it is started again in {wait:?}");
            self.told.send_replace(State::Waiting(ended));
            if timeout(wait, unwanted(&mut self.wanted)).await.is_ok() {
                return None;
            }
            match launch(&self.binary, &self.config) {
                Ok(process) => return Some(process),
                Err(error) => ended = error.to_string(),
            }
        }
    }

    async fn stop(self, process: &Process) {
        let state = match process.stop(&self.config.data_dir).await {
            Ok(()) => State::Stopped,
            Err(error) => {
                tracing::error!(%error, "etcd was to be stopped");
                State::Stuck { pid: process.pid.as_raw_nonzero().get() }
            }
        };
        self.told.send_replace(state);
    }
}

fn launch(binary: &Binary, config: &MemberConfig) -> Result<Process, MemberError> {
    Disk(config).check_not_lost()?;
    Process::start(binary, config, config.arguments(binary.version))
}

/// Never comes where nobody holds us any more: we are about to be aborted, and etcd is to run on.
async fn unwanted(wanted: &mut watch::Receiver<bool>) {
    if wanted.wait_for(|wanted| !wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Whether it runs as it would if we started it now.
fn serves(process: &Process, binary: &Binary, config: &MemberConfig) -> bool {
    let lasting = |argument: &&String| !argument.starts_with("--initial-cluster") && *argument != super::recover::FLAG;
    process.arguments.iter().filter(lasting).eq(&config.lasting(binary.version))
}

fn running(process: &Process, found: bool) -> State {
    State::Running { pid: process.pid.as_raw_nonzero().get(), found }
}

/// Ours as long as it is held.
pub(super) async fn lock(disk: &Disk<'_>) -> Result<File, MemberError> {
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match disk.lock()? {
            Some(lock) => return Ok(lock),
            None if Instant::now() < deadline => sleep(Duration::from_millis(10)).await,
            None => return Err(MemberError::Supervised { path: disk.beside("lock") }),
        }
    }
}
