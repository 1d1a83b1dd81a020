//! Variables as the proxy works by them.

use super::monitor;
use super::tuning::{CausalReads, SafeRouting, Tuning};
use mysql::monitor::replication::OnMultipleWriters;
use mysql::variables::Variables;
use std::time::Duration;

/// Milliseconds of a variable.
fn milliseconds(variables: &Variables, name: &str) -> Duration {
    Duration::from_millis(u64::try_from(variables.int(name)).unwrap_or_default())
}

fn number<T: TryFrom<i64> + Default>(variables: &Variables, name: &str) -> T {
    T::try_from(variables.int(name)).unwrap_or_default()
}

pub fn tuning(variables: &Variables) -> Tuning {
    let fallback = Tuning::default();
    Tuning {
        threads: number::<u32>(variables, "mysql-threads").max(1),
        max_connections: number(variables, "mysql-max_connections"),
        connect_timeout_server: milliseconds(variables, "mysql-connect_timeout_server"),
        connect_timeout_server_max: milliseconds(variables, "mysql-connect_timeout_server_max"),
        connect_timeout_client: milliseconds(variables, "mysql-connect_timeout_client"),
        wait_timeout: milliseconds(variables, "mysql-wait_timeout"),
        default_query_timeout: milliseconds(variables, "mysql-default_query_timeout"),
        max_allowed_packet: number(variables, "mysql-max_allowed_packet"),
        max_stmts_per_connection: number(variables, "mysql-max_stmts_per_connection"),
        query_retries_on_failure: number(variables, "mysql-query_retries_on_failure"),
        long_query_time: milliseconds(variables, "mysql-long_query_time"),
        have_compress: variables.bool("mysql-have_compress"),
        server_version: variables.str("mysql-server_version").to_owned(),
        causal_reads: match variables.str("mysql-causal_reads") {
            "none" => CausalReads::None,
            "user" => CausalReads::User,
            _ => CausalReads::Session,
        },
        causal_reads_timeout: milliseconds(variables, "mysql-causal_reads_timeout_ms"),
        reader_fallback_to_writer: variables.bool("mysql-reader_fallback_to_writer"),
        safe_routing: match variables.str("mysql-safe_routing") {
            "warn" => SafeRouting::Warn,
            "off" => SafeRouting::Off,
            _ => SafeRouting::Strict,
        },
        ..fallback
    }
}

pub fn monitor(variables: &Variables) -> monitor::Options {
    monitor::Options {
        enabled: variables.bool("mysql-monitor_enabled"),
        username: variables.str("mysql-monitor_username").to_owned(),
        password: variables.str("mysql-monitor_password").to_owned(),
        interval: milliseconds(variables, "mysql-monitor_read_only_interval"),
        timeout: milliseconds(variables, "mysql-monitor_read_only_timeout"),
        dead_after: number::<u32>(variables, "mysql-monitor_ping_max_failures").max(1),
        writer_is_also_reader: variables.bool("mysql-monitor_writer_is_also_reader"),
        on_multiple_writers: match variables.str("mysql-on_multiple_writers") {
            "stop" => OnMultipleWriters::Stop,
            "proxysql" => OnMultipleWriters::Proxysql,
            _ => OnMultipleWriters::Keep,
        },
    }
}

/// Names and passwords of `admin-admin_credentials`, `admin-stats_credentials`: `user:password;user:password`.
pub fn credentials(text: &str) -> Vec<(String, String)> {
    let pairs = text.split(';').filter_map(|pair| pair.trim().split_once(':'));
    pairs.map(|(user, password)| (user.to_owned(), password.to_owned())).collect()
}
