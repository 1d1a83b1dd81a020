//! A server of a backend: where it is, how it stands, what it does now.

use crate::counters::Counters;
use crate::tls::Connector;
use crate::wheel::Ms;
use arc_swap::{ArcSwap, ArcSwapOption};
use balance::config::model::{self, Port, Proxy, ServerHost};
use balance::health::{Effect, Health, Settings};
use balance::pick::{Candidate, Load};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Ip(SocketAddr),
    Unix(PathBuf),
    Abstract(String),
}

/// What follows for balancing from health and administration. Read for each connection, so it is atomics;
/// [`crate::checks`] writes all of it when the state changes.
#[derive(Debug)]
pub struct Standing {
    usable: AtomicBool,
    usable_when_bound: AtomicBool,
    /// Taken out of the configuration, for good.
    retired: AtomicBool,
    /// In sixteenths of a weight.
    eweight: AtomicU32,
    /// 0 is no limit.
    maxconn: AtomicU32,
    /// Percent of its slow start gone by; 100 where there is none.
    warmth: AtomicU32,
}

pub struct Server {
    pub id: u32,
    pub name: String,
    /// Name of its backend.
    pub backend: String,
    /// Place in the backend's list now.
    pub(crate) index: AtomicUsize,
    /// As the file says, or `add server`.
    pub config: ArcSwap<model::Server>,
    /// None while its name has no address.
    address: ArcSwapOption<IpAddr>,
    port: ArcSwap<Port>,
    pub counters: Counters,
    /// Counts what makes its idle connections lead elsewhere than new ones: another address, port, line, or TLS.
    epoch: AtomicU32,
    /// Of a `server ... ssl`, or of one whose checks are.
    connector: ArcSwapOption<Connector>,
    pub standing: Standing,
    /// Changed by [`crate::checks`] alone, which tells balancing and logs of it.
    pub health: Mutex<Health>,
    /// Traffic showed an error and no success since (`observe`): asked before the lock.
    pub(crate) has_errors: AtomicBool,
    /// Wakes what waits for the next health check, the next agent check, the next step of a slow start.
    pub(crate) alarms: [Notify; 3],
    /// Engine's time of the last change between usable and not.
    pub last_change: crate::counters::Counter,
}

impl Server {
    /// `dynamic`: the backend's algorithm takes weights that change.
    pub fn new(backend: &Proxy, index: usize, config: Arc<model::Server>, dynamic: bool, now: Ms) -> Self {
        let mut health = Health::new(Settings::new(backend, &config, dynamic), now);
        let address = address_at_start(&config);
        if address.is_none() && matches!(config.host, ServerHost::Name(_)) {
            // Nobody was told of an address: that there is none is not news.
            drop(health.resolved(now, false));
        }
        let server = Self {
            id: config.id,
            name: config.name.clone(),
            backend: backend.name.clone(),
            index: AtomicUsize::new(index),
            address: ArcSwapOption::new(address.map(Arc::new)),
            port: ArcSwap::from_pointee(config.port),
            counters: Counters::default(),
            epoch: AtomicU32::new(0),
            connector: ArcSwapOption::empty(),
            standing: Standing {
                usable: AtomicBool::new(false),
                usable_when_bound: AtomicBool::new(false),
                retired: AtomicBool::new(false),
                eweight: AtomicU32::new(0),
                maxconn: AtomicU32::new(config.maxconn),
                warmth: AtomicU32::new(100),
            },
            alarms: Default::default(),
            has_errors: AtomicBool::new(false),
            last_change: Default::default(),
            config: ArcSwap::new(config),
            health: Mutex::new(health),
        };
        server.publish(&server.health(), now);
        server
    }

    /// Takes in another `server` line of the same name. What the stats socket changed stays, unless the line says
    /// otherwise than the one before.
    ///
    /// Returns what is to be done about its state, once the configuration is in force.
    pub fn reconfigure(&self, backend: &Proxy, config: Arc<model::Server>, dynamic: bool, now: Ms) -> Vec<Effect> {
        let before = self.config.load_full();
        // A name that is asked for while running keeps the address it has.
        let is_new = before.host != config.host || before.address != config.address && config.resolvers.is_none();
        if is_new {
            self.set_address(address_at_start(&config));
        }
        if before.port != config.port {
            self.set_port(config.port);
        }
        if before.maxconn != config.maxconn {
            self.standing.maxconn.store(config.maxconn, Relaxed);
        }
        let settings = Settings::new(backend, &config, dynamic);
        let named = matches!(config.host, ServerHost::Name(_));
        let moved = before.host != config.host;
        let differs = before != config;
        self.config.store(config);
        if differs {
            self.turn();
        }
        let mut health = self.health();
        if *health.settings() == settings && !moved {
            return Vec::new();
        }
        let mut effects = health.reconfigure(now, settings);
        if moved {
            effects.extend(health.resolved(now, !named || self.address().is_some()));
        }
        self.publish(&health, now);
        self.alarms.iter().for_each(Notify::notify_one);
        effects
    }

    pub fn health(&self) -> MutexGuard<'_, Health> {
        // A panic leaves it between two states at worst; the next check says which.
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn index(&self) -> usize {
        self.index.load(Relaxed)
    }

