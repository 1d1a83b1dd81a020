//! From a backend to a connection with one of its servers: choose, wait, connect, try again elsewhere.
//!
//! The order of attempts is HAProxy's: a server chosen without persistence is left at once if `option redispatch` is
//! set; else the same server is tried again after a pause, up to `retries` times.

use crate::backend::{Backend, Choice};
use crate::flow::Flow;
use crate::introduction;
use crate::live::{Live, Phase, Signal};
use crate::queue::{Outcome, Waiter};
use crate::server::{Server, Target};
use crate::sockets::{self, Dial};
use crate::stream::Stream;
use crate::wheel::{Ms, NEVER};
use crate::worker::Worker;
use balance::health::Observed;
use balance::pick::{Algorithm, Seed};
use std::cell::Cell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// Between two attempts at the same server, at most (manual section 4.2, "retries").
const TURN_AROUND: Ms = 1000;

/// What a session wants of a backend.
pub struct Wanted<'a> {
    /// By persistence: cookie, stick table, `use-server`.
    pub server: Option<Arc<Server>>,
    /// Even if it is down (`force-persist`, `option persist`).
    pub force: bool,
    /// For hashing algorithms.
    pub key: Option<&'a [u8]>,
    pub source: Option<IpAddr>,
    /// The port the client came to.
    pub port: Option<u16>,
    /// What is known of the stream: for what a server is told of it.
    pub flow: Option<&'a Flow<'a>>,
    /// Bytes for the server are there: it is written to as soon as the connection stands.
    pub has_spoken: bool,
}

/// A place at a server, given back when dropped.
pub struct Place {
    pub backend: Arc<Backend>,
    pub server: Arc<Server>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.backend.release(&self.server);
    }
}

/// How the attempts went: for logs and counters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tries {
    /// Failed attempts that were followed by another one.
    pub retries: u32,
    pub redispatched: bool,
    /// When a place was got; when the connection stood. Engine's time.
    pub assigned: Option<Ms>,
    pub connected: Option<Ms>,
    /// Sessions before it in the queues when it came.
    pub server_queue: u32,
    pub backend_queue: u32,
    /// Our end of the connection and the server's, where it is TCP.
    pub ends: Option<(SocketAddr, SocketAddr)>,
}

/// Why there is no connection.
#[derive(Debug)]
pub enum Failure {
    /// No server is usable.
    NoServer,
    /// It waited in a queue for too long.
    QueueTimeout,
    /// The queue was full already (`maxqueue`).
    QueueFull,
    /// The last attempt was refused or broke.
    Refused(io::Error),
    /// The last attempt took too long.
    ConnectTimeout,
    Signal(Signal),
    /// The client went away meanwhile.
    Abandoned,
    /// The client is to go to the server itself: `redir` with this prefix.
    Elsewhere(String),
}

/// How one attempt ended.
enum Attempt {
    Connected(Stream),
    Failed(Failure),
}

/// A session on its way to a server.
pub struct Dispatch<'a> {
    pub worker: &'a Worker,
    pub live: &'a Live,
    pub backend: &'a Arc<Backend>,
    pub tries: Tries,
    /// The server's, when that connection was begun.
    pub epoch: Cell<u32>,
}

impl<'a> Dispatch<'a> {
    pub fn new(worker: &'a Worker, live: &'a Live, backend: &'a Arc<Backend>) -> Self {
        Self { worker, live, backend, tries: Tries::default(), epoch: Cell::default() }
    }

    /// Gets a place at a server without connecting to it; what has a connection there already needs no more.
    ///
    /// # Errors
    /// [`Failure`], none of a connection.
    pub async fn place(&mut self, wanted: &Wanted<'_>, avoid: Option<usize>) -> Result<Place, Failure> {
        let mut wish = wanted.server.clone().filter(|server| wanted.force || server.is_usable_when_bound());
        loop {
            let choice = match &wish {
                Some(server) => self.backend.choose_this(server, self.worker.recent()),
                None => self.backend.choose(self.seed(wanted), avoid, self.worker.recent()),
            };
            match choice {
                Choice::Server(server) => return Ok(self.placed(server)),
                Choice::None => return Err(Failure::NoServer),
                Choice::QueueFull(_) if wish.is_some() && self.backend.config.load().options.redispatch.is_some() => {
                    wish = None;
                }
                Choice::QueueFull(_) => return Err(Failure::QueueFull),
                Choice::Wait(waiter) => match self.wait(waiter).await? {
                    Some(place) => return Ok(place),
                    None => wish = None,
                },
            }
        }
    }

