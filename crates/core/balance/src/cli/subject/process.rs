//! The process, its sockets and limits, and what it can tell of itself.

use crate::config::model::Level;
use crate::stats::{Filter, Info, Row};
use std::net::SocketAddr;

/// A proxy's name and number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyFacts {
    pub id: u32,
    pub name: String,
    pub backend: bool,
}

/// A socket of this language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketFacts {
    /// `unix@/run/x.sock`, `ipv4@127.0.0.1:9999`.
    pub address: String,
    pub level: Level,
}

/// Limits of the whole process that may change while it runs; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// `set maxconn global`; 0 restores the one of the start.
    Maxconn,
    ConnectionRate,
    SessionRate,
    SslRate,
    /// Bytes a second.
    CompressionRate,
}

/// Reports for those who look for a mistake; their form may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    Activity,
    Threads,
    Pools,
    Tasks,
    Libraries,
    StartupLogs,
    /// Open descriptors, or the one with this number.
    Descriptors(Option<i64>),
}

/// What a name server was asked and answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResolverFacts {
    pub section: String,
    pub name: String,
    /// In the order of [`ResolverFacts::COUNTERS`].
    pub counters: [u64; 15],
}

impl ResolverFacts {
    /// Names in `show resolvers`; `show stat domain resolvers` calls the second one `send_error`.
    pub const COUNTERS: [&str; 15] = [
        "sent",
        "snd_error",
        "valid",
        "update",
        "cname",
        "cname_error",
        "any_err",
        "nx",
        "timeout",
        "refused",
        "other",
        "invalid",
        "too_big",
        "truncated",
        "outdated",
    ];
}

/// An invalid message that was kept to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// `27/Nov/2026:23:46:09.176`.
    pub date: String,
    pub proxy_id: u32,
    pub proxy: String,
    /// Of a request; else of a response.
    pub request: bool,
    pub frontend: String,
    pub frontend_id: u32,
    /// Absent where the request got no backend.
    pub backend: Option<(String, u32)>,
    pub server: Option<(String, u32)>,
    pub event: u64,
    pub source: Option<SocketAddr>,
    pub session: u64,
    /// Byte at which it is wrong.
    pub position: usize,
    pub bytes: Vec<u8>,
}

pub trait Process {
    fn pid(&self) -> u32;
    fn version(&self) -> String;
    /// Now, as log lines write it without brackets: `27/Nov/2026:23:46:09.176`.
    fn date(&self) -> String;
    fn info(&self) -> Info;
    fn rows(&self, filter: &Filter) -> Vec<Row>;
    /// In the order of the configuration.
    fn proxies(&self) -> Vec<ProxyFacts>;
    fn sockets(&self) -> Vec<SocketFacts>;

    /// Lower maxima start anew; with `all` every counter does.
    fn clear_counters(&self, all: bool);
    fn limit(&self, limit: Limit) -> u32;
    /// Largest `maxconn` that may be set.
    fn most_connections(&self) -> u32;
    fn set_limit(&self, limit: Limit, value: u32);

    /// `NAME=value` of all variables.
    fn environment(&self) -> Vec<(String, String)>;
    /// How many messages were ever kept, and those that still are.
    fn errors(&self) -> (u64, Vec<Captured>);
    fn resolvers(&self) -> Vec<ResolverFacts>;
    fn report(&self, report: &Report) -> String;
    /// Names and their type and value of process-wide variables.
    fn variable(&self, name: &str) -> Option<(String, String)>;
    /// Sets one to what the words of an expression give.
    fn set_variable(&self, name: &str, expression: &[String]) -> Result<(), String>;

    /// Reads the configuration anew, as SIGUSR2 does.
    fn reload(&self);
    /// How often that happened, and how often in vain.
    fn reloads(&self) -> (u32, u32);
}
