//! `bind` lines (manual, section 5.1).

use super::Place;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// One `bind` line. It may open several sockets: a list of addresses, ranges of ports.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bind {
    pub place: Place,
    /// The word of the addresses, as written; shown in messages.
    pub text: String,
    /// One per socket, ranges expanded.
    pub listen: Vec<Listen>,
    pub name: Option<String>,
    /// As `id` says, for the first socket of the line.
    pub id: Option<u32>,
    /// The `sid` of each socket in the statistics: by order in the proxy, past those that are taken.
    pub ids: Vec<u32>,
    pub accept_proxy: bool,
    /// Some when `ssl` was said.
    pub tls: Option<TlsSettings>,
    pub proto: Option<MuxProto>,
    /// `[::]:p` accepts IPv4, too.
    pub v4v6: bool,
    pub v6only: bool,
    pub owner: UnixOwner,
    /// Default: the proxy's.
    pub maxconn: Option<u32>,
    pub backlog: Option<u32>,
    pub interface: Option<String>,
    pub mss: Option<i32>,
    pub transparent: bool,
    pub tcp_user_timeout: Option<Duration>,
    /// What a client of a stats socket may do. Default operator.
    pub level: Level,
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Listen {
    Ip(SocketAddr),
    Unix(PathBuf),
    /// A name in Linux's abstract namespace.
    Abstract(String),
    /// A descriptor we were started with.
    Fd(i32),
}

/// Rights of a socket file; global's `unix-bind` gives the defaults.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnixOwner {
    pub mode: Option<u32>,
    pub user: Option<String>,
    pub group: Option<String>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Level {
    User,
    #[default]
    Operator,
    Admin,
}

/// `proto`: what is spoken without negotiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MuxProto {
    H1,
    H2,
    /// `none`: bytes passed through.
    None,
}

/// A protocol list as written: `h2,http/1.1`.
pub type Alpn = Vec<String>;

/// TLS of a bind or of a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsSettings {
    /// Files or folders (crt-base applied).
    pub crt: Vec<PathBuf>,
    /// Lines of all `crt-list` files, in order.
    pub crt_list: Vec<CrtListLine>,
    /// File or folder, or `@system-ca` (ca-base applied).
    pub ca_file: Option<PathBuf>,
    pub ca_verify_file: Option<PathBuf>,
    pub crl_file: Option<PathBuf>,
    /// Absent: none for a bind; for a server required unless global says `ssl-server-verify none`.
    pub verify: Option<Verify>,
    /// `verifyhost`: the name a server's certificate must carry, whatever SNI was sent.
    pub verifyhost: Option<String>,
    pub alpn: Option<Alpn>,
    pub ciphers: Option<String>,
    pub ciphersuites: Option<String>,
    pub curves: Option<String>,
    pub min_version: Option<TlsVersion>,
    pub max_version: Option<TlsVersion>,
    pub strict_sni: bool,
    pub no_tls_tickets: bool,
    pub prefer_client_ciphers: bool,
    pub ca_ignore_err: Option<String>,
    pub crt_ignore_err: Option<String>,
    pub no_ssl_reuse: bool,
}

/// One line of a crt-list: `<crt> [options] [sni filters]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrtListLine {
    pub crt: PathBuf,
    /// `*.example.org`, `!no.example.org`; empty: the names of the certificate.
    pub filters: Vec<String>,
    pub settings: Box<TlsSettings>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verify {
    None,
    Optional,
    Required,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    Sslv3,
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

impl TlsVersion {
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "SSLv3" => Self::Sslv3,
            "TLSv1.0" => Self::Tls10,
            "TLSv1.1" => Self::Tls11,
            "TLSv1.2" => Self::Tls12,
            "TLSv1.3" => Self::Tls13,
            _ => return None,
        })
    }
}
