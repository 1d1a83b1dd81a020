//! From a configuration to what runs: first everything that can fail, then the change. Of that only a unix socket's last
//! rename can fail, which is told as an alert.

use crate::backend::Backend;
use crate::engine::{Engine, Running, StartError};
use crate::flow::{SharedTable, lock};
use crate::frontend::{Frontend, FrontendState};
use crate::listener::{Accepting, Listening};
use crate::logs::Logger;
use crate::server::Server;
use crate::setup::Setup;
use crate::wheel::Ms;
use balance::config::Level;
use balance::config::model::{Bind, Config, Listen, Place, Proxy};
use balance::health::Effect;
use balance::pick::{Algorithm, HashType};
use balance::program::Program;
use balance::sample::context::{Scope, Var};
use balance::stick::{Table, TableConfig};
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

/// A configuration ready to be put in force.
pub struct Plan {
    setup: Setup,
    /// By frontend and address: sockets that were not open before.
    opened: HashMap<(String, Listen), Arc<Listening>>,
    balance: HashMap<String, (Algorithm, HashType)>,
}

/// Opens what is new and reads what could be wrong.
pub fn plan(engine: &Arc<Engine>, mut setup: Setup) -> Result<Plan, StartError> {
    let config = setup.config.clone();
    let mut wrong = Vec::new();
    let mut balance = HashMap::new();
    let mut opened = HashMap::new();
    for proxy in config.proxies.iter().filter(|proxy| !proxy.disabled) {
        match read_balance(proxy) {
            Ok(read) => _ = balance.insert(proxy.name.clone(), read),
            Err(error) => wrong.push(error),
        }
        for (number, (_, bind, listen)) in listens(proxy).enumerate() {
            let place = bind.place.clone();
            if find_listening(engine, &proxy.name, listen).is_some() {
                continue;
            }
            let bind = (bind, number as u32 + 1);
            let inherited = match listen {
                Listen::Ip(address) => setup.inherited.take(address),
                _ => None,
            };
            let opened_now = match inherited {
                Some(sockets) => Ok(Listening::with(listen.clone(), bind, sockets)),
                None => Listening::open(listen.clone(), bind, proxy.limits.backlog, engine.worker_count()),
            };
            match opened_now {
                Ok(listening) => _ = opened.insert((proxy.name.clone(), listen.clone()), Arc::new(listening)),
                Err(error) => wrong.push(cannot_bind(proxy, &place, listen, &error)),
            }
        }
    }
    if wrong.is_empty() { Ok(Plan { setup, opened, balance }) } else { Err(StartError(wrong)) }
}

fn cannot_bind(proxy: &Proxy, place: &Place, listen: &Listen, error: &std::io::Error) -> String {
    let kind = match proxy.capability {
        balance::config::model::Capability::Frontend => "frontend",
        _ => "proxy",
    };
    let (reason, address) = (crate::text::reason(error), crate::text::listen(listen));
    format!("Binding [{place}] for {kind} {}: cannot bind socket ({reason}) for [{address}]", proxy.name)
}

pub(crate) fn read_balance(proxy: &Proxy) -> Result<(Algorithm, HashType), String> {
    let words =
        |line: &Option<balance::config::model::Line>| line.as_ref().map_or(Vec::new(), |line| line.words[1..].to_vec());
    let algorithm = Algorithm::parse(&words(&proxy.balance))?;
    let mut hash = match &proxy.hash_type {
        Some(_) => HashType::parse(&words(&proxy.hash_type))?,
        None => HashType::default(),
    };
    hash.balance_factor = proxy.hash_balance_factor;
    Ok((algorithm, hash))
}

/// All addresses of a frontend, each with its `bind` line and that line's place among them.
fn listens(proxy: &Proxy) -> impl Iterator<Item = (usize, Arc<Bind>, &Listen)> {
    proxy.binds.iter().enumerate().flat_map(|(place, bind)| {
        let shared = Arc::new(bind.clone());
        bind.listen.iter().map(move |listen| (place, shared.clone(), listen))
    })
}

