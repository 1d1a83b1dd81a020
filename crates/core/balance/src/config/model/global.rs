//! The `global` section.

use super::{Bind, LogTarget, UnixOwner};
use crate::sample::Value;
use std::path::PathBuf;
use std::time::Duration;

/// Manual, section 3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Global {
    /// Connections of the whole process at once. Absent: what the descriptor limit allows.
    pub maxconn: Option<u32>,
    /// Workers. Absent: one per core this process may use.
    pub nbthread: Option<u32>,
    pub ulimit_n: Option<u64>,
    /// `fd-hard-limit`: never ask for more descriptors than this.
    pub fd_hard_limit: Option<u64>,
    /// Connections, sessions and TLS handshakes per second, whole process.
    pub maxconnrate: Option<u32>,
    pub maxsessrate: Option<u32>,
    pub maxsslrate: Option<u32>,
    pub maxsslconn: Option<u32>,
    /// KB/s of compressed output, whole process; 0 is no limit.
    pub maxcomprate: Option<u32>,
    pub maxpipes: Option<u32>,
    pub logs: Vec<LogTarget>,
    /// Hostname in syslog headers: `Some(None)` is this machine's.
    pub log_send_hostname: Option<Option<String>>,
    /// Default `haproxy`.
    pub log_tag: Option<String>,
    pub stats_sockets: Vec<StatsSocket>,
    /// Inactivity on a stats connection. Default 10 s.
    pub stats_timeout: Option<Duration>,
    /// Stats connections at once. Default 10.
    pub stats_maxconn: Option<u32>,
    pub chroot: Option<PathBuf>,
    pub user: Option<String>,
    pub group: Option<String>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub pidfile: Option<PathBuf>,
    pub daemon: bool,
    pub ca_base: Option<PathBuf>,
    pub crt_base: Option<PathBuf>,
    pub ssl_bind: SslDefaults,
    pub ssl_server: SslDefaults,
    /// `ssl-server-verify none`: servers' certificates are not checked unless they say so.
    pub ssl_server_verify_none: bool,
    /// Percent, 0..=50, by which the times of health checks are spread. Default 0.
    pub spread_checks: u32,
    pub max_spread_checks: Option<Duration>,
    /// After a soft stop, sessions are cut after this long.
    pub hard_stop_after: Option<Duration>,
    pub node: Option<String>,
    pub description: Option<String>,
    /// Where `load-server-state-from-file global` reads; relative to the base.
    pub server_state_file: Option<PathBuf>,
    pub server_state_base: Option<PathBuf>,
    pub localpeer: Option<String>,
    pub unix_bind: UnixOwner,
    pub unix_bind_prefix: Option<String>,
    pub nosplice: bool,
    pub noreuseport: bool,
    pub quiet: bool,
    pub zero_warning: bool,
    /// `set-var proc.x`, `set-var-fmt proc.x`: names without the scope, and what they are at start.
    pub vars: Vec<(String, Value<'static>)>,
    /// `expose-experimental-directives`: actions that HAProxy calls experimental may be used.
    pub experimental: bool,
    /// Names of headers and how they are to be written.
    pub h1_case_adjust: Vec<(String, String)>,
    pub tune: Tune,
}

/// `stats socket`: a bind with a level.
#[derive(Debug, Clone, PartialEq)]
pub struct StatsSocket {
    pub bind: Bind,
    pub expose_listeners: bool,
}

/// `ssl-default-bind-*` and `ssl-default-server-*`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SslDefaults {
    pub ciphers: Option<String>,
    pub ciphersuites: Option<String>,
    pub curves: Option<String>,
    /// Words of `-options`, such as `no-sslv3`, `ssl-min-ver`, `TLSv1.2`.
    pub options: Vec<String>,
}

/// `tune.*` settings that change what we do; others are accepted and said to have no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tune {
    /// Bytes of a request's or response's head with its reserve. Default 16384.
    pub bufsize: usize,
    /// Bytes kept free in a buffer for rules that add headers. Default 1024.
    pub maxrewrite: usize,
    /// Headers in a message, 1..=32767. Default 101.
    pub http_maxhdr: usize,
    pub h2_header_table_size: Option<u32>,
    /// Default 65536.
    pub h2_initial_window_size: Option<u32>,
    /// Default 100.
    pub h2_max_concurrent_streams: Option<u32>,
    pub h2_max_frame_size: Option<u32>,
    /// zlib's window and memory: `tune.zlib.windowsize`, `tune.zlib.memlevel`, `tune.comp.maxlevel`.
    pub comp_maxlevel: Option<u32>,
}

impl Default for Tune {
    fn default() -> Self {
        Self {
            bufsize: 16384,
            maxrewrite: 1024,
            http_maxhdr: 101,
            h2_header_table_size: None,
            h2_initial_window_size: None,
            h2_max_concurrent_streams: None,
            h2_max_frame_size: None,
            comp_maxlevel: None,
        }
    }
}
