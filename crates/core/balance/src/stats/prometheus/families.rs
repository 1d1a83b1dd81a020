//! The tables of families.

use super::states::{self, States};
use crate::stats::row::COLUMNS;
use crate::stats::{Kind, Row, Value};
use Metric::{Counter, Gauge};
use Scale::*;

#[derive(Debug, Clone, Copy)]
pub enum Metric {
    Counter,
    Gauge,
}

impl Metric {
    pub fn name(self) -> &'static str {
        match self {
            Counter => "counter",
            Gauge => "gauge",
        }
    }
}

/// How a column becomes a sample.
#[derive(Clone, Copy)]
pub enum Scale {
    /// As it is, `NaN` when empty.
    Plain,
    /// As it is, no sample when empty: only proxies of mode http have these.
    IfThere,
    /// As it is, 0 when empty, but no sample for a server without checks.
    OfCheck,
    /// Milliseconds told in seconds.
    Seconds,
    /// The same, but no sample for a server without checks.
    SecondsOfCheck,
    /// A sample per class of responses.
    Classes,
    /// A sample per state.
    States(fn(&Row, &[Row]) -> Option<States>),
}

pub struct Family {
    /// Behind `haproxy_<scope>_`.
    pub name: &'static str,
    column: &'static str,
    pub metric: Metric,
    pub kinds: &'static [Kind],
    pub scale: Scale,
}

const fn family(
    name: &'static str,
    column: &'static str,
    metric: Metric,
    kinds: &'static [Kind],
    scale: Scale,
) -> Family {
    Family { name, column, metric, kinds, scale }
}

impl Family {
    pub fn about(&self) -> &'static str {
        match self.scale {
            Classes => "Responses by class of status",
            _ => COLUMNS.iter().find(|column| column.name == self.column).map_or("", |column| column.about),
        }
    }

    pub fn value(&self, row: &Row) -> Option<String> {
        let column = COLUMNS.iter().find(|column| column.name == self.column)?;
        let value = (column.get)(row);
        match self.scale {
            IfThere => value.map(|value| value.to_string()),
            OfCheck => row.check_status.as_ref().map(|_| value.map_or("0".to_owned(), |value| value.to_string())),
            SecondsOfCheck => row.check_status.as_ref().map(|_| seconds(value)),
            Seconds => Some(seconds(value)),
            _ => Some(value.map_or("NaN".to_owned(), |value| value.to_string())),
        }
    }
}

fn seconds(value: Option<Value<'_>>) -> String {
    match value {
        Some(Value::U32(millis)) => format!("{:.6}", f64::from(millis) / 1000.0),
        Some(Value::U64(millis)) => format!("{:.6}", millis as f64 / 1000.0),
        _ => "NaN".to_owned(),
    }
}

type Counter64 = fn(&Row) -> Option<u64>;

/// Classes of responses and where they are counted.
pub const CLASSES: &[(&str, Counter64)] = &[
    ("1xx", |row| row.hrsp_1xx),
    ("2xx", |row| row.hrsp_2xx),
    ("3xx", |row| row.hrsp_3xx),
    ("4xx", |row| row.hrsp_4xx),
    ("5xx", |row| row.hrsp_5xx),
    ("other", |row| row.hrsp_other),
];

const B: &[Kind] = &[Kind::Backend];
const BS: &[Kind] = &[Kind::Backend, Kind::Server];
const F: &[Kind] = &[Kind::Frontend];
const FB: &[Kind] = &[Kind::Frontend, Kind::Backend];
const FBS: &[Kind] = &[Kind::Frontend, Kind::Backend, Kind::Server];
const FL: &[Kind] = &[Kind::Frontend, Kind::Listener];
const FLB: &[Kind] = &[Kind::Frontend, Kind::Listener, Kind::Backend];
const FLBS: &[Kind] = &[Kind::Frontend, Kind::Listener, Kind::Backend, Kind::Server];
const S: &[Kind] = &[Kind::Server];

