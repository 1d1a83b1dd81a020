//! Prometheus' text format: ProxySQL's families by its names, and histograms of our own.
//!
//! Source of the names: ProxySQL 2.7, `SHOW PROMETHEUS METRICS`.

use super::figures;
use crate::sql::latency::{BOUNDS, Times};
use crate::sql::monitor::Watch;
use crate::sql::server::groups::{Server, Standing};
use crate::sql::shared::Shared;
use crate::sql::stats::{ServerKey, ServerSums};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

/// Family, kind, what it is, its samples: labels and the row of `stats_mysql_global` that has its value.
type Family = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";

/// ProxySQL's, then ours.
const FAMILIES: &[Family] = &[
    ("proxysql_query_cache_memory_bytes", GAUGE, "Bytes that kept answers take.", &[("", "Query_Cache_Memory_bytes")]),
    ("proxysql_query_cache_count_set_total", COUNTER, "Answers that were kept.", &[("", "Query_Cache_count_SET")]),
    (
        "proxysql_query_cache_bytes_total",
        COUNTER,
        "Bytes of answers that were kept (written), and answered from the query cache (read).",
        &[("op=\"written\"", "Query_Cache_bytes_IN"), ("op=\"read\"", "Query_Cache_bytes_OUT")],
    ),
    ("proxysql_query_cache_purged_total", COUNTER, "Kept answers that were given up.", &[("", "Query_Cache_Purged")]),
    ("proxysql_query_cache_entries_total", GAUGE, "Answers that are kept.", &[("", "Query_Cache_Entries")]),
    ("barque_sql_mirrored_total", COUNTER, "Copies of statements that were sent.", &[("", "Mirror_queries_sent")]),
    (
        "barque_sql_mirror_failures_total",
        COUNTER,
        "Copies of statements that failed.",
        &[("", "Mirror_queries_failed")],
    ),
    (
        "barque_sql_mirror_drops_total",
        COUNTER,
        "Copies given up because too many waited.",
        &[("", "Mirror_queries_dropped")],
    ),
    (
        "barque_sql_firewall_detected_total",
        COUNTER,
        "Statements that are not in the whitelist, and passed.",
        &[("", "Firewall_detected")],
    ),
    (
        "barque_sql_firewall_refused_total",
        COUNTER,
        "Statements that the firewall refused.",
        &[("", "Firewall_refused")],
    ),
    ("proxysql_uptime_seconds_total", COUNTER, "Seconds since the start.", &[("", "ProxySQL_Uptime")]),
    ("proxysql_questions_total", COUNTER, "Statements of clients.", &[("", "Questions")]),
    (
        "proxysql_slow_queries_total",
        COUNTER,
        "Statements that took longer than mysql-long_query_time.",
        &[("", "Slow_queries")],
    ),
    ("proxysql_active_transactions", GAUGE, "Sessions with an open transaction.", &[("", "Active_Transactions")]),
    ("proxysql_client_connections_connected", GAUGE, "Clients connected.", &[("", "Client_Connections_connected")]),
    (
        "proxysql_client_connections_non_idle",
        GAUGE,
        "Clients whose statement runs now.",
        &[("", "Client_Connections_non_idle")],
    ),
    (
        "proxysql_client_connections_total",
        COUNTER,
        "Clients that logged in (created) or were turned away (aborted).",
        &[("status=\"created\"", "Client_Connections_created"), ("status=\"aborted\"", "Client_Connections_aborted")],
    ),
    (
        "proxysql_server_connections_connected",
        GAUGE,
        "Connections to servers.",
        &[("", "Server_Connections_connected")],
    ),
    (
        "proxysql_server_connections_total",
        COUNTER,
        "Connections to servers that were made (created) or failed (aborted).",
        &[("status=\"created\"", "Server_Connections_created"), ("status=\"aborted\"", "Server_Connections_aborted")],
    ),
    (
        "proxysql_queries_backends_bytes_total",
        COUNTER,
        "Bytes between the proxy and servers.",
        &[
            ("traffic_flow=\"sent\"", "Queries_backends_bytes_sent"),
            ("traffic_flow=\"received\"", "Queries_backends_bytes_recv"),
        ],
    ),
    (
        "proxysql_queries_frontends_bytes_total",
        COUNTER,
        "Bytes between clients and the proxy.",
        &[
            ("traffic_flow=\"sent\"", "Queries_frontends_bytes_sent"),
            ("traffic_flow=\"received\"", "Queries_frontends_bytes_recv"),
        ],
    ),
    (
        "proxysql_com_frontend_stmt_total",
        COUNTER,
        "Commands of clients about prepared statements.",
        &[
            ("op=\"prepare\"", "Com_frontend_stmt_prepare"),
            ("op=\"execute\"", "Com_frontend_stmt_execute"),
            ("op=\"close\"", "Com_frontend_stmt_close"),
        ],
    ),
    (
        "proxysql_com_backend_stmt_total",
        COUNTER,
        "Commands to servers about prepared statements.",
        &[
            ("op=\"prepare\"", "Com_backend_stmt_prepare"),
            ("op=\"execute\"", "Com_backend_stmt_execute"),
            ("op=\"close\"", "Com_backend_stmt_close"),
        ],
    ),
    ("proxysql_com_commit_cnt_total", COUNTER, "COMMIT of clients.", &[("", "Com_commit")]),
    ("proxysql_com_rollback_total", COUNTER, "ROLLBACK of clients.", &[("", "Com_rollback")]),
    ("proxysql_com_frontend_use_db_total", COUNTER, "USE of clients.", &[("", "Com_frontend_use_DB")]),
    (
        "proxysql_access_denied_wrong_password_total",
        COUNTER,
        "Log-ins with an unknown user or a wrong password.",
        &[("", "Access_Denied_Wrong_Password")],
    ),
    (
        "proxysql_access_denied_max_connections_total",
        COUNTER,
        "Clients turned away by mysql-max_connections.",
        &[("", "Access_Denied_Max_Connections")],
    ),
    (
        "proxysql_access_denied_max_user_connections_total",
        COUNTER,
        "Clients turned away by mysql_users.max_connections.",
        &[("", "Access_Denied_Max_User_Connections")],
    ),
    (
        "proxysql_connpool_get_conn_success_total",
        COUNTER,
        "Connections that statements asked for and got.",
        &[("", "ConnPool_get_conn_success")],
    ),
    (
        "proxysql_connpool_get_conn_success_immediate_total",
        COUNTER,
        "Of those, without waiting or connecting.",
        &[("", "ConnPool_get_conn_immediate")],
    ),
    (
        "proxysql_connpool_get_conn_failure_total",
        COUNTER,
        "Statements for which there was no connection.",
        &[("", "ConnPool_get_conn_failure")],
    ),
    (
        "proxysql_myhgm_myconnpool_get_total",
        COUNTER,
        "Connections that statements asked for.",
        &[("", "MyHGM_myconnpoll_get")],
    ),
    (
        "proxysql_myhgm_myconnpool_get_ok_total",
        COUNTER,
        "Connections that statements asked for and got.",
        &[("", "MyHGM_myconnpoll_get_ok")],
    ),
    (
        "proxysql_max_connect_timeouts_total",
        COUNTER,
        "Statements that found no connection within mysql-connect_timeout_server_max.",
        &[("", "max_connect_timeouts")],
    ),
    (
        "proxysql_mysql_killed_backend_connections_total",
        COUNTER,
        "Connections to servers ended because their client had left.",
        &[("", "mysql_killed_backend_connections")],
    ),
    (
        "proxysql_mysql_killed_backend_queries_total",
        COUNTER,
        "Statements ended at servers by KILL or for their time.",
        &[("", "mysql_killed_backend_queries")],
    ),
    (
        "proxysql_gtid_consistent_queries_total",
        COUNTER,
        "Reads that waited for their session's last write.",
        &[("", "GTID_consistent_queries")],
    ),
    (
        "proxysql_servers_table_version_total",
        COUNTER,
        "How often servers were placed in hostgroups.",
        &[("", "Servers_table_version")],
    ),
    ("proxysql_mysql_thread_workers", GAUGE, "Threads that serve clients.", &[("", "MySQL_Thread_Workers")]),
    (
        "proxysql_mysql_monitor_connect_check_total",
        COUNTER,
        "Checks of servers: the connection.",
        &[("status=\"ok\"", "MySQL_Monitor_connect_check_OK"), ("status=\"err\"", "MySQL_Monitor_connect_check_ERR")],
    ),
    (
        "proxysql_mysql_monitor_ping_check_total",
        COUNTER,
        "Checks of servers: the answer.",
        &[("status=\"ok\"", "MySQL_Monitor_ping_check_OK"), ("status=\"err\"", "MySQL_Monitor_ping_check_ERR")],
    ),
    (
        "proxysql_mysql_monitor_read_only_check_total",
        COUNTER,
        "Checks of servers: read_only.",
        &[
            ("status=\"ok\"", "MySQL_Monitor_read_only_check_OK"),
            ("status=\"err\"", "MySQL_Monitor_read_only_check_ERR"),
        ],
    ),
    (
        "proxysql_mysql_monitor_replication_lag_check_total",
        COUNTER,
        "Checks of servers: replication.",
        &[
            ("status=\"ok\"", "MySQL_Monitor_replication_lag_check_OK"),
            ("status=\"err\"", "MySQL_Monitor_replication_lag_check_ERR"),
        ],
    ),
    (
        "barque_sql_reader_fallbacks_total",
        COUNTER,
        "Reads that went to the writer for want of a reader.",
        &[("", "Reader_fallbacks")],
    ),
    (
        "barque_sql_safe_routing_reroutes_total",
        COUNTER,
        "Statements that a rule sent to a reader, and that were not provably reads.",
        &[("", "Safe_routing_reroutes")],
    ),
    (
        "barque_sql_causal_read_waits_total",
        COUNTER,
        "Reads that waited for their session's last write.",
        &[("", "Causal_read_waits")],
    ),
    (
        "barque_sql_causal_read_timeouts_total",
        COUNTER,
        "Reads that would have been stale: they went to the writer because the replica was late.",
        &[("", "Causal_read_timeouts")],
    ),
    (
        "barque_sql_read_retries_total",
        COUNTER,
        "Reads that were sent again to another server.",
        &[("", "Read_retries")],
    ),
];