    /// `backend/server`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.backend, self.name)
    }

    /// Tells how it stands; takes effect with [`crate::backend::Backend::refresh`].
    pub(crate) fn publish(&self, health: &Health, now: Ms) {
        let verdict = health.verdict();
        self.standing.usable.store(verdict.usable(), Relaxed);
        self.standing.usable_when_bound.store(verdict.usable_when_bound(), Relaxed);
        self.standing.eweight.store(verdict.effective_weight, Relaxed);
        self.standing.warmth.store(health.warmth(now).unwrap_or(100), Relaxed);
    }

    /// `set maxconn server`, or what its agent says; takes effect with [`crate::backend::Backend::refresh`].
    pub fn set_maxconn(&self, maxconn: u32) {
        self.standing.maxconn.store(maxconn, Relaxed);
    }

    /// It is in the configuration no more: whatever its checks say from now on, it gets nothing.
    pub(crate) fn retire(&self) {
        self.standing.retired.store(true, Relaxed);
    }

    /// Whether it may get what is bound to it already: not down, not in maintenance.
    pub fn is_usable_when_bound(&self) -> bool {
        self.standing.usable_when_bound.load(Relaxed) && !self.standing.retired.load(Relaxed)
    }

    /// Percent of its slow start gone by, while it lasts.
    pub fn warmth(&self) -> Option<u32> {
        Some(self.standing.warmth.load(Relaxed)).filter(|percent| *percent < 100)
    }

    /// Whether it may get new connections: up, not in maintenance, not draining.
    pub fn is_usable(&self) -> bool {
        self.standing.usable.load(Relaxed) && !self.standing.retired.load(Relaxed)
    }

    /// Effective weight, in sixteenths.
    pub fn eweight(&self) -> u32 {
        self.standing.eweight.load(Relaxed)
    }

    /// Connections at once; 0 is no limit.
    pub fn maxconn(&self) -> u32 {
        self.standing.maxconn.load(Relaxed)
    }

    /// Connections it serves.
    pub fn served(&self) -> u32 {
        self.counters.sessions.get() as u32
    }

    pub fn load(&self, maxconn: u32) -> Load {
        Load { served: self.served(), queued: self.counters.queued.get() as u32, maxconn }
    }

    pub fn candidate(&self) -> Candidate {
        let config = self.config.load();
        Candidate {
            index: self.index(),
            id: self.id,
            weight: config.weight,
            eweight: self.eweight(),
            backup: config.backup,
            usable: self.is_usable(),
        }
    }

    pub fn address(&self) -> Option<IpAddr> {
        self.address.load().as_deref().copied()
    }

    pub fn port(&self) -> Port {
        **self.port.load()
    }

    pub fn set_address(&self, address: Option<IpAddr>) {
        if self.address.swap(address.map(Arc::new)).as_deref() != address.as_ref() {
            self.turn();
        }
    }

    pub fn set_port(&self, port: Port) {
        if *self.port.swap(Arc::new(port)) != port {
            self.turn();
        }
    }

    pub fn connector(&self) -> Option<Arc<Connector>> {
        self.connector.load_full()
    }

    pub fn set_connector(&self, connector: Option<Arc<Connector>>) {
        let before = self.connector.swap(connector.clone());
        if before.as_ref().map(Arc::as_ptr) != connector.as_ref().map(Arc::as_ptr) {
            self.turn();
        }
    }

    /// Which connections are those that it would get now: to be asked before one is made.
    pub fn epoch(&self) -> u32 {
        self.epoch.load(Acquire)
    }

    /// Connections made before are not used again.
    pub fn turn(&self) {
        self.epoch.fetch_add(1, Release);
    }

    /// Where a connection goes; None while there is no address. `came_to` is the port that the client connected to.
    pub fn target(&self, came_to: Option<u16>) -> Option<Target> {
        match &self.config.load().host {
            ServerHost::Unix(path) => return Some(Target::Unix(path.clone())),
            ServerHost::Abstract(name) => return Some(Target::Abstract(name.clone())),
            ServerHost::Ip(_) | ServerHost::Name(_) | ServerHost::Fd(_) => {}
        }
        let port = match self.port() {
            Port::Fixed(port) => port,
            Port::Client(offset) => u16::try_from(i32::from(came_to?) + offset).ok()?,
        };
        Some(Target::Ip(SocketAddr::new(self.address()?, port)))
    }

    /// Counts a connection that was given to it.
    pub(crate) fn enter(&self, now: Ms) {
        self.counters.sessions.enter();
        self.counters.sessions_total.inc();
        self.counters.balanced.inc();
        self.counters.session_rate.count(now);
        self.counters.last_session_ms.set(now.max(1));
    }
}

/// What the configuration knows of the address: `init-addr` was followed when it was read.
fn address_at_start(config: &model::Server) -> Option<IpAddr> {
    match config.host {
        ServerHost::Ip(address) => Some(address),
        _ => config.address,
    }
}

/// The address a name has now: what `init-addr libc` means.
pub fn resolve(host: &ServerHost) -> Option<IpAddr> {
    use std::net::ToSocketAddrs;
    match host {
        ServerHost::Ip(address) => Some(*address),
        ServerHost::Name(name) => (name.as_str(), 0).to_socket_addrs().ok()?.next().map(|address| address.ip()),
        _ => None,
    }
}
