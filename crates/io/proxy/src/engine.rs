//! The balancer as a whole: what runs now, its workers, and how another configuration takes effect without a restart.

use crate::backend::Backend;
use crate::counters::{Counter, Gauge, Rate};
use crate::flow::{SharedTable, Vars};
use crate::frontend::Frontend;
use crate::listener::Listening;
use crate::live::{Live, Phase, Signal};
use crate::logs::Logs;
use crate::server::Server;
use crate::setup::Setup;
use crate::tls::Material;
use crate::wheel::Ms;
use crate::worker::{self, Handle, Worker};
use arc_swap::ArcSwap;
use balance::cli::Limit;
use balance::config::model::Config;
use balance::pattern::Library;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Notify, watch};

/// What the configuration in force made. Replaced as a whole; sessions keep what they began with.
pub struct Running {
    pub config: Arc<Config>,
    pub tls: Arc<Material>,
    /// Lists and maps of patterns, which the statistics socket may change.
    pub patterns: Arc<Library>,
    /// Stick tables, by the section's name.
    pub tables: HashMap<String, SharedTable>,
    /// In the order of the file, as are the backends. A `listen` is in both.
    pub frontends: Vec<Arc<Frontend>>,
    pub backends: Vec<Arc<Backend>>,
    by_name: HashMap<String, Arc<Backend>>,
}

impl Running {
    pub fn new(
        config: Arc<Config>,
        (tls, patterns, tables): (Arc<Material>, Arc<Library>, HashMap<String, SharedTable>),
        frontends: Vec<Arc<Frontend>>,
        backends: Vec<Arc<Backend>>,
    ) -> Self {
        let by_name = backends.iter().map(|backend| (backend.name.clone(), backend.clone())).collect();
        Self { config, tls, patterns, tables, frontends, backends, by_name }
    }

    pub fn backend(&self, name: &str) -> Option<&Arc<Backend>> {
        self.by_name.get(name)
    }

    pub fn frontend(&self, name: &str) -> Option<&Arc<Frontend>> {
        self.frontends.iter().find(|frontend| frontend.name == name)
    }

    /// `backend/server`.
    pub fn server(&self, backend: &str, server: &str) -> Option<Arc<Server>> {
        self.backend(backend)?.server(server)
    }
}

/// Numbers of the process.
#[derive(Debug, Default)]
pub struct Totals {
    pub sessions: Gauge,
    pub connections_total: Counter,
    pub requests_total: Counter,
    /// Requests and TCP sessions that were asked for their number.
    pub numbered: Counter,
    pub connection_rate: Rate,
    pub session_rate: Rate,
    pub tls_rate: Rate,
    pub tls_connections: Gauge,
    pub tls_total: Counter,
    pub bytes_out: Counter,
    pub spliced_bytes_out: Counter,
    pub bytes_out_rate: Rate,
    pub dropped_logs: Counter,
}

pub struct Engine {
    started: Instant,
    pub started_at: SystemTime,
    running: ArcSwap<Running>,
    workers: OnceLock<Vec<Handle>>,
    worker_count: usize,
    /// Connections of the process at once.
    pub maxconn: AtomicU32,
    /// `set maxconn global` must not go above it: descriptors are limited.
    pub hard_maxconn: u32,
    pub totals: Totals,
    pub logs: Logs,
    /// This machine's name.
    pub hostname: String,
    /// Variables of the process (`proc.`).
    vars: Mutex<Vars>,
    /// What the statistics socket set and counts.
    pub desk: crate::cli::Desk,
    /// A session ended, so there may be a place for another.
    pub(crate) room: Notify,
    /// Counts configurations put in force: whoever follows servers looks again.
    pub generation: watch::Sender<u64>,
    stopping: AtomicBool,
    /// The last session has ended, and there will be no other.
    drained: Notify,
}

/// Why it does not start, or why another configuration is not put in force: all reasons, in HAProxy's words.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct StartError(pub Vec<String>);

impl Engine {
    /// [`Engine::prepare`] and [`Engine::open`].
    ///
    /// # Errors
    /// What cannot be listened on; nothing runs then.
    pub fn start(setup: Setup, logs: Logs) -> Result<Arc<Self>, StartError> {
        let engine = Self::prepare(setup, logs)?;
        engine.open();
        Ok(engine)
    }

    /// Opens all listeners, then starts the workers. Clients wait in the kernel's queues until [`Engine::open`].
    ///
    /// # Errors
    /// What cannot be listened on; nothing runs then.
    pub fn prepare(setup: Setup, logs: Logs) -> Result<Arc<Self>, StartError> {
        let config = setup.config.clone();
        let worker_count = config.global.nbthread.map_or_else(cores, |threads| threads as usize).max(1);
        let hard_maxconn = crate::limits::maxconn(&config);
        let empty = Running::new(Arc::default(), Default::default(), Vec::new(), Vec::new());
        let engine = Arc::new(Self {
            started: Instant::now(),
            started_at: SystemTime::now(),
            running: ArcSwap::from_pointee(empty),
            workers: OnceLock::new(),
            worker_count,
            maxconn: AtomicU32::new(config.global.maxconn.map_or(hard_maxconn, |wanted| wanted.min(hard_maxconn))),
            hard_maxconn,
            totals: Totals::default(),
            logs,
            hostname: crate::setup::hostname(),
            vars: Mutex::default(),
            desk: crate::cli::Desk::default(),
            room: Notify::new(),
            generation: watch::Sender::new(0),
            stopping: AtomicBool::new(false),
            drained: Notify::new(),
        });
        let plan = crate::apply::plan(&engine, setup)?;
        _ = engine.workers.set(engine.start_workers());
        // Whom they belong to is known: `open` finds them.
        _ = engine.put_in_force(plan);
        Ok(engine)
    }

