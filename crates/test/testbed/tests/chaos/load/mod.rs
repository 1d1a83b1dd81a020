//! The load of one machine: writers, readers, watchers and connections to a Service, each noting what it sees.
//!
//! Run by the test inside the machine, as an ignored test of the same program. It goes on until the file `stop` is there
//! and then until its watchers have seen the mark that the test writes into each namespace.

mod connection;
mod log;
mod reader;
mod remote;
mod watcher;
mod writer;

use log::Log;
pub use log::now;
pub use reader::CACHED;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A seed for who named none.
pub fn seed() -> u64 {
    now() % 1_000_000
}

/// Where the machine's door is.
const SERVER: &str = "https://127.0.0.1:5443";
/// The key whose appearance ends a watcher.
pub const MARK: &str = "mark";
/// Tells the inner test what to do.
pub const PLAN: &str = "BARQUE_CHAOS_LOAD";
/// A watcher that has not seen the mark for this long after the end will not see it.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Serialize, Deserialize)]
pub struct Plan {
    /// Of the machine, and how many loads it had before: names of clients begin with it.
    pub name: String,
    pub folder: PathBuf,
    /// The administrator's.
    pub kubeconfig: PathBuf,
    pub namespaces: Vec<String>,
    pub watchers: usize,
    pub writers: usize,
    /// Between the beginnings of two writes of one writer.
    pub pace: Duration,
    /// `IP:PORT` of the Service that connections are kept to, and how many.
    pub service: Option<(String, usize)>,
}

/// What all of a load share.
pub struct Shared {
    pub plan: Plan,
    pub log: Log,
    pub stopped: AtomicBool,
    /// Keys that are acknowledged and not deleted, for the reader.
    pub keys: std::sync::Mutex<std::collections::VecDeque<String>>,
}

impl Shared {
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// The namespace of this number, of any.
    pub fn namespace(&self, number: usize) -> &str {
        &self.plan.namespaces[number % self.plan.namespaces.len()]
    }
}

#[test]
#[ignore = "played by the other test, inside a machine"]
fn load() {
    let plan = std::env::var(PLAN).expect("this test is played by another one");
    let plan: Plan = serde_json::from_str(&plan).expect("a plan");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(run(plan));
}

async fn run(plan: Plan) {
    let log = Log::create(&plan.folder.join(format!("{}.history", plan.name)));
    let shared = Arc::new(Shared { log, stopped: AtomicBool::new(false), keys: std::sync::Mutex::default(), plan });
    let watchers = watcher::start_all(&shared).await;
    let mut tasks = Vec::new();
    for number in 0..shared.plan.writers {
        tasks.push(tokio::spawn(writer::run(Arc::clone(&shared), number)));
    }
    tasks.push(tokio::spawn(reader::run(Arc::clone(&shared))));
    tasks.push(tokio::spawn(reader::run_cached(Arc::clone(&shared))));
    if let Some((service, count)) = shared.plan.service.clone() {
        let connections = (0..count).map(|number| connection::run(Arc::clone(&shared), service.clone(), number));
        tasks.extend(connections.map(tokio::spawn));
    }
    while shared.keys.lock().expect("nobody panics here").is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    std::fs::write(shared.plan.folder.join(format!("{}.ready", shared.plan.name)), "").expect("a file of the test");
    while !shared.plan.folder.join("stop").exists() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    shared.stopped.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("a client does not panic");
    }
    std::fs::write(shared.plan.folder.join(format!("{}.quiet", shared.plan.name)), "").expect("a file of the test");
    let all_ended = async {
        for watcher in watchers {
            watcher.await.expect("a watcher does not panic");
        }
    };
    tokio::time::timeout(PATIENCE, all_ended).await.expect("every watcher sees the mark");
}
