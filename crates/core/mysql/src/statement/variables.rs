//! System variables that are more than a setting, and schemas of the server's own state.

use super::{Effects, Reason};

/// Of `@@name` without scope and quotes: what reading it needs, and why a replica has another value.
///
/// `@@server_id`, `@@hostname` and `@@port` differ as well, but are read to learn which server answers.
pub(crate) fn read(name: &[u8]) -> (Effects, Option<Reason>) {
    let is = |names: &[&str]| names.iter().any(|other| other.as_bytes().eq_ignore_ascii_case(name));
    if is(&["last_insert_id", "identity", "insert_id"]) {
        (Effects::USES_LAST_INSERT_ID, None)
    } else if is(&["warning_count", "error_count"]) {
        (Effects::DIAGNOSTICS, None)
    } else if is(&["pseudo_thread_id"]) {
        (Effects::CONNECTION_ID, None)
    } else if is(SERVERS) || starts_with(name, b"gtid_") {
        (Effects::NONE, Some(Reason::ServerSpecific))
    } else {
        (Effects::VOLATILE, None)
    }
}

/// Variables that say what a server is, or where its files lie.
const SERVERS: &[&str] = &[
    "basedir",
    "datadir",
    "general_log_file",
    "innodb_read_only",
    "last_gtid",
    "log_error",
    "pid_file",
    "read_only",
    "slow_query_log_file",
    "socket",
    "super_read_only",
    "tmpdir",
];

/// Of `SET name`, beside that it sets a variable of the session; `scoped`: SESSION or LOCAL is said.
pub(crate) fn assigned(name: &[u8], scoped: bool) -> Effects {
    let is = |names: &[&str]| names.iter().any(|other| other.as_bytes().eq_ignore_ascii_case(name));
    if is(&["autocommit"]) {
        Effects::SET_AUTOCOMMIT
    } else if is(&["last_insert_id", "identity", "insert_id"]) {
        Effects::ASSIGNS_LAST_INSERT_ID
    } else if is(&["optimizer_trace", "profiling", "profiling_history_size"]) {
        Effects::PROFILING
    } else if !scoped && is(&["tx_isolation", "transaction_isolation", "tx_read_only", "transaction_read_only"]) {
        Effects::SET_TRANSACTION_NEXT
    } else {
        Effects::NONE
    }
}

/// Tables of `information_schema` that show the server instead of the data.
const SERVER_TABLES: &[&str] = &[
    "CLIENT_STATISTICS",
    "EVENTS",
    "FILES",
    "GLOBAL_STATUS",
    "GLOBAL_VARIABLES",
    "INDEX_STATISTICS",
    "KEY_CACHES",
    "METADATA_LOCK_INFO",
    "OPTIMIZER_TRACE",
    "PROCESSLIST",
    "PROFILING",
    "QUERY_CACHE_INFO",
    "SESSION_STATUS",
    "SESSION_VARIABLES",
    "SLAVE_STATUS",
    "SYSTEM_VARIABLES",
    "TABLE_STATISTICS",
    "TEMP_TABLES_INFO",
    "USER_STATISTICS",
    "USER_VARIABLES",
];

/// Tables of `mysql` that are not replicated, or hold what replication itself keeps.
const SERVER_OWN: &[&str] = &["event", "general_log", "gtid_slave_pos", "plugin", "servers", "slow_log"];

/// `schema.table` holds what is the server's own.
pub(crate) fn is_server_table(schema: &[u8], table: &[u8]) -> bool {
    let is = |names: &[&str], name: &[u8]| names.iter().any(|other| other.as_bytes().eq_ignore_ascii_case(name));
    is(&["performance_schema", "sys"], schema)
        || is(&["information_schema"], schema)
            && (is(SERVER_TABLES, table) || starts_with(table, b"innodb_") || starts_with(table, b"thread_pool_"))
        || is(&["mysql"], schema) && (is(SERVER_OWN, table) || starts_with(table, b"innodb_"))
}

fn starts_with(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
