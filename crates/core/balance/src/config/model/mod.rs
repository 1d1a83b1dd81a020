//! What a configuration means: plain data, with defaults merged, `default-server` applied and templates expanded.
//!
//! Equality is that of the words written, so that two readings of one text are equal: reload compares them.

mod bind;
mod global;
mod log;
mod options;
mod proxy;
mod sections;
mod server;

pub use bind::{Alpn, Bind, CrtListLine, Level, Listen, MuxProto, TlsSettings, TlsVersion, UnixOwner, Verify};
pub use global::{Global, SslDefaults, StatsSocket, Tune};
pub use log::{LogAddress, LogTarget};
pub use options::{Forwarded, HttpClose, HttpReuse, Options, RetryOn};
pub use proxy::{
    Capability, Capture, Compression, Error, Limits, LogFormats, Mode, Monitor, Proxy, Source, StatsPage, Timeouts,
    UniqueId,
};
pub use sections::{Group, HttpErrors, Nameserver, Peer, Peers, ResolveHold, Resolvers, User, Userlist};
pub use server::{
    Agent, InitAddr, Keepalive, MarkedDown, MarkedUp, Observe, OnError, Port, Resolve, Server, ServerCheck, ServerHost,
};

use std::fmt;
use std::sync::Arc;

/// A whole configuration.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    pub global: Global,
    /// In the order of their sections; a `listen` is one proxy with both sides. Disabled ones are here, too.
    pub proxies: Vec<Arc<Proxy>>,
    pub resolvers: Vec<Resolvers>,
    pub userlists: Vec<Arc<Userlist>>,
    pub peers: Vec<Peers>,
    pub http_errors: Vec<HttpErrors>,
}

/// Where a directive stands.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Place {
    pub file: Arc<str>,
    /// From 1.
    pub line: usize,
}

/// A directive as it was written, its place, and what it means. Equal when the words are.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    pub place: Place,
    /// All words of the line, the keyword first; quotes and escapes resolved.
    pub words: Arc<[String]>,
    pub value: T,
}

/// A directive whose owner reads its words later.
pub type Line = Placed<()>;

impl Config {
    /// The proxy of this name that can serve as a backend.
    pub fn backend(&self, name: &str) -> Option<&Arc<Proxy>> {
        self.proxies.iter().find(|proxy| proxy.name == name && proxy.capability.backend())
    }

    /// The proxy of this name that accepts connections.
    pub fn frontend(&self, name: &str) -> Option<&Arc<Proxy>> {
        self.proxies.iter().find(|proxy| proxy.name == name && proxy.capability.frontend())
    }
}

impl<T> PartialEq for Placed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words
    }
}

impl Default for Place {
    fn default() -> Self {
        Self { file: "".into(), line: 0 }
    }
}

/// `file:line`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
