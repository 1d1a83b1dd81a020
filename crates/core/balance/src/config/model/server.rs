//! `server` lines (manual, section 5.2), with `default-server` merged and `server-template` expanded.

use super::{MuxProto, Place, Placed, Source, TlsSettings};
use crate::proxy_protocol::SendProxy;
use crate::sample;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// `Default` is what a line with a name and an address alone means.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    pub place: Place,
    pub name: String,
    /// The `sid` of the statistics: by order from 1, unless `id` says otherwise.
    pub id: u32,
    /// `id` said so.
    pub id_given: bool,
    pub host: ServerHost,
    /// What the host's name meant at start (`init-addr`); absent: not known yet, and the server is down.
    pub address: Option<IpAddr>,
    pub port: Port,
    /// 0..=256, default 1. Of a server without a share only when everything else is 0.
    pub weight: u32,
    pub backup: bool,
    /// Starts in maintenance.
    pub disabled: bool,
    /// Connections at once; 0 is no limit.
    pub maxconn: u32,
    /// Floor of the limit that grows with the backend's load up to `maxconn`; 0: none.
    pub minconn: u32,
    /// Waiting connections; 0 is no limit.
    pub maxqueue: u32,
    pub slowstart: Option<Duration>,
    /// Value of the persistence cookie.
    pub cookie: Option<String>,
    /// `check` was said.
    pub checked: bool,
    pub check: ServerCheck,
    pub agent: Agent,
    pub observe: Observe,
    pub error_limit: u32,
    pub on_error: OnError,
    pub on_marked_down: Option<MarkedDown>,
    pub on_marked_up: Option<MarkedUp>,
    /// `[backend/]server` whose state this one has.
    pub track: Option<(Option<String>, String)>,
    pub tls: TlsSettings,
    /// `ssl`: traffic is encrypted.
    pub ssl: bool,
    /// Expression of the name sent.
    pub sni: Option<Placed<sample::Expr>>,
    pub proto: Option<MuxProto>,
    pub send_proxy: SendProxy,
    pub source: Option<Source>,
    pub resolvers: Option<String>,
    pub resolve: Resolve,
    /// Default `last,libc`.
    pub init_addr: Vec<InitAddr>,
    /// `redir`: prefix of the Location that is sent instead of the request.
    pub redir: Option<String>,
    /// `non-stick`: this server is not written into stick tables.
    pub non_stick: bool,
    pub tcp_user_timeout: Option<Duration>,
    /// Requests on one connection; -1 is no limit.
    pub max_reuse: i32,
    pub pool_low_conn: u32,
    /// Idle connections kept; -1 is no limit, 0 none.
    pub pool_max_conn: i32,
    /// Default 5 s.
    pub pool_purge_delay: Option<Duration>,
}

/// The host before it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServerHost {
    Ip(IpAddr),
    Name(String),
    Unix(PathBuf),
    Abstract(String),
    Fd(i32),
}

/// Where to connect on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Port {
    Fixed(u16),
    /// The port the client came to, plus this (`:+1000`; no port at all is +0).
    Client(i32),
}

/// How a server is checked; what is said comes from the proxy's `option`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCheck {
    /// Default 2 s.
    pub inter: Duration,
    /// In transition. Default: inter's.
    pub fastinter: Option<Duration>,
    /// When down. Default: inter's.
    pub downinter: Option<Duration>,
    /// Default 2.
    pub rise: u32,
    /// Default 3.
    pub fall: u32,
    /// Absent: the server's own.
    pub addr: Option<ServerHost>,
    pub port: Option<u16>,
    /// Absent: as traffic, unless the check has its own address.
    pub ssl: Option<bool>,
    pub sni: Option<String>,
    pub alpn: Option<Vec<String>>,
    pub proto: Option<MuxProto>,
    pub send_proxy: bool,
    /// A check leaves its connection to the next one. Default: each makes its own.
    pub reuse: bool,
}

/// `agent-check`: a line of text from an agent beside the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agent {
    pub enabled: bool,
    pub addr: Option<IpAddr>,
    pub port: Option<u16>,
    /// Default 2 s.
    pub inter: Option<Duration>,
    pub send: Option<String>,
}

/// Which live traffic counts as checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Observe {
    #[default]
    None,
    Layer4,
    Layer7,
}

/// What follows `error-limit` observed errors in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    Fastinter,
    #[default]
    FailCheck,
    SuddenDeath,
    MarkDown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkedDown {
    ShutdownSessions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkedUp {
    ShutdownBackupSessions,
}

/// `resolve-prefer`, `resolve-opts`, `resolve-net`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resolve {
    /// `ipv4` rather than the default `ipv6`.
    pub prefer_ipv4: bool,
    pub allow_dup_ip: bool,
    pub networks: Vec<(IpAddr, u8)>,
}

/// Ways to get an address at start, tried in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitAddr {
    Last,
    Libc,
    None,
    Ip(IpAddr),
}

/// `*tcpka-cnt`, `-idle`, `-intvl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keepalive {
    pub count: Option<u32>,
    pub idle: Option<Duration>,
    pub interval: Option<Duration>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            place: Place::default(),
            name: String::new(),
            id: 0,
            id_given: false,
            host: ServerHost::default(),
            address: None,
            port: Port::default(),
            weight: 1,
            backup: false,
            disabled: false,
            maxconn: 0,
            minconn: 0,
            maxqueue: 0,
            slowstart: None,
            cookie: None,
            checked: false,
            check: ServerCheck::default(),
            agent: Agent::default(),
            observe: Observe::None,
            error_limit: 10,
            on_error: OnError::FailCheck,
            on_marked_down: None,
            on_marked_up: None,
            track: None,
            tls: TlsSettings::default(),
            ssl: false,
            sni: None,
            proto: None,
            send_proxy: SendProxy::default(),
            source: None,
            resolvers: None,
            resolve: Resolve::default(),
            init_addr: vec![InitAddr::Last, InitAddr::Libc],
            redir: None,
            non_stick: false,
            tcp_user_timeout: None,
            max_reuse: -1,
            pool_low_conn: 0,
            pool_max_conn: -1,
            pool_purge_delay: None,
        }
    }
}

impl Default for ServerHost {
    fn default() -> Self {
        Self::Ip(IpAddr::from([0, 0, 0, 0]))
    }
}

impl Default for Port {
    fn default() -> Self {
        Self::Client(0)
    }
}

impl Default for ServerCheck {
    fn default() -> Self {
        Self {
            inter: Duration::from_secs(2),
            fastinter: None,
            downinter: None,
            rise: 2,
            fall: 3,
            addr: None,
            port: None,
            ssl: None,
            sni: None,
            alpn: None,
            proto: None,
            send_proxy: false,
            reuse: false,
        }
    }
}
