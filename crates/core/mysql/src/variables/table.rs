//! Variables of ProxySQL 2.7, each once, by theme, and our own. Names, ranges and defaults are facts of its source and public
//! documentation; what is `done` is wired in `proxy::sql::values`.

mod admin;
mod gone;
mod logs;
mod monitor;
mod sessions;

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

const THEMES: &[&[Variable]] = &[admin::ALL, monitor::ALL, TRAFFIC, sessions::ALL, logs::ALL, gone::ALL];

/// All that is known, theme by theme.
pub const ALL: &[Variable] = &joined::<{ count(THEMES) }>(THEMES);

const fn count(themes: &[&[Variable]]) -> usize {
    let (mut sum, mut theme) = (0, 0);
    while theme < themes.len() {
        sum += themes[theme].len();
        theme += 1;
    }
    sum
}

const fn joined<const N: usize>(themes: &[&[Variable]]) -> [Variable; N] {
    let mut all = [themes[0][0]; N];
    let (mut at, mut theme) = (0, 0);
    while theme < themes.len() {
        let mut within = 0;
        while within < themes[theme].len() {
            all[at] = themes[theme][within];
            at += 1;
            within += 1;
        }
        theme += 1;
    }
    all
}

/// Statements and their connections.
const TRAFFIC: &[Variable] = &[
    ignored("mysql-auditlog_filename", TEXT, "", "logs go to the common log"),
    ignored(
        "mysql-auto_increment_delay_multiplex",
        Int(0, 1000000),
        "5",
        "LAST_INSERT_ID() goes to the connection that made the id, however much later",
    ),
    ignored(
        "mysql-auto_increment_delay_multiplex_timeout_ms",
        Int(0, 3600000),
        "10000",
        "LAST_INSERT_ID() goes to the connection that made the id, however much later",
    ),
    ignored("mysql-autocommit_false_is_transaction", BOOL, "false", "servers say what is a transaction"),
    ignored(
        "mysql-commands_stats",
        BOOL,
        "true",
        "stats_mysql_query_digest and the histograms of /metrics count always",
    ),
    ignored("mysql-connect_retries_delay", Int(0, 10000), "1", NOT_BUILT),
    ignored("mysql-connect_retries_on_failure", Int(0, 1000), "10", NOT_BUILT),
    done("mysql-connect_timeout_client", Int(500, 3600000), "10000"),
    done("mysql-connect_timeout_server", Int(10, 120000), "1000"),
    done("mysql-connect_timeout_server_max", Int(10, 3600000), "10000"),
    ignored(
        "mysql-connection_delay_multiplex_ms",
        Int(0, 300000),
        "0",
        "a connection stays with its session until another needs it",
    ),
    done(
        "mysql-default_authentication_plugin",
        Word(&["mysql_native_password", "caching_sha2_password", "client_ed25519"]),
        "mysql_native_password",
    ),
    ignored(
        "mysql-default_charset",
        TEXT,
        "utf8",
        "the character set that the client asks for is given to the server, which knows its own",
    ),
    done("mysql-default_max_latency_ms", Int(0, 1728000000), "1000"),
    done("mysql-default_query_delay", Int(0, 3600000), "0"),
    done("mysql-default_query_timeout", Int(1000, 1728000000), "86400000"),
    ignored(
        "mysql-default_schema",
        TEXT,
        "information_schema",
        "a client that names no schema has none, as at the server itself",
    ),
    ignored(
        "mysql-enable_load_data_local_infile",
        BOOL,
        "false",
        "LOAD DATA LOCAL is passed through; no file of the proxy is read",
    ),
    ignored("mysql-eventslog_filename", TEXT, "", "logs go to the common log"),
    done("mysql-firewall_whitelist_enabled", BOOL, "false"),
    ignored("mysql-free_connections_pct", Int(0, 100), "10", NOT_BUILT),
    ignored(
        "mysql-handle_warnings",
        Int(0, 1),
        "1",
        "a connection stays with its session, where SHOW WARNINGS finds what there is",
    ),
    done("mysql-have_compress", BOOL, "true"),
    done("mysql-have_ssl", BOOL, "true"),
    done("mysql-interfaces", TEXT, "0.0.0.0:6033"),
    ignored(
        "mysql-keep_multiplexing_variables",
        TEXT,
        "tx_isolation,transaction_isolation,version",
        "the lexer knows which variables only read",
    ),
    ignored("mysql-kill_backend_connection_when_disconnect", BOOL, "true", NOT_BUILT),
    done("mysql-long_query_time", Int(0, 1728000000), "1000"),
    done("mysql-max_allowed_packet", Int(8192, 1073741824), "67108864"),
    done("mysql-max_connections", Int(1, 1000000), "10000"),
    ignored(
        "mysql-max_stmts_cache",
        Int(128, 1048576),
        "10000",
        "statements are kept by connection: mysql-max_stmts_per_connection",
    ),
    done("mysql-max_stmts_per_connection", Int(1, 1024), "20"),
    done("mysql-max_transaction_idle_time", Int(1000, 1728000000), "14400000"),
    done("mysql-max_transaction_time", Int(1000, 1728000000), "14400000"),
    done("mysql-mirror_max_concurrency", Int(1, 8192), "16"),
    done("mysql-mirror_max_queue_length", Int(0, 1048576), "32000"),
    ignored(
        "mysql-multiplexing",
        BOOL,
        "true",
        "servers say what binds a session to its connection: nothing else does",
    ),
    ignored(
        "mysql-ping_interval_server_msec",
        Int(1000, 604800000),
        "10000",
        "a connection that its server closed is noticed before it is used",
    ),
    ignored(
        "mysql-ping_timeout_server",
        Int(10, 600000),
        "200",
        "a connection that its server closed is noticed before it is used",
    ),
    ignored("mysql-poll_timeout", Int(10, 20000), "2000", "nothing is polled"),
    ignored("mysql-poll_timeout_on_failure", Int(10, 20000), "100", "nothing is polled"),
    done("mysql-proxy_protocol_networks", TEXT, ""),
    done("mysql-query_cache_handle_warnings", Int(0, 1), "0"),
    done("mysql-query_cache_size_MB", Int(0, 10485760), "256"),
    done("mysql-query_cache_soft_ttl_pct", Int(0, 100), "0"),
    done("mysql-query_cache_stores_empty_result", BOOL, "true"),
    done("mysql-query_digests", BOOL, "true"),
    done("mysql-query_digests_grouping_limit", Int(1, 2089), "3"),
    done("mysql-query_digests_groups_grouping_limit", Int(0, 2089), "10"),
    done("mysql-query_digests_lowercase", BOOL, "false"),
    done("mysql-query_digests_max_digest_length", Int(16, 1048576), "2048"),
    done("mysql-query_digests_max_query_length", Int(16, 1048576), "65000"),
    done("mysql-query_digests_no_digits", BOOL, "false"),
    ignored(
        "mysql-query_digests_normalize_digest_text",
        BOOL,
        "false",
        "a digest is counted by schema and hostgroup, its text is kept once",
    ),
    done("mysql-query_digests_replace_null", BOOL, "false"),
    ignored(
        "mysql-query_digests_track_hostname",
        BOOL,
        "false",
        "client addresses are not counted by digest: there may be too many",
    ),
    done("mysql-query_processor_iterations", Int(0, 1000000), "0"),
    ignored(
        "mysql-query_processor_regex",
        Int(1, 2),
        "1",
        "one engine: linear in time, with look-around where a pattern needs it",
    ),
    done("mysql-query_retries_on_failure", Int(0, 1000), "1"),
    ignored(
        "mysql-reset_connection_algorithm",
        Int(1, 2),
        "2",
        "a connection is brought to its session by exactly the variables that differ",
    ),
    done("mysql-server_version", TEXT, "8.0.11"),
    ignored("mysql-session_idle_ms", Int(1, 3600000), "1", "idle sessions cost no thread"),
    ignored("mysql-session_idle_show_processlist", BOOL, "true", "SHOW PROCESSLIST has all sessions"),
    ignored("mysql-sessions_sort", BOOL, "true", "sessions are served as they come"),
    ignored("mysql-set_parser_algorithm", Int(1, 2), "2", "SET is read by one lexer"),
    ignored(
        "mysql-set_query_lock_on_hostgroup",
        Int(0, 1),
        "1",
        "a session is never locked out: what it holds is followed, or it stays with the writer",
    ),
    ignored(
        "mysql-shun_on_failures",
        Int(0, 10000000),
        "5",
        "a server that cannot be reached is asked by the monitor at once, which takes it out",
    ),
    ignored("mysql-shun_recovery_time_sec", Int(0, 31536000), "10", "a server is back when it answers the monitor"),
    done("mysql-ssl_p2s_ca", TEXT, ""),
    done("mysql-ssl_p2s_capath", TEXT, ""),
    done("mysql-ssl_p2s_cert", TEXT, ""),
    done("mysql-ssl_p2s_cipher", TEXT, ""),
    done("mysql-ssl_p2s_crl", TEXT, ""),
    done("mysql-ssl_p2s_crlpath", TEXT, ""),
    done("mysql-ssl_p2s_key", TEXT, ""),
    ignored("mysql-stacksize", Int(262144, 4194304), "1048576", "threads and their stacks are the runtime's own"),
    done("mysql-tcp_keepalive_time", Int(0, 7200), "120"),
    done("mysql-threads", Int(1, 255), "4"),
    ignored("mysql-threshold_query_length", Int(1024, 1073741824), "524288", NOT_BUILT),
    done("mysql-threshold_resultset_size", Int(1024, 1073741824), "4194304"),
    done("mysql-throttle_connections_per_sec_to_hostgroup", Int(1, 100000000), "1000000"),
    done("mysql-throttle_max_bytes_per_second_to_client", Int(0, 2147483647), "0"),
    ignored(
        "mysql-unshun_algorithm",
        Int(0, 1),
        "0",
        "a server is back when it answers the monitor, in all its hostgroups",
    ),
    done("mysql-use_tcp_keepalive", BOOL, "true"),
    done("mysql-wait_timeout", Int(0, 1728000000), "28800000"),
    done("mysql-causal_reads", Word(&["none", "session", "user"]), "session").own(),
    done("mysql-causal_reads_timeout_ms", Int(0, 600000), "1000").own(),
    done("mysql-on_multiple_writers", Word(&["keep", "stop", "proxysql"]), "keep").own(),
    done("mysql-reader_fallback_to_writer", BOOL, "true").own(),
    done("mysql-safe_routing", Word(&["strict", "warn", "off"]), "strict").own(),
    done("mysql-ssl_p2s_verify_name", BOOL, "true").own(),
];
