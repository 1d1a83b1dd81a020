//! The tasks that wait for checks to be due.

use super::effects::change;
use super::probe::{self, Kept, Patience};
use super::{agent, route};
use crate::backend::Backend;
use crate::engine::Engine;
use crate::server::Server;
use crate::wheel::Ms;
use balance::check::{About, Dialogue, Numbers, state_header};
use balance::config::model::{Port, ServerHost};
use balance::health::{Noise, Outcome, Status, Which, first_delay};
use balance::server::Oper;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Intervals below this start when they like and do not press the others together (HAProxy's threshold).
const SHORT: Ms = 1000;

/// A slow start goes on once a second.
const STEP: Duration = Duration::from_secs(1);

/// What a task of a server does. The numbers are the places of their alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Duty {
    Check = 0,
    Agent = 1,
    WarmUp = 2,
}

/// Runs all checks on a thread of its own.
///
/// # Errors
/// The system's, if there is no thread to be had.
pub fn start(engine: Arc<Engine>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let checks = move || tokio::task::LocalSet::new().block_on(&runtime, run(engine));
    std::thread::Builder::new().name("checks".to_owned()).spawn(checks).map(drop)
}

/// Runs the checks of whatever configuration is in force, for ever. In a `LocalSet`.
pub async fn run(engine: Arc<Engine>) {
    let mut generation = engine.generation.subscribe();
    let mut tasks: HashMap<(usize, Duty), Task> = HashMap::new();
    loop {
        look_around(&engine, &mut tasks);
        if generation.changed().await.is_err() {
            return;
        }
    }
}

/// A task, with the server it is for: so that its address is not taken by another one.
struct Task {
    server: Arc<Server>,
    handle: JoinHandle<()>,
}

/// Starts tasks for servers that have none, ends those of servers that are gone.
fn look_around(engine: &Arc<Engine>, tasks: &mut HashMap<(usize, Duty), Task>) {
    let running = engine.running();
    let mut wanted = HashMap::new();
    for backend in &running.backends {
        for server in backend.servers.load().iter() {
            let health = server.health();
            let settings = health.settings();
            let duties = [
                (Duty::Check, settings.checked),
                (Duty::Agent, settings.agent),
                (Duty::WarmUp, settings.weight.slowstart > 0),
            ];
            for (duty, _) in duties.iter().filter(|(_, has)| *has) {
                wanted.insert((Arc::as_ptr(server) as usize, *duty), (backend.clone(), server.clone()));
            }
        }
    }
    tasks.retain(|key, task| {
        let keep = wanted.contains_key(key);
        if !keep {
            task.handle.abort();
        }
        keep
    });
    spread(engine);
    for (key, (backend, server)) in wanted {
        tasks.entry(key).or_insert_with(|| {
            let watched = Watched { engine: engine.clone(), backend, server: server.clone(), kept: RefCell::default() };
            Task { server, handle: tokio::task::spawn_local(Rc::new(watched).work(key.1)) }
        });
    }
    debug_assert!(tasks.iter().all(|((place, _), task)| Arc::as_ptr(&task.server) as usize == *place));
}

/// Sets when checks that never ran are to run first: as far from each other as their intervals allow.
fn spread(engine: &Engine) {
    let running = engine.running();
    let global = &running.config.global;
    let max_spread = global.max_spread_checks.map(|limit| limit.as_millis() as Ms);
    let servers: Vec<_> = running.backends.iter().flat_map(|backend| backend.servers.load_full().to_vec()).collect();
    let checks = servers.iter().flat_map(|server| [(server, Which::Health), (server, Which::Agent)]);
    let checks: Vec<_> = checks
        .filter(|(server, which)| server.health().counter(*which).configured)
        .map(|(server, which)| (server, which, server.health().interval(which)))
        .collect();
    let shortest = checks.iter().map(|check| check.2).filter(|interval| *interval >= SHORT).min().unwrap_or(0);
    let now = engine.now();
    for (place, (server, which, interval)) in checks.iter().enumerate() {
        let mut health = server.health();
        if health.next_check(*which).is_none() {
            let delay = first_delay(place, checks.len(), shortest.max(*interval), max_spread);
            health.schedule_first(*which, now + delay);
        }
    }
}

/// A server with its surroundings.
struct Watched {
    engine: Arc<Engine>,
    backend: Arc<Backend>,
    server: Arc<Server>,
    /// The health check's connection, between two of them.
    kept: RefCell<Option<Kept>>,
}

impl Watched {
    async fn work(self: Rc<Self>, duty: Duty) {
        match duty {
            Duty::Check => self.keep_checking(Which::Health).await,
            Duty::Agent => self.keep_checking(Which::Agent).await,
            Duty::WarmUp => self.keep_warming().await,
        }
    }

