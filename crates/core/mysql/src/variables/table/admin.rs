//! `admin-…`: the admin interface, and what ProxySQL's cluster goes by.

use super::super::Kind::{Bool as BOOL, Int, Text as TEXT};
use super::{NOT_BUILT, done, ignored};
use crate::variables::Variable;

/// Nothing is copied between proxies.
const CLUSTER: &str = "proxies do not copy each other's configuration: give each the same file";

const HISTORY: &str = "no history of figures is kept on disk: Prometheus keeps them, see /metrics";

const DUMPS: &str = "no core dumps are written";

/// Checks that differ before ProxySQL's cluster copies a module, and whether it then saves it. Source: ProxySQL 2.7.
const fn differing(name: &'static str) -> Variable {
    ignored(name, Int(0, 1000), "3", CLUSTER)
}

const fn saved(name: &'static str) -> Variable {
    ignored(name, BOOL, "true", CLUSTER)
}

/// Seconds between two samples.
const fn sampled(name: &'static str, most: i64, default: &'static str) -> Variable {
    ignored(name, Int(0, most), default, HISTORY)
}

pub(super) const ALL: &[Variable] = &[
    done("admin-admin_credentials", TEXT, "").secret(),
    saved("admin-checksum_admin_variables"),
    saved("admin-checksum_ldap_variables"),
    saved("admin-checksum_mysql_query_rules"),
    saved("admin-checksum_mysql_servers"),
    saved("admin-checksum_mysql_users"),
    saved("admin-checksum_mysql_variables"),
    differing("admin-cluster_admin_variables_diffs_before_sync"),
    saved("admin-cluster_admin_variables_save_to_disk"),
    ignored("admin-cluster_check_interval_ms", Int(10, 300_000), "1000", CLUSTER),
    ignored("admin-cluster_check_status_frequency", Int(0, 10_000), "10", CLUSTER),
    differing("admin-cluster_ldap_variables_diffs_before_sync"),
    saved("admin-cluster_ldap_variables_save_to_disk"),
    differing("admin-cluster_mysql_query_rules_diffs_before_sync"),
    saved("admin-cluster_mysql_query_rules_save_to_disk"),
    differing("admin-cluster_mysql_servers_diffs_before_sync"),
    saved("admin-cluster_mysql_servers_save_to_disk"),
    ignored("admin-cluster_mysql_servers_sync_algorithm", Int(1, 3), "1", CLUSTER),
    differing("admin-cluster_mysql_users_diffs_before_sync"),
    saved("admin-cluster_mysql_users_save_to_disk"),
    differing("admin-cluster_mysql_variables_diffs_before_sync"),
    saved("admin-cluster_mysql_variables_save_to_disk"),
    ignored("admin-cluster_password", TEXT, "", CLUSTER).secret(),
    differing("admin-cluster_proxysql_servers_diffs_before_sync"),
    saved("admin-cluster_proxysql_servers_save_to_disk"),
    ignored("admin-cluster_username", TEXT, "", CLUSTER),
    ignored("admin-coredump_generation_interval_ms", Int(0, 2_147_483_647), "30000", DUMPS),
    ignored("admin-coredump_generation_threshold", Int(1, 500), "10", DUMPS),
    ignored("admin-debug", BOOL, "false", "of ProxySQL's debug builds only"),
    ignored("admin-debug_output", Int(1, 3), "1", "of ProxySQL's debug builds only"),
    done("admin-mysql_ifaces", TEXT, "127.0.0.1:6032"),
    ignored(
        "admin-prometheus_memory_metrics_interval",
        Int(1, 604_800),
        "61",
        "memory is read when /metrics is asked for",
    ),
    ignored("admin-read_only", BOOL, "false", NOT_BUILT),
    ignored("admin-refresh_interval", Int(100, 100_000), "2000", "figures are read when they are asked for"),
    done("admin-restapi_enabled", BOOL, "false"),
    done("admin-restapi_port", Int(1, 65_535), "6070"),
    ignored("admin-ssl_keylog_file", TEXT, "", "keys of TLS sessions are written nowhere"),
    done("admin-stats_credentials", TEXT, "").secret(),
    sampled("admin-stats_mysql_connection_pool", 300, "60"),
    sampled("admin-stats_mysql_connections", 300, "60"),
    sampled("admin-stats_mysql_eventslog_sync_buffer_to_disk", 86_400, "0"),
    sampled("admin-stats_mysql_query_cache", 300, "60"),
    sampled("admin-stats_mysql_query_digest_to_disk", 86_400, "0"),
    sampled("admin-stats_system_cpu", 600, "60"),
    sampled("admin-stats_system_memory", 600, "60"),
    ignored("admin-telnet_admin_ifaces", TEXT, "", "it never had an effect in ProxySQL either"),
    ignored("admin-telnet_stats_ifaces", TEXT, "", "it never had an effect in ProxySQL either"),
    ignored("admin-vacuum_stats", BOOL, "true", "the stats tables live in memory"),
    ignored("admin-version", TEXT, "", "told by the program"),
    done("admin-web_enabled", BOOL, "false"),
    done("admin-web_port", Int(1, 65_535), "6080"),
    ignored("admin-web_verbosity", Int(0, 10), "0", "the stats page logs nothing"),
];
