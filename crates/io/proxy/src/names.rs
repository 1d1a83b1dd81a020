//! Names of servers with `resolvers`: asked for again and again, and what follows when the answer is another one.
//!
//! One task for each name of a backend, on the control thread. A task asks, gives the addresses to the servers that
//! have the name, and sleeps; a new configuration starts the tasks anew. [`balance::dns`] has the messages and decides
//! who gets which address.

use crate::backend::Backend;
use crate::checks;
use crate::engine::Engine;
use crate::server::Server;
use balance::config::model::{Nameserver, Resolve, Resolvers, ServerHost};
use balance::dns::{self, Answer, Kind, Refusal};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

/// What one task asks for.
struct Name {
    engine: Arc<Engine>,
    backend: Arc<Backend>,
    resolvers: Resolvers,
    host: String,
    resolve: Resolve,
    servers: Vec<Arc<Server>>,
}

/// Asks for the names of whatever configuration is in force, for ever. In a `LocalSet`.
pub async fn run(engine: Arc<Engine>) {
    let mut generation = engine.generation.subscribe();
    loop {
        let tasks: Vec<_> = names(&engine).into_iter().map(|name| tokio::task::spawn_local(name.follow())).collect();
        let goes_on = generation.changed().await.is_ok();
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        if !goes_on {
            return;
        }
    }
}

/// All names of all backends, each with its servers.
fn names(engine: &Arc<Engine>) -> Vec<Name> {
    let running = engine.running();
    let mut names = Vec::new();
    for backend in &running.backends {
        let mut groups: BTreeMap<(String, String), Vec<Arc<Server>>> = BTreeMap::new();
        for server in backend.servers.load().iter() {
            let config = server.config.load();
            if let (Some(resolvers), ServerHost::Name(host)) = (&config.resolvers, &config.host) {
                groups.entry((resolvers.clone(), host.clone())).or_default().push(server.clone());
            }
        }
        for ((resolvers, host), servers) in groups {
            let Some(resolvers) = running.config.resolvers.iter().find(|known| known.name == resolvers) else {
                continue;
            };
            let resolve = servers[0].config.load().resolve.clone();
            let (engine, backend, resolvers) = (engine.clone(), backend.clone(), resolvers.clone());
            names.push(Name { engine, backend, resolvers, host, resolve, servers });
        }
    }
    names
}

impl Name {
    async fn follow(self) {
        let mut refused_since = None;
        // When each address was in an answer last: one that is missing is kept for `hold obsolete`.
        let mut seen: BTreeMap<IpAddr, Instant> = BTreeMap::new();
        loop {
            match self.ask().await {
                Ok((mut addresses, nameserver)) => {
                    refused_since = None;
                    seen.extend(addresses.iter().map(|address| (*address, Instant::now())));
                    seen.retain(|address, at| {
                        addresses.contains(address) || at.elapsed() < self.resolvers.hold.obsolete
                    });
                    let missing: Vec<_> = seen.keys().filter(|address| !addresses.contains(address)).copied().collect();
                    addresses.extend(missing);
                    self.give(&addresses, &nameserver);
                }
                Err(refusal) => {
                    let since = *refused_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= refusal.hold(&self.resolvers.hold) {
                        self.give(&[], "");
                    }
                }
            }
            tokio::time::sleep(self.resolvers.timeout_resolve.max(SHORTEST)).await;
        }
    }

    /// Each kind of address, the preferred one first, until one has an answer.
    async fn ask(&self) -> Result<(Vec<IpAddr>, String), Refusal> {
        let kinds = if self.resolve.prefer_ipv4 { [Kind::A, Kind::Aaaa] } else { [Kind::Aaaa, Kind::A] };
        let mut refusal = Refusal::Other;
        for kind in kinds {
            match self.ask_for(kind).await {
                Ok((mut addresses, nameserver)) => {
                    if !self.resolve.networks.is_empty() {
                        // Those in the networks wanted, where there are any.
                        let inside = |ip: &IpAddr| self.resolve.networks.iter().any(|network| contains(*network, *ip));
                        addresses.sort_by_key(|ip| !inside(ip));
                    }
                    return Ok((addresses, nameserver));
                }
                Err(found) => refusal = found,
            }
        }
        Err(refusal)
    }

    async fn ask_for(&self, kind: Kind) -> Result<(Vec<IpAddr>, String), Refusal> {
        let mut refusal = Refusal::Timeout;
        for _ in 0..self.resolvers.resolve_retries.max(1) {
            let query = dns::query(rand::random(), &self.host, kind, self.resolvers.accepted_payload_size);
            let query = query.ok_or(Refusal::Other)?;
            match self.exchange(&query, kind).await {
                Ok((Answer::Addresses(addresses), nameserver)) => return Ok((addresses, nameserver)),
                Ok((Answer::Refused(found), _)) => return Err(found),
                Ok((Answer::Stray, _)) => {}
                Err(_) => refusal = Refusal::Timeout,
            }
        }
        Err(refusal)
    }

