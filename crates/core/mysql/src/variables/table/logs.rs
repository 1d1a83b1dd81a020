//! What ProxySQL writes down: its query and audit logs, and how much it says.

use super::super::Kind::{Bool as BOOL, Int};
use super::{NOT_BUILT, ignored};
use crate::variables::Variable;

const MIB: i64 = 1024 * 1024;

const IN_THE_LOG: &str = "what a person should know is always in the log";

const NO_BUFFER: &str = "statements are not kept in memory: see stats_mysql_query_digest, or the query log";

pub(super) const ALL: &[Variable] = &[
    ignored("mysql-auditlog_filesize", Int(MIB, 1024 * MIB), "104857600", "logs go to the common log"),
    ignored(
        "mysql-data_packets_history_size",
        Int(0, 2_147_483_647),
        "0",
        "no packets are kept: they hold rows and passwords",
    ),
    ignored("mysql-eventslog_buffer_history_size", Int(0, 8 * MIB), "0", NO_BUFFER),
    ignored("mysql-eventslog_buffer_max_query_length", Int(128, 32 * MIB), "32768", NO_BUFFER),
    ignored("mysql-eventslog_default_log", Int(0, 1), "0", NOT_BUILT),
    ignored("mysql-eventslog_filesize", Int(MIB, 1024 * MIB), "104857600", NOT_BUILT),
    ignored("mysql-eventslog_format", Int(1, 2), "1", NOT_BUILT),
    ignored("mysql-eventslog_table_memory_size", Int(0, 8 * MIB), "10000", NO_BUFFER),
    ignored("mysql-hostgroup_manager_verbose", Int(0, 3), "1", IN_THE_LOG),
    ignored("mysql-log_mysql_warnings_enabled", BOOL, "false", "warnings are the client's: SHOW WARNINGS finds them"),
    ignored("mysql-log_unhealthy_connections", BOOL, "true", "stats_mysql_errors counts connections that broke"),
    ignored(
        "mysql-parse_failure_logs_digest",
        BOOL,
        "false",
        "no statement fails to be read: what is not understood goes to the writer",
    ),
    ignored("mysql-servers_stats", BOOL, "true", "servers are always counted"),
    ignored("mysql-session_debug", BOOL, "true", "of ProxySQL's debug builds only"),
    ignored("mysql-show_processlist_extended", Int(0, 2), "0", "the column extended_info stays empty"),
    ignored("mysql-stats_time_backend_query", BOOL, "false", "times of servers are in the histograms of /metrics"),
    ignored("mysql-stats_time_query_processor", BOOL, "false", "deciding where a statement goes takes a microsecond"),
    ignored("mysql-verbose_query_error", BOOL, "false", "stats_mysql_errors has user, schema and server of each error"),
];