    /// Gets a connection to a server.
    ///
    /// # Errors
    /// [`Failure`] of the last attempt.
    pub async fn connect(&mut self, wanted: &Wanted<'_>) -> Result<(Stream, Place), Failure> {
        let place = self.place(wanted, None).await?;
        self.connect_from(place, wanted).await
    }

    /// Gets a connection to the server whose place this is, or to another one if that fails.
    ///
    /// # Errors
    /// [`Failure`] of the last attempt.
    pub async fn connect_from(&mut self, mut place: Place, wanted: &Wanted<'_>) -> Result<(Stream, Place), Failure> {
        let by_persistence = wanted.server.as_ref().is_some_and(|server| Arc::ptr_eq(server, &place.server));
        loop {
            let failure = match self.attempt(&place, wanted).await {
                Attempt::Connected(stream) => {
                    self.tries.connected = Some(self.worker.now());
                    // Two system calls, which matter where nobody asks for more than the connection.
                    if wanted.flow.is_some() || !self.live.frontend.log.load().is_silent() {
                        self.tries.ends = stream.ends();
                    }
                    return Ok((stream, place));
                }
                Attempt::Failed(failure @ Failure::Signal(_)) => return Err(failure),
                Attempt::Failed(failure) => failure,
            };
            if self.tries.retries >= self.backend.config.load().retries {
                self.count_failure(&place.server);
                return Err(failure);
            }
            self.tries.retries += 1;
            if self.goes_elsewhere(&place.server, by_persistence && !self.tries.redispatched, wanted.force) {
                self.count_redispatch(&place.server);
                let avoid = place.server.index();
                drop(place);
                place = self.place(&Wanted { server: None, force: false, ..*wanted }, Some(avoid)).await?;
            } else {
                self.backend.counters.retries.inc();
                place.server.counters.retries.inc();
                place.server.counters.sessions_total.inc();
                if matches!(failure, Failure::Refused(_)) {
                    self.turn_around().await?;
                }
            }
        }
    }

