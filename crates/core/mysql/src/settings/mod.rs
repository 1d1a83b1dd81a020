//! Rows as types: what a running proxy works by.
//!
//! Names are ProxySQL's. A number that is "not set" is `None`, never -1.

mod from_rows;

use crate::protocol::auth::Password;

pub use from_rows::{Error, Settings};

/// Number of a hostgroup.
pub type Hostgroup = u32;

/// A row of `mysql_servers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub hostgroup_id: Hostgroup,
    /// Name, address, or with port 0 the path of a unix socket.
    pub hostname: String,
    pub port: u16,
    pub status: ServerStatus,
    /// Share of its hostgroup's traffic, 0..=10,000,000; 0 takes none. Default 1.
    pub weight: u32,
    pub compression: bool,
    /// Connections to it at once. Default 1000.
    pub max_connections: u32,
    /// Seconds behind its master that are borne; 0: not looked at.
    pub max_replication_lag: u32,
    pub use_ssl: bool,
    /// Milliseconds of its ping that are borne; 0: `mysql-default_max_latency_ms`.
    pub max_latency_ms: u32,
    pub comment: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ServerStatus {
    #[default]
    Online,
    Shunned,
    OfflineSoft,
    OfflineHard,
}

/// A row of `mysql_users`.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    pub username: String,
    /// Clear, `*` and 40 hex digits (SHA1 of SHA1), or `$A$005$…`.
    pub password: String,
    pub active: bool,
    /// The client has to use TLS.
    pub use_ssl: bool,
    pub default_hostgroup: Hostgroup,
    pub default_schema: Option<String>,
    pub schema_locked: bool,
    pub transaction_persistent: bool,
    pub fast_forward: bool,
    pub max_connections: u32,
    /// JSON, may be empty.
    pub attributes: String,
    /// What servers are given in place of what the client gave: of the row with `frontend=0`, where the user has two.
    pub backend_password: Option<String>,
}

impl User {
    /// Those it may log in with: its own, and ProxySQL's `additional_password` of its attributes (hex of a password or a
    /// hash), which counts only beside one of its own.
    pub fn passwords(&self) -> Vec<Password> {
        let own = Password::of(&self.password);
        let additional = serde_json::from_str::<serde_json::Value>(&self.attributes).ok();
        let additional = additional.as_ref().and_then(|attributes| attributes.get("additional_password")?.as_str());
        let additional = additional.and_then(unhex).filter(|text| !text.is_empty() && own != Password::Empty);
        std::iter::once(own).chain(additional.map(|text| Password::of(&text))).collect()
    }
}

/// Text out of its bytes in hex.
pub fn unhex(text: &str) -> Option<String> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    String::from_utf8(digits.map(byte).collect::<Option<_>>()?).ok()
}

/// Without the password: this may reach a log.
impl std::fmt::Debug for User {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        out.debug_struct("User")
            .field("username", &self.username)
            .field("active", &self.active)
            .field("default_hostgroup", &self.default_hostgroup)
            .finish_non_exhaustive()
    }
}

/// A row of `mysql_query_rules`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueryRule {
    pub rule_id: i64,
    pub active: bool,
    pub username: Option<String>,
    pub schemaname: Option<String>,
    pub flag_in: i64,
    pub client_addr: Option<String>,
    pub proxy_addr: Option<String>,
    pub proxy_port: Option<u16>,
    /// `0x` and 16 hex digits.
    pub digest: Option<String>,
    pub match_digest: Option<String>,
    pub match_pattern: Option<String>,
    pub negate_match_pattern: bool,
    /// Words separated by commas: `CASELESS`, `GLOBAL`.
    pub re_modifiers: String,
    pub flag_out: Option<i64>,
    pub replace_pattern: Option<String>,
    pub destination_hostgroup: Option<Hostgroup>,
    /// Milliseconds.
    pub cache_ttl: Option<u64>,
    pub cache_empty_result: Option<bool>,
    /// Milliseconds until the statement is killed.
    pub timeout: Option<u64>,
    pub retries: Option<u32>,
    /// Milliseconds that the statement is held back.
    pub delay: Option<u64>,
    pub next_query_flag_in: Option<i64>,
    pub mirror_flag_out: Option<i64>,
    pub mirror_hostgroup: Option<Hostgroup>,
    pub error_msg: Option<String>,
    pub ok_msg: Option<String>,
    pub sticky_conn: Option<bool>,
    /// 0 switches multiplexing off on this connection, 1 on again, 2 leaves `@` out of it for this statement.
    pub multiplex: Option<u8>,
    pub log: Option<bool>,
    /// Its reads wait for what the session has written, whatever `mysql-causal_reads` says.
    pub gtid_from_hostgroup: Option<Hostgroup>,
    pub apply: bool,
    /// JSON, may be empty.
    pub attributes: String,
    pub comment: Option<String>,
}

/// A row of `mysql_query_rules_fast_routing`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FastRoute {
    pub username: String,
    /// Empty: any.
    pub schemaname: String,
    pub flag_in: i64,
    pub destination_hostgroup: Hostgroup,
}

/// A row of `mysql_replication_hostgroups`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicationHostgroup {
    pub writer_hostgroup: Hostgroup,
    pub reader_hostgroup: Hostgroup,
    /// `read_only`, `innodb_read_only`, `super_read_only`, or two of them joined by `|` or `&`.
    pub check_type: String,
    pub comment: String,
}

/// A row of `mysql_servers_ssl_params`: in place of `mysql-ssl_p2s_…` for a server, or one user's connections to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SslParams {
    pub hostname: String,
    pub port: u16,
    /// Empty: all users that have no row of their own.
    pub username: String,
    pub tls: ServerTls,
}

/// What TLS to a server goes by. Paths of PEM files; an empty text is "not set".
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct ServerTls {
    /// Authorities; where there are none (here and in `capath`), nobody checks whose certificate a server shows.
    pub ca: String,
    /// A folder of authorities.
    pub capath: String,
    /// The proxy's own certificate, and its key.
    pub cert: String,
    pub key: String,
    /// Revoked certificates; where there are any, each authority needs its list.
    pub crl: String,
    /// A folder of them.
    pub crlpath: String,
    /// As OpenSSL writes lists of ciphers.
    pub cipher: String,
    /// `TLSv1.2`, `TLSv1.3`, separated by commas; empty: both.
    pub tls_version: String,
}

/// A row of `mysql_hostgroup_attributes`; defaults are ProxySQL's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostgroupAttributes {
    pub hostgroup_id: Hostgroup,
    pub max_num_online_servers: u32,
    pub free_connections_pct: u32,
    pub init_connect: String,
    pub multiplex: bool,
    pub connection_warming: bool,
    pub throttle_connections_per_sec: u32,
}