/// Families about rows: name, column, type, kinds, scale.
pub const ROWS: &[Family] = &[
    family("current_queue", "qcur", Gauge, BS, Plain),
    family("max_queue", "qmax", Gauge, BS, Plain),
    family("current_sessions", "scur", Gauge, FLBS, Plain),
    family("max_sessions", "smax", Gauge, FLBS, Plain),
    family("limit_sessions", "slim", Gauge, FLBS, Plain),
    family("sessions_total", "stot", Counter, FLBS, Plain),
    family("bytes_in_total", "bin", Counter, FLBS, Plain),
    family("bytes_out_total", "bout", Counter, FLBS, Plain),
    family("requests_denied_total", "dreq", Counter, FLB, Plain),
    family("responses_denied_total", "dresp", Counter, FLBS, Plain),
    family("request_errors_total", "ereq", Counter, FL, Plain),
    family("connection_errors_total", "econ", Counter, BS, Plain),
    family("response_errors_total", "eresp", Counter, BS, Plain),
    family("retry_warnings_total", "wretr", Counter, BS, Plain),
    family("redispatch_warnings_total", "wredis", Counter, BS, Plain),
    family("status", "status", Gauge, FLBS, States(states::status)),
    family("weight", "weight", Gauge, BS, Plain),
    family("active_servers", "act", Gauge, B, Plain),
    family("backup_servers", "bck", Gauge, B, Plain),
    family("check_failures_total", "chkfail", Counter, S, Plain),
    family("check_up_down_total", "chkdown", Counter, BS, Plain),
    family("check_last_change_seconds", "lastchg", Gauge, BS, Plain),
    family("downtime_seconds_total", "downtime", Counter, BS, Plain),
    family("queue_limit", "qlimit", Gauge, S, Plain),
    family("current_throttle", "throttle", Gauge, S, Plain),
    family("loadbalanced_total", "lbtot", Counter, BS, Plain),
    family("limit_session_rate", "rate_lim", Gauge, F, Plain),
    family("max_session_rate", "rate_max", Gauge, FBS, Plain),
    family("check_status", "check_status", Gauge, S, States(states::check)),
    family("check_code", "check_code", Gauge, S, OfCheck),
    family("check_duration_seconds", "check_duration", Gauge, S, SecondsOfCheck),
    family("http_responses_total", "hrsp_1xx", Counter, FBS, Classes),
    family("http_requests_rate_max", "req_rate_max", Gauge, F, IfThere),
    family("http_requests_total", "req_tot", Counter, FB, IfThere),
    family("client_aborts_total", "cli_abrt", Counter, BS, Plain),
    family("server_aborts_total", "srv_abrt", Counter, BS, Plain),
    family("http_comp_bytes_in_total", "comp_in", Counter, FB, IfThere),
    family("http_comp_bytes_out_total", "comp_out", Counter, FB, IfThere),
    family("http_comp_bytes_bypassed_total", "comp_byp", Counter, FB, IfThere),
    family("http_comp_responses_total", "comp_rsp", Counter, FB, IfThere),
    family("last_session_seconds", "lastsess", Gauge, BS, Plain),
    family("queue_time_average_seconds", "qtime", Gauge, BS, Seconds),
    family("connect_time_average_seconds", "ctime", Gauge, BS, Seconds),
    family("response_time_average_seconds", "rtime", Gauge, BS, Seconds),
    family("total_time_average_seconds", "ttime", Gauge, BS, Seconds),
    family("connections_rate_max", "conn_rate_max", Gauge, F, Plain),
    family("connections_total", "conn_tot", Counter, F, Plain),
    family("intercepted_requests_total", "intercepted", Counter, F, IfThere),
    family("denied_connections_total", "dcon", Counter, FL, Plain),
    family("denied_sessions_total", "dses", Counter, FL, Plain),
    family("failed_header_rewriting_total", "wrew", Counter, FLBS, Plain),
    family("connection_attempts_total", "connect", Counter, BS, Plain),
    family("connection_reuses_total", "reuse", Counter, BS, Plain),
    family("http_cache_lookups_total", "cache_lookups", Counter, FB, IfThere),
    family("http_cache_hits_total", "cache_hits", Counter, FB, IfThere),
    family("idle_connections_current", "srv_icur", Gauge, S, Plain),
    family("idle_connections_limit", "src_ilim", Gauge, S, Plain),
    family("max_queue_time_seconds", "qtime_max", Gauge, BS, Seconds),
    family("max_connect_time_seconds", "ctime_max", Gauge, BS, Seconds),
    family("max_response_time_seconds", "rtime_max", Gauge, BS, Seconds),
    family("max_total_time_seconds", "ttime_max", Gauge, BS, Seconds),
    family("internal_errors_total", "eint", Counter, FLBS, Plain),
    family("unsafe_idle_connections_current", "idle_conn_cur", Gauge, S, Plain),
    family("safe_idle_connections_current", "safe_conn_cur", Gauge, S, Plain),
    family("used_connections_current", "used_conn_cur", Gauge, S, Plain),
    family("need_connections_current", "need_conn_est", Gauge, S, Plain),
    family("uweight", "uweight", Gauge, BS, Plain),
    family("agg_server_status", "agg_server_status", Gauge, B, States(states::servers)),
    family("agg_server_check_status", "agg_server_check_status", Gauge, B, States(states::servers)),
    family("agg_check_status", "agg_check_status", Gauge, B, States(states::checks)),
];

