//! Calls to a cluster: one endpoint at a time, another when it fails, each call with a deadline.
//!
//! Invariant: a call that may have been done already is repeated only if it is a read.

use super::connection::{Endpoint, Tls, connector};
use super::grpc::{CallError, Incoming, Outgoing, framed};
use super::term::{DEPOSED, Term};
use super::{EtcdError, EtcdOptions, EtcdTls, proto, range, says};
use bytes::Bytes;
use hyper::client::conn::http2::SendRequest;
use prost::Message;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

/// Rest after every endpoint has failed once.
const PAUSE: Duration = Duration::from_millis(100);

/// Between logged changes of the member that is used.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// gRPC's codes that a read is tried again after: deadline exceeded, unavailable, unknown ("leader changed").
const PASSING: [u32; 3] = [4, 14, 2];
/// What etcd says before it does anything; the call may go to another member.
const REFUSED_BEFORE: [&str; 3] =
    [NO_LEADER, "etcdserver: too many requests", "etcdserver: rpc not supported for learner"];

/// Said by a member that works: most often an election is under way, and another member knows no more.
const NO_LEADER: &str = "etcdserver: no leader";
/// How long that is believed: twice what an election takes. After it the member may be cut off from the others.
const ELECTION: Duration = Duration::from_secs(3);

/// Said by a member that works: it knows the new leader, another one may be the old leader that is gone.
const LEADER_CHANGED: &str = "etcdserver: leader changed";

/// What a call does, and so whether it may be done twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Changes nothing, or the same when done twice.
    Repeatable,
    /// Must not be sent again once sent.
    Once,
}

/// An open stream: dropped, it ends.
pub struct Stream {
    _request: mpsc::Sender<Bytes>,
    pub answers: Incoming,
    /// What it is on.
    pub endpoint: Arc<Endpoint>,
}

pub struct Client {
    pub options: EtcdOptions,
    tls: Option<Tls>,
    /// Never empty. The first one is home: usually it is on this machine.
    endpoints: RwLock<Arc<[Arc<Endpoint>]>>,
    /// The one that is used.
    current: watch::Sender<Arc<Endpoint>>,
    /// The newest that an answer named.
    pub term: Term,
    /// When a change of it was last logged.
    told: Mutex<Option<Instant>>,
}

impl Client {
    pub fn new(options: EtcdOptions) -> Result<Self, EtcdError> {
        let tls = options.tls.as_ref().map(connector).transpose().map_err(EtcdError::Tls)?;
        let tls = tls.map(|tls| Arc::new(RwLock::new(tls)));
        let endpoints = endpoints(&options.endpoints, tls.as_ref(), &[])?;
        let current = watch::Sender::new(Arc::clone(&endpoints[0]));
        Ok(Self {
            options,
            tls,
            endpoints: RwLock::new(endpoints),
            current,
            term: Term::default(),
            told: Mutex::new(None),
        })
    }

    /// New certificates, for connections made from now on.
    pub fn set_tls(&self, tls: &EtcdTls) -> Result<(), EtcdError> {
        let connector = connector(tls).map_err(EtcdError::Tls)?;
        if let Some(tls) = &self.tls {
            *tls.write().unwrap_or_else(PoisonError::into_inner) = connector;
        }
        Ok(())
    }

