//! Variables as the proxy works by them.

use super::monitor;
use super::networks::Networks;
use super::tuning::{CausalReads, SafeRouting, Tuning};
use mysql::digest;
use mysql::monitor::replication::OnMultipleWriters;
use mysql::protocol::auth;
use mysql::settings::ServerTls;
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
        default_authentication_plugin: match variables.str("mysql-default_authentication_plugin") {
            auth::CACHING_SHA2 => auth::CACHING_SHA2,
            auth::ED25519 => auth::ED25519,
            _ => auth::NATIVE,
        },
        // What is wrong in it was said when it was loaded.
        proxy_protocol_networks: Networks::parse(variables.str("mysql-proxy_protocol_networks")).unwrap_or_default(),
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
        query_digests: variables.bool("mysql-query_digests"),
        digest: digest_options(variables),
        digest_max_query_length: number(variables, "mysql-query_digests_max_query_length"),
        throttle_to_client: number(variables, "mysql-throttle_max_bytes_per_second_to_client"),
        default_max_latency: milliseconds(variables, "mysql-default_max_latency_ms"),
        max_transaction_time: milliseconds(variables, "mysql-max_transaction_time"),
        max_transaction_idle_time: milliseconds(variables, "mysql-max_transaction_idle_time"),
        default_query_delay: number(variables, "mysql-default_query_delay"),
        query_cache_bytes: number::<usize>(variables, "mysql-query_cache_size_MB") << 20,
        query_cache_soft_ttl_pct: number(variables, "mysql-query_cache_soft_ttl_pct"),
        query_cache_handle_warnings: variables.int("mysql-query_cache_handle_warnings") != 0,
        query_cache_stores_empty_result: variables.bool("mysql-query_cache_stores_empty_result"),
        threshold_resultset_size: number(variables, "mysql-threshold_resultset_size"),
        mirror_max_concurrency: number(variables, "mysql-mirror_max_concurrency"),
        mirror_max_queue_length: number(variables, "mysql-mirror_max_queue_length"),
        firewall_whitelist_enabled: variables.bool("mysql-firewall_whitelist_enabled"),
        firewall_whitelist_errormsg: variables.str("mysql-firewall_whitelist_errormsg").to_owned(),
        query_processor_iterations: number(variables, "mysql-query_processor_iterations"),
        connection_max_age: milliseconds(variables, "mysql-connection_max_age_ms"),
        processlist_max_query_length: number(variables, "mysql-processlist_max_query_length"),
        deprecate_eof: variables.bool("mysql-enable_client_deprecate_eof")
            && variables.bool("mysql-enable_server_deprecate_eof"),
        tcp_keepalive: if variables.bool("mysql-use_tcp_keepalive") {
            Duration::from_secs(number(variables, "mysql-tcp_keepalive_time"))
        } else {
            Duration::ZERO
        },
        ..fallback
    }
}

fn digest_options(variables: &Variables) -> digest::Options {
    digest::Options {
        lowercase: variables.bool("mysql-query_digests_lowercase"),
        no_digits: variables.bool("mysql-query_digests_no_digits"),
        replace_null: variables.bool("mysql-query_digests_replace_null"),
        keep_comment: variables.bool("mysql-query_digests_keep_comment"),
        grouping_limit: number(variables, "mysql-query_digests_grouping_limit"),
        groups_grouping_limit: number(variables, "mysql-query_digests_groups_grouping_limit"),
        max_bytes: number(variables, "mysql-query_digests_max_digest_length"),
    }
}

/// `mysql-ssl_p2s_…`: for servers that have no row in `mysql_servers_ssl_params`.
pub fn server_tls(variables: &Variables) -> ServerTls {
    let of = |name: &str| variables.str(&format!("mysql-ssl_p2s_{name}")).to_owned();
    ServerTls {
        ca: of("ca"),
        capath: of("capath"),
        cert: of("cert"),
        key: of("key"),
        crl: of("crl"),
        crlpath: of("crlpath"),
        cipher: of("cipher"),
        tls_version: String::new(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_set_is_the_default() {
        assert_eq!(format!("{:?}", tuning(&Variables::default())), format!("{:?}", Tuning::default()));
    }

    #[test]
    fn what_is_set_is_taken() {
        let mut variables = Variables::default();
        let set = [
            ("mysql-query_digests", "false"),
            ("mysql-query_digests_keep_comment", "1"),
            ("mysql-query_digests_groups_grouping_limit", "2"),
            ("mysql-connection_max_age_ms", "1500"),
            ("mysql-enable_server_deprecate_eof", "off"),
            ("mysql-use_tcp_keepalive", "false"),
            ("mysql-query_processor_iterations", "3"),
        ];
        set.iter().for_each(|(name, value)| assert_eq!(variables.set(name, value), Ok(()), "{name}"));
        let tuning = tuning(&variables);
        assert!(!tuning.query_digests && tuning.digest.keep_comment && !tuning.deprecate_eof);
        assert_eq!((tuning.digest.groups_grouping_limit, tuning.query_processor_iterations), (2, 3));
        assert_eq!((tuning.connection_max_age, tuning.tcp_keepalive), (Duration::from_millis(1500), Duration::ZERO));
    }
}