    fn seed<'s>(&self, wanted: &Wanted<'s>) -> Seed<'s> {
        let random = match **self.backend.algorithm.load() {
            Algorithm::Random { .. } => rand::random(),
            _ => 0,
        };
        Seed { key: wanted.key, source: wanted.source, random }
    }

    fn placed(&mut self, server: Arc<Server>) -> Place {
        self.tries.assigned = Some(self.worker.recent());
        *self.live.server.borrow_mut() = Some(server.clone());
        Place { backend: self.backend.clone(), server }
    }

    /// Waits in the queue. None: the server wanted is gone, so another one is to be chosen.
    async fn wait(&mut self, waiter: Arc<Waiter>) -> Result<Option<Place>, Failure> {
        match waiter.wants() {
            Some(_) => self.tries.server_queue = waiter.position,
            None => self.tries.backend_queue = waiter.position,
        }
        self.live.phase.set(Phase::Queue);
        let timeouts = self.backend.config.load().timeouts;
        let limit = self.after(timeouts.queue.or(timeouts.connect));
        let mut waiting = Waiting { backend: self.backend, waiter: &waiter, left: false };
        let outcome = self.live.until(self.worker, limit, waiter.wait()).await;
        let given = waiting.leave();
        let now = self.worker.now();
        match (outcome, given) {
            (Ok(Outcome::Again), _) => Ok(None),
            (_, Some(server)) => {
                server.counters.sessions_total.inc();
                server.counters.balanced.inc();
                self.backend.counters.balanced.inc();
                server.counters.session_rate.count(now);
                server.counters.last_session_ms.set(now);
                Ok(Some(self.placed(server)))
            }
            (Err(Signal::Expired), None) => Err(Failure::QueueTimeout),
            (Err(signal), None) => Err(Failure::Signal(signal)),
            (Ok(Outcome::Server(_)), None) => unreachable!("an assigned place is taken once, here"),
        }
    }

    async fn attempt(&mut self, place: &Place, wanted: &Wanted<'_>) -> Attempt {
        self.live.phase.set(Phase::Connect);
        self.epoch.set(place.server.epoch());
        let Some(target) = place.server.target(wanted.port) else {
            return Attempt::Failed(Failure::Refused(io::ErrorKind::AddrNotAvailable.into()));
        };
        let limit = self.after(self.backend.config.load().timeouts.connect);
        // Attempts count, as HAProxy counts them.
        place.server.counters.connects.inc();
        self.backend.counters.connects.inc();
        match self.live.until(self.worker, limit, self.dial(&place.server, &target, wanted)).await {
            Ok(Ok(stream)) => {
                self.observe(&place.server, Observed::Connected);
                Attempt::Connected(stream)
            }
            Ok(Err(error)) => {
                self.observe(&place.server, Observed::ConnectFailed);
                Attempt::Failed(Failure::Refused(error))
            }
            Err(Signal::Expired) => {
                self.observe(&place.server, Observed::ConnectFailed);
                Attempt::Failed(Failure::ConnectTimeout)
            }
            Err(signal) => Attempt::Failed(Failure::Signal(signal)),
        }
    }

    fn observe(&self, server: &Arc<Server>, seen: Observed) {
        crate::checks::observe(&self.worker.engine, self.backend, server, seen);
    }

    /// Connects, says who the client is, and encrypts.
    async fn dial(&self, server: &Server, target: &Target, wanted: &Wanted<'_>) -> io::Result<Stream> {
        // In full: what is held while others run keeps them from the fast way to load theirs.
        let (config, backend) = (server.config.load_full(), self.backend.config.load_full());
        let dial = Dial {
            source: config.source.as_ref().or(backend.source.as_ref()),
            keepalive: sockets::keepalive(backend.options.srvtcpka, &backend.server_keepalive),
            user_timeout: config.tcp_user_timeout,
            speaks_first: wanted.has_spoken || config.ssl,
        };
        let mut stream = sockets::connect(target, &dial).await?;
        if let Some(header) = wanted.flow.and_then(|flow| introduction::header(flow, &config)) {
            stream.write_all(&header).await?;
        }
        match server.connector().filter(|_| config.ssl) {
            None => Ok(stream),
            Some(connector) => {
                let sni = wanted.flow.and_then(|flow| introduction::sni(flow, &server.name));
                // Boxed: a handshake is large, and most connections have none.
                let shaken = Box::pin(connector.connect(stream, sni.as_deref(), None)).await;
                shaken.map(|(stream, _)| stream).map_err(io::Error::other)
            }
        }
    }

    /// Whether the next attempt is made at another server (HAProxy's rules of `option redispatch`).
    fn goes_elsewhere(&self, server: &Server, by_persistence: bool, force: bool) -> bool {
        let config = self.backend.config.load();
        let Some(interval) = config.options.redispatch else { return false };
        if force {
            return false;
        }
        let tries = i64::from(self.tries.retries);
        let due = match i64::from(interval) {
            every if every > 0 => tries % every == 0,
            last if last < 0 => {
                let period = i64::from(config.retries) + 1 + last;
                period > 0 && tries % period == 0
            }
            _ => false,
        };
        // What HAProxy calls the round robin kind; `leastconn` and `first` are of another.
        let algorithm = self.backend.algorithm.load();
        let in_turn = matches!(**algorithm, Algorithm::RoundRobin | Algorithm::StaticRr | Algorithm::Random { .. });
        due || !server.is_usable() || (!by_persistence && in_turn && self.backend.usable_servers() > 1)
    }

    fn count_redispatch(&mut self, server: &Server) {
        self.tries.redispatched = true;
        self.backend.counters.redispatches.inc();
        server.counters.redispatches.inc();
    }

    fn count_failure(&self, server: &Server) {
        self.backend.counters.failed_connections.inc();
        server.counters.failed_connections.inc();
    }

    /// A server that refused is given a moment before it is asked again.
    async fn turn_around(&self) -> Result<(), Failure> {
        let connect = millis(self.backend.config.load().timeouts.connect);
        let limit = self.worker.now() + TURN_AROUND.min(connect);
        match self.live.until(self.worker, limit, std::future::pending::<()>()).await {
            Err(Signal::Expired) => Ok(()),
            Err(signal) => Err(Failure::Signal(signal)),
            Ok(()) => unreachable!("it waits for nothing but the time"),
        }
    }

    fn after(&self, timeout: Option<Duration>) -> Ms {
        self.worker.now().saturating_add(millis(timeout))
    }
}

/// Leaves the queue, however the wait ends.
struct Waiting<'a> {
    backend: &'a Arc<Backend>,
    waiter: &'a Arc<Waiter>,
    left: bool,
}

impl Waiting<'_> {
    fn leave(&mut self) -> Option<Arc<Server>> {
        self.left = true;
        self.backend.queue.leave(self.waiter, &self.backend.counters)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.left
            && let Some(server) = self.leave()
        {
            self.backend.release(&server);
        }
    }
}

/// A timeout in milliseconds; [`NEVER`] where there is none.
pub fn millis(timeout: Option<Duration>) -> Ms {
    timeout.map_or(NEVER, |timeout| timeout.as_millis() as Ms)
}
