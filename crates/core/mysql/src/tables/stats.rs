//! The tables that only the running proxy fills: `stats` and `monitor` schemas, as ProxySQL 2.7 names their columns.

use super::Kind;

/// A table that is read, never written.
#[derive(Debug)]
pub struct Stat {
    pub schema: Schema,
    pub name: &'static str,
    pub columns: &'static [(&'static str, Kind)],
    /// It has a twin `…_reset` that clears what it gives.
    pub reset: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    Stats,
    Monitor,
}

impl Schema {
    pub fn name(self) -> &'static str {
        match self {
            Self::Stats => "stats",
            Self::Monitor => "monitor",
        }
    }
}

const I: Kind = Kind::Integer;
const T: Kind = Kind::Text;

const fn stats(name: &'static str, reset: bool, columns: &'static [(&'static str, Kind)]) -> Stat {
    Stat { schema: Schema::Stats, name, columns, reset }
}

const fn monitor(name: &'static str, columns: &'static [(&'static str, Kind)]) -> Stat {
    Stat { schema: Schema::Monitor, name, columns, reset: false }
}

/// Times in microseconds unless the name says otherwise; `first_seen`, `last_seen` in seconds since 1970.
pub const ALL: &[Stat] = &[
    stats("stats_mysql_global", false, &[("Variable_Name", T), ("Variable_Value", T)]),
    stats(
        "stats_mysql_connection_pool",
        true,
        &[
            ("hostgroup", I),
            ("srv_host", T),
            ("srv_port", I),
            ("status", T),
            ("ConnUsed", I),
            ("ConnFree", I),
            ("ConnOK", I),
            ("ConnERR", I),
            ("MaxConnUsed", I),
            ("Queries", I),
            ("Queries_GTID_sync", I),
            ("Bytes_data_sent", I),
            ("Bytes_data_recv", I),
            ("Latency_us", I),
        ],
    ),
    stats(
        "stats_mysql_query_digest",
        true,
        &[
            ("hostgroup", I),
            ("schemaname", T),
            ("username", T),
            ("client_address", T),
            ("digest", T),
            ("digest_text", T),
            ("count_star", I),
            ("first_seen", I),
            ("last_seen", I),
            ("sum_time", I),
            ("min_time", I),
            ("max_time", I),
            ("sum_rows_affected", I),
            ("sum_rows_sent", I),
        ],
    ),
    stats("stats_mysql_query_rules", false, &[("rule_id", I), ("hits", I)]),
    stats("stats_mysql_users", false, &[("username", T), ("frontend_connections", I), ("frontend_max_connections", I)]),
    stats(
        "stats_mysql_commands_counters",
        true,
        &[
            ("Command", T),
            ("Total_Time_us", I),
            ("Total_cnt", I),
            ("cnt_100us", I),
            ("cnt_500us", I),
            ("cnt_1ms", I),
            ("cnt_5ms", I),
            ("cnt_10ms", I),
            ("cnt_50ms", I),
            ("cnt_100ms", I),
            ("cnt_500ms", I),
            ("cnt_1s", I),
            ("cnt_5s", I),
            ("cnt_10s", I),
            ("cnt_INFs", I),
        ],
    ),
    stats(
        "stats_mysql_processlist",
        false,
        &[
            ("ThreadID", I),
            ("SessionID", I),
            ("user", T),
            ("db", T),
            ("cli_host", T),
            ("cli_port", I),
            ("hostgroup", I),
            ("l_srv_host", T),
            ("l_srv_port", I),
            ("srv_host", T),
            ("srv_port", I),
            ("command", T),
            ("time_ms", I),
            ("info", T),
            ("status_flags", I),
            ("extended_info", T),
        ],
    ),
    stats(
        "stats_mysql_errors",
        true,
        &[
            ("hostgroup", I),
            ("hostname", T),
            ("port", I),
            ("username", T),
            ("client_address", T),
            ("schemaname", T),
            ("errno", I),
            ("count_star", I),
            ("first_seen", I),
            ("last_seen", I),
            ("last_error", T),
        ],
    ),
    stats(
        "stats_mysql_free_connections",
        false,
        &[
            ("fd", I),
            ("hostgroup", I),
            ("srv_host", T),
            ("srv_port", I),
            ("user", T),
            ("schema", T),
            ("init_connect", T),
            ("time_zone", T),
            ("sql_mode", T),
            ("autocommit", T),
            ("idle_ms", I),
            ("statistics", T),
            ("mysql_info", T),
        ],
    ),
    stats(
        "stats_mysql_prepared_statements_info",
        false,
        &[
            ("global_stmt_id", I),
            ("schemaname", T),
            ("username", T),
            ("digest", T),
            ("ref_count_client", I),
            ("ref_count_server", I),
            ("num_columns", I),
            ("num_params", I),
            ("query", T),
        ],
    ),
    stats("stats_mysql_gtid_executed", false, &[("hostname", T), ("port", I), ("gtid_executed", T), ("events", I)]),
    stats("stats_mysql_client_host_cache", true, &[("client_address", T), ("error_count", I), ("last_updated", I)]),
    stats("stats_memory_metrics", false, &[("Variable_Name", T), ("Variable_Value", T)]),
    stats(
        "stats_proxysql_servers_status",
        false,
        &[
            ("hostname", T),
            ("port", I),
            ("weight", I),
            ("master", T),
            ("global_version", I),
            ("check_age_us", I),
            ("ping_time_us", I),
            ("checks_OK", I),
            ("checks_ERR", I),
        ],
    ),
    stats(
        "stats_proxysql_servers_metrics",
        false,
        &[
            ("hostname", T),
            ("port", I),
            ("weight", I),
            ("comment", T),
            ("response_time_ms", I),
            ("Uptime_s", I),
            ("last_check_ms", I),
            ("Queries", I),
            ("Client_Connections_connected", I),
            ("Client_Connections_created", I),
        ],
    ),
    stats(
        "stats_proxysql_servers_checksums",
        false,
        &[
            ("hostname", T),
            ("port", I),
            ("name", T),
            ("version", I),
            ("epoch", I),
            ("checksum", T),
            ("changed_at", I),
            ("updated_at", I),
            ("diff_check", I),
        ],
    ),
    stats(
        "stats_proxysql_message_metrics",
        true,
        &[
            ("message_id", T),
            ("filename", T),
            ("line", I),
            ("func", T),
            ("count_star", I),
            ("first_seen", I),
            ("last_seen", I),
        ],
    ),
    monitor(
        "mysql_server_connect_log",
        &[("hostname", T), ("port", I), ("time_start_us", I), ("connect_success_time_us", I), ("connect_error", T)],
    ),
    monitor(
        "mysql_server_ping_log",
        &[("hostname", T), ("port", I), ("time_start_us", I), ("ping_success_time_us", I), ("ping_error", T)],
    ),
    monitor(
        "mysql_server_read_only_log",
        &[("hostname", T), ("port", I), ("time_start_us", I), ("success_time_us", I), ("read_only", I), ("error", T)],
    ),
    monitor(
        "mysql_server_replication_lag_log",
        &[("hostname", T), ("port", I), ("time_start_us", I), ("success_time_us", I), ("repl_lag", I), ("error", T)],
    ),
    monitor(
        "mysql_server_galera_log",
        &[
            ("hostname", T),
            ("port", I),
            ("time_start_us", I),
            ("success_time_us", I),
            ("primary_partition", T),
            ("read_only", T),
            ("wsrep_local_recv_queue", I),
            ("wsrep_local_state", I),
            ("wsrep_desync", T),
            ("wsrep_reject_queries", T),
            ("wsrep_sst_donor_rejects_queries", T),
            ("pxc_maint_mode", T),
            ("error", T),
        ],
    ),
    monitor(
        "mysql_server_group_replication_log",
        &[
            ("hostname", T),
            ("port", I),
            ("time_start_us", I),
            ("success_time_us", I),
            ("viable_candidate", T),
            ("read_only", T),
            ("transactions_behind", I),
            ("error", T),
        ],
    ),
];

/// The table of this name, and whether it is the twin that clears.
pub fn find(name: &str) -> Option<(&'static Stat, bool)> {
    let same = |text: &str| ALL.iter().find(|stat| stat.name.eq_ignore_ascii_case(text));
    same(name).map(|stat| (stat, false)).or_else(|| {
        let base = name.strip_suffix("_reset")?;
        same(base).filter(|stat| stat.reset).map(|stat| (stat, true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_exist_only_where_something_can_be_cleared() {
        let check =
            |name: &str, expected: Option<bool>| assert_eq!(find(name).map(|(_, reset)| reset), expected, "{name}");
        check("stats_mysql_query_digest", Some(false));
        check("stats_mysql_query_digest_reset", Some(true));
        check("stats_mysql_global_reset", None);
        check("MYSQL_SERVER_PING_LOG", Some(false));
    }

    #[test]
    fn no_name_stands_twice() {
        for (at, stat) in ALL.iter().enumerate() {
            assert!(ALL[at + 1..].iter().all(|other| other.name != stat.name), "{}", stat.name);
        }
    }
}
