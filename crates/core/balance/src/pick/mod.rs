//! Which server gets the next connection: one file per `balance` algorithm.
//!
//! [`Picker`] holds what an algorithm remembers between two choices. It knows servers by their place in the backend's
//! list and asks for their load when it needs it. Its owner calls [`Picker::rebuild`] after each change of membership,
//! weight or usability; what need not move then keeps its turn.

mod algorithm;
mod first;
mod hash;
mod key;
mod leastconn;
mod map;
mod random;
mod ring;
mod roundrobin;

use std::net::IpAddr;

pub use algorithm::{Algorithm, UriHash};
pub use hash::{HashFunction, HashMethod, HashType, avalanche};

/// What an algorithm must know of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Place in the backend's list of servers, which is the order of the configuration.
    pub index: usize,
    /// The server's id (`id`, by default its position from 1): its places on the consistent ring, the order of `first`.
    pub id: u32,
    /// Configured weight, 0..=256: what static algorithms use (`static-rr`, map-based hashes).
    pub weight: u32,
    /// Effective weight in sixteenths, 0..=4096: `16 * weight`, less while it starts slowly. 0 takes no new connection.
    pub eweight: u32,
    pub backup: bool,
    /// Up, neither in maintenance nor draining.
    pub usable: bool,
}

/// What a server has to do right now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Connections it serves.
    pub served: u32,
    /// Connections that wait in its own queue.
    pub queued: u32,
    /// How many it may serve now (`maxconn`, after `minconn` and slow start); 0 is without limit.
    pub maxconn: u32,
}

impl Load {
    /// Whether the next connection would have to wait for this server.
    pub fn is_full(self) -> bool {
        self.maxconn > 0 && (self.queued > 0 || self.served >= self.maxconn)
    }
}

/// What a choice may depend on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seed<'a> {
    /// The bytes that `hash`, `uri`, `url_param`, `hdr` and `rdp-cookie` found in this request ([`Algorithm::key`]);
    /// without them these algorithms take servers in turn.
    pub key: Option<&'a [u8]>,
    /// For `source`.
    pub source: Option<IpAddr>,
    /// For `random`: any number, another one for each choice.
    pub random: u64,
}

/// Tells a server's load by its index.
pub type Loads<'a> = dyn Fn(usize) -> Load + 'a;

/// Chooses servers of one backend.
#[derive(Debug, Clone)]
pub struct Picker {
    policy: Policy,
    all_backups: bool,
    /// The only server, when that is the first backup: it is taken whatever its load.
    last_resort: Option<usize>,
    usable: usize,
    /// The servers to choose from are active ones.
    active: bool,
}

#[derive(Debug, Clone)]
enum Policy {
    /// Active servers and backups each have their own turns.
    RoundRobin {
        active: roundrobin::RoundRobin,
        backup: roundrobin::RoundRobin,
    },
    StaticRoundRobin(map::Map),
    LeastConn(leastconn::LeastConn),
    First(first::First),
    /// `hash-type map-based`; true: the key is the source address.
    MapHash(map::Map, HashType, bool),
    /// `hash-type consistent`; true: the key is the source address.
    RingHash(ring::Ring, HashType, bool),
    Random(random::Random),
}

impl Picker {
    pub fn new(algorithm: &Algorithm, hash_type: &HashType) -> Self {
        let by_source = matches!(algorithm, Algorithm::Source);
        let policy = match algorithm {
            Algorithm::RoundRobin => Policy::RoundRobin { active: Default::default(), backup: Default::default() },
            Algorithm::StaticRr => Policy::StaticRoundRobin(Default::default()),
            Algorithm::LeastConn => Policy::LeastConn(Default::default()),
            Algorithm::First => Policy::First(Default::default()),
            Algorithm::Random { draws } => Policy::Random(random::Random::new(*draws, hash_type.balance_factor)),
            _ if hash_type.method == HashMethod::Consistent => {
                Policy::RingHash(ring::Ring::new(hash_type.balance_factor), *hash_type, by_source)
            }
            _ => Policy::MapHash(Default::default(), *hash_type, by_source),
        };
        Self { policy, all_backups: false, last_resort: None, usable: 0, active: false }
    }

