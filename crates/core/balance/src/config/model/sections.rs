//! The small sections: resolvers, userlist, peers, http-errors.

use super::Place;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// `resolvers <id>` (manual, section 5.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolvers {
    pub name: String,
    pub place: Place,
    pub nameservers: Vec<Nameserver>,
    pub parse_resolv_conf: bool,
    pub hold: ResolveHold,
    /// Default 3.
    pub resolve_retries: u32,
    /// Between successful answers. Default 1 s.
    pub timeout_resolve: Duration,
    /// Between attempts. Default 1 s.
    pub timeout_retry: Duration,
    /// Bytes, 512..=65535. Default 512.
    pub accepted_payload_size: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nameserver {
    pub name: String,
    pub place: Place,
    pub address: SocketAddr,
}

/// For how long the last state is kept when answers are of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResolveHold {
    pub valid: Duration,
    pub obsolete: Duration,
    pub nx: Duration,
    pub refused: Duration,
    pub timeout: Duration,
    pub other: Duration,
}

/// `userlist <name>` (manual, section 3.4).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Userlist {
    pub name: String,
    pub groups: Vec<Group>,
    pub users: Vec<User>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub password: String,
    /// `insecure-password`: the password is in clear text; otherwise as crypt(3) writes it.
    pub clear_text: bool,
    /// Names of all groups the user is in, whichever line said so.
    pub groups: Vec<String>,
}

/// `peers <name>`: read so that configurations with it start; nothing is exchanged with other processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peers {
    pub name: String,
    pub place: Place,
    pub peers: Vec<Peer>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub name: String,
    pub address: Option<String>,
}

/// `http-errors <name>`: files by status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpErrors {
    pub name: String,
    pub files: BTreeMap<u16, (String, Arc<[u8]>)>,
}

impl Default for ResolveHold {
    fn default() -> Self {
        let other = Duration::from_secs(30);
        Self {
            valid: Duration::from_secs(10),
            obsolete: Duration::ZERO,
            nx: other,
            refused: other,
            timeout: other,
            other,
        }
    }
}