/// Families about the process: field of `show info`, name behind `haproxy_process_`, type. The two without a field
/// belong to builds with zlib.
pub const PROCESS: &[(&str, &str, Metric)] = &[
    ("Nbthread", "nbthread", Gauge),
    ("Nbproc", "nbproc", Gauge),
    ("Process_num", "relative_process_id", Gauge),
    ("Uptime_sec", "uptime_seconds", Gauge),
    ("PoolFailed", "pool_failures_total", Counter),
    ("Ulimit-n", "max_fds", Gauge),
    ("Maxsock", "max_sockets", Gauge),
    ("Maxconn", "max_connections", Gauge),
    ("Hard_maxconn", "hard_max_connections", Gauge),
    ("CurrConns", "current_connections", Gauge),
    ("CumConns", "connections_total", Counter),
    ("CumReq", "requests_total", Counter),
    ("MaxSslConns", "max_ssl_connections", Gauge),
    ("CurrSslConns", "current_ssl_connections", Gauge),
    ("CumSslConns", "ssl_connections_total", Counter),
    ("Maxpipes", "max_pipes", Gauge),
    ("PipesUsed", "pipes_used_total", Counter),
    ("PipesFree", "pipes_free_total", Counter),
    ("ConnRate", "current_connection_rate", Gauge),
    ("ConnRateLimit", "limit_connection_rate", Gauge),
    ("MaxConnRate", "max_connection_rate", Gauge),
    ("SessRate", "current_session_rate", Gauge),
    ("SessRateLimit", "limit_session_rate", Gauge),
    ("MaxSessRate", "max_session_rate", Gauge),
    ("SslRate", "current_ssl_rate", Gauge),
    ("SslRateLimit", "limit_ssl_rate", Gauge),
    ("MaxSslRate", "max_ssl_rate", Gauge),
    ("SslFrontendKeyRate", "current_frontend_ssl_key_rate", Gauge),
    ("SslFrontendMaxKeyRate", "max_frontend_ssl_key_rate", Gauge),
    ("SslFrontendSessionReuse_pct", "frontend_ssl_reuse", Gauge),
    ("SslBackendKeyRate", "current_backend_ssl_key_rate", Gauge),
    ("SslBackendMaxKeyRate", "max_backend_ssl_key_rate", Gauge),
    ("SslCacheLookups", "ssl_cache_lookups_total", Counter),
    ("SslCacheMisses", "ssl_cache_misses_total", Counter),
    ("CompressBpsIn", "http_comp_bytes_in_total", Counter),
    ("CompressBpsOut", "http_comp_bytes_out_total", Counter),
    ("CompressBpsRateLim", "limit_http_comp", Gauge),
    ("-", "current_zlib_memory", Gauge),
    ("-", "max_zlib_memory", Gauge),
    ("Tasks", "current_tasks", Gauge),
    ("Run_queue", "current_run_queue", Gauge),
    ("Idle_pct", "idle_time_percent", Gauge),
    ("Stopping", "stopping", Gauge),
    ("Jobs", "jobs", Gauge),
    ("Unstoppable Jobs", "unstoppable_jobs", Gauge),
    ("Listeners", "listeners", Gauge),
    ("ActivePeers", "active_peers", Gauge),
    ("ConnectedPeers", "connected_peers", Gauge),
    ("DroppedLogs", "dropped_logs_total", Counter),
    ("BusyPolling", "busy_polling_enabled", Gauge),
    ("FailedResolutions", "failed_resolutions", Counter),
    ("TotalBytesOut", "bytes_out_total", Counter),
    ("TotalSplicdedBytesOut", "spliced_bytes_out_total", Counter),
    ("BytesOutRate", "bytes_out_rate", Gauge),
    ("CumRecvLogs", "recv_logs_total", Counter),
    ("Build info", "build_info", Gauge),
    ("Memmax_bytes", "max_memory_bytes", Gauge),
    ("PoolAlloc_bytes", "pool_allocated_bytes", Gauge),
    ("PoolUsed_bytes", "pool_used_bytes", Gauge),
    ("Start_time_sec", "start_time_seconds", Gauge),
];
