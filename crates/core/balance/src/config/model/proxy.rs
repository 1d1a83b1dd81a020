//! `frontend`, `backend`, `listen`, and what `defaults` gave them.

use super::{Bind, HttpReuse, Line, LogTarget, Options, Place, RetryOn, Server};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// One section of traffic.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Proxy {
    pub name: String,
    /// The `iid` of the statistics: by order of sections, after GLOBAL's, unless `id` says otherwise.
    pub id: u32,
    /// `id` said so.
    pub id_given: bool,
    pub place: Place,
    pub capability: Capability,
    pub mode: Mode,
    pub disabled: bool,
    pub description: Option<String>,
    pub binds: Vec<Bind>,
    pub servers: Vec<Arc<Server>>,
    pub timeouts: Timeouts,
    pub options: Options,
    pub limits: Limits,
    /// Attempts to connect after the first one failed. Default 3.
    pub retries: u32,
    pub retry_on: RetryOn,
    pub http_reuse: HttpReuse,
    /// `balance` and `hash-type`, as written.
    pub balance: Option<Line>,
    pub hash_type: Option<Line>,
    /// Per cent of the average load a server may have; 0 is no limit.
    pub hash_balance_factor: u32,
    /// `option httpchk`, `tcp-check`, ... and the `http-check`, `tcp-check` lines, in order.
    pub check: Vec<Line>,
    pub acls: Vec<Line>,
    pub tcp_request: Vec<Line>,
    pub tcp_response: Vec<Line>,
    pub http_request: Vec<Line>,
    pub http_response: Vec<Line>,
    pub http_after_response: Vec<Line>,
    pub redirects: Vec<Line>,
    /// Stick rules: `stick on`, `match`, `store-request`, `store-response`.
    pub stick: Vec<Line>,
    pub stick_table: Option<Line>,
    pub use_backend: Vec<Line>,
    pub default_backend: Option<String>,
    pub use_server: Vec<Line>,
    pub cookie: Option<Line>,
    pub dynamic_cookie_key: Option<String>,
    pub force_persist: Vec<Line>,
    pub ignore_persist: Vec<Line>,
    /// By status; the answer that is sent.
    pub errors: BTreeMap<u16, Error>,
    pub monitor: Monitor,
    pub stats: Option<StatsPage>,
    pub compression: Option<Compression>,
    pub captures_request: Vec<Capture>,
    pub captures_response: Vec<Capture>,
    /// `capture cookie`: the name or prefix, and the longest value kept.
    pub capture_cookie: Option<Capture>,
    pub logs: Vec<LogTarget>,
    pub log_tag: Option<String>,
    pub log_formats: LogFormats,
    pub unique_id: UniqueId,
    pub source: Option<Source>,
    /// `load-server-state-from-file`: `global`, `local` or `none`.
    pub load_server_state: Option<String>,
    /// Absent: the backend's name.
    pub server_state_file_name: Option<String>,
    /// TCP keep-alive of client and server sides, where `clitcpka-*`, `srvtcpka-*` set it.
    pub client_keepalive: super::server::Keepalive,
    pub server_keepalive: super::server::Keepalive,
    pub http_send_name_header: Option<String>,
}

/// Which sides a section has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Capability {
    Defaults,
    Frontend,
    Backend,
    #[default]
    Listen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    #[default]
    Tcp,
    Http,
}