pub fn metrics(shared: &Shared, watch: &Watch) -> String {
    let mut out = Text(String::with_capacity(32 * 1024));
    let globals: BTreeMap<&str, u64> = figures::globals(shared, watch).into_iter().collect();
    for (name, kind, help, samples) in FAMILIES {
        out.family(name, kind, help);
        for (labels, figure) in *samples {
            out.sample(name, labels, globals.get(figure).copied().unwrap_or_default());
        }
    }
    const GETS: &str = "proxysql_query_cache_count_get_total";
    let figure = |name: &str| globals.get(name).copied().unwrap_or_default();
    let found = figure("Query_Cache_count_GET_OK");
    out.family(GETS, COUNTER, "Statements looked for in the query cache, and found (ok) or not (err).");
    out.sample(GETS, "status=\"ok\"", found);
    out.sample(GETS, "status=\"err\"", figure("Query_Cache_count_GET").saturating_sub(found));
    let seconds = |out: &mut Text, name, help, figure, unit: f64| {
        out.family(name, COUNTER, help);
        out.sample(name, "", globals.get(figure).copied().unwrap_or_default() as f64 / unit);
    };
    seconds(
        &mut out,
        "proxysql_query_processor_time_seconds_total",
        "From a statement's arrival until it was decided where it goes.",
        "Query_Processor_time_nsec",
        1e9,
    );
    seconds(
        &mut out,
        "proxysql_backend_query_time_seconds_total",
        "From statements' arrival to the end of servers' answers.",
        "Backend_query_time_nsec",
        1e9,
    );
    for (name, family) in [
        ("jemalloc_resident", "proxysql_jemalloc_resident_bytes"),
        ("query_digest_memory", "proxysql_query_digest_memory_bytes"),
    ] {
        let value = figures::memory(shared).into_iter().find(|(known, _)| *known == name);
        out.family(family, GAUGE, "Bytes of memory.");
        out.sample(family, "", value.map_or(0, |(_, value)| value));
    }
    let sums = shared.stats.servers();
    pool(&mut out, shared, &sums);
    errors(&mut out, shared);
    state(&mut out, shared, watch);
    histograms(&mut out, &sums);
    out.0
}

