//! The DNS server of the cluster, one per node, on an address that every node has: no packet leaves the node.
//!
//! It listens on the address itself, which lies on the bridge, so that answers come from where questions went and no
//! rule has to translate them.
//!
//! Invariants
//! - Questions about the cluster are answered in the receiving loop, without waiting for anything.
//! - At most [`FORWARDS`] questions wait for other servers; one more is refused at once instead of piling up.

mod cache;
mod serve;
mod servers;
mod upstream;

pub use servers::{Servers, node_resolv};

use crate::follow::Known;
use crate::{Config, NetworkError};
use cache::Cache;
use hickory_proto::op::{Message, Query as Question, ResponseCode};
use netplan::dns::{self, Outcome, Query, Zone};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use stdx::Backoff;
use telemetry::Check;
use tokio::sync::Semaphore;

/// Questions that wait for other servers. Each holds a socket and some KB.
const FORWARDS: usize = 256;
/// Aliases followed for one question. Longer chains are mistakes, most often circles.
const ALIASES: usize = 8;
const PORT: u16 = 53;
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LAST: Duration = Duration::from_secs(30);

pub struct Dns {
    zone: Zone,
    known: Known,
    servers: Servers,
    cache: Mutex<Cache>,
    forwards: Arc<Semaphore>,
}

/// How a question came, and so how large its answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

impl Dns {
    pub fn new(config: &Config, known: Known) -> Result<Arc<Self>, NetworkError> {
        let ranges = vec![config.service_cidr, config.cluster_cidr];
        let zone = Zone::new(&config.cluster_domain, config.dns_ip, ranges)
            .map_err(|text| NetworkError::kernel("serve DNS")(io::Error::other(text)))?;
        let servers = Servers::new(config);
        let forwards = Arc::new(Semaphore::new(FORWARDS));
        Ok(Arc::new(Self { zone, known, servers, cache: Mutex::default(), forwards }))
    }

    /// Serves until cancelled. Where the port is taken it tries again, since nobody tells when it is free.
    pub async fn run(self: Arc<Self>, config: Config, health: Check) {
        let address = SocketAddr::from((config.dns_ip, PORT));
        let mut backoff = Backoff::new(RETRY_FIRST, RETRY_LAST);
        loop {
            let failed = match serve::bind(address).await {
                Ok(sockets) => {
                    health.well();
                    serve::serve(&self, sockets).await
                }
                Err(source) => NetworkError::DnsBind { address, source },
            };
            let wait = backoff.fail();
            tracing::warn!(error = %failed, ?wait, "cluster DNS does not answer, will retry");
            health.ill(failed.to_string(), "see which process it is with: ss -lnp sport = 53");
            tokio::time::sleep(wait).await;
        }
    }

    /// The answer, if nobody else needs to be asked for it.
    fn answer_at_once(&self, query: &Query) -> Option<Message> {
        match self.local(query) {
            Outcome::Reply(reply) => Some(reply),
            Outcome::Chase { .. } | Outcome::Forward => None,
        }
    }

    /// The answer, whoever has to be asked for it.
    async fn answer(&self, query: &Query, transport: Transport) -> Message {
        let mut so_far: Option<Message> = None;
        let mut current = query.clone();
        for _ in 0..ALIASES {
            let (reply, target) = match self.local(&current) {
                Outcome::Reply(reply) => (reply, None),
                Outcome::Forward => (self.forward(&current, transport).await, None),
                Outcome::Chase { reply, target } => (reply, Some(target)),
            };
            let whole = match so_far {
                Some(before) => dns::with_chased(before, reply),
                None => reply,
            };
            let Some(target) = target else { return whole };
            current.message.queries = vec![Question::query(target, query.kind())];
            so_far = Some(whole);
        }
        query.reply(ResponseCode::ServFail)
    }

    /// Before the cluster's state was read nothing may be denied.
    fn local(&self, query: &Query) -> Outcome {
        match self.known.read(|world| dns::answer(query, world, &self.zone)) {
            Outcome::Forward => Outcome::Forward,
            _ if !self.known.is_complete() => Outcome::Reply(query.reply(ResponseCode::ServFail)),
            outcome => outcome,
        }
    }

    async fn forward(&self, query: &Query, transport: Transport) -> Message {
        let now = Instant::now();
        if let Some(known) = self.cache(|cache| cache.get(query, now)) {
            return known;
        }
        let Ok(_permit) = self.forwards.try_acquire() else { return query.reply(ResponseCode::ServFail) };
        match upstream::ask(&self.servers.list(), query, transport).await {
            Ok(answer) => {
                self.cache(|cache| cache.put(query, &answer, Instant::now()));
                answer
            }
            Err(error) => {
                tracing::debug!(name = %query.name(), %error, "no name server answered");
                query.reply(ResponseCode::ServFail)
            }
        }
    }

    fn cache<T>(&self, f: impl FnOnce(&mut Cache) -> T) -> T {
        f(&mut self.cache.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
