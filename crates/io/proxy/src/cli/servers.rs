//! Servers, as commands see and change them.

use super::View;
use crate::backend::Backend;
use crate::checks;
use crate::server::Server;
use balance::cli::{CheckFacts, Connections, Missing, ServerChange, ServerFacts, ServerId, Servers, WhichAddress};
use balance::config::model::{self, Port, ServerHost};
use balance::health::{CheckVerdict, Counter, Effect, Health, Status, Which};
use balance::server::Millis;
use std::net::IpAddr;
use std::sync::Arc;

/// Without `pool-purge-delay`, milliseconds.
const PURGE_DELAY: u64 = 5000;

impl View {
    fn find_backend(&self, name: &str) -> Option<Arc<Backend>> {
        let running = self.engine.running();
        let id = name.strip_prefix('#').and_then(|id| id.parse::<u32>().ok());
        let named = || running.backend(name).cloned();
        let numbered = |id: u32| running.backends.iter().find(|backend| backend.id == id).cloned();
        match id {
            Some(id) => numbered(id),
            None => named().or_else(|| numbered(name.parse().ok()?)),
        }
    }

    fn find(&self, id: ServerId) -> Option<(Arc<Backend>, Arc<Server>)> {
        let running = self.engine.running();
        let backend = running.backends.iter().find(|backend| backend.id == id.backend)?;
        let server = backend.servers.load().iter().find(|server| server.id == id.server).cloned()?;
        Some((backend.clone(), server))
    }

    fn facts(&self, backend: &Backend, server: &Server) -> ServerFacts {
        let now = self.engine.now();
        let config = server.config.load();
        let (port, port_mapped) = number(server.port());
        // Looks at other servers, so it comes before the lock.
        let referenced = is_referenced(self, backend, server);
        let health = server.health();
        ServerFacts {
            id: ServerId { backend: backend.id, server: server.id },
            backend: backend.name.clone(),
            name: server.name.clone(),
            address: server.address(),
            port,
            port_mapped,
            fqdn: match &config.host {
                ServerHost::Name(name) => Some(name.clone()),
                _ => None,
            },
            resolvers: config.resolvers.is_some(),
            srv_record: None,
            ssl: config.ssl,
            ssl_configured: server.connector().is_some(),
            oper: health.oper(),
            admin: health.admin(),
            weight: health.weight(),
            seconds_since_change: now.saturating_sub(health.last_change()) / 1000,
            check: check(&health, Which::Health, host_address(&config.check.addr), config.check.port),
            agent: check(&health, Which::Agent, config.agent.addr, config.agent.port),
            tracks: health.settings().tracks.is_some(),
            backend_id_given: backend.config.load().id_given,
            id_given: config.id_given,
            referenced,
            connections: connections(self, server, &config),
        }
    }
}

/// A port as a number, and whether it is added to the client's.
pub fn number(port: Port) -> (u16, bool) {
    match port {
        Port::Fixed(port) => (port, false),
        Port::Client(offset) => (offset as u16, true),
    }
}

fn host_address(host: &Option<ServerHost>) -> Option<IpAddr> {
    match host {
        Some(ServerHost::Ip(address)) => Some(*address),
        _ => None,
    }
}

fn check(health: &Health, which: Which, address: Option<IpAddr>, port: Option<u16>) -> CheckFacts {
    let counter = health.counter(which);
    let facts = CheckFacts { paused: counter.paused, configured: counter.configured, ..CheckFacts::default() };
    // Of an agent check that is not there nothing is told.
    if which == Which::Agent && !counter.configured {
        return CheckFacts { paused: false, ..facts };
    }
    CheckFacts {
        enabled: counter.configured && counter.enabled,
        running: counter.started.is_some(),
        status: status_number(counter),
        result: result_number(counter.last.status.verdict()),
        health: counter.health,
        address,
        port,
        ..facts
    }
}

/// `srv_check_status`. HAProxy counts two states that we have no name for: one after "initializing", one before "L7OK".
fn status_number(counter: &Counter) -> u32 {
    match counter.last.status {
        Status::Unknown if counter.duration.is_none() => Status::Initializing as u32,
        status if status <= Status::Initializing => status as u32,
        status if status < Status::L7Ok => status as u32 + 1,
        status => status as u32 + 2,
    }
}

/// `srv_check_result`.
fn result_number(verdict: CheckVerdict) -> u32 {
    match verdict {
        CheckVerdict::Unknown => 0,
        CheckVerdict::Neutral => 1,
        CheckVerdict::Failed => 2,
        CheckVerdict::Passed => 3,
        CheckVerdict::Conditional => 4,
    }
}

/// Whether the configuration names it elsewhere: it must not go then.
fn is_referenced(view: &View, backend: &Backend, server: &Server) -> bool {
    let full = server.full_name();
    let running = view.engine.running();
    let config = backend.config.load();
    let by_rule = config.use_server.iter().any(|line| line.words.get(1) == Some(&server.name));
    let tracked = running.backends.iter().flat_map(|backend| backend.servers.load_full().to_vec()).any(|other| {
        let config = other.config.load();
        config.track.is_some() && other.health().settings().tracks.as_deref() == Some(full.as_str())
    });
    by_rule || tracked
}

