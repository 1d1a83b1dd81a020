//! Sending log lines: from whoever has one to a thread of its own that may wait for slow readers.
//!
//! Invariants
//! - A worker never waits for a log: a line goes into a bounded batch, or is dropped and counted.
//! - The thread sleeps until there is a line, then sends all there are.
//! - A target that fails loses its lines and nobody else's.

mod batch;
mod outlet;

use crate::logs::batch::{Batch, Entry};
use crate::logs::outlet::Outlet;
use balance::config::model::{LogAddress, LogTarget};
use balance::config::{Level as Severity, Problem};
use balance::log::{Header, Level};
use balance::sample::Now;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// The way to all log targets of the process. Clones share it.
#[derive(Clone)]
pub struct Logs(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    dropped: AtomicU64,
    /// One per address: several directives, and a reload, share a socket.
    outlets: Mutex<Vec<(LogAddress, Arc<Outlet>)>>,
}

#[derive(Default)]
struct State {
    batch: Batch,
    stopped: bool,
}

/// What a proxy's lines go to.
#[derive(Clone)]
pub struct Logger {
    logs: Logs,
    route: Arc<Route>,
}

struct Route {
    targets: Vec<Target>,
    tag: String,
    hostname: Option<String>,
}

struct Target {
    config: LogTarget,
    outlet: Arc<Outlet>,
    /// Lines that were bad enough for this target: what samples count.
    seen: AtomicU64,
}

/// Runs until [`Logs::stop`].
pub struct Sender(JoinHandle<()>);

impl Logs {
    /// Starts the thread that sends.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn start() -> io::Result<(Self, Sender)> {
        let logs = Self(Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            dropped: AtomicU64::new(0),
            outlets: Mutex::default(),
        }));
        let shared = logs.0.clone();
        let thread = std::thread::Builder::new().name("logs".to_owned()).spawn(move || run(&shared))?;
        Ok((logs, Sender(thread)))
    }

    /// A logger for these targets. Sockets are opened now: later we may be in a chroot.
    ///
    /// # Errors
    /// The first target that cannot be opened, with the reason.
    pub fn logger(&self, targets: &[LogTarget], tag: &str, hostname: Option<&str>) -> Result<Logger, String> {
        let targets = targets.iter().map(|target| self.target(target)).collect::<Result<_, _>>()?;
        let route = Route { targets, tag: tag.to_owned(), hostname: hostname.map(str::to_owned) };
        Ok(Logger { logs: self.clone(), route: Arc::new(route) })
    }

    fn target(&self, config: &LogTarget) -> Result<Target, String> {
        Ok(Target { config: config.clone(), outlet: self.outlet(&config.address)?, seen: AtomicU64::new(0) })
    }

    fn outlet(&self, address: &LogAddress) -> Result<Arc<Outlet>, String> {
        let mut outlets = lock(&self.0.outlets);
        if let Some((_, outlet)) = outlets.iter().find(|(known, _)| known == address) {
            return Ok(outlet.clone());
        }
        // Those of former configurations.
        outlets.retain(|(_, outlet)| Arc::strong_count(outlet) > 1);
        let outlet = Arc::new(Outlet::open(address)?);
        outlets.push((address.clone(), outlet.clone()));
        Ok(outlet)
    }

    /// Lines that were lost: the batch was full, or a target could not take them.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// A line for the person who started us, on standard error: `[WARNING]  (pid) : text`.
    pub fn notice(&self, severity: Severity, text: impl Into<String>) {
        let line = Problem::new(severity, text).render(std::process::id());
        let Ok(outlet) = self.outlet(&LogAddress::Stderr) else { return };
        self.push(|batch| batch.push(Entry::plain(outlet), line.as_bytes(), b""));
    }

    /// Lets the thread send what there is and end.
    pub fn stop(&self, sender: Sender) {
        lock(&self.0.state).stopped = true;
        self.0.work.notify_one();
        // Its panic was printed already.
        _ = sender.0.join();
    }

    fn push(&self, add: impl FnOnce(&mut Batch) -> bool) {
        let mut state = lock(&self.0.state);
        let first = state.batch.is_empty();
        if !add(&mut state.batch) {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        } else if first {
            drop(state);
            self.0.work.notify_one();
        }
    }
}

impl Logger {
    /// Nobody listens: a line need not even be made.
    pub fn is_silent(&self) -> bool {
        self.route.targets.is_empty()
    }

    /// Whether a line of this severity goes anywhere.
    pub fn wants(&self, level: Level) -> bool {
        self.route.targets.iter().any(|target| target.config.severity(level).is_some())
    }

    pub fn send(&self, level: Level, now: Now, message: &[u8]) {
        self.send_structured(level, now, message, b"");
    }

    /// `structured`: rendered `log-format-sd`, empty without one; only rfc5424 shows it.
    pub fn send_structured(&self, level: Level, now: Now, message: &[u8], structured: &[u8]) {
        if self.wants(level) {
            let entry = Entry::new(self.route.clone(), level, now);
            self.logs.push(|batch| batch.push(entry, message, structured));
        }
    }
}

fn run(shared: &Shared) {
    let mut batch = Batch::default();
    let mut line = Vec::new();
    while next(shared, &mut batch) {
        for (entry, message, structured) in batch.lines() {
            let lost = send(entry, message, structured, &mut line);
            shared.dropped.fetch_add(lost, Ordering::Relaxed);
        }
        batch.clear();
    }
}

/// Waits for lines and takes them all, giving an empty batch back. `false`: there are none and there will be none.
fn next(shared: &Shared, batch: &mut Batch) -> bool {
    let mut state = lock(&shared.state);
    while state.batch.is_empty() {
        if state.stopped {
            return false;
        }
        state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    std::mem::swap(&mut state.batch, batch);
    true
}

/// Returns how many targets did not get the line.
fn send(entry: &Entry, message: &[u8], structured: &[u8], line: &mut Vec<u8>) -> u64 {
    let (route, level, now) = match entry {
        Entry::Plain(outlet) => {
            line.clear();
            line.extend_from_slice(message);
            return u64::from(!outlet.send(line));
        }
        Entry::Routed { route, level, now } => (route, *level, *now),
    };
    let mut lost = 0;
    for target in &route.targets {
        let Some(level) = target.severity(level) else { continue };
        line.clear();
        let header = Header {
            facility: target.config.facility,
            level,
            now,
            hostname: route.hostname.as_deref(),
            tag: &route.tag,
            pid: std::process::id(),
            structured,
        };
        header.frame(target.config.format, message, target.config.len, line);
        lost += u64::from(!target.outlet.send(line));
    }
    lost
}

impl Target {
    fn severity(&self, level: Level) -> Option<Level> {
        let level = self.config.severity(level)?;
        let number = self.seen.fetch_add(1, Ordering::Relaxed);
        self.config.samples(number).then_some(level)
    }
}

/// Nothing here panics while it holds a lock; if it did, the data would still be whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
