//! Names that files of older versions have and ProxySQL 2.7 no more, and those of 3.0 that mean something here.

use super::super::Kind::{Bool as BOOL, Int, Text as TEXT};
use super::{done, ignored};
use crate::variables::Variable;

/// Since 2.0.6 the client's own flag is passed on, here too.
const FLAGS: &str = "gone since ProxySQL 2.0.6: what the client asked for at its log-in is passed on";

/// 2.0 set them on each new connection.
const DEFAULTS: &str =
    "gone in ProxySQL 2.x: a session begins with its server's own value; set it there, or by init_connect";

const NO_QUERIES: &str = "gone since ProxySQL 2.0: it did nothing there";

const LATER: &str = "of ProxySQL 3.0, not of 2.7";

const fn default_of(name: &'static str, value: &'static str) -> Variable {
    ignored(name, TEXT, value, DEFAULTS)
}

pub(super) const ALL: &[Variable] = &[
    ignored(
        "admin-hash_passwords",
        BOOL,
        "true",
        "gone since ProxySQL 2.6: passwords are taken as they are written, and shown hashed",
    ),
    ignored("admin-pgsql_ifaces", TEXT, "", LATER),
    ignored("mysql-client_found_rows", BOOL, "true", FLAGS),
    ignored("mysql-client_multi_statements", BOOL, "true", FLAGS),
    default_of("mysql-default_character_set_results", "NULL"),
    default_of("mysql-default_isolation_level", "READ COMMITTED"),
    default_of("mysql-default_max_join_size", "18446744073709551615"),
    default_of("mysql-default_net_write_timeout", "60"),
    default_of("mysql-default_sql_auto_is_null", "OFF"),
    default_of("mysql-default_sql_mode", ""),
    default_of("mysql-default_sql_safe_updates", "OFF"),
    default_of("mysql-default_sql_select_limit", "DEFAULT"),
    default_of("mysql-default_time_zone", "SYSTEM"),
    default_of("mysql-default_transaction_read", "WRITE"),
    default_of("mysql-default_tx_isolation", "READ-COMMITTED"),
    ignored("mysql-eventslog_stmt_parameters", Int(0, 1), "0", LATER),
    ignored("mysql-fast_forward_grace_close_ms", Int(0, 3_600_000), "5000", LATER),
    ignored(
        "mysql-forward_autocommit",
        BOOL,
        "false",
        "gone since ProxySQL 2.0: autocommit is always performed by the server",
    ),
    ignored("mysql-ignore_min_gtid_annotations", BOOL, "false", LATER),
    ignored("mysql-monitor_query_status", TEXT, "", NO_QUERIES),
    ignored("mysql-monitor_query_variables", TEXT, "", NO_QUERIES),
    ignored("mysql-monitor_timer_cached", BOOL, "true", NO_QUERIES),
    done("mysql-processlist_max_query_length", Int(1024, 33_554_432), "2097152"),
    ignored("mysql-session_track_variables", Int(0, 2), "0", "what servers track is always followed"),
];