    /// `option allbackups`: all backup servers share the load when no active one is left, not only the first.
    pub fn with_all_backups(mut self, all: bool) -> Self {
        self.all_backups = all;
        self
    }

    /// Takes in the backend's servers as they are now.
    pub fn rebuild(&mut self, servers: &[Candidate]) {
        let group = self.group(servers);
        self.usable = group.len();
        self.active = group.first().is_some_and(|server| !server.backup);
        self.last_resort = match group[..] {
            [only] if only.backup && !self.all_backups => Some(only.index),
            _ => None,
        };
        match &mut self.policy {
            Policy::RoundRobin { active, backup } => {
                active.rebuild(&usable(servers, false).collect::<Vec<_>>());
                backup.rebuild(&usable(servers, true).collect::<Vec<_>>());
            }
            Policy::StaticRoundRobin(map) | Policy::MapHash(map, ..) => map.rebuild(&group, map::divisor(servers)),
            Policy::LeastConn(policy) => policy.rebuild(&group),
            Policy::First(policy) => policy.rebuild(&group),
            Policy::RingHash(ring, ..) => ring.rebuild(&group),
            Policy::Random(policy) => policy.rebuild(&group),
        }
    }

    /// Servers that a choice can fall on.
    pub fn usable(&self) -> usize {
        self.usable
    }

    /// The server for the next connection; none if no server is usable or if all that could take it are full: then it
    /// waits in the backend's queue. Hashes give the server of the key, full or not: then it waits in that server's.
    ///
    /// `avoid` is the server that just failed this connection: it is taken only when there is no other.
    pub fn pick(&mut self, seed: Seed<'_>, loads: &Loads<'_>, avoid: Option<usize>) -> Option<usize> {
        if self.last_resort.is_some() {
            return self.last_resort;
        }
        match &mut self.policy {
            Policy::RoundRobin { active, .. } if self.active => active.pick(loads, avoid),
            Policy::RoundRobin { backup, .. } => backup.pick(loads, avoid),
            Policy::StaticRoundRobin(map) => map.next(loads, avoid),
            Policy::LeastConn(policy) => policy.pick(loads, avoid),
            Policy::First(policy) => policy.pick(loads, avoid),
            Policy::MapHash(map, hash_type, by_source) => match hash_type.hash_of(seed, *by_source) {
                Some(hash) => map.at(hash),
                None => map.next(loads, avoid),
            },
            Policy::RingHash(ring, hash_type, by_source) => match hash_type.hash_of(seed, *by_source) {
                Some(hash) => ring.at(hash, loads, avoid),
                None => ring.next(loads, avoid),
            },
            Policy::Random(policy) => policy.pick(seed.random, loads, avoid),
        }
    }

    /// Says that a server's connection ended: `leastconn` puts it behind its equals.
    pub fn released(&mut self, index: usize) {
        if let Policy::LeastConn(policy) = &mut self.policy {
            policy.touch(index);
        }
    }

    /// Active servers; else the first backup, or all of them with `option allbackups` (manual section 5.2, "backup").
    fn group<'a>(&self, servers: &'a [Candidate]) -> Vec<&'a Candidate> {
        if usable(servers, false).next().is_some() {
            return usable(servers, false).collect();
        }
        usable(servers, true).take(if self.all_backups { usize::MAX } else { 1 }).collect()
    }
}

fn usable(servers: &[Candidate], backup: bool) -> impl Iterator<Item = &Candidate> {
    servers.iter().filter(move |server| server.usable && server.eweight > 0 && server.backup == backup)
}

#[cfg(test)]
mod tests;