    async fn keep_checking(&self, which: Which) {
        let alarm = &self.server.alarms[if which == Which::Health { Duty::Check } else { Duty::Agent } as usize];
        // A run that another configuration ended has not ended by itself.
        self.server.health().abandon_check(which);
        loop {
            let (due, may) = {
                let health = self.server.health();
                (health.next_check(which), health.may_check(which))
            };
            let now = self.engine.now();
            match due {
                Some(due) if due > now && may => {
                    let rest = Duration::from_millis(due - now);
                    // Whether time is up or something changed: both are looked at again.
                    _ = tokio::time::timeout(rest, alarm.notified()).await;
                }
                Some(_) if may => self.check(which).await,
                // Switched off or in maintenance: sleeps until that ends, and then keeps its beat.
                _ => {
                    alarm.notified().await;
                    let mut health = self.server.health();
                    if !may && health.may_check(which) && due.is_some_and(|due| due <= self.engine.now()) {
                        health.skip_check(self.engine.now(), which);
                    }
                }
            }
        }
    }

    async fn check(&self, which: Which) {
        self.server.health().start_check(self.engine.now(), which);
        match which {
            Which::Health => {
                let outcome = self.probe().await;
                self.change(|health, now| health.finish_check(now, which, outcome));
            }
            Which::Agent => match self.ask().await {
                Ok(answer) => self.change(|health, now| health.finish_agent(now, answer)),
                Err(outcome) => self.change(|health, now| health.finish_check(now, which, outcome)),
            },
        }
        let percent = self.engine.running().config.global.spread_checks;
        let noise = Noise { percent, random: rand::random() };
        self.server.health().schedule_next(self.engine.now(), which, noise);
    }

    fn change(&self, event: impl FnOnce(&mut balance::health::Health, Ms) -> Vec<balance::health::Effect>) {
        change(&self.engine, &self.backend, &self.server, event);
    }

    async fn probe(&self) -> Outcome {
        let (program, config) = (self.backend.program.load_full(), self.backend.config.load_full());
        let patience = self.patience(self.server.config.load().check.inter);
        let dialogue = || Dialogue::new(program.check.clone(), self.about(program.check.send_state));
        let route = |connect: &_| route::route(&self.server, &config, connect);
        let mut kept = self.kept.take();
        let outcome = probe::run(&dialogue, patience, &route, &mut kept).await;
        self.kept.replace(kept);
        outcome
    }

    async fn ask(&self) -> Result<balance::health::Agent, Outcome> {
        let config = self.server.config.load_full();
        let Some(target) = route::agent_target(&self.server) else { return Err(Outcome::new(Status::SocketError)) };
        let patience = self.patience(Duration::from_millis(self.server.health().settings().agent_inter));
        agent::ask(&target, config.agent.send.as_deref().unwrap_or_default().as_bytes(), patience).await
    }

    fn patience(&self, inter: Duration) -> Patience {
        let timeouts = self.backend.config.load().timeouts;
        Patience { inter, connect: timeouts.connect, check: timeouts.check }
    }

    fn about(&self, send_state: bool) -> About {
        let (backend, server) = (&self.backend, &self.server);
        let running = server.health().oper() != Oper::Stopped;
        About {
            backend: backend.name.clone(),
            backend_id: backend.id,
            server: server.name.clone(),
            server_id: server.id,
            hostname: self.engine.hostname.clone(),
            running,
            state: send_state.then(|| self.state_header()),
        }
    }

    fn state_header(&self) -> String {
        let (backend, server) = (&self.backend, &self.server);
        let config = server.config.load();
        let unix = matches!(config.host, ServerHost::Unix(_) | ServerHost::Abstract(_));
        let port = match server.port() {
            Port::Fixed(port) => port,
            Port::Client(_) => 0,
        };
        let servers = backend.servers.load();
        let usable = servers.iter().filter(|server| server.is_usable());
        let running = self.engine.running();
        let numbers = Numbers {
            address: if unix { "unix".into() } else { server.address().map(|ip| ip.to_string()).unwrap_or_default() },
            port: if unix { "unix".into() } else { port.to_string() },
            node: running.config.global.node.clone().unwrap_or_else(|| self.engine.hostname.clone()),
            total_weight: usable.map(|server| balance::server::Weight::shown(server.eweight())).sum(),
            sessions: u64::from(server.served()),
            backend_sessions: backend.counters.sessions.get(),
            queued: server.counters.queued.get(),
        };
        state_header(&server.health(), &numbers)
    }

    /// Goes on with the server's slow start, whenever there is one.
    async fn keep_warming(&self) {
        loop {
            let cold = self.server.health().oper() == Oper::Starting;
            if cold {
                tokio::time::sleep(STEP).await;
                self.change(|health, now| health.warm_up(now));
            } else {
                self.server.alarms[Duty::WarmUp as usize].notified().await;
            }
        }
    }
}