    /// Has the workers accept what was prepared. Once.
    pub fn open(&self) {
        for frontend in &self.running().frontends {
            let listeners = frontend.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
            listeners.iter().for_each(|listening| self.accept_on(frontend, listening));
        }
    }

    /// Puts another configuration in force, as the difference to the one before: counters, sessions and the state of
    /// servers that stay are kept.
    ///
    /// # Errors
    /// What cannot be listened on; then everything is as before.
    pub fn apply(self: &Arc<Self>, setup: Setup) -> Result<(), StartError> {
        let plan = crate::apply::plan(self, setup)?;
        for (frontend, listening) in self.put_in_force(plan) {
            self.accept_on(&frontend, &listening);
        }
        Ok(())
    }

    /// Returns the listeners that no worker accepts on yet.
    fn put_in_force(self: &Arc<Self>, plan: crate::apply::Plan) -> Vec<(Arc<Frontend>, Arc<Listening>)> {
        let added = plan.carry_out(self);
        self.generation.send_modify(|generation| *generation += 1);
        added
    }

    fn accept_on(&self, frontend: &Arc<Frontend>, listening: &Arc<Listening>) {
        for worker in self.workers() {
            let (frontend, listening) = (frontend.clone(), listening.clone());
            worker.run(move |worker| {
                if let Err(error) = listening.serve_on(worker, &frontend) {
                    // The other workers may have got theirs; with none of them the address does not answer.
                    let text = format!("cannot accept on a listener of {}: {error}", frontend.name);
                    worker.engine.logs.notice(balance::config::Level::Alert, text);
                }
            });
        }
    }

    pub(crate) fn replace(&self, running: Running) {
        self.running.store(Arc::new(running));
    }

    fn start_workers(self: &Arc<Self>) -> Vec<Handle> {
        (0..self.worker_count)
            .map(|id| {
                let (handle, commands) = worker::channel();
                let engine = self.clone();
                let thread = std::thread::Builder::new().name(format!("worker {id}"));
                let started = thread.spawn(move || Worker::run(id, engine, commands));
                started.expect("a thread can be started when the process starts");
                handle
            })
            .collect()
    }

    /// Milliseconds since the start.
    pub fn now(&self) -> Ms {
        self.started.elapsed().as_millis() as Ms
    }

    /// A time of the engine by the calendar.
    pub fn wall(&self, time: Ms) -> SystemTime {
        self.started_at + Duration::from_millis(time)
    }

    pub fn running(&self) -> Arc<Running> {
        self.running.load_full()
    }

    pub fn workers(&self) -> &[Handle] {
        self.workers.get().map_or(&[], Vec::as_slice)
    }

    pub fn worker_count(&self) -> usize {
        self.worker_count
    }

    /// Pipes that one worker may use at once (`maxpipes`: by default a quarter of the connections; `nosplice`: none).
    pub fn max_pipes(&self) -> usize {
        let global = &self.running.load().config.global;
        let all = global.maxpipes.unwrap_or(self.maxconn.load(Relaxed) / 4);
        if global.nosplice { 0 } else { (all as usize / self.worker_count).max(1) }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.totals.sessions.get() < u64::from(self.maxconn.load(Relaxed))
    }

    /// A session has ended.
    pub(crate) fn leave(&self) {
        let left = self.totals.sessions.leave();
        if left + 64 >= u64::from(self.maxconn.load(Relaxed)) {
            self.room.notify_waiters();
        }
        if left == 0 && self.is_stopping() {
            self.drained.notify_one();
        }
    }

    /// Waits until all sessions are over. After [`Engine::stop_accepting`] only: before, there may be others.
    pub async fn drained(&self) {
        while self.totals.sessions.get() > 0 {
            self.drained.notified().await;
        }
    }

    /// How long the limits of connections per second make the next one wait.
    pub(crate) fn rate_wait(&self, frontend: &Frontend) -> Option<Duration> {
        let rate = frontend.config.load().limits.rate_limit_sessions.unwrap_or(0);
        let running = self.running.load();
        let global = &running.config.global;
        let limits = [
            (rate, &frontend.counters.session_rate),
            (self.desk.rate(Limit::SessionRate, global.maxsessrate), &self.totals.session_rate),
            (self.desk.rate(Limit::ConnectionRate, global.maxconnrate), &self.totals.connection_rate),
        ];
        if limits.iter().all(|(limit, _)| *limit == 0) {
            return None;
        }
        let now = self.now();
        let over = limits.iter().any(|(limit, rate)| *limit > 0 && rate.get(now) >= u64::from(*limit));
        over.then(|| Duration::from_millis(10))
    }

    pub(crate) fn vars(&self) -> MutexGuard<'_, Vars> {
        self.vars.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Soft stop: closes all listeners; sessions go on.
    pub fn stop_accepting(&self) {
        self.stopping.store(true, Relaxed);
        for frontend in &self.running().frontends {
            frontend.stop();
        }
        // A connection that waits for its next request would wait in vain for a process that ends.
        let is_idle = |live: &Live| {
            live.phase.get() == Phase::Idle && !live.frontend.config.load().options.idle_close_on_response
        };
        for worker in self.workers() {
            worker.run(move |worker| _ = worker.signal_sessions(Signal::Stopping, is_idle));
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
