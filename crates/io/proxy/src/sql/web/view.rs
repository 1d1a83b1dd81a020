//! Everything the page shows, at one moment.

use super::history::{History, Look, Recent};
use crate::sql::admin::Runtime;
use crate::sql::report;
use crate::sql::runtime::Proxy;
use crate::sql::server::groups::{Server, Standing};
use crate::sql::stats::{ServerKey, ServerSums};
use mysql::monitor::replication::Address;
use mysql::settings::Hostgroup;
use mysql::tables::{Row, Value, find};
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

/// Digests, clients and errors that are shown, at most.
const DIGESTS: usize = 50;
const CLIENTS: usize = 50;
const ERRORS: usize = 20;

pub struct View {
    pub node: String,
    pub uptime: u64,
    /// Of the servers.
    pub server_version: String,
    pub resident: u64,
    pub alarms: Vec<(&'static str, String)>,
    /// Rows of `stats_mysql_global`.
    pub figures: BTreeMap<&'static str, u64>,
    pub rate: f64,
    /// Of all servers, in the last minute.
    pub recent: Recent,
    pub groups: Vec<Group>,
    pub digests: Vec<Digest>,
    pub all_digests: usize,
    pub rules: Vec<Rule>,
    pub users: Vec<User>,
    pub clients: Vec<Client>,
    pub errors: Vec<Failure>,
}

pub struct Group {
    pub hostgroup: Hostgroup,
    /// Of a reader hostgroup: its writer's; and the other way around.
    pub writer: Option<Hostgroup>,
    pub readers: Option<Hostgroup>,
    pub servers: Vec<Shown>,
}

pub struct Shown {
    pub address: String,
    pub version: String,
    pub standing: Standing,
    pub read_only: Option<bool>,
    /// `Some(None)`: it replicates, and does not say how far behind.
    pub lag: Option<Option<u64>>,
    /// Why the monitor could not ask it.
    pub failure: Option<String>,
    pub position: String,
    pub weight: u32,
    pub used: u32,
    pub free: u32,
    pub most: u32,
    pub max: u32,
    pub connected: u64,
    pub failed: u64,
    pub errors: u64,
    pub sent: u64,
    pub received: u64,
    pub ping_us: u64,
    pub recent: Recent,
    pub sums: ServerSums,
}

pub struct Digest {
    pub hostgroup: i64,
    pub schema: String,
    pub user: String,
    pub digest: u64,
    pub text: String,
    pub count: u64,
    pub sum_us: u64,
    pub max_us: u64,
    pub rows: u64,
    pub ago: u64,
}

pub struct Rule {
    pub id: i64,
    pub hits: u64,
    /// What it looks for.
    pub matches: String,
    /// What it does.
    pub does: String,
    pub comment: String,
}

pub struct User {
    pub name: String,
    pub connections: u32,
    pub max: u32,
    pub hostgroup: Hostgroup,
}

pub struct Client {
    pub id: u32,
    pub user: String,
    pub peer: String,
    pub schema: String,
    pub server: String,
    pub in_transaction: bool,
    pub milliseconds: u64,
    pub statement: String,
}

pub struct Failure {
    pub server: String,
    pub hostgroup: Hostgroup,
    pub code: u16,
    pub user: String,
    pub count: u64,
    pub ago: u64,
    pub text: String,
}

impl View {
    pub fn of(proxy: &Proxy, history: &History) -> Self {
        let (shared, watch) = (&proxy.shared, &proxy.watch);
        let now = Look::now(shared);
        let groups = groups(proxy, history, &now);
        let mut recent = Recent { rate: history.rate(&now), ..Recent::default() };
        for server in groups.iter().flat_map(|group| &group.servers) {
            recent.read.add(&server.recent.read);
            recent.write.add(&server.recent.write);
        }
        let digests = report::top_digests(shared, false);
        Self {
            node: nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            uptime: shared.started.elapsed().as_secs(),
            server_version: String::from_utf8_lossy(&shared.version()).into_owned(),
            resident: report::resident(),
            alarms: watch.alarms.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            figures: report::globals(shared, watch).into_iter().collect(),
            rate: recent.rate,
            recent,
            groups,
            all_digests: digests.len(),
            digests: top(digests),
            rules: rules(proxy),
            users: users(proxy),
            clients: clients(proxy),
            errors: errors(proxy),
        }
    }
}

fn groups(proxy: &Proxy, history: &History, now: &Look) -> Vec<Group> {
    let live = proxy.shared.live.groups.load_full();
    let seen = proxy.watch.log.lock().unwrap_or_else(PoisonError::into_inner).latest();
    let errors = proxy.shared.stats.error_totals();
    let mut groups: Vec<Group> = Vec::new();
    for server in report::servers(&proxy.shared) {
        let key = ServerKey::of(&server);
        let mut shown = Shown::of(&server, history.of(now, &key));
        shown.sums = now.servers.get(&key).copied().unwrap_or_default();
        shown.errors = errors.iter().filter(|((of, _), _)| *of == key).map(|(_, count)| count).sum();
        if let Some(seen) = seen.get(&Address { hostname: server.hostname.clone(), port: server.port }) {
            (shown.read_only, shown.lag, shown.failure) = (seen.read_only, seen.lag, seen.error.clone());
        }
        match groups.last_mut().filter(|group| group.hostgroup == server.hostgroup) {
            Some(group) => group.servers.push(shown),
            None => groups.push(Group {
                hostgroup: server.hostgroup,
                writer: live.writer_of(server.hostgroup),
                readers: live.readers_of(server.hostgroup),
                servers: vec![shown],
            }),
        }
    }
    groups
}

impl Shown {
    fn of(server: &Server, recent: Recent) -> Self {
        let counters = &server.counters;
        let free = counters.free.load(Relaxed);
        Self {
            address: server.address(),
            version: String::from_utf8_lossy(&server.host.version.load()).into_owned(),
            standing: server.standing(),
            read_only: None,
            lag: None,
            failure: None,
            position: server.host.position.load().to_string(),
            weight: server.weight,
            used: counters.used.load(Relaxed).saturating_sub(free),
            free,
            most: counters.most_used.load(Relaxed),
            max: server.max_connections,
            connected: counters.connected.load(Relaxed),
            failed: counters.failed.load(Relaxed),
            errors: 0,
            sent: counters.sent_bytes.load(Relaxed),
            received: counters.received_bytes.load(Relaxed),
            ping_us: server.host.latency_us.load(Relaxed),
            recent,
            sums: ServerSums::default(),
        }
    }
}

fn ago(time: SystemTime) -> u64 {
    SystemTime::now().duration_since(time).unwrap_or_default().as_secs()
}

fn top(all: Vec<(crate::sql::stats::digests::DigestKey, crate::sql::stats::digests::DigestEntry)>) -> Vec<Digest> {
    let shown = |(key, entry): (_, crate::sql::stats::digests::DigestEntry)| {
        let key: crate::sql::stats::digests::DigestKey = key;
        Digest {
            hostgroup: crate::sql::stats::shown(key.hostgroup),
            schema: String::from_utf8_lossy(&key.schema).into_owned(),
            user: key.user.to_string(),
            digest: key.digest,
            text: entry.text,
            count: entry.count,
            sum_us: entry.sum.as_micros() as u64,
            max_us: entry.max.as_micros() as u64,
            rows: entry.rows_sent + entry.rows_affected,
            ago: ago(entry.last_seen),
        }
    };
    all.into_iter().take(DIGESTS).map(shown).collect()
}

fn rules(proxy: &Proxy) -> Vec<Rule> {
    let plan = proxy.shared.plan.load_full();
    let rows = proxy.runtime_rows("mysql_query_rules");
    let columns = find("mysql_query_rules").map(|table| table.columns).unwrap_or_default();
    let cell = |row: &Row, name: &str| {
        let at = columns.iter().position(|column| column.name == name)?;
        match row.get(at)? {
            Value::Null => None,
            Value::Integer(number) => Some(number.to_string()),
            Value::Text(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        }
    };
    let described = |row: &Row, names: &[(&str, &str)]| {
        let parts = names.iter().filter_map(|(name, word)| Some(format!("{word}{}", cell(row, name)?)));
        parts.collect::<Vec<_>>().join(" · ")
    };
    let rule = |(id, hits): (i64, &std::sync::atomic::AtomicU64)| {
        let none = Row::new();
        let row = rows.iter().find(|row| row.first() == Some(&Value::Integer(id))).unwrap_or(&none);
        let matches = [
            ("match_pattern", ""),
            ("match_digest", ""),
            ("digest", "digest "),
            ("username", "user "),
            ("schemaname", "schema "),
            ("client_addr", "from "),
        ];
        let does = [
            ("destination_hostgroup", "to hostgroup "),
            ("cache_ttl", "cached for ms "),
            ("replace_pattern", "written as "),
            ("mirror_hostgroup", "copied to "),
            ("timeout", "ended after ms "),
            ("delay", "held back for ms "),
            ("error_msg", "refused: "),
            ("OK_msg", "answered: "),
            ("flagOUT", "on with flag "),
        ];
        Rule {
            id,
            hits: hits.load(Relaxed),
            matches: described(row, &matches),
            does: described(row, &does),
            comment: cell(row, "comment").unwrap_or_default(),
        }
    };
    plan.rules.rule_ids().zip(plan.hits.iter()).map(rule).collect()
}

fn users(proxy: &Proxy) -> Vec<User> {
    let plan = proxy.shared.plan.load_full();
    let user = |user: &std::sync::Arc<crate::sql::shared::UserEntry>| User {
        name: user.settings.username.clone(),
        connections: user.connections.load(Relaxed),
        max: user.settings.max_connections,
        hostgroup: user.settings.default_hostgroup,
    };
    let mut users: Vec<User> = plan.users.values().map(user).collect();
    users.sort_by(|a, b| b.connections.cmp(&a.connections).then_with(|| a.name.cmp(&b.name)));
    users
}

/// Those that have something running or open, the longest first; then others.
fn clients(proxy: &Proxy) -> Vec<Client> {
    let client = |session: std::sync::Arc<crate::sql::sessions::Session>| {
        let now = session.now().clone();
        Client {
            id: session.id,
            user: session.user.to_string(),
            peer: session.peer.clone(),
            schema: now.schema,
            server: now.server.map(|(_, host, port, _)| format!("{host}:{port}")).unwrap_or_default(),
            in_transaction: session.in_transaction.load(Relaxed),
            milliseconds: now.since.map_or(0, |since| since.elapsed().as_millis() as u64),
            statement: now.statement,
        }
    };
    let mut clients: Vec<Client> = proxy.shared.sessions.list().into_iter().map(client).collect();
    clients.sort_by_key(|client| {
        (client.statement.is_empty(), !client.in_transaction, std::cmp::Reverse(client.milliseconds), client.id)
    });
    clients.truncate(CLIENTS);
    clients
}

fn errors(proxy: &Proxy) -> Vec<Failure> {
    let mut errors = proxy.shared.stats.errors(false);
    errors.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.last_seen));
    let failure = |(key, entry): (crate::sql::stats::ErrorKey, crate::sql::stats::ErrorEntry)| Failure {
        server: format!("{}:{}", key.hostname, key.port),
        hostgroup: key.hostgroup,
        code: key.code,
        user: key.user,
        count: entry.count,
        ago: ago(entry.last_seen),
        text: entry.last,
    };
    errors.into_iter().take(ERRORS).map(failure).collect()
}