fn pool(out: &mut Text, shared: &Shared, sums: &BTreeMap<ServerKey, ServerSums>) {
    let servers = super::servers(shared);
    let mut each = |name: &str, kind: &str, help: &str, values: &dyn Fn(&Server) -> Vec<(&'static str, u64)>| {
        out.family(name, kind, help);
        for server in &servers {
            let labels = labels(&ServerKey::of(server));
            for (more, value) in values(server) {
                out.sample(name, &format!("{labels}{more}"), value);
            }
        }
    };
    each("proxysql_connpool_conns", GAUGE, "Connections to servers, idle or not.", &|server| {
        let free = server.counters.free.load(Relaxed);
        let used = server.counters.used.load(Relaxed).saturating_sub(free);
        vec![(",status=\"free\"", free.into()), (",status=\"used\"", used.into())]
    });
    each("proxysql_connpool_conns_total", COUNTER, "Connections to servers that were made or failed.", &|server| {
        let counters = &server.counters;
        vec![(",status=\"ok\"", counters.connected.load(Relaxed)), (",status=\"err\"", counters.failed.load(Relaxed))]
    });
    each("proxysql_connpool_conns_queries_total", COUNTER, "Statements that servers answered.", &|server| {
        vec![("", sums.get(&ServerKey::of(server)).map_or(0, |sums| sums.statements().count()))]
    });
    each("proxysql_connpool_conns_latency_us", GAUGE, "Of the last check, in microseconds.", &|server| {
        vec![("", server.host.latency_us.load(Relaxed))]
    });
    each("proxysql_connpool_data_bytes_total", COUNTER, "Bytes between the proxy and servers.", &|server| {
        let counters = &server.counters;
        vec![
            (",traffic_flow=\"recv\"", counters.received_bytes.load(Relaxed)),
            (",traffic_flow=\"sent\"", counters.sent_bytes.load(Relaxed)),
        ]
    });
    const STATES: &str = "1 ONLINE, 2 SHUNNED, 3 OFFLINE_SOFT, 4 OFFLINE_HARD, 5 SHUNNED_REPLICATION_LAG.";
    each("proxysql_connpool_conns_status", GAUGE, STATES, &|server| {
        let number = match server.standing() {
            Standing::Online => 1,
            Standing::Shunned => 2,
            Standing::OfflineSoft => 3,
            Standing::OfflineHard => 4,
            Standing::Lagging => 5,
        };
        vec![("", number)]
    });
    each("barque_sql_server_online", GAUGE, "1: it takes statements.", &|server| {
        vec![("", server.standing().takes_new().into())]
    });
}