fn find_listening(engine: &Engine, frontend: &str, listen: &Listen) -> Option<Arc<Listening>> {
    let running = engine.running();
    let listeners = running.frontend(frontend)?.listeners.lock().ok()?.clone();
    listeners.into_iter().find(|old| old.listen == *listen && old.accepting() != Accepting::Ended)
}

/// Sets what `global` says of the process's variables, where it says something new.
fn set_variables(engine: &Engine, before: &Config, config: &Config) {
    let mut vars = engine.vars();
    for (name, value) in config.global.vars.iter().filter(|var| !before.global.vars.contains(var)) {
        let var = Var { scope: Scope::Proc, name: name.as_str().into() };
        vars.set(&var, Some(value.clone()));
    }
}

impl Plan {
    /// Makes it so. Returns the listeners that workers have to be told of.
    pub fn carry_out(self, engine: &Arc<Engine>) -> Vec<(Arc<Frontend>, Arc<Listening>)> {
        let before = engine.running();
        set_variables(engine, &before.config, &self.setup.config);
        let mut changes = Vec::new();
        let active = || self.setup.config.proxies.iter().filter(|proxy| !proxy.disabled);
        let backends: Vec<_> = active()
            .filter(|proxy| proxy.capability.backend())
            .map(|proxy| self.backend(before.backend(&proxy.name), proxy, engine.now(), &mut changes))
            .collect();
        let frontends: Vec<_> = active()
            .filter(|proxy| proxy.capability.frontend())
            .map(|proxy| {
                frontend(before.frontend(&proxy.name), proxy, (self.setup.logger(proxy), self.setup.program(proxy)))
            })
            .collect();
        let running = Running::new(
            self.setup.config.clone(),
            (self.setup.tls.clone(), self.setup.patterns.clone(), self.tables(&before)),
            frontends,
            backends,
        );
        let mut added = Vec::new();
        for frontend in &running.frontends {
            let config = frontend.config.load_full();
            let default = config.default_backend.as_deref();
            let own = config.capability.backend().then_some(config.name.as_str());
            frontend.default_backend.store(default.or(own).and_then(|name| running.backend(name)).cloned());
            added.extend(self.listen(frontend, &config).into_iter().map(|listening| (frontend.clone(), listening)));
        }
        for (frontend, listening) in &added {
            if let Err(error) = listening.take_place() {
                let (reason, address) = (crate::text::reason(&error), crate::text::listen(&listening.listen));
                let text = format!("{}: nobody can connect to [{address}]: {reason}", frontend.name);
                engine.logs.notice(Level::Alert, text);
            }
        }
        set_fullconn(&running, engine.maxconn.load(Relaxed));
        engine.replace(running);
        let kept = engine.running();
        for (server, effects) in changes {
            if let Some(backend) = kept.backend(&server.backend) {
                crate::checks::carry_out(engine, backend, &server, effects);
            }
        }
        for gone in before.frontends.iter().filter(|old| kept.frontend(&old.name).is_none()) {
            gone.stop();
        }
        added
    }

    /// Tables whose lines did not change keep their entries.
    fn tables(&self, before: &Running) -> HashMap<String, SharedTable> {
        let configs = self.setup.tables();
        let make = |(name, config): (String, Arc<TableConfig>)| {
            let old = before.tables.get(&name).filter(|old| *lock(old).config() == *config);
            let table = old.cloned().unwrap_or_else(|| Arc::new(Mutex::new(Table::new(&name, config))));
            (name, table)
        };
        configs.into_iter().map(make).collect()
    }