/// Absent means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timeouts {
    pub check: Option<Duration>,
    pub client: Option<Duration>,
    pub client_fin: Option<Duration>,
    pub connect: Option<Duration>,
    pub http_keep_alive: Option<Duration>,
    pub http_request: Option<Duration>,
    /// Default: connect's.
    pub queue: Option<Duration>,
    pub server: Option<Duration>,
    pub server_fin: Option<Duration>,
    /// Default: connect's.
    pub tarpit: Option<Duration>,
    pub tunnel: Option<Duration>,
    /// `tcp-request inspect-delay`, `tcp-response inspect-delay`.
    pub inspect_request: Option<Duration>,
    pub inspect_response: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Connections of a frontend at once. Absent or 0: the process's.
    pub maxconn: Option<u32>,
    /// Load of a backend at which servers reach their `maxconn`. Absent: 10 % of what its frontends may bring.
    pub fullconn: Option<u32>,
    pub backlog: Option<u32>,
    /// Sessions per second a frontend takes.
    pub rate_limit_sessions: Option<u32>,
    /// `max-keep-alive-queue`: -1 is no limit.
    pub max_keep_alive_queue: Option<i32>,
}

/// What is sent for a status.
#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    /// `errorfile`, `errorfiles`, `http-error errorfile`: the whole answer, byte for byte. Empty: nothing is sent.
    Raw { path: String, content: Arc<[u8]> },
    /// `errorloc`, `errorloc302` (302), `errorloc303` (303).
    Redirect { status: u16, location: String },
    /// `http-error status N ...`, read by the owner of `http-request return`.
    Built(Line),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Monitor {
    pub uri: Option<String>,
    /// `monitor fail` conditions: any that holds makes the answer 503.
    pub fail: Vec<Line>,
}

/// `stats ...`: the page of statistics.
#[derive(Debug, Clone, PartialEq)]
pub struct StatsPage {
    /// Default `/haproxy?stats`.
    pub uri: String,
    /// Default `HAProxy Statistics`.
    pub realm: String,
    /// `user:password`; empty: everybody may look.
    pub auth: Vec<(String, String)>,
    pub refresh: Option<Duration>,
    /// Conditions of `stats admin if ...`; any that holds gives the rights.
    pub admin: Vec<Line>,
    pub http_request: Vec<Line>,
    pub hide_version: bool,
    pub show_node: Option<Option<String>>,
    pub show_desc: Option<Option<String>>,
    pub show_legends: bool,
    /// Proxies shown; empty: all. `.` is the one asked.
    pub scope: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compression {
    /// `identity`, `gzip`, `deflate`, `raw-deflate`, in order of preference.
    pub algorithms: Vec<String>,
    /// Prefixes of media types; empty: all text.
    pub types: Vec<String>,
    /// Servers are not told that the client takes compressed answers.
    pub offload: bool,
}

/// `capture request header X len N` and its like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    pub name: String,
    pub len: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogFormats {
    /// `log-format` as written; absent: by `option tcplog`, `httplog`, `httpslog`, else the default format.
    pub main: Option<(Place, String)>,
    pub structured_data: Option<(Place, String)>,
    pub error: Option<(Place, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UniqueId {
    pub format: Option<(Place, String)>,
    pub header: Option<String>,
}

/// `source`: where connections to servers come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Port 0: the kernel's choice.
    pub address: SocketAddr,
    /// Last port of a range; equal to the address's for one.
    pub last_port: u16,
    pub interface: Option<String>,
}

impl Proxy {
    /// A section that says nothing yet.
    pub fn new(name: &str, capability: Capability, place: Place) -> Self {
        Self { name: name.into(), capability, place, retries: 3, ..Self::default() }
    }
}

impl Capability {
    /// As messages call a section: a `listen` is a proxy.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Defaults => "defaults",
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Listen => "proxy",
        }
    }

    pub fn frontend(self) -> bool {
        matches!(self, Self::Frontend | Self::Listen)
    }

    pub fn backend(self) -> bool {
        matches!(self, Self::Backend | Self::Listen)
    }
}

impl Default for StatsPage {
    fn default() -> Self {
        Self {
            uri: "/haproxy?stats".into(),
            realm: "HAProxy Statistics".into(),
            auth: vec![],
            refresh: None,
            admin: vec![],
            http_request: vec![],
            hide_version: false,
            show_node: None,
            show_desc: None,
            show_legends: false,
            scope: vec![],
        }
    }
}
