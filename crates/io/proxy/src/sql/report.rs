//! What the proxy counts, as rows of ProxySQL's `stats_` tables and as Prometheus' text.

use super::monitor::Watch;
use super::server::groups::Server;
use super::shared::Shared;
use mysql::tables::{Row, Value};
use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

fn number(number: impl TryInto<i64>) -> Value {
    Value::Integer(number.try_into().unwrap_or(i64::MAX))
}

fn seconds(time: SystemTime) -> Value {
    number(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

fn microseconds(duration: Duration) -> Value {
    number(duration.as_micros())
}

/// Rows of `table`, of `mysql::tables::stats`; tables of what is not there have none.
pub fn rows(shared: &Shared, watch: &Watch, table: &str, reset: bool) -> Vec<Row> {
    match table {
        "stats_mysql_connection_pool" => pool(shared, reset),
        "stats_mysql_query_digest" => digests(shared, reset),
        "stats_mysql_query_rules" => rules(shared),
        "stats_mysql_users" => users(shared),
        "stats_mysql_processlist" => processes(shared),
        "stats_mysql_errors" => errors(shared, reset),
        "stats_mysql_global" => {
            globals(shared).into_iter().map(|(name, value)| vec![text(name), text(value.to_string())]).collect()
        }
        "stats_mysql_gtid_executed" => positions(shared),
        other => watch.log.lock().unwrap_or_else(PoisonError::into_inner).rows_of(other),
    }
}

fn servers(shared: &Shared) -> Vec<Arc<Server>> {
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

fn digests(shared: &Shared, reset: bool) -> Vec<Row> {
    let mut all = shared.stats.digests(reset);
    all.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.sum));
    all.into_iter()
        .map(|(key, entry)| {
            vec![
                number(key.hostgroup),
                text(String::from_utf8_lossy(&key.schema)),
                text(&*key.user),
                text(""),
                text(format!("0x{:016X}", key.digest)),
                text(entry.text),
                number(entry.count),
                seconds(entry.first_seen),
                seconds(entry.last_seen),
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
    let hits = shared.stats.hits();
    let plan = shared.plan.load();
    plan.rules
        .rule_ids()
        .enumerate()
        .map(|(index, id)| vec![number(id), number(hits.get(&(index as i64)).copied().unwrap_or_default())])
        .collect()
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

/// ProxySQL's names where it has them; ours say what it has no words for.
fn globals(shared: &Shared) -> Vec<(&'static str, u64)> {
    let (sessions, stats) = (&shared.sessions, &shared.stats);
    vec![
        ("ProxySQL_Uptime", shared.started.elapsed().as_secs()),
        ("Client_Connections_aborted", sessions.refused.load(Relaxed)),
        ("Client_Connections_connected", sessions.connected.load(Relaxed).into()),
        ("Client_Connections_created", sessions.total.load(Relaxed)),
        ("Questions", stats.questions.load(Relaxed)),
        ("Queries_frontends_bytes_recv", stats.client_bytes_in.load(Relaxed)),
        ("Queries_frontends_bytes_sent", stats.client_bytes_out.load(Relaxed)),
        ("Reader_fallbacks", stats.fallbacks.load(Relaxed)),
        ("Safe_routing_reroutes", stats.rerouted.load(Relaxed)),
        ("Causal_read_waits", stats.causal_waits.load(Relaxed)),
        ("Causal_read_timeouts", stats.causal_timeouts.load(Relaxed)),
        ("Read_retries", stats.retries.load(Relaxed)),
    ]
}

/// Families of `SHOW PROMETHEUS METRICS`: name, kind, what it is, the variable of [`globals`].
const FAMILIES: [(&str, &str, &str, &str); 9] = [
    ("proxysql_uptime_seconds_total", "counter", "Seconds since the start.", "ProxySQL_Uptime"),
    ("proxysql_client_connections_connected", "gauge", "Clients connected.", "Client_Connections_connected"),
    ("proxysql_questions_total", "counter", "Statements of clients.", "Questions"),
    ("proxysql_client_connections_total", "counter", "Clients that logged in.", "Client_Connections_created"),
    (
        "barque_sql_reader_fallbacks_total",
        "counter",
        "Reads that went to the writer for want of a reader.",
        "Reader_fallbacks",
    ),
    (
        "barque_sql_safe_routing_reroutes_total",
        "counter",
        "Statements that a rule sent to a reader, and that were not provably reads.",
        "Safe_routing_reroutes",
    ),
    (
        "barque_sql_causal_read_waits_total",
        "counter",
        "Reads that waited for their session's last write.",
        "Causal_read_waits",
    ),
    (
        "barque_sql_causal_read_timeouts_total",
        "counter",
        "Of those, reads that went to the writer because the replica was late.",
        "Causal_read_timeouts",
    ),
    ("barque_sql_read_retries_total", "counter", "Reads that were sent again to another server.", "Read_retries"),
];

pub fn metrics(shared: &Shared, watch: &Watch) -> String {
    let globals = globals(shared);
    let mut out = String::new();
    for (name, kind, help, variable) in FAMILIES {
        let value = globals.iter().find(|(known, _)| *known == variable).map_or(0, |(_, value)| *value);
        // Writing to a String cannot fail.
        _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
    }
    let servers = servers(shared);
    let mut family = |name: &str, kind: &str, help: &str, value: &dyn Fn(&Server) -> Vec<(String, u64)>| {
        _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for server in &servers {
            for (labels, value) in value(server) {
                let endpoint = format!("endpoint=\"{}\",hostgroup=\"{}\"", server.address(), server.hostgroup);
                _ = writeln!(out, "{name}{{{endpoint}{labels}}} {value}");
            }
        }
    };
    family("proxysql_connpool_conns", "gauge", "Connections to servers.", &|server| {
        let free = server.counters.free.load(Relaxed);
        let used = server.counters.used.load(Relaxed).saturating_sub(free);
        vec![(",status=\"used\"".to_owned(), used.into()), (",status=\"free\"".to_owned(), free.into())]
    });
    family("proxysql_connpool_conns_queries_total", "counter", "Statements sent to servers.", &|server| {
        vec![(String::new(), server.counters.queries.load(Relaxed))]
    });
    family("proxysql_connpool_conns_latency_us", "gauge", "Of the last check, in microseconds.", &|server| {
        vec![(String::new(), server.host.latency_us.load(Relaxed))]
    });
    family("proxysql_connpool_data_bytes_total", "counter", "Bytes between the proxy and servers.", &|server| {
        let counters = &server.counters;
        let (sent, received) = (counters.sent_bytes.load(Relaxed), counters.received_bytes.load(Relaxed));
        vec![(",traffic_flow=\"sent\"".to_owned(), sent), (",traffic_flow=\"recv\"".to_owned(), received)]
    });
    family("barque_sql_server_online", "gauge", "1: it takes statements.", &|server| {
        vec![(String::new(), u64::from(server.standing().takes_new()))]
    });
    let alarms = watch.alarms.lock().unwrap_or_else(PoisonError::into_inner);
    _ = writeln!(out, "# HELP barque_sql_alarms What a person has to look at now.\n# TYPE barque_sql_alarms gauge");
    for (code, _) in alarms.iter() {
        _ = writeln!(out, "barque_sql_alarms{{code=\"{code}\"}} 1");
    }
    out
}
