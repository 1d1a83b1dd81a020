//! Which servers a hostgroup has now, and what each one's state allows.

use arc_swap::{ArcSwap, ArcSwapOption};
use mysql::settings::{Hostgroup, ServerStatus};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use tokio::sync::Notify;

/// A server in one hostgroup; the same server may be in several.
#[derive(Debug)]
pub struct Server {
    pub hostgroup: Hostgroup,
    pub hostname: String,
    pub port: u16,
    /// Shared by all its hostgroups.
    pub host: Arc<Host>,
    pub weight: u32,
    pub max_connections: u32,
    pub max_replication_lag: u32,
    pub max_latency_ms: u32,
    pub use_ssl: bool,
    pub compression: bool,
    pub comment: String,
    pub status: AtomicU8,
    /// Its pings take longer than `max_latency_ms`: others go first.
    pub slow: AtomicBool,
    pub counters: Counters,
    /// Statements of all workers that wait for a connection to it.
    pub waiting: AtomicU32,
    /// Rung when one of all connections it may have has ended.
    pub freed: Notify,
}

/// What is known of a server, whatever hostgroups it is in.
#[derive(Debug, Default)]
pub struct Host {
    /// The version it greeted with last; empty before the first time.
    pub version: ArcSwap<Vec<u8>>,
    /// The GTID position up to which it is known to have all transactions.
    pub position: ArcSwap<mysql::monitor::gtid::Position>,
    /// Of its last pings, in microseconds.
    pub latency_us: AtomicU64,
    /// Shared by all.
    pub tls: Arc<super::tls::ToServers>,
    /// Why the monitor cannot ask it, if so.
    pub trouble: ArcSwapOption<String>,
}

/// ProxySQL's `stats_mysql_connection_pool`.
#[derive(Debug, Default)]
pub struct Counters {
    pub used: AtomicU32,
    pub free: AtomicU32,
    pub connected: AtomicU64,
    pub failed: AtomicU64,
    pub most_used: AtomicU32,
    pub queries: AtomicU64,
    pub sent_bytes: AtomicU64,
    pub received_bytes: AtomicU64,
}

/// What a state allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Standing {
    Online,
    /// Not reachable, or too often not: nothing new, and nothing old either.
    Shunned,
    /// Too far behind: nothing new; what runs may finish.
    Lagging,
    OfflineSoft,
    OfflineHard,
}

impl Standing {
    const ALL: [Self; 5] = [Self::Online, Self::Shunned, Self::Lagging, Self::OfflineSoft, Self::OfflineHard];

    pub fn takes_new(self) -> bool {
        self == Self::Online
    }

    /// ProxySQL's word in `stats_mysql_connection_pool`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "ONLINE",
            Self::Shunned => "SHUNNED",
            Self::Lagging => "SHUNNED_REPLICATION_LAG",
            Self::OfflineSoft => "OFFLINE_SOFT",
            Self::OfflineHard => "OFFLINE_HARD",
        }
    }
}

impl From<ServerStatus> for Standing {
    fn from(status: ServerStatus) -> Self {
        match status {
            ServerStatus::Online => Self::Online,
            ServerStatus::Shunned => Self::Shunned,
            ServerStatus::OfflineSoft => Self::OfflineSoft,
            ServerStatus::OfflineHard => Self::OfflineHard,
        }
    }
}

impl Server {
    pub fn standing(&self) -> Standing {
        Standing::ALL[usize::from(self.status.load(Relaxed)).min(Standing::ALL.len() - 1)]
    }

    pub fn set_standing(&self, standing: Standing) {
        self.status.store(standing as u8, Relaxed);
    }

    /// `host:port`, or a unix socket's path.
    pub fn address(&self) -> String {
        if self.port == 0 { self.hostname.clone() } else { format!("{}:{}", self.hostname, self.port) }
    }

    fn takes_new(&self) -> bool {
        self.standing().takes_new() && self.weight > 0
    }
}

/// All hostgroups. Replaced as a whole when a server moves.
#[derive(Debug, Default)]
pub struct Groups {
    members: HashMap<Hostgroup, Vec<Arc<Server>>>,
    /// Of a reader hostgroup: its writer hostgroup.
    writer_of: HashMap<Hostgroup, Hostgroup>,
}

impl Groups {
    pub fn new(servers: Vec<Arc<Server>>, pairs: impl IntoIterator<Item = (Hostgroup, Hostgroup)>) -> Self {
        let mut members: HashMap<Hostgroup, Vec<Arc<Server>>> = HashMap::new();
        for server in servers {
            members.entry(server.hostgroup).or_default().push(server);
        }
        let writer_of = pairs.into_iter().map(|(writer, reader)| (reader, writer)).collect();
        Self { members, writer_of }
    }

    pub fn of(&self, hostgroup: Hostgroup) -> &[Arc<Server>] {
        self.members.get(&hostgroup).map(Vec::as_slice).unwrap_or_default()
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.members.values().flatten()
    }

    /// The writer hostgroup of a reader hostgroup.
    pub fn writer_of(&self, hostgroup: Hostgroup) -> Option<Hostgroup> {
        self.writer_of.get(&hostgroup).copied()
    }

    /// The reader hostgroup of a writer hostgroup.
    pub fn readers_of(&self, hostgroup: Hostgroup) -> Option<Hostgroup> {
        self.writer_of.iter().find(|(_, writer)| **writer == hostgroup).map(|(readers, _)| *readers)
    }

    /// One that takes new statements, by weight. `random` is any number; `not` has just failed.
    pub fn pick(&self, hostgroup: Hostgroup, random: u64, not: Option<&Arc<Server>>) -> Option<&Arc<Server>> {
        let fits =
            |server: &Server| server.takes_new() && !not.is_some_and(|failed| Arc::ptr_eq(&failed.host, &server.host));
        // Slow ones are better than none.
        let members = self.of(hostgroup);
        by_weight(members, random, |server| fits(server) && !server.slow.load(Relaxed))
            .or_else(|| by_weight(members, random, fits))
    }
}

fn by_weight(members: &[Arc<Server>], random: u64, fits: impl Fn(&Server) -> bool) -> Option<&Arc<Server>> {
    let fitting = || members.iter().filter(|server| fits(server));
    let total: u64 = fitting().map(|server| u64::from(server.weight)).sum();
    let mut left = random.checked_rem(total)?;
    fitting().find(|server| {
        let hit = left < u64::from(server.weight);
        left = left.saturating_sub(server.weight.into());
        hit
    })
}

/// The hostgroups in force, and a bell for whoever waits for a server.
#[derive(Debug, Default)]
pub struct Live {
    pub groups: ArcSwap<Groups>,
    pub changed: Notify,
}

impl Live {
    pub fn replace(&self, groups: Groups) {
        self.groups.store(Arc::new(groups));
        self.changed.notify_waiters();
    }
}
