//! Variables of ProxySQL 2.7 that are known, each once, and our own. Names are public documentation's; what is `done` is wired in
//! `proxy::sql::values`.

use super::{
    Fate,
    Kind::{self, Bool as BOOL, Int, Text as TEXT, Word},
    Variable,
};

/// What ProxySQL has and this version does not; what happens instead: docs/proxysql-differences.md.
const NOT_BUILT: &str = "this version does not have it yet";

const fn done(name: &'static str, kind: Kind, default: &'static str) -> Variable {
    Variable { name, kind, default, fate: Fate::Done, secret: false, own: false }
}

const fn ignored(name: &'static str, kind: Kind, default: &'static str, why: &'static str) -> Variable {
    Variable { name, kind, default, fate: Fate::Ignored(why), secret: false, own: false }
}

impl Variable {
    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Not ProxySQL's.
    const fn own(mut self) -> Self {
        self.own = true;
        self
    }
}

/// In the order of their names within each group.
pub const ALL: &[Variable] = &[
    // The admin interface.
    done("admin-admin_credentials", TEXT, "").secret(),
    ignored(
        "admin-cluster_check_interval_ms",
        Int(10, 300000),
        "1000",
        "proxies do not copy each other's configuration: give each the same file",
    ),
    ignored(
        "admin-cluster_password",
        TEXT,
        "",
        "proxies do not copy each other's configuration: give each the same file",
    )
    .secret(),
    ignored(
        "admin-cluster_username",
        TEXT,
        "",
        "proxies do not copy each other's configuration: give each the same file",
    ),
    ignored("admin-hash_passwords", BOOL, "true", "passwords are taken as they are written"),
    done("admin-mysql_ifaces", TEXT, "127.0.0.1:6032"),
    ignored("admin-read_only", BOOL, "false", NOT_BUILT),
    ignored("admin-refresh_interval", Int(100, 100000), "2000", NOT_BUILT),
    done("admin-restapi_enabled", BOOL, "false"),
    done("admin-restapi_port", Int(1, 65535), "6070"),
    done("admin-stats_credentials", TEXT, "").secret(),
    ignored("admin-version", TEXT, "", "told by the program"),
    done("admin-web_enabled", BOOL, "false"),
    done("admin-web_port", Int(1, 65535), "6080"),
    // The monitor.
    ignored("mysql-monitor_connect_interval", Int(100, 604800000), "120000", NOT_BUILT),
    ignored("mysql-monitor_connect_timeout", Int(100, 600000), "600", NOT_BUILT),
    done("mysql-monitor_enabled", BOOL, "true"),
    ignored(
        "mysql-monitor_galera_healthcheck_interval",
        Int(50, 604800000),
        "5000",
        "Galera, Group Replication and Aurora are not watched yet",
    ),
    ignored(
        "mysql-monitor_galera_healthcheck_timeout",
        Int(50, 600000),
        "800",
        "Galera, Group Replication and Aurora are not watched yet",
    ),
    ignored(
        "mysql-monitor_groupreplication_healthcheck_interval",
        Int(50, 604800000),
        "5000",
        "Galera, Group Replication and Aurora are not watched yet",
    ),
    ignored(
        "mysql-monitor_groupreplication_healthcheck_timeout",
        Int(50, 600000),
        "800",
        "Galera, Group Replication and Aurora are not watched yet",
    ),
    ignored("mysql-monitor_history", Int(1000, 1728000000), "7200000", NOT_BUILT),
    done("mysql-monitor_password", TEXT, "monitor").secret(),
    ignored("mysql-monitor_ping_interval", Int(100, 604800000), "8000", NOT_BUILT),
    done("mysql-monitor_ping_max_failures", Int(1, 1000000), "3"),
    ignored("mysql-monitor_ping_timeout", Int(100, 600000), "1000", NOT_BUILT),
    done("mysql-monitor_read_only_interval", Int(100, 604800000), "500"),
    ignored("mysql-monitor_read_only_max_timeout_count", Int(1, 1000), "3", NOT_BUILT),
    done("mysql-monitor_read_only_timeout", Int(100, 600000), "800"),
    ignored("mysql-monitor_replication_lag_count", Int(1, 10), "1", NOT_BUILT),
    ignored("mysql-monitor_replication_lag_interval", Int(100, 604800000), "10000", NOT_BUILT),
    ignored("mysql-monitor_replication_lag_timeout", Int(100, 600000), "1000", NOT_BUILT),
    ignored("mysql-monitor_replication_lag_use_percona_heartbeat", TEXT, "", NOT_BUILT),
    ignored("mysql-monitor_slave_lag_when_null", Int(0, 604800), "60", NOT_BUILT),
    done("mysql-monitor_username", TEXT, "monitor"),
    done("mysql-monitor_writer_is_also_reader", BOOL, "true"),
    // Traffic.
    ignored("mysql-auditlog_filename", TEXT, "", "logs go to the common log"),
    ignored("mysql-auto_increment_delay_multiplex", Int(0, 1000000), "5", NOT_BUILT),
    ignored("mysql-auto_increment_delay_multiplex_timeout_ms", Int(0, 3600000), "10000", NOT_BUILT),
    ignored("mysql-autocommit_false_is_transaction", BOOL, "false", NOT_BUILT),
    ignored("mysql-commands_stats", BOOL, "true", "commands are counted always: it costs nothing to speak of"),
    ignored("mysql-connect_retries_delay", Int(0, 10000), "1", NOT_BUILT),
    ignored("mysql-connect_retries_on_failure", Int(0, 1000), "10", NOT_BUILT),
    done("mysql-connect_timeout_client", Int(500, 3600000), "10000"),
    done("mysql-connect_timeout_server", Int(10, 120000), "1000"),
    done("mysql-connect_timeout_server_max", Int(10, 3600000), "10000"),
    ignored("mysql-connection_delay_multiplex_ms", Int(0, 300000), "0", NOT_BUILT),
    ignored(
        "mysql-default_authentication_plugin",
        Word(&["mysql_native_password", "caching_sha2_password"]),
        "mysql_native_password",
        NOT_BUILT,
    ),
    ignored("mysql-default_charset", TEXT, "utf8mb4", NOT_BUILT),
    ignored("mysql-default_max_latency_ms", Int(0, 1728000000), "1000", NOT_BUILT),
    ignored("mysql-default_query_delay", Int(0, 3600000), "0", NOT_BUILT),
    done("mysql-default_query_timeout", Int(1000, 1728000000), "86400000"),
    ignored("mysql-default_schema", TEXT, "information_schema", NOT_BUILT),
    ignored(
        "mysql-enable_load_data_local_infile",
        BOOL,
        "false",
        "LOAD DATA LOCAL is passed through; no file of the proxy is read",
    ),
    ignored("mysql-eventslog_filename", TEXT, "", "logs go to the common log"),
    ignored("mysql-firewall_whitelist_enabled", BOOL, "false", NOT_BUILT),
    ignored("mysql-free_connections_pct", Int(0, 100), "10", NOT_BUILT),
    ignored("mysql-handle_warnings", Int(0, 1), "1", NOT_BUILT),
    done("mysql-have_compress", BOOL, "true"),
    done("mysql-have_ssl", BOOL, "true"),
    done("mysql-interfaces", TEXT, "0.0.0.0:6033"),
    ignored("mysql-keep_multiplexing_variables", TEXT, "tx_isolation,transaction_isolation,version", NOT_BUILT),
    ignored("mysql-kill_backend_connection_when_disconnect", BOOL, "true", NOT_BUILT),
    done("mysql-long_query_time", Int(0, 1728000000), "1000"),
    done("mysql-max_allowed_packet", Int(8192, 1073741824), "67108864"),
    done("mysql-max_connections", Int(1, 1000000), "10000"),
    ignored("mysql-max_stmts_cache", Int(128, 1048576), "10000", NOT_BUILT),
    done("mysql-max_stmts_per_connection", Int(1, 1024), "20"),
    ignored("mysql-max_transaction_idle_time", Int(1000, 1728000000), "14400000", NOT_BUILT),
    ignored("mysql-max_transaction_time", Int(1000, 1728000000), "14400000", NOT_BUILT),
    ignored("mysql-mirror_max_concurrency", Int(1, 8192), "16", NOT_BUILT),
    ignored("mysql-mirror_max_queue_length", Int(0, 1048576), "32000", NOT_BUILT),
    ignored("mysql-multiplexing", BOOL, "true", NOT_BUILT),
    ignored("mysql-ping_interval_server_msec", Int(1000, 604800000), "10000", NOT_BUILT),
    ignored("mysql-ping_timeout_server", Int(10, 600000), "200", NOT_BUILT),
    ignored("mysql-poll_timeout", Int(10, 20000), "2000", "nothing is polled"),
    ignored("mysql-poll_timeout_on_failure", Int(10, 20000), "100", "nothing is polled"),
    ignored("mysql-proxy_protocol_networks", TEXT, "", NOT_BUILT),
    ignored("mysql-query_cache_handle_warnings", Int(0, 1), "0", NOT_BUILT),
    ignored("mysql-query_cache_size_MB", Int(0, 1048576), "256", NOT_BUILT),
    ignored("mysql-query_cache_soft_ttl_pct", Int(0, 100), "0", NOT_BUILT),
    ignored("mysql-query_cache_stores_empty_result", BOOL, "true", NOT_BUILT),
    ignored("mysql-query_digests", BOOL, "true", NOT_BUILT),
    ignored("mysql-query_digests_grouping_limit", Int(1, 2089), "3", NOT_BUILT),
    ignored("mysql-query_digests_groups_grouping_limit", Int(0, 2089), "10", NOT_BUILT),
    ignored("mysql-query_digests_lowercase", BOOL, "false", NOT_BUILT),
    ignored("mysql-query_digests_max_digest_length", Int(16, 1048576), "2048", NOT_BUILT),
    ignored("mysql-query_digests_max_query_length", Int(16, 1073741824), "65000", NOT_BUILT),
    ignored("mysql-query_digests_no_digits", BOOL, "false", NOT_BUILT),
    ignored("mysql-query_digests_normalize_digest_text", BOOL, "false", NOT_BUILT),
    ignored("mysql-query_digests_replace_null", BOOL, "false", NOT_BUILT),
    ignored("mysql-query_digests_track_hostname", BOOL, "false", NOT_BUILT),
    ignored("mysql-query_processor_iterations", Int(0, 1000000), "0", NOT_BUILT),
    ignored("mysql-query_processor_regex", Int(1, 2), "1", NOT_BUILT),
    done("mysql-query_retries_on_failure", Int(0, 1000), "1"),
    ignored("mysql-reset_connection_algorithm", Int(1, 2), "2", NOT_BUILT),
    done("mysql-server_version", TEXT, "8.0.11"),
    ignored("mysql-session_idle_ms", Int(1, 3600000), "1", "idle sessions cost no thread"),
    ignored("mysql-session_idle_show_processlist", BOOL, "true", NOT_BUILT),
    ignored("mysql-sessions_sort", BOOL, "true", "sessions are served as they come"),
    ignored("mysql-set_parser_algorithm", Int(1, 2), "2", "SET is read by one lexer"),
    ignored("mysql-set_query_lock_on_hostgroup", Int(0, 1), "1", NOT_BUILT),
    ignored("mysql-shun_on_failures", Int(0, 10000000), "5", NOT_BUILT),
    ignored("mysql-shun_recovery_time_sec", Int(0, 31536000), "10", NOT_BUILT),
    ignored("mysql-ssl_p2s_ca", TEXT, "", NOT_BUILT),
    ignored("mysql-ssl_p2s_capath", TEXT, "", NOT_BUILT),
    ignored("mysql-ssl_p2s_cert", TEXT, "", NOT_BUILT),
    ignored("mysql-ssl_p2s_cipher", TEXT, "", NOT_BUILT),
    ignored("mysql-ssl_p2s_crl", TEXT, "", NOT_BUILT),
    ignored("mysql-ssl_p2s_crlpath", TEXT, "", NOT_BUILT),
    ignored("mysql-ssl_p2s_key", TEXT, "", NOT_BUILT),
    ignored("mysql-stacksize", Int(262144, 4194304), "1048576", "threads and their stacks are the runtime's own"),
    ignored("mysql-tcp_keepalive_time", Int(0, 7200), "120", NOT_BUILT),
    done("mysql-threads", Int(1, 255), "4"),
    ignored("mysql-threshold_query_length", Int(1024, 1073741824), "524288", NOT_BUILT),
    ignored("mysql-threshold_resultset_size", Int(1024, 1073741824), "4194304", NOT_BUILT),
    ignored("mysql-throttle_connections_per_sec_to_hostgroup", Int(1, 100000000), "1000000", NOT_BUILT),
    ignored("mysql-throttle_max_bytes_per_second_to_client", Int(0, 2147483647), "0", NOT_BUILT),
    ignored("mysql-unshun_algorithm", Int(0, 1), "0", NOT_BUILT),
    ignored("mysql-use_tcp_keepalive", BOOL, "true", NOT_BUILT),
    done("mysql-wait_timeout", Int(0, 1728000000), "28800000"),
    done("mysql-causal_reads", Word(&["none", "session", "user"]), "session").own(),
    done("mysql-causal_reads_timeout_ms", Int(0, 600000), "1000").own(),
    done("mysql-on_multiple_writers", Word(&["keep", "stop", "proxysql"]), "keep").own(),
    done("mysql-reader_fallback_to_writer", BOOL, "true").own(),
    done("mysql-safe_routing", Word(&["strict", "warn", "off"]), "strict").own(),
];
