//! What sessions and connections begin with, and features of ProxySQL that have no counterpart here.

use super::super::Kind::{Bool as BOOL, Int, Text as TEXT};
use super::{done, ignored};
use crate::variables::Variable;

const LDAP: &str = "there is no LDAP plugin";

const SERVERS_DECIDE: &str = "the character set that the client asks for is given to the server, which knows its own";

const AURORA: &str = "Galera, Group Replication and Aurora are not watched yet";

pub(super) const ALL: &[Variable] = &[
    ignored("mysql-add_ldap_user_comment", TEXT, "", LDAP),
    ignored("mysql-aurora_max_lag_ms_only_read_from_replicas", Int(0, 100), "2", AURORA),
    ignored(
        "mysql-autocommit_false_not_reusable",
        BOOL,
        "false",
        "a connection is given on with the autocommit that its next session has",
    ),
    ignored(
        "mysql-automatic_detect_sqli",
        BOOL,
        "false",
        "statements are not guessed at: allow those you know by mysql_firewall_whitelist_rules",
    ),
    ignored(
        "mysql-binlog_reader_connect_retry_msec",
        Int(200, 120_000),
        "3000",
        "servers tell their GTIDs themselves; no binlog reader is asked",
    ),
    ignored("mysql-client_host_cache_size", Int(0, 1_048_576), "0", "no client address is shut out after errors"),
    ignored("mysql-client_host_error_counts", Int(0, 1_048_576), "0", "no client address is shut out after errors"),
    ignored("mysql-client_session_track_gtid", BOOL, "true", "GTIDs are always followed; see mysql-causal_reads"),
    done("mysql-connection_max_age_ms", Int(0, 86_400_000), "0"),
    ignored("mysql-connection_warming", BOOL, "false", "connections are opened when they are needed"),
    ignored(
        "mysql-connpoll_reset_queue_length",
        Int(0, 10_000),
        "50",
        "no queue: a connection is brought to its next session's state when it is taken",
    ),
    ignored("mysql-default_collation_connection", TEXT, "utf8_general_ci", SERVERS_DECIDE),
    ignored("mysql-default_reconnect", BOOL, "true", "a connection that broke is always replaced"),
    ignored("mysql-default_session_track_gtids", TEXT, "OFF", "GTIDs are always followed; see mysql-causal_reads"),
    done("mysql-enable_client_deprecate_eof", BOOL, "true"),
    done("mysql-enable_server_deprecate_eof", BOOL, "true"),
    ignored(
        "mysql-enforce_autocommit_on_reads",
        BOOL,
        "false",
        "a session's autocommit is on each connection that serves it",
    ),
    ignored(
        "mysql-evaluate_replication_lag_on_servers_load",
        Int(0, 1),
        "1",
        "a replica is asked before it is read from, always",
    ),
    done("mysql-firewall_whitelist_errormsg", TEXT, "Firewall blocked this query"),
    ignored("mysql-handle_unknown_charset", Int(0, 2), "1", SERVERS_DECIDE),
    done("mysql-init_connect", TEXT, ""),
    ignored("mysql-ldap_user_variable", TEXT, "", LDAP),
    ignored(
        "mysql-min_num_servers_lantency_awareness",
        Int(0, 10_000),
        "1000",
        "servers are chosen by weight, however many there are",
    ),
    ignored("mysql-protocol_compression_level", Int(-1, 9), "3", "what is compressed is so by zlib's level 6"),
    done("mysql-query_digests_keep_comment", BOOL, "false"),
    ignored("mysql-query_rules_fast_routing_algorithm", Int(1, 2), "1", "one hash table serves both"),
    ignored(
        "mysql-server_capabilities",
        Int(0, 4_294_967_295),
        "569867",
        "clients are offered what the proxy can do; mysql-have_ssl, -have_compress and -enable_client_deprecate_eof narrow it",
    ),
    ignored(
        "mysql-throttle_ratio_server_to_client",
        Int(0, 100),
        "0",
        "a slow client slows its server: what is not taken is not read",
    ),
];
