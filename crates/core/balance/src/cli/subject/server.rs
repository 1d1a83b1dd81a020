//! Servers.

use crate::health::{ForcedHealth, Wish};
use crate::server::{Admin, Oper, Weight};
use std::net::IpAddr;

/// A server by the numbers of its backend and its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId {
    pub backend: u32,
    pub server: u32,
}

/// What was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Backend,
    Server,
}

/// A server at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerFacts {
    pub id: ServerId,
    pub backend: String,
    pub name: String,
    /// Absent while its name does not resolve.
    pub address: Option<IpAddr>,
    pub port: u16,
    /// The port is added to the client's (`server x 10.0.0.1:+1000`).
    pub port_mapped: bool,
    pub fqdn: Option<String>,
    /// A `resolvers` section is at work.
    pub resolvers: bool,
    pub srv_record: Option<String>,
    /// TLS is spoken.
    pub ssl: bool,
    /// TLS is prepared, so that it may be switched on.
    pub ssl_configured: bool,
    pub oper: Oper,
    pub admin: Admin,
    pub weight: Weight,
    pub seconds_since_change: u64,
    pub check: CheckFacts,
    pub agent: CheckFacts,
    /// Its state is another server's.
    pub tracks: bool,
    pub backend_id_given: bool,
    pub id_given: bool,
    /// Rules, `track` or the configuration's own line name it.
    pub referenced: bool,
    pub connections: Connections,
}

/// A health or agent check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckFacts {
    pub configured: bool,
    pub enabled: bool,
    pub paused: bool,
    pub running: bool,
    /// Numbers of `srv_check_status` and `srv_check_result`.
    pub status: u32,
    pub result: u32,
    pub health: u32,
    /// Where they differ from the server's.
    pub address: Option<IpAddr>,
    pub port: Option<u16>,
}

/// Connections to a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connections {
    /// Milliseconds between looks for idle ones to close.
    pub purge_delay: u64,
    pub used: u32,
    pub used_max: u32,
    /// Estimate of how many are needed.
    pub needed: u32,
    pub idle_unsafe: u32,
    pub idle_safe: u32,
    /// -1 without one.
    pub idle_limit: i32,
    pub idle_per_thread: Vec<u32>,
}

/// Which of a server's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichAddress {
    Check,
    Agent,
}

/// What can be changed.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerChange {
    State(Wish),
    Health(ForcedHealth),
    Agent(bool),
    Weight(u32),
    Maxconn(u32),
    /// Address and port with whether it is mapped; absent ones stay.
    Address(Option<IpAddr>, Option<(u16, bool)>),
    /// The same for its checks.
    CheckAddress(WhichAddress, Option<IpAddr>, Option<u16>),
    AgentSend(String),
    Fqdn(String),
    Ssl(bool),
    /// `enable health`, `enable agent`.
    Checks(WhichAddress, bool),
    ShutdownSessions,
}

pub trait Servers {
    fn server(&self, backend: &str, server: &str) -> Result<ServerFacts, Missing>;
    /// All servers of all backends, or of one.
    fn servers(&self, backend: Option<u32>) -> Vec<ServerFacts>;
    /// Number of a backend by name, number or `#number`.
    fn backend(&self, name: &str) -> Option<u32>;
    fn change_server(&self, id: ServerId, change: ServerChange) -> Result<(), String>;
    /// `add server`: the words are those of a server line behind its name.
    fn add_server(&self, backend: u32, name: &str, words: &[String]) -> Result<(), String>;
    fn delete_server(&self, id: ServerId) -> Result<(), String>;
    /// `dynamic-cookie-key`, and whether such cookies are made.
    fn set_dynamic_cookie(&self, backend: u32, key: Option<&str>, enabled: Option<bool>) -> Result<(), String>;
}