fn connections(view: &View, server: &Server, config: &model::Server) -> Connections {
    let counters = &server.counters;
    let idle = counters.idle.get() as u32;
    let threads = view.engine.worker_count() as u32;
    // Which worker has how many is known to the workers alone: an equal share, the rest with the first.
    let share = |at: u32| idle / threads + u32::from(at < idle % threads);
    Connections {
        purge_delay: config.pool_purge_delay.map_or(PURGE_DELAY, |delay| delay.as_millis() as u64),
        used: server.served(),
        used_max: counters.sessions.max.get() as u32,
        needed: counters.sessions.max.get() as u32,
        idle_unsafe: 0,
        idle_safe: idle,
        idle_limit: config.pool_max_conn,
        idle_per_thread: (0..threads).map(share).collect(),
    }
}

impl Servers for View {
    fn server(&self, backend: &str, server: &str) -> Result<ServerFacts, Missing> {
        let backend = self.find_backend(backend).ok_or(Missing::Backend)?;
        let id = server.strip_prefix('#').and_then(|id| id.parse::<u32>().ok());
        let servers = backend.servers.load();
        let found = servers.iter().find(|known| match id {
            Some(id) => known.id == id,
            None => known.name == server,
        });
        found.map(|server| self.facts(&backend, server)).ok_or(Missing::Server)
    }

    fn servers(&self, backend: Option<u32>) -> Vec<ServerFacts> {
        let running = self.engine.running();
        let backends = running.backends.iter().filter(|known| backend.is_none_or(|id| id == known.id));
        backends
            .flat_map(|backend| {
                let servers = backend.servers.load();
                servers.iter().map(|server| self.facts(backend, server)).collect::<Vec<_>>()
            })
            .collect()
    }

    fn backend(&self, name: &str) -> Option<u32> {
        self.find_backend(name).map(|backend| backend.id)
    }

    fn change_server(&self, id: ServerId, change: ServerChange) -> Result<(), String> {
        let (backend, server) = self.find(id).ok_or("No such server.")?;
        let health = |event: &mut dyn FnMut(&mut Health, Millis) -> Vec<Effect>| {
            checks::change(&self.engine, &backend, &server, |health, now| event(health, now));
        };
        match change {
            ServerChange::State(wish) => health(&mut |health, now| health.wish(now, wish)),
            ServerChange::Health(forced) => health(&mut |health, now| health.force_health(now, forced)),
            ServerChange::Agent(up) => health(&mut |health, now| health.force_agent(now, up)),
            ServerChange::Weight(weight) => health(&mut |health, now| health.set_weight(now, weight)),
            ServerChange::Checks(which, on) => health(&mut |health, _| {
                let which = if which == WhichAddress::Agent { Which::Agent } else { Which::Health };
                health.switch_check(which, on);
                Vec::new()
            }),
            ServerChange::Maxconn(maxconn) => {
                server.set_maxconn(maxconn);
                backend.refresh();
            }
            ServerChange::Address(address, port) => {
                if address.is_some() {
                    server.set_address(address);
                    health(&mut |health, now| health.resolved(now, true));
                }
                if let Some((port, mapped)) = port {
                    server.set_port(if mapped { Port::Client(i32::from(port as i16)) } else { Port::Fixed(port) });
                }
            }
            ServerChange::CheckAddress(which, address, port) => edit(&server, |config| match which {
                WhichAddress::Check => {
                    config.check.addr = address.map(ServerHost::Ip).or(config.check.addr.take());
                    config.check.port = port.or(config.check.port);
                }
                WhichAddress::Agent => {
                    config.agent.addr = address.or(config.agent.addr);
                    config.agent.port = port.or(config.agent.port);
                }
            }),
            ServerChange::AgentSend(text) => edit(&server, |config| config.agent.send = Some(text)),
            ServerChange::Fqdn(name) => {
                let host = ServerHost::Name(name);
                let address = crate::server::resolve(&host).ok_or("the name has no address now")?;
                server.set_address(Some(address));
                health(&mut |health, now| health.resolved(now, true));
                edit(&server, |config| config.host = host);
            }
            ServerChange::Ssl(on) => {
                edit(&server, |config| config.ssl = on);
                server.turn();
            }
            ServerChange::ShutdownSessions => shutdown_sessions(self, &server),
        }
        Ok(())
    }

    fn add_server(&self, backend: u32, name: &str, words: &[String]) -> Result<(), String> {
        crate::dynamic::add_server(&self.engine, backend, name, words)
    }

    fn delete_server(&self, id: ServerId) -> Result<(), String> {
        crate::dynamic::delete_server(&self.engine, id)
    }

    fn set_dynamic_cookie(&self, backend: u32, key: Option<&str>, enabled: Option<bool>) -> Result<(), String> {
        let _ = (backend, key, enabled);
        Err("Dynamic cookies are not made here; give servers cookies of their own.".into())
    }
}

/// Changes a server's line; connections and checks begun from now on follow it.
fn edit(server: &Server, change: impl FnOnce(&mut model::Server)) {
    let mut config = model::Server::clone(&server.config.load());
    change(&mut config);
    server.config.store(Arc::new(config));
}

fn shutdown_sessions(view: &View, server: &Arc<Server>) {
    for worker in view.engine.workers() {
        let server = server.clone();
        worker.run(move |worker| {
            let meant = |live: &crate::live::Live| {
                live.server.borrow().as_ref().is_some_and(|other| Arc::ptr_eq(other, &server))
            };
            worker.signal_sessions(crate::live::Signal::Killed, meant);
        });
    }
}