    /// Asks all name servers at once. The first good answer counts; of bad ones the last.
    async fn exchange(&self, query: &[u8], kind: Kind) -> io::Result<(Answer, String)> {
        let deadline = Instant::now() + self.resolvers.timeout_retry.max(SHORTEST);
        let mut asked = tokio::task::JoinSet::new();
        for nameserver in &self.resolvers.nameservers {
            let (nameserver, query) = (nameserver.clone(), query.to_vec());
            asked.spawn_local(async move {
                let answer = timeout_at(deadline, one(&nameserver, &query, kind)).await;
                (answer.map_err(io::Error::from).and_then(|answer| answer), nameserver.name)
            });
        }
        let mut last = Err(io::ErrorKind::TimedOut.into());
        while let Some(done) = asked.join_next().await {
            let Ok((answer, nameserver)) = done else { continue };
            match answer {
                Ok(Answer::Addresses(addresses)) => return Ok((Answer::Addresses(addresses), nameserver)),
                Ok(other) => last = Ok((other, nameserver)),
                Err(error) if last.is_err() => last = Err(error),
                Err(_) => {}
            }
        }
        last
    }

    /// Puts addresses in force. What the stats socket set meanwhile is an address as any other.
    fn give(&self, found: &[IpAddr], nameserver: &str) {
        let current: Vec<_> = self.servers.iter().map(|server| server.address()).collect();
        let assigned = dns::assign(&current, found, self.resolve.allow_dup_ip);
        let mut by = format!("{}/{nameserver}", self.resolvers.name);
        for ((server, before), after) in self.servers.iter().zip(current).zip(assigned) {
            if let Some(address) = after.filter(|_| before != after) {
                let name = server.full_name();
                let before = before.map_or_else(|| "(none)".to_owned(), |before| before.to_string());
                let text = format!("{name} changed its IP from {before} to {address} by {by}.");
                checks::tell(&self.engine, &self.backend, server, &text);
                "DNS cache".clone_into(&mut by);
            }
            server.set_address(after);
            checks::change(&self.engine, &self.backend, server, |health, now| health.resolved(now, after.is_some()));
            if before.is_none() && after.is_some() {
                let text = format!("Server {} administratively READY thanks to valid DNS answer.", server.full_name());
                checks::tell(&self.engine, &self.backend, server, &text);
            }
        }
    }
}

/// Asking more often than this would be of no use to anybody.
const SHORTEST: Duration = Duration::from_millis(100);

/// Asks one name server.
async fn one(nameserver: &Nameserver, query: &[u8], kind: Kind) -> io::Result<Answer> {
    let any: IpAddr = match nameserver.address {
        std::net::SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        std::net::SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    // Connected: datagrams of others do not get here.
    socket.connect(nameserver.address).await?;
    socket.send(query).await?;
    let mut message = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut message).await?;
        match dns::answer(query, &message[..length], kind) {
            Answer::Stray => {}
            answer => return Ok(answer),
        }
    }
}

fn contains((network, bits): (IpAddr, u8), ip: IpAddr) -> bool {
    match (network, ip) {
        (IpAddr::V4(network), IpAddr::V4(ip)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            u32::from(network) & mask == u32::from(ip) & mask
        }
        (IpAddr::V6(network), IpAddr::V6(ip)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            u128::from(network) & mask == u128::from(ip) & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn takes_the_answer_that_is_meant() {
        let there = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = there.local_addr().unwrap();
        let nameserver = Nameserver { name: "n".to_owned(), place: Default::default(), address };
        let query = dns::query(7, "a.example", Kind::A, 512).unwrap();
        let serve = async {
            let mut question = [0; 100];
            let (length, from) = there.recv_from(&mut question).await.unwrap();
            // Somebody else's answer, then the answer.
            for id in [8, 7] {
                let mut message = vec![0, id, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
                message.extend(&question[12..length]);
                message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 0, 0, id]);
                there.send_to(&message, from).await.unwrap();
            }
        };
        let (answer, ()) = tokio::join!(one(&nameserver, &query, Kind::A), serve);
        assert_eq!(answer.unwrap(), Answer::Addresses(vec![[10, 0, 0, 7].into()]));
    }

    #[test]
    fn networks() {
        let inside = |network: &str, bits, ip: &str| contains((network.parse().unwrap(), bits), ip.parse().unwrap());
        assert!(inside("10.0.0.0", 8, "10.9.9.9") && !inside("10.0.0.0", 8, "11.0.0.0"));
        assert!(inside("0.0.0.0", 0, "11.0.0.0") && inside("10.0.0.1", 32, "10.0.0.1"));
        assert!(inside("fd00::", 8, "fd12::1") && !inside("fd00::", 8, "10.0.0.1"));
    }
}
