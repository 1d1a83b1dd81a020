//! What the proxy counts, as rows of ProxySQL's `stats_` tables and as Prometheus' text.

mod figures;
pub mod metrics;

pub use figures::{globals, resident};

use super::monitor::Watch;
use super::server::groups::Server;
use super::shared::Shared;
use super::stats::digests::{DigestEntry, DigestKey};
use mysql::tables::{Row, Value};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

fn number(number: impl TryInto<i64>) -> Value {
    Value::Integer(number.try_into().unwrap_or(i64::MAX))
}

fn seconds(time: SystemTime) -> Value {
    number(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

/// What the clock on the wall said then.
fn wall(shared: &Shared, then: Instant) -> SystemTime {
    shared.started_at + then.saturating_duration_since(shared.started)
}

fn microseconds(duration: Duration) -> Value {
    number(duration.as_micros())
}

/// Rows of `table`, of `mysql::tables::stats`. Tables of what is not there have none: docs/proxysql-differences.md names them.
pub fn rows(shared: &Shared, watch: &Watch, table: &str, reset: bool) -> Vec<Row> {
    match table {
        "stats_mysql_connection_pool" => pool(shared, reset),
        "stats_mysql_query_digest" => digests(shared, reset),
        "stats_mysql_query_rules" => rules(shared),
        "stats_mysql_users" => users(shared),
        "stats_mysql_processlist" => processes(shared),
        "stats_mysql_errors" => errors(shared, reset),
        "stats_mysql_global" => {
            let rows = figures::globals(shared, watch);
            rows.into_iter().map(|(name, value)| vec![text(name), text(value.to_string())]).collect()
        }
        "stats_mysql_commands_counters" => commands(shared, reset),
        "stats_memory_metrics" => {
            let rows = figures::memory(shared);
            rows.into_iter().map(|(name, value)| vec![text(name), text(value.to_string())]).collect()
        }
        "stats_mysql_gtid_executed" => positions(shared),
        other => watch.log.lock().unwrap_or_else(PoisonError::into_inner).rows_of(other),
    }
}

/// By hostgroup and address.
pub fn servers(shared: &Shared) -> Vec<Arc<Server>> {
    let mut servers: Vec<Arc<Server>> = shared.live.groups.load().all().cloned().collect();
    servers.sort_by(|a, b| (a.hostgroup, &a.hostname, a.port).cmp(&(b.hostgroup, &b.hostname, b.port)));
    servers
}

fn pool(shared: &Shared, reset: bool) -> Vec<Row> {
    let row = |server: &Arc<Server>| {
        let counters = &server.counters;
        let free = counters.free.load(Relaxed);
        let count = |counter: &std::sync::atomic::AtomicU64| {
            number(if reset { counter.swap(0, Relaxed) } else { counter.load(Relaxed) })
        };
        vec![
            number(server.hostgroup),
            text(&server.hostname),
            number(server.port),
            text(server.standing().as_str()),
            number(counters.used.load(Relaxed).saturating_sub(free)),
            number(free),
            count(&counters.connected),
            count(&counters.failed),
            number(counters.most_used.load(Relaxed)),
            count(&counters.queries),
            number(0),
            count(&counters.sent_bytes),
            count(&counters.received_bytes),
            number(server.host.latency_us.load(Relaxed)),
        ]
    };
    servers(shared).iter().map(row).collect()
}

/// Those that took most time in all come first.
pub fn top_digests(shared: &Shared, reset: bool) -> Vec<(DigestKey, DigestEntry)> {
    let mut all = shared.stats.digests(reset);
    all.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.sum));
    all
}

fn digests(shared: &Shared, reset: bool) -> Vec<Row> {
    top_digests(shared, reset)
        .into_iter()
        .map(|(key, entry)| {
            vec![
                number(super::stats::shown(key.hostgroup)),
                text(String::from_utf8_lossy(&key.schema)),
                text(&*key.user),
                text(""),
                text(format!("0x{:016X}", key.digest)),
                text(entry.text),
                number(entry.count),
                seconds(wall(shared, entry.first_seen)),
                seconds(wall(shared, entry.last_seen)),
                microseconds(entry.sum),
                microseconds(entry.min),
                microseconds(entry.max),
                number(entry.rows_affected),
                number(entry.rows_sent),
            ]
        })
        .collect()
}

fn rules(shared: &Shared) -> Vec<Row> {
    let plan = shared.plan.load();
    plan.rules.rule_ids().zip(plan.hits.iter()).map(|(id, hits)| vec![number(id), number(hits.load(Relaxed))]).collect()
}

/// ProxySQL's columns: microseconds up to which a statement is counted there; the last has what is longer.
const COMMAND_BOUNDS: [u64; 11] =
    [100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000, 10_000_000];

fn commands(shared: &Shared, reset: bool) -> Vec<Row> {
    let row = |(verb, times): (mysql::statement::Verb, super::latency::Times)| {
        let mut row = vec![text(verb.as_str()), number(times.sum), number(times.count())];
        let mut before = 0;
        for bound in COMMAND_BOUNDS {
            let within = times.within(bound);
            row.push(number(within - before));
            before = within;
        }
        row.push(number(times.count() - before));
        row
    };
    shared.stats.verbs(reset).into_iter().map(row).collect()
}

fn users(shared: &Shared) -> Vec<Row> {
    let plan = shared.plan.load();
    let mut rows: Vec<Row> = plan
        .users
        .values()
        .map(|user| {
            let own = user.connections.load(Relaxed);
            vec![text(&user.settings.username), number(own), number(user.settings.max_connections)]
        })
        .collect();
    rows.sort_by_key(|row| format!("{:?}", row[0]));
    rows
}

/// At most `limit` bytes of it, whole characters.
fn beginning(mut text: String, limit: usize) -> String {
    text.truncate(text.floor_char_boundary(limit));
    text
}

fn processes(shared: &Shared) -> Vec<Row> {
    let limit = shared.tuning.load().processlist_max_query_length;
    let row = |session: &Arc<super::sessions::Session>| {
        let now = session.now().clone();
        let (hostgroup, host, port) = now.server.as_ref().map_or((Value::Null, Value::Null, Value::Null), |server| {
            (number(server.0), text(&server.1), number(server.2))
        });
        vec![
            number(0),
            number(session.id),
            text(&*session.user),
            text(now.schema),
            text(&session.peer),
            Value::Null,
            hostgroup,
            Value::Null,
            Value::Null,
            host,
            port,
            text(if now.statement.is_empty() { "Sleep" } else { "Query" }),
            now.since.map_or(number(0), |since| number(since.elapsed().as_millis())),
            text(beginning(now.statement, limit)),
            number(0),
            Value::Null,
        ]
    };
    shared.sessions.list().iter().map(row).collect()
}

fn errors(shared: &Shared, reset: bool) -> Vec<Row> {
    let row = |(key, entry): (super::stats::ErrorKey, super::stats::ErrorEntry)| {
        vec![
            number(key.hostgroup),
            text(key.hostname),
            number(key.port),
            text(key.user),
            text(""),
            text(key.schema),
            number(key.code),
            number(entry.count),
            seconds(entry.first_seen),
            seconds(entry.last_seen),
            text(entry.last),
        ]
    };
    shared.stats.errors(reset).into_iter().map(row).collect()
}

fn positions(shared: &Shared) -> Vec<Row> {
    let row = |server: &Arc<Server>| {
        let position = server.host.position.load().to_string();
        vec![text(&server.hostname), number(server.port), text(position), number(0)]
    };
    servers(shared).iter().map(row).collect()
}
