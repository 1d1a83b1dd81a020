//! Variables that the path of a statement reads, as numbers.

use super::networks::Networks;
use mysql::digest;
use mysql::protocol::auth;
use std::time::Duration;

/// Names and defaults are `mysql::variables`'.
#[derive(Debug, Clone)]
pub struct Tuning {
    pub threads: u32,
    pub max_connections: u32,
    pub connect_timeout_server: Duration,
    pub connect_timeout_server_max: Duration,
    pub connect_timeout_client: Duration,
    pub wait_timeout: Duration,
    pub default_query_timeout: Duration,
    pub max_allowed_packet: usize,
    pub max_stmts_per_connection: usize,
    pub query_retries_on_failure: u32,
    /// Statements that take longer count as slow.
    pub long_query_time: Duration,
    pub have_compress: bool,
    /// What clients are greeted with, or asked for.
    pub default_authentication_plugin: &'static str,
    /// Who may speak for others by the PROXY protocol.
    pub proxy_protocol_networks: Networks,
    /// An unused connection is closed after it.
    pub idle_connection: Duration,
    pub server_version: String,
    pub causal_reads: CausalReads,
    pub causal_reads_timeout: Duration,
    pub reader_fallback_to_writer: bool,
    pub safe_routing: SafeRouting,
    /// Statements are counted and matched by their digests.
    pub query_digests: bool,
    pub digest: digest::Options,
    /// Bytes of a statement that its digest is made of.
    pub digest_max_query_length: usize,
    /// How often a `flagOUT` goes back to the first rule.
    pub query_processor_iterations: u32,
    /// A connection to a server is not used again after it; 0: however old it is.
    pub connection_max_age: Duration,
    /// Bytes of a statement that the process list shows.
    pub processlist_max_query_length: usize,
    /// Result sets may end by an OK packet: off, where either side is not to do it, since results are passed on as they are.
    pub deprecate_eof: bool,
    /// Bytes that a client gets in a second, at most; 0: as many as it takes.
    pub throttle_to_client: u64,
    /// A server whose pings take longer is taken last; 0: none is too slow.
    pub default_max_latency: Duration,
    /// A transaction ends, with its session, when it is this old and nothing of it runs.
    pub max_transaction_time: Duration,
    /// The same, when its client was silent so long.
    pub max_transaction_idle_time: Duration,
    /// Milliseconds that each statement is held back, where no rule says otherwise.
    pub default_query_delay: u64,
    /// Of all answers in the query cache together; 0: there is none.
    pub query_cache_bytes: usize,
    pub query_cache_soft_ttl_pct: u64,
    /// Answers with warnings are kept too.
    pub query_cache_handle_warnings: bool,
    pub query_cache_stores_empty_result: bool,
    /// Larger answers are not kept.
    pub threshold_resultset_size: usize,
    /// Copies of statements that are sent at once.
    pub mirror_max_concurrency: u32,
    /// Copies that wait; more are dropped.
    pub mirror_max_queue_length: u32,
    pub firewall_whitelist_enabled: bool,
    pub firewall_whitelist_errormsg: String,
    /// A silent TCP connection is asked after it whether it is still there; 0: never.
    pub tcp_keepalive: Duration,
}

/// Whose writes a read on a replica has to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CausalReads {
    None,
    /// Those of its own session.
    Session,
    /// Those of all sessions of its user, through this process.
    User,
}

/// What becomes of a statement that a rule sends to a reader hostgroup, and that is not provably a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SafeRouting {
    /// It goes to the writer.
    Strict,
    /// It goes where the rule says, and is logged.
    Warn,
    Off,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            threads: 4,
            max_connections: 10_000,
            connect_timeout_server: Duration::from_millis(1000),
            connect_timeout_server_max: Duration::from_millis(10_000),
            connect_timeout_client: Duration::from_millis(10_000),
            wait_timeout: Duration::from_millis(28_800_000),
            default_query_timeout: Duration::from_millis(86_400_000),
            max_allowed_packet: 64 << 20,
            max_stmts_per_connection: 20,
            query_retries_on_failure: 1,
            long_query_time: Duration::from_millis(1000),
            have_compress: true,
            default_authentication_plugin: auth::NATIVE,
            proxy_protocol_networks: Networks::default(),
            idle_connection: Duration::from_secs(300),
            server_version: "8.0.11".to_owned(),
            causal_reads: CausalReads::Session,
            causal_reads_timeout: Duration::from_millis(1000),
            reader_fallback_to_writer: true,
            safe_routing: SafeRouting::Strict,
            query_digests: true,
            digest: digest::Options::default(),
            digest_max_query_length: 65_000,
            query_processor_iterations: 0,
            connection_max_age: Duration::ZERO,
            processlist_max_query_length: 2 << 20,
            deprecate_eof: true,
            throttle_to_client: 0,
            default_max_latency: Duration::from_millis(1000),
            max_transaction_time: Duration::from_millis(14_400_000),
            max_transaction_idle_time: Duration::from_millis(14_400_000),
            default_query_delay: 0,
            query_cache_bytes: 256 << 20,
            query_cache_soft_ttl_pct: 0,
            query_cache_handle_warnings: false,
            query_cache_stores_empty_result: true,
            threshold_resultset_size: 4 << 20,
            mirror_max_concurrency: 16,
            mirror_max_queue_length: 32_000,
            firewall_whitelist_enabled: false,
            firewall_whitelist_errormsg: "Firewall blocked this query".to_owned(),
            tcp_keepalive: Duration::from_secs(120),
        }
    }
}