/// Those of servers by ProxySQL's name for them, the proxy's own (it could not connect) by the other.
fn errors(out: &mut Text, shared: &Shared) {
    const NO_CONNECTION: u16 = 2003;
    let totals = shared.stats.error_totals();
    for (name, own) in [("mysql_error_total", false), ("proxysql_mysql_error_total", true)] {
        out.family(name, COUNTER, if own { "Connections that failed." } else { "Errors that servers answered." });
        for ((server, code), count) in totals.iter().filter(|((_, code), _)| (*code == NO_CONNECTION) == own) {
            let (address, hostgroup, port) = (escape(&server.hostname), server.hostgroup, server.port);
            let labels = format!("address=\"{address}\",code=\"{code}\",hostgroup=\"{hostgroup}\",port=\"{port}\"");
            out.sample(name, &labels, *count);
        }
    }
}

fn state(out: &mut Text, shared: &Shared, watch: &Watch) {
    let lags = watch.log.lock().unwrap_or_else(PoisonError::into_inner).latest();
    const LAG: &str = "barque_sql_replication_lag_seconds";
    out.family(LAG, GAUGE, "Seconds_Behind_Master of the last check.");
    for (address, seen) in &lags {
        if let Some(seconds) = seen.lag.flatten() {
            out.sample(LAG, &format!("endpoint=\"{}\"", escape(&address.to_string())), seconds);
        }
    }
    let mut alarms: BTreeMap<&str, u64> = BTreeMap::new();
    for (code, _) in watch.alarms.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        *alarms.entry(code).or_default() += 1;
    }
    out.family("barque_sql_alarms", GAUGE, "What a person has to look at now.");
    for (code, count) in alarms {
        out.sample("barque_sql_alarms", &format!("code=\"{code}\""), count);
    }
    const HITS: &str = "barque_sql_rule_hits_total";
    out.family(HITS, COUNTER, "Statements that a query rule matched since it was loaded.");
    let plan = shared.plan.load();
    for (id, hits) in plan.rules.rule_ids().zip(plan.hits.iter()) {
        out.sample(HITS, &format!("rule_id=\"{id}\""), hits.load(Relaxed));
    }
}