    fn backend(
        &self,
        old: Option<&Arc<Backend>>,
        proxy: &Arc<Proxy>,
        now: Ms,
        changes: &mut Vec<(Arc<Server>, Vec<Effect>)>,
    ) -> Arc<Backend> {
        let (algorithm, hash) = self.balance.get(&proxy.name).cloned().unwrap_or_default();
        let dynamic = algorithm.is_dynamic(&hash);
        let servers = proxy.servers.iter().enumerate().map(|(index, config)| {
            let same = old.and_then(|old| old.server(&config.name));
            match same {
                Some(server) => {
                    changes.push((server.clone(), server.reconfigure(proxy, config.clone(), dynamic, now)));
                    server
                }
                None => Arc::new(Server::new(proxy, index, config.clone(), dynamic, now)),
            }
        });
        let servers: Vec<_> = servers.collect();
        for server in &servers {
            server.set_connector(self.setup.tls.connector(&proxy.name, &server.name));
        }
        let log = self.setup.logger(proxy);
        match old {
            Some(backend) => {
                backend.log.store(Arc::new(log));
                backend.program.store(self.setup.program(proxy));
                backend.reconfigure(proxy.clone(), servers, algorithm, &hash);
                backend.clone()
            }
            None => Arc::new(Backend::new(proxy.clone(), servers, algorithm, &hash, (log, self.setup.program(proxy)))),
        }
    }

    /// Gives a frontend its listeners: those it had, those that were opened; the others end.
    fn listen(&self, frontend: &Frontend, config: &Proxy) -> Vec<Arc<Listening>> {
        let mut listeners = frontend.listeners.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut added = Vec::new();
        let mut wanted = Vec::new();
        for (place, bind, listen) in listens(config) {
            let same = listeners.iter().find(|old| old.listen == *listen && old.accepting() != Accepting::Ended);
            let new = || self.opened.get(&(frontend.name.clone(), listen.clone()));
            let Some(listening) = same.or_else(new) else { continue };
            listening.acceptor.store(self.setup.tls.acceptor(&config.name, place));
            if same.is_some() {
                listening.bind.store(bind);
            } else {
                added.push(listening.clone());
            }
            wanted.push(listening.clone());
        }
        for old in listeners.iter().filter(|old| !wanted.iter().any(|listening| Arc::ptr_eq(old, listening))) {
            old.set_accepting(Accepting::Ended);
        }
        *listeners = wanted;
        // Limits may be higher now, the frontend's and those of its listeners.
        frontend.room.notify_waiters();
        added
    }
}

fn frontend(old: Option<&Arc<Frontend>>, proxy: &Arc<Proxy>, own: (Logger, Arc<Program>)) -> Arc<Frontend> {
    let Some(frontend) = old.filter(|old| old.state() != FrontendState::Stopped) else {
        return Arc::new(Frontend::new(proxy.clone(), own));
    };
    if frontend.config.load().limits.maxconn != proxy.limits.maxconn {
        frontend.maxconn.store(proxy.limits.maxconn.unwrap_or(0), Relaxed);
    }
    frontend.config.store(proxy.clone());
    frontend.log.store(Arc::new(own.0));
    frontend.program.store(own.1);
    frontend.clone()
}

/// Without `fullconn`: a tenth of what the frontends that lead to a backend may bring (manual section 4.2).
fn set_fullconn(running: &Running, process: u32) {
    for backend in &running.backends {
        let config = backend.config.load();
        let brought = running.frontends.iter().filter(|frontend| leads_to(frontend, backend)).map(|frontend| {
            let limit = frontend.maxconn.load(Relaxed);
            u64::from(if limit == 0 { process } else { limit })
        });
        let fullconn = config.limits.fullconn.map_or_else(|| brought.sum::<u64>().div_ceil(10), u64::from);
        backend.fullconn.set(fullconn);
    }
}

fn leads_to(frontend: &Frontend, backend: &Backend) -> bool {
    let config = frontend.config.load();
    let by_rule = config.use_backend.iter().any(|line| line.words.get(1) == Some(&backend.name));
    by_rule || frontend.default_backend.load().as_ref().is_some_and(|default| default.name == backend.name)
}
