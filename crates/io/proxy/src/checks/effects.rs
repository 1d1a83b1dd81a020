//! Events in, effects out: what a change of a server's state does to balancing, sessions and logs.

use crate::backend::Backend;
use crate::engine::Engine;
use crate::flow::calendar;
use crate::live::{Live, Signal};
use crate::server::Server;
use crate::wheel::Ms;
use balance::config::Level as Severity;
use balance::config::model::{Capability, Observe};
use balance::health::{Around, Effect, Health, Observed, StateLine, no_server_available};
use balance::log::Level;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Brings an event to a server's health and carries out what follows.
pub fn change(
    engine: &Arc<Engine>,
    backend: &Arc<Backend>,
    server: &Arc<Server>,
    event: impl FnOnce(&mut Health, Ms) -> Vec<Effect>,
) {
    let now = engine.now();
    let effects = {
        let mut health = server.health();
        let effects = event(&mut health, now);
        server.publish(&health, now);
        effects
    };
    // Its next check may be due at another time now.
    server.alarms.iter().for_each(tokio::sync::Notify::notify_one);
    carry_out(engine, backend, server, effects);
}

/// Takes in what traffic showed of a server.
pub fn observe(engine: &Arc<Engine>, backend: &Arc<Backend>, server: &Arc<Server>, seen: Observed) {
    let mode = server.config.load().observe;
    if mode == Observe::None {
        return;
    }
    match seen.is_good(mode) {
        None => {}
        // Nearly always: nothing to forget, no lock.
        Some(true) if !server.has_errors.load(Relaxed) => {}
        Some(true) => {
            server.has_errors.store(false, Relaxed);
            server.health().observe(engine.now(), seen);
        }
        Some(false) => {
            server.has_errors.store(true, Relaxed);
            change(engine, backend, server, |health, now| health.observe(now, seen));
        }
    }
}

/// Carries out what a change of this server's state asks for, then what follows for servers that track it.
pub fn carry_out(engine: &Arc<Engine>, backend: &Arc<Backend>, server: &Arc<Server>, effects: Vec<Effect>) {
    if effects.is_empty() {
        return;
    }
    let acting = Acting { engine, backend, server };
    let (mut moved, mut changed, mut lost) = (0, false, false);
    for effect in effects {
        match effect {
            Effect::Changed => {
                changed = true;
                let refreshed = acting.refresh();
                moved = refreshed.moved;
                lost |= refreshed.lost;
            }
            // Done with the refresh: it wakes who waits.
            Effect::MoveQueue => {}
            Effect::ShutdownSessions => acting.signal(Signal::ServerDown, |live, meant| {
                live.server.borrow().as_ref().is_some_and(|server| Arc::ptr_eq(server, &meant.1))
            }),
            Effect::ShutdownBackupSessions => acting.signal(Signal::ServerUp, |live, meant| {
                let server = live.server.borrow();
                let is_backup = server.as_ref().is_some_and(|server| server.config.load().backup);
                is_backup && live.backend.borrow().as_ref().is_some_and(|backend| Arc::ptr_eq(backend, &meant.0))
            }),
            Effect::Maxconn(maxconn) => {
                server.set_maxconn(maxconn);
                backend.refresh();
            }
            Effect::Log(level, line) => {
                acting.log(level, &line, moved);
                if std::mem::take(&mut lost) {
                    acting.log_loss();
                }
            }
        }
    }
    if lost {
        acting.log_loss();
    }
    if changed {
        acting.lead_followers();
    }
}

/// Says something of a server in its backend's log, and to whoever started us.
pub fn tell(engine: &Arc<Engine>, backend: &Arc<Backend>, server: &Arc<Server>, text: &str) {
    Acting { engine, backend, server }.tell(Level::Notice, Severity::Warning, text, None);
}

/// The backend and the server that a signal is about.
type Meant = (Arc<Backend>, Arc<Server>);

struct Acting<'a> {
    engine: &'a Arc<Engine>,
    backend: &'a Arc<Backend>,
    server: &'a Arc<Server>,
}

struct Refreshed {
    /// Requests that left the queues.
    moved: u32,
    /// The backend had a usable server, and has none now.
    lost: bool,
}

impl Acting<'_> {
    fn refresh(&self) -> Refreshed {
        let (engine, backend) = (self.engine, self.backend);
        let before = backend.usable_servers();
        let moved = backend.refresh();
        let after = backend.usable_servers();
        let now = engine.now();
        self.server.last_change.set(now);
        if (before == 0) != (after == 0) {
            if before == 0 {
                backend.down_millis.add(now.saturating_sub(backend.last_change.get()));
            } else {
                backend.downs.inc();
            }
            backend.last_change.set(now);
        }
        Refreshed { moved, lost: before > 0 && after == 0 }
    }

    /// Ends the sessions that `is_meant` finds, on the threads they belong to.
    fn signal(&self, signal: Signal, is_meant: fn(&Live, &Meant) -> bool) {
        for worker in self.engine.workers() {
            let meant = (self.backend.clone(), self.server.clone());
            worker.run(move |worker| _ = worker.signal_sessions(signal, |live| is_meant(live, &meant)));
        }
    }

    fn log(&self, level: Level, line: &StateLine, moved: u32) {
        let servers = self.backend.servers.load();
        let usable = |backup| {
            let counts = |server: &&Arc<Server>| server.is_usable() && server.config.load().backup == backup;
            servers.iter().filter(counts).count() as u32
        };
        let around = Around {
            active: usable(false),
            backup: usable(true),
            sessions: self.server.served(),
            moved,
            queued: self.server.counters.queued.get() as u32,
        };
        self.tell(level, Severity::Warning, &line.render(&around), None);
    }

    fn log_loss(&self) {
        let kind = match self.backend.config.load().capability {
            Capability::Backend => "backend",
            _ => "proxy",
        };
        let name = &self.backend.name;
        let spoken = format!("{kind} '{name}' has no server available!");
        self.tell(Level::Emerg, Severity::Alert, &no_server_available(kind, name), Some(&spoken));
    }

    /// To the backend's log, and to whoever started us.
    fn tell(&self, level: Level, severity: Severity, text: &str, spoken: Option<&str>) {
        self.backend.log.load().send(level, calendar(self.engine, self.engine.now()), text.as_bytes());
        self.engine.logs.notice(severity, spoken.unwrap_or(text));
    }

    /// Servers that track this one follow, the last of the file first, as HAProxy lists them.
    fn lead_followers(&self) {
        let name = self.server.full_name();
        let (oper, admin) = {
            let health = self.server.health();
            (health.oper(), health.admin())
        };
        let running = self.engine.running();
        for backend in running.backends.iter().rev() {
            for server in backend.servers.load().iter().rev() {
                let tracks = server.config.load().track.is_some();
                if tracks && server.health().settings().tracks.as_deref() == Some(&name) {
                    change(self.engine, backend, server, |health, now| health.follow(now, oper, admin));
                }
            }
        }
    }
}
