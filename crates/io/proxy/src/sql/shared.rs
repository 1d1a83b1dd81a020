//! What all workers and the control thread share: the plan in force, the servers, counters, the list of sessions.

use super::cache::QueryCache;
use super::client::proof::{Known, Learnt};
use super::manners::AllManners;
use super::rsa::OwnKey;
use super::server::connect::ConnectError;
use super::server::groups::{Host, Live, Server};
use super::server::tls::ToServers;
use super::sessions::Sessions;
use super::stats::Stats;
use super::tls::Acceptor;
use super::tuning::Tuning;
use arc_swap::{ArcSwap, ArcSwapOption};
use mysql::protocol::auth::{Password, Secret};
use mysql::rules::Rules;
use mysql::rules::firewall::Firewall;
use mysql::settings::{Hostgroup, User};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};
use tokio::sync::{Notify, watch};

pub struct Shared {
    pub started: Instant,
    /// The same, by the clock on the wall.
    pub started_at: SystemTime,
    pub tuning: ArcSwap<Tuning>,
    pub plan: ArcSwap<Plan>,
    pub live: Live,
    pub sessions: Sessions,
    pub stats: Stats,
    pub cache: QueryCache,
    pub manners: ArcSwap<AllManners>,
    /// Goes up when a global variable was set through the proxy: connections from before do not have its value.
    pub generation: Arc<AtomicU64>,
    /// Present where `mysql-have_ssl` is on.
    pub tls: ArcSwapOption<Acceptor>,
    /// For passwords outside of TLS.
    pub rsa: OwnKey,
    /// TLS on the other side.
    pub tls_to_servers: Arc<ToServers>,
    /// By host and port: what is known of a server survives a new plan.
    hosts: Mutex<HashMap<(String, u16), Arc<Host>>>,
    /// The process is to end: nobody new, and who has nothing open leaves.
    pub stopping: AtomicBool,
    /// Rung with it.
    pub stop: Notify,
    /// Clients that the process has descriptors for.
    pub room_for_clients: AtomicU32,
    pub room_for_statements: super::budget::Room,
    /// PROXYSQL PAUSE: nobody new is let in, whoever is in stays.
    pub paused: watch::Sender<bool>,
    /// Rung when a worker waits for connections that others may have idle.
    pub hungry: Notify,
    /// Rung when a server should be looked at before its time.
    pub look: Notify,
}

/// What statements are routed by. Replaced as a whole.
#[derive(Default)]
pub struct Plan {
    pub users: HashMap<String, Arc<UserEntry>>,
    pub rules: Rules,
    pub firewall: Firewall,
    /// How often each rule matched since it was loaded, in the order of [`Rules::rule_ids`].
    pub hits: Arc<[AtomicU64]>,
}

impl Plan {
    /// With other users, and all else as it is.
    pub fn with_users(&self, users: HashMap<String, Arc<UserEntry>>) -> Self {
        Self { users, rules: self.rules.clone(), hits: self.hits.clone(), firewall: self.firewall.clone() }
    }

    /// With other rules, none of which has matched yet.
    pub fn with_rules(&self, rules: Rules) -> Self {
        let hits = rules.rule_ids().map(|_| AtomicU64::new(0)).collect();
        Self { users: self.users.clone(), rules, hits, firewall: self.firewall.clone() }
    }

    /// With another firewall whitelist.
    pub fn with_firewall(&self, firewall: Firewall) -> Self {
        Self { users: self.users.clone(), rules: self.rules.clone(), hits: self.hits.clone(), firewall }
    }
}

pub struct UserEntry {
    pub settings: User,
    pub name: Arc<str>,
    /// Its own, and `additional_password` of its attributes.
    passwords: Vec<Password>,
    learnt: Learnt,
    pub connections: AtomicU32,
    /// The last write of any session of this user, for `mysql-causal_reads=user`.
    pub written: Mutex<Option<mysql::monitor::gtid::Gtid>>,
    /// When that was, by [`Shared::micros`].
    pub wrote_at: AtomicU64,
}

impl UserEntry {
    pub fn new(settings: User) -> Self {
        Self {
            name: settings.username.as_str().into(),
            passwords: settings.passwords(),
            learnt: Learnt::default(),
            settings,
            connections: AtomicU32::new(0),
            written: Mutex::new(None),
            wrote_at: AtomicU64::new(0),
        }
    }

    /// What servers are given: the password of the user's other row, where it has one for each side.
    pub fn secret_for_servers(&self, given: Secret) -> Secret {
        self.settings.backend_password.as_deref().map_or(given, Secret::of)
    }

    /// With what it can log in at servers while it is not here itself.
    pub fn secret(&self) -> Option<Secret> {
        self.known().secret()
    }

    /// For the check of its password.
    pub fn known(&self) -> Known {
        Known { passwords: self.passwords.clone(), use_ssl: self.settings.use_ssl, learnt: self.learnt.clone() }
    }
}

impl Shared {
    #[expect(clippy::new_without_default, reason = "it begins to count its uptime")]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            started_at: SystemTime::now(),
            tuning: ArcSwap::default(),
            plan: ArcSwap::default(),
            live: Live::default(),
            sessions: Sessions::default(),
            stats: Stats::default(),
            cache: QueryCache::default(),
            manners: ArcSwap::default(),
            generation: Arc::default(),
            tls: ArcSwapOption::empty(),
            rsa: OwnKey::default(),
            tls_to_servers: Arc::default(),
            hosts: Mutex::default(),
            stopping: AtomicBool::new(false),
            stop: Notify::new(),
            paused: watch::Sender::new(false),
            look: Notify::new(),
            hungry: Notify::new(),
            room_for_clients: AtomicU32::new(u32::MAX),
            room_for_statements: super::budget::Room::default(),
        }
    }

    /// Microseconds since the start.
    pub fn micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The version clients are greeted with: the servers' own, once one was heard.
    pub fn version(&self) -> Vec<u8> {
        let groups = self.live.groups.load();
        let known = groups.all().map(|server| server.host.version.load()).find(|version| !version.is_empty());
        known.map_or_else(|| self.tuning.load().server_version.clone().into_bytes(), |version| version.to_vec())
    }

    /// utf8mb4_general_ci, which MariaDB and MySQL both have.
    pub fn collation(&self) -> u8 {
        45
    }

    pub fn host(&self, hostname: &str, port: u16) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Host { tls: self.tls_to_servers.clone(), ..Host::default() });
        hosts.entry((hostname.to_owned(), port)).or_insert_with(new).clone()
    }

    /// Takes in that a server could not be reached: the monitor looks at once.
    pub fn connect_failed(&self, server: &Arc<Server>, error: &ConnectError) {
        self.stats.connect_failed(server.hostgroup, &server.hostname, server.port, &error.to_string());
        self.look.notify_waiters();
    }

    /// The writer hostgroup of a hostgroup, or itself.
    pub fn writer_for(&self, hostgroup: Hostgroup) -> Hostgroup {
        self.live.groups.load().writer_of(hostgroup).unwrap_or(hostgroup)
    }

    pub fn next_id(&self) -> u32 {
        self.sessions.next_id.fetch_add(1, Relaxed)
    }
}
