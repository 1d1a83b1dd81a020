//! Figures of the whole process: rows of `stats_mysql_global` and `stats_memory_metrics`. Names are ProxySQL's where it has
//! one; ours say what it has no words for.

use crate::sql::monitor::Watch;
use crate::sql::shared::Shared;
use crate::sql::stats::tally::Counts;
use mysql::statement::Verb;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Everything of one moment that a row may need.
struct Moment<'a> {
    shared: &'a Shared,
    counts: Counts,
    verbs: Vec<(Verb, u64)>,
    checks: crate::sql::monitor::log::Checks,
    in_transaction: u64,
    busy: u64,
    server_connections: u64,
    statements_us: u64,
}

impl Moment<'_> {
    fn verb(&self, wanted: Verb) -> u64 {
        self.verbs.iter().find(|(verb, _)| *verb == wanted).map_or(0, |(_, count)| *count)
    }
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}

type Figure = (&'static str, fn(&Moment) -> u64);

const GLOBALS: &[Figure] = &[
    ("ProxySQL_Uptime", |m| m.shared.started.elapsed().as_secs()),
    ("Active_Transactions", |m| m.in_transaction),
    ("Client_Connections_aborted", |m| load(&m.shared.sessions.refused)),
    ("Client_Connections_connected", |m| m.shared.sessions.connected.load(Relaxed).into()),
    ("Client_Connections_created", |m| load(&m.shared.sessions.total)),
    ("Client_Connections_non_idle", |m| m.busy),
    ("Server_Connections_aborted", |m| load(&m.shared.stats.server_connections_failed)),
    ("Server_Connections_connected", |m| m.server_connections),
    ("Server_Connections_created", |m| load(&m.shared.stats.server_connections)),
    ("Queries_backends_bytes_recv", |m| m.counts.server_bytes_in),
    ("Queries_backends_bytes_sent", |m| m.counts.server_bytes_out),
    ("Queries_frontends_bytes_recv", |m| m.counts.client_bytes_in),
    ("Queries_frontends_bytes_sent", |m| m.counts.client_bytes_out),
    ("Query_Processor_time_nsec", |m| m.counts.processor_ns),
    ("Backend_query_time_nsec", |m| m.statements_us.saturating_mul(1_000)),
    ("Com_commit", |m| m.verb(Verb::Commit)),
    ("Com_rollback", |m| m.verb(Verb::Rollback)),
    ("Com_frontend_use_DB", |m| m.verb(Verb::Use)),
    ("Com_backend_stmt_prepare", |m| m.counts.server_prepared),
    ("Com_backend_stmt_execute", |m| m.counts.executed),
    ("Com_backend_stmt_close", |m| m.counts.server_closed),
    ("Com_frontend_stmt_prepare", |m| m.counts.prepared),
    ("Com_frontend_stmt_execute", |m| m.counts.executed),
    ("Com_frontend_stmt_close", |m| m.counts.closed),
    ("Questions", |m| m.counts.questions),
    ("Slow_queries", |m| m.counts.slow),
    ("GTID_consistent_queries", |m| m.counts.causal_waits),
    ("Servers_table_version", |m| load(&m.shared.stats.placings)),
    ("mysql_listener_paused", |m| (*m.shared.paused.borrow()).into()),
    ("MySQL_Thread_Workers", |m| m.shared.stats.workers() as u64),
    ("Access_Denied_Wrong_Password", |m| load(&m.shared.stats.wrong_passwords)),
    ("Access_Denied_Max_Connections", |m| load(&m.shared.stats.too_many_connections)),
    ("Access_Denied_Max_User_Connections", |m| load(&m.shared.stats.too_many_of_user)),
    ("MySQL_Monitor_connect_check_OK", |m| m.checks.good),
    ("MySQL_Monitor_connect_check_ERR", |m| m.checks.bad),
    ("MySQL_Monitor_ping_check_OK", |m| m.checks.good),
    ("MySQL_Monitor_ping_check_ERR", |m| m.checks.bad),
    ("MySQL_Monitor_read_only_check_OK", |m| m.checks.good),
    ("MySQL_Monitor_read_only_check_ERR", |m| m.checks.bad),
    ("MySQL_Monitor_replication_lag_check_OK", |m| m.checks.lag_good),
    ("MySQL_Monitor_replication_lag_check_ERR", |m| m.checks.bad),
    ("ConnPool_get_conn_immediate", |m| m.counts.got_at_once),
    ("ConnPool_get_conn_success", |m| m.counts.got),
    ("ConnPool_get_conn_failure", |m| m.counts.got_none),
    ("max_connect_timeouts", |m| load(&m.shared.stats.connect_timeouts)),
    ("mysql_killed_backend_connections", |m| load(&m.shared.stats.killed_connections)),
    ("mysql_killed_backend_queries", |m| load(&m.shared.stats.killed_queries)),
    ("MyHGM_myconnpoll_get", |m| m.counts.got + m.counts.got_none),
    ("MyHGM_myconnpoll_get_ok", |m| m.counts.got),
    ("Reader_fallbacks", |m| load(&m.shared.stats.fallbacks)),
    ("Safe_routing_reroutes", |m| load(&m.shared.stats.rerouted)),
    ("Causal_read_waits", |m| m.counts.causal_waits),
    ("Causal_read_timeouts", |m| m.counts.causal_timeouts),
    ("Read_retries", |m| load(&m.shared.stats.retries)),
    ("Mirror_queries_sent", |m| load(&m.shared.stats.mirrors_sent)),
    ("Mirror_queries_failed", |m| load(&m.shared.stats.mirrors_failed)),
    ("Mirror_queries_dropped", |m| load(&m.shared.stats.mirrors_dropped)),
    ("Firewall_detected", |m| load(&m.shared.stats.firewall_detected)),
    ("Firewall_refused", |m| load(&m.shared.stats.firewall_refused)),
    ("Query_Cache_Memory_bytes", |m| m.shared.cache.bytes() as u64),
    ("Query_Cache_count_GET", |m| load(&m.shared.cache.gets)),
    ("Query_Cache_count_GET_OK", |m| load(&m.shared.cache.hits)),
    ("Query_Cache_count_SET", |m| load(&m.shared.cache.sets)),
    ("Query_Cache_bytes_IN", |m| load(&m.shared.cache.bytes_in)),
    ("Query_Cache_bytes_OUT", |m| load(&m.shared.cache.bytes_out)),
    ("Query_Cache_Purged", |m| load(&m.shared.cache.purged)),
    ("Query_Cache_Entries", |m| m.shared.cache.entries() as u64),
];

pub fn globals(shared: &Shared, watch: &Watch) -> Vec<(&'static str, u64)> {
    let sessions = shared.sessions.list();
    let servers = shared.stats.servers();
    let moment = Moment {
        counts: shared.stats.counts(),
        verbs: shared.stats.verbs(false).into_iter().map(|(verb, times)| (verb, times.count())).collect(),
        checks: watch.log.lock().unwrap_or_else(PoisonError::into_inner).checks,
        in_transaction: sessions.iter().filter(|session| session.in_transaction.load(Relaxed)).count() as u64,
        busy: sessions.iter().filter(|session| !session.now().statement.is_empty()).count() as u64,
        server_connections: super::servers(shared)
            .iter()
            .map(|server| u64::from(server.counters.used.load(Relaxed)))
            .sum(),
        statements_us: servers.values().map(|sums| sums.read.sum + sums.write.sum).sum(),
        shared,
    };
    GLOBALS.iter().map(|(name, figure)| (*name, figure(&moment))).collect()
}

/// Bytes. What ProxySQL reads of its allocator is the process' here.
pub fn memory(shared: &Shared) -> Vec<(&'static str, u64)> {
    let digests = shared.stats.digests(false);
    let text = digests.iter().map(|(key, entry)| (key.schema.len() + entry.text.len()) as u64);
    let entry = std::mem::size_of_val(digests.as_slice()) as u64;
    vec![("jemalloc_resident", resident()), ("query_digest_memory", entry + text.sum::<u64>())]
}

/// Bytes of memory that the process has in use; 0 where the kernel does not say.
pub fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kilobytes.unwrap_or_default() * 1024
}