fn histograms(out: &mut Text, sums: &BTreeMap<ServerKey, ServerSums>) {
    const STATEMENTS: &str = "barque_sql_statement_duration_seconds";
    out.family(STATEMENTS, "histogram", "From a statement's arrival to the end of the server's answer.");
    for (server, sums) in sums {
        out.histogram(STATEMENTS, &format!("{},kind=\"read\"", labels(server)), &sums.read);
        out.histogram(STATEMENTS, &format!("{},kind=\"write\"", labels(server)), &sums.write);
    }
    type Of = fn(&ServerSums) -> &Times;
    let others: [(&str, &str, Of); 3] = [
        ("barque_sql_connect_duration_seconds", "Logging in at a server.", |sums| &sums.connect),
        ("barque_sql_connection_wait_seconds", "Until a statement had its connection.", |sums| &sums.wait),
        ("barque_sql_causal_wait_seconds", "Until a replica had a session's last write.", |sums| &sums.causal),
    ];
    for (name, help, of) in others {
        out.family(name, "histogram", help);
        for (server, sums) in sums {
            out.histogram(name, &labels(server), of(sums));
        }
    }
}

fn labels(server: &ServerKey) -> String {
    format!("endpoint=\"{}\",hostgroup=\"{}\"", escape(&server.endpoint()), server.hostgroup)
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Lines of the format.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail, here and below.
        _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        _ = if labels.is_empty() {
            writeln!(self.0, "{name} {value}")
        } else {
            writeln!(self.0, "{name}{{{labels}}} {value}")
        };
    }

    fn histogram(&mut self, name: &str, labels: &str, times: &Times) {
        let bucket = format!("{name}_bucket");
        let mut within = 0;
        for (bound, count) in BOUNDS.iter().zip(times.buckets) {
            within += count;
            self.sample(&bucket, &format!("{labels},le=\"{}\"", *bound as f64 / 1e6), within);
        }
        self.sample(&bucket, &format!("{labels},le=\"+Inf\""), times.count());
        self.sample(&format!("{name}_sum"), labels, times.sum as f64 / 1e6);
        self.sample(&format!("{name}_count"), labels, times.count());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use std::time::Duration;

    #[test]
    fn a_histogram_counts_upwards() {
        let histogram = crate::sql::latency::Histogram::default();
        [40, 60, 60, 20_000_000].into_iter().for_each(|time| histogram.note(Duration::from_micros(time)));
        let mut out = Text(String::new());
        out.histogram("t_seconds", "a=\"b\"", &histogram.times());
        let lines: Vec<&str> = out.0.lines().collect();
        let shown = [&lines[..3], &lines[16..]].concat().join("\n");
        expect![[r#"
            t_seconds_bucket{a="b",le="0.00005"} 1
            t_seconds_bucket{a="b",le="0.0001"} 3
            t_seconds_bucket{a="b",le="0.00025"} 3
            t_seconds_bucket{a="b",le="10"} 3
            t_seconds_bucket{a="b",le="+Inf"} 4
            t_seconds_sum{a="b"} 20.00016
            t_seconds_count{a="b"} 4"#]]
        .assert_eq(&shown);
    }

    #[test]
    fn every_family_stands_once_and_has_its_figures() {
        let (shared, watch) = (Shared::new(), Watch::default());
        let globals: BTreeMap<&str, u64> = figures::globals(&shared, &watch).into_iter().collect();
        let mut seen = std::collections::BTreeSet::new();
        for (name, _, _, samples) in FAMILIES {
            assert!(seen.insert(name), "{name} stands twice");
            samples.iter().for_each(|(_, figure)| assert!(globals.contains_key(figure), "{name}: no {figure}"));
        }
        let text = metrics(&shared, &watch);
        let types = text.lines().filter(|line| line.starts_with("# TYPE")).collect::<Vec<_>>();
        let single: std::collections::BTreeSet<_> = types.iter().collect();
        assert_eq!(types.len(), single.len());
    }
}
