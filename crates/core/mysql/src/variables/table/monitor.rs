//! `mysql-monitor_…`: how servers are watched.

use super::super::Kind::{Bool as BOOL, Int, Text as TEXT};
use super::{done, ignored};
use crate::variables::Variable;

/// Seven days, in milliseconds: the longest interval of all.
const WEEK: i64 = 604_800_000;

const ONE_PROBE: &str = "one probe asks a server all it has to say, each mysql-monitor_read_only_interval";

const NO_THREADS: &str = "a server is watched by a task, which needs no thread";

const NO_DNS_CACHE: &str = "names are resolved by the system, which keeps them itself";

const NO_CLUSTERS: &str = "Galera, Group Replication and Aurora are not watched yet";

const fn group_replication(name: &'static str, least: i64, most: i64, default: &'static str) -> Variable {
    ignored(name, Int(least, most), default, NO_CLUSTERS)
}

pub(super) const ALL: &[Variable] = &[
    ignored("mysql-monitor_aws_rds_topology_discovery_interval", Int(0, 100_000), "0", NO_CLUSTERS),
    ignored("mysql-monitor_connect_interval", Int(100, WEEK), "120000", ONE_PROBE),
    ignored("mysql-monitor_connect_timeout", Int(100, 600_000), "600", ONE_PROBE),
    done("mysql-monitor_enabled", BOOL, "true"),
    ignored("mysql-monitor_galera_healthcheck_interval", Int(50, WEEK), "5000", NO_CLUSTERS),
    ignored("mysql-monitor_galera_healthcheck_max_timeout_count", Int(1, 10), "3", NO_CLUSTERS),
    ignored("mysql-monitor_galera_healthcheck_timeout", Int(50, 600_000), "800", NO_CLUSTERS),
    group_replication("mysql-monitor_groupreplication_healthcheck_interval", 100, WEEK, "5000"),
    group_replication("mysql-monitor_groupreplication_healthcheck_max_timeout_count", 1, 10, "3"),
    group_replication("mysql-monitor_groupreplication_healthcheck_timeout", 100, 600_000, "800"),
    group_replication("mysql-monitor_groupreplication_max_transactions_behind_count", 1, 10, "3"),
    group_replication("mysql-monitor_groupreplication_max_transactions_behind_for_read_only", 0, 2, "1"),
    ignored(
        "mysql-monitor_history",
        Int(1000, WEEK),
        "7200000",
        "the last answers of each server are kept, whatever their age",
    ),
    ignored("mysql-monitor_local_dns_cache_refresh_interval", Int(0, WEEK), "60000", NO_DNS_CACHE),
    ignored("mysql-monitor_local_dns_cache_ttl", Int(0, WEEK), "300000", NO_DNS_CACHE),
    ignored("mysql-monitor_local_dns_resolver_queue_maxsize", Int(16, 1024), "128", NO_DNS_CACHE),
    done("mysql-monitor_password", TEXT, "monitor").secret(),
    ignored("mysql-monitor_ping_interval", Int(100, WEEK), "8000", ONE_PROBE),
    done("mysql-monitor_ping_max_failures", Int(1, 1_000_000), "3"),
    ignored("mysql-monitor_ping_timeout", Int(100, 600_000), "1000", ONE_PROBE),
    ignored("mysql-monitor_query_interval", Int(100, WEEK), "60000", "it never had an effect in ProxySQL either"),
    ignored("mysql-monitor_query_timeout", Int(100, 600_000), "100", "it never had an effect in ProxySQL either"),
    // ProxySQL: 1000. A promotion is to be noticed within a second.
    done("mysql-monitor_read_only_interval", Int(100, WEEK), "500"),
    ignored(
        "mysql-monitor_read_only_max_timeout_count",
        Int(1, 1_000_000),
        "3",
        "mysql-monitor_ping_max_failures says when a server counts as dead; silence never makes it a reader",
    ),
    done("mysql-monitor_read_only_timeout", Int(100, 600_000), "800"),
    ignored(
        "mysql-monitor_replication_lag_count",
        Int(1, 10),
        "1",
        "a replica that lags gets nothing new from the first answer on; what runs may finish",
    ),
    ignored(
        "mysql-monitor_replication_lag_group_by_host",
        BOOL,
        "false",
        "a server is asked once, in however many hostgroups it is",
    ),
    ignored("mysql-monitor_replication_lag_interval", Int(100, WEEK), "10000", ONE_PROBE),
    ignored("mysql-monitor_replication_lag_timeout", Int(100, 600_000), "1000", ONE_PROBE),
    ignored(
        "mysql-monitor_replication_lag_use_percona_heartbeat",
        TEXT,
        "",
        "lag is what the replica says, and its GTID; no heartbeat table is read",
    ),
    ignored(
        "mysql-monitor_slave_lag_when_null",
        Int(0, 604_800),
        "60",
        "a replica that says no lag is out after max_replication_lag seconds without one",
    ),
    ignored("mysql-monitor_threads_max", Int(4, 1024), "128", NO_THREADS),
    ignored("mysql-monitor_threads_min", Int(2, 256), "8", NO_THREADS),
    ignored("mysql-monitor_threads_queue_maxsize", Int(16, 1024), "128", NO_THREADS),
    done("mysql-monitor_username", TEXT, "monitor"),
    ignored("mysql-monitor_wait_timeout", BOOL, "true", "a probe's connection that the server closed is opened again"),
    done("mysql-monitor_writer_is_also_reader", BOOL, "true"),
];