    /// From now on these are used; what runs on others is begun anew on one of these.
    pub fn set_endpoints(&self, named: &[String]) -> Result<(), EtcdError> {
        let known = self.endpoints();
        if known.iter().map(|endpoint| &endpoint.uri).eq(named) {
            return Ok(());
        }
        let new = endpoints(named, self.tls.as_ref(), &known)?;
        tracing::info!(endpoints = ?named, "etcd's members are others now");
        *self.endpoints.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&new);
        self.current.send_if_modified(|current| {
            let gone = !new.iter().any(|endpoint| Arc::ptr_eq(endpoint, current));
            if gone {
                *current = Arc::clone(&new[0]);
            }
            gone
        });
        Ok(())
    }

    pub fn endpoints(&self) -> Arc<[Arc<Endpoint>]> {
        Arc::clone(&self.endpoints.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn current(&self) -> Arc<Endpoint> {
        Arc::clone(&self.current.borrow())
    }

    /// One question, one answer.
    pub async fn call<A: Message + Default>(
        &self,
        path: &str,
        request: &impl Message,
        nature: Nature,
    ) -> Result<A, CallError> {
        let request = framed(request);
        let begun = Instant::now();
        let deadline = begun + self.options.timeout;
        let mut tries = 0;
        loop {
            let endpoint = self.current();
            let limit = self.options.attempt_timeout;
            let term = self.term.newest();
            let asked = tokio::select! {
                asked = self.ask(&endpoint, path, request.clone(), limit, || self.uses(&endpoint)) => asked,
                error = self.deposed(&endpoint, term) => Err(error),
            };
            let error = match asked {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let moves = passing(&error) && !stays(&error, begun);
            if moves {
                self.leave(&endpoint, &error);
            }
            if !may_repeat(&error, nature) || Instant::now() >= deadline {
                return Err(error);
            }
            tries += 1;
            if moves { self.rest(tries).await } else { sleep(PAUSE).await }
        }
    }

    /// One question, an answer of many messages, from this endpoint if one is named, else from some.
    pub async fn download(
        &self,
        endpoint: Option<&Arc<Endpoint>>,
        path: &str,
        question: &impl Message,
    ) -> Result<Incoming, CallError> {
        let Stream { _request, answers, .. } = match endpoint {
            Some(endpoint) => self.open(endpoint, path, framed(question), || true).await?,
            None => self.stream(path, question).await?,
        };
        Ok(answers)
    }

    /// Opens a stream on some endpoint and sends `first`.
    pub async fn stream(&self, path: &str, first: &impl Message) -> Result<Stream, CallError> {
        let first = framed(first);
        let begun = Instant::now();
        let deadline = begun + self.options.timeout;
        let mut tries = 0;
        loop {
            let endpoint = self.current();
            let error = match self.open(&endpoint, path, first.clone(), || self.uses(&endpoint)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => error,
            };
            if !passing(&error) || Instant::now() >= deadline {
                return Err(error);
            }
            let moves = !stays(&error, begun);
            if moves {
                self.leave(&endpoint, &error);
            }
            tries += 1;
            if moves { self.rest(tries).await } else { sleep(PAUSE).await }
        }
    }

    /// Asks every endpoint, one after the other, each for `limit` at most; for each its address and its answer.
    pub async fn ask_all<A: Message + Default>(
        &self,
        path: &str,
        request: &impl Message,
        limit: Duration,
    ) -> Vec<(String, Result<A, CallError>)> {
        let request = framed(request);
        let mut answers = Vec::new();
        for endpoint in self.endpoints().iter() {
            answers.push((endpoint.uri.clone(), self.ask(endpoint, path, request.clone(), limit, || true).await));
        }
        answers
    }

    async fn ask<A: Message + Default>(
        &self,
        endpoint: &Arc<Endpoint>,
        path: &str,
        request: Bytes,
        limit: Duration,
        wanted: impl Fn() -> bool,
    ) -> Result<A, CallError> {
        // The connection has a limit of its own.
        let connection = self.connection(endpoint, wanted).await?;
        let asked = exchanged(endpoint, connection, path, request, limit);
        timeout(limit, asked).await.unwrap_or_else(|_| Err(unanswered(endpoint, limit)))
    }

    async fn open(
        &self,
        endpoint: &Arc<Endpoint>,
        path: &str,
        first: Bytes,
        wanted: impl Fn() -> bool,
    ) -> Result<Stream, CallError> {
        let connection = self.connection(endpoint, wanted).await?;
        let opened = endpoint.send(connection, path, first, None);
        let opened = timeout(self.options.attempt_timeout, opened).await;
        let limit = self.options.attempt_timeout;
        let (_request, answers) = opened.unwrap_or_else(|_| Err(unanswered(endpoint, limit)))?;
        Ok(Stream { _request, answers, endpoint: Arc::clone(endpoint) })
    }

    pub async fn connection(
        &self,
        endpoint: &Arc<Endpoint>,
        wanted: impl Fn() -> bool,
    ) -> Result<SendRequest<Outgoing>, CallError> {
        // Others may be connecting before us.
        let limit = self.options.connect_timeout * 2;
        let connection = timeout(limit, endpoint.connection(&self.options, wanted)).await;
        connection.unwrap_or_else(|_| Err(CallError::NotSent(format!("{}: no connection in {limit:?}", endpoint.uri))))
    }

    /// Whether calls go to this endpoint now.
    fn uses(&self, endpoint: &Arc<Endpoint>) -> bool {
        Arc::ptr_eq(&self.current.borrow(), endpoint)
    }

    /// Waits until calls go to another endpoint than this: what still runs on it may be on a dead connection.
    pub async fn left(&self, endpoint: &Arc<Endpoint>) {
        // Fails only without a sender, which we hold.
        _ = self.current.subscribe().wait_for(|current| !Arc::ptr_eq(current, endpoint)).await;
    }

    /// Goes home if calls go elsewhere and the member there works: reading from another one adds its failures to ours.
    pub async fn go_home(&self) {
        let (endpoints, current) = (self.endpoints(), self.current());
        let home = &endpoints[0];
        if Arc::ptr_eq(home, &current) {
            return;
        }
        let question = framed(&range::newest_request());
        let limit = self.options.attempt_timeout;
        if self.ask::<proto::RangeResponse>(home, range::RANGE, question, limit, || true).await.is_ok() {
            tracing::info!(from = current.uri, to = home.uri, "back to the first etcd member");
            self.current.send_replace(Arc::clone(home));
        }
    }

    /// Moves on, unless somebody else has.
    fn leave(&self, endpoint: &Arc<Endpoint>, error: &CallError) {
        let endpoints = self.endpoints();
        let place = endpoints.iter().position(|other| Arc::ptr_eq(other, endpoint));
        let next = &endpoints[place.map_or(0, |place| (place + 1) % endpoints.len())];
        let moved = self.current.send_if_modified(|current| {
            let moves = Arc::ptr_eq(current, endpoint) && !Arc::ptr_eq(next, endpoint);
            if moves {
                *current = Arc::clone(next);
            }
            moves
        });
        if moved && self.may_tell() {
            tracing::info!(from = endpoint.uri, to = next.uri, %error, "changes etcd member");
        }
    }

    /// Without a leader all are tried in turn, many times a second.
    fn may_tell(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let may = told.is_none_or(|at| at.elapsed() > TELL_EVERY);
        if may {
            *told = Some(Instant::now());
        }
        may
    }

    async fn rest(&self, tries: usize) {
        if tries.is_multiple_of(self.endpoints().len()) {
            sleep(PAUSE).await;
        }
    }
}

/// Those of these addresses, with the connections of the `known` ones.
fn endpoints(named: &[String], tls: Option<&Tls>, known: &[Arc<Endpoint>]) -> Result<Arc<[Arc<Endpoint>]>, EtcdError> {
    let endpoint = |text: &String| match known.iter().find(|endpoint| endpoint.uri == *text) {
        Some(endpoint) => Ok(Arc::clone(endpoint)),
        None => Endpoint::parse(text, tls).map(Arc::new),
    };
    let endpoints = named.iter().map(endpoint).collect::<Result<Vec<_>, _>>().map_err(EtcdError::Endpoint)?;
    match endpoints.is_empty() {
        true => Err(EtcdError::Endpoint("none is named".into())),
        false => Ok(endpoints.into()),
    }
}

/// One question and its answer on a connection, of which nothing is concluded if there is none.
pub async fn exchanged<A: Message + Default>(
    endpoint: &Endpoint,
    connection: SendRequest<Outgoing>,
    path: &str,
    request: Bytes,
    limit: Duration,
) -> Result<A, CallError> {
    let (request, answers) = endpoint.send(connection, path, request, Some(limit)).await?;
    drop(request);
    answers.only().await
}

/// The connection is suspect: the next call makes a new one.
fn unanswered(endpoint: &Endpoint, limit: Duration) -> CallError {
    endpoint.forget();
    CallError::Lost(format!("{} did not answer in {limit:?}", endpoint.uri))
}

/// Whether the same member is asked again by a call that began then: rather than one that may be the leader that is gone.
fn stays(error: &CallError, begun: Instant) -> bool {
    says(error, LEADER_CHANGED) || says(error, DEPOSED) || says(error, NO_LEADER) && begun.elapsed() < ELECTION
}

/// Another member may do better, or this one later.
pub fn passing(error: &CallError) -> bool {
    match error {
        CallError::NotSent(_) | CallError::Lost(_) => true,
        CallError::Status { code, .. } => PASSING.contains(code) || refused_before(error),
    }
}

fn refused_before(error: &CallError) -> bool {
    matches!(error, CallError::Status { message, .. } if REFUSED_BEFORE.contains(&message.as_str()))
}

fn may_repeat(error: &CallError, nature: Nature) -> bool {
    match nature {
        Nature::Repeatable => passing(error),
        Nature::Once => matches!(error, CallError::NotSent(_)) || refused_before(error),
    }
}
