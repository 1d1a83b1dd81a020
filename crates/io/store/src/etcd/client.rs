//! Calls to a cluster: one endpoint at a time, another when it fails, each call with a deadline.
//!
//! Invariant: a call that may have been done already is repeated only if it is a read.

use super::connection::{Endpoint, connector};
use super::grpc::{CallError, Incoming, Outgoing, framed};
use super::{EtcdError, EtcdOptions, EtcdTls, proto, range, says};
use bytes::Bytes;
use prost::Message;
use std::sync::{Mutex, PoisonError};
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
    ["etcdserver: no leader", "etcdserver: too many requests", "etcdserver: rpc not supported for learner"];

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
    /// Place of the endpoint that it is on.
    pub place: usize,
}

pub struct Client {
    pub options: EtcdOptions,
    endpoints: Vec<Endpoint>,
    /// Place of the endpoint that is used. The first one is home: usually it is on this machine.
    current: watch::Sender<usize>,
    /// When a change of it was last logged.
    told: Mutex<Option<Instant>>,
}

impl Client {
    pub fn new(options: EtcdOptions) -> Result<Self, EtcdError> {
        let tls = options.tls.as_ref().map(connector).transpose().map_err(EtcdError::Tls)?;
        let endpoints = options.endpoints.iter().map(|text| Endpoint::parse(text, tls.as_ref()));
        let endpoints = endpoints.collect::<Result<Vec<_>, _>>().map_err(EtcdError::Endpoint)?;
        if endpoints.is_empty() {
            return Err(EtcdError::Endpoint("none is named".into()));
        }
        Ok(Self { options, endpoints, current: watch::Sender::new(0), told: Mutex::new(None) })
    }

    /// New certificates, for connections made from now on.
    pub fn set_tls(&self, tls: &EtcdTls) -> Result<(), EtcdError> {
        let connector = connector(tls).map_err(EtcdError::Tls)?;
        self.endpoints.iter().for_each(|endpoint| endpoint.set_tls(&connector));
        Ok(())
    }

    /// One question, one answer.
    pub async fn call<A: Message + Default>(
        &self,
        path: &str,
        request: &impl Message,
        nature: Nature,
    ) -> Result<A, CallError> {
        let request = framed(request);
        let deadline = Instant::now() + self.options.timeout;
        let mut tries = 0;
        loop {
            let place = *self.current.borrow();
            let error =
                match self.ask(place, path, request.clone(), self.options.attempt_timeout, || self.uses(place)).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                };
            let moves = passing(&error) && !says(&error, LEADER_CHANGED);
            if moves {
                self.leave(place, &error);
            }
            if !may_repeat(&error, nature) || Instant::now() >= deadline {
                return Err(error);
            }
            tries += 1;
            if moves { self.rest(tries).await } else { sleep(PAUSE).await }
        }
    }

    /// One question, an answer of many messages, from the endpoint at `place` if it is named, else from some.
    pub async fn download(
        &self,
        place: Option<usize>,
        path: &str,
        question: &impl Message,
    ) -> Result<Incoming, CallError> {
        let Stream { _request, answers, .. } = match place {
            Some(place) => self.open(place, path, framed(question), || true).await?,
            None => self.stream(path, question).await?,
        };
        Ok(answers)
    }

    /// Opens a stream on some endpoint and sends `first`.
    pub async fn stream(&self, path: &str, first: &impl Message) -> Result<Stream, CallError> {
        let first = framed(first);
        let deadline = Instant::now() + self.options.timeout;
        let mut tries = 0;
        loop {
            let place = *self.current.borrow();
            let error = match self.open(place, path, first.clone(), || self.uses(place)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => error,
            };
            if !passing(&error) || Instant::now() >= deadline {
                return Err(error);
            }
            self.leave(place, &error);
            tries += 1;
            self.rest(tries).await;
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
        for (place, endpoint) in self.endpoints.iter().enumerate() {
            answers.push((endpoint.uri.clone(), self.ask(place, path, request.clone(), limit, || true).await));
        }
        answers
    }

    async fn ask<A: Message + Default>(
        &self,
        place: usize,
        path: &str,
        request: Bytes,
        limit: Duration,
        wanted: impl Fn() -> bool,
    ) -> Result<A, CallError> {
        let connection = self.connection(place, wanted).await?;
        let asked = async {
            let (request, answers) = self.endpoints[place].send(connection, path, request, Some(limit)).await?;
            drop(request);
            answers.only().await
        };
        timeout(limit, asked).await.unwrap_or_else(|_| Err(self.unanswered(place, limit)))
    }

    async fn open(
        &self,
        place: usize,
        path: &str,
        first: Bytes,
        wanted: impl Fn() -> bool,
    ) -> Result<Stream, CallError> {
        let connection = self.connection(place, wanted).await?;
        let opened = self.endpoints[place].send(connection, path, first, None);
        let opened = timeout(self.options.attempt_timeout, opened).await;
        let limit = self.options.attempt_timeout;
        let (_request, answers) = opened.unwrap_or_else(|_| Err(self.unanswered(place, limit)))?;
        Ok(Stream { _request, answers, place })
    }

    async fn connection(
        &self,
        place: usize,
        wanted: impl Fn() -> bool,
    ) -> Result<hyper::client::conn::http2::SendRequest<Outgoing>, CallError> {
        let endpoint = &self.endpoints[place];
        // Others may be connecting before us.
        let limit = self.options.connect_timeout * 2;
        let connection = timeout(limit, endpoint.connection(&self.options, wanted)).await;
        connection.unwrap_or_else(|_| Err(CallError::NotSent(format!("{}: no connection in {limit:?}", endpoint.uri))))
    }

    /// The connection is suspect: the next call makes a new one.
    fn unanswered(&self, place: usize, limit: Duration) -> CallError {
        let endpoint = &self.endpoints[place];
        endpoint.forget();
        CallError::Lost(format!("{} did not answer in {limit:?}", endpoint.uri))
    }

    /// Whether calls go to this endpoint now.
    fn uses(&self, place: usize) -> bool {
        *self.current.borrow() == place
    }

    /// Waits until calls go to another endpoint than this: what still runs on it may be on a dead connection.
    pub async fn left(&self, place: usize) {
        // Fails only without a sender, which we hold.
        _ = self.current.subscribe().wait_for(|current| *current != place).await;
    }

    /// Goes home if calls go elsewhere and the member there works: reading from another one adds its failures to ours.
    pub async fn go_home(&self) {
        let place = *self.current.borrow();
        if place == 0 {
            return;
        }
        let question = framed(&range::newest_request());
        let limit = self.options.attempt_timeout;
        if self.ask::<proto::RangeResponse>(0, range::RANGE, question, limit, || true).await.is_ok() {
            tracing::info!(
                from = self.endpoints[place].uri,
                to = self.endpoints[0].uri,
                "back to the first etcd member"
            );
            self.current.send_replace(0);
        }
    }

    /// Moves on, unless somebody else has.
    fn leave(&self, place: usize, error: &CallError) {
        let next = (place + 1) % self.endpoints.len();
        let moved = self.current.send_if_modified(|current| {
            let moves = *current == place && next != place;
            if moves {
                *current = next;
            }
            moves
        });
        if moved && self.may_tell() {
            tracing::info!(from = self.endpoints[place].uri, to = self.endpoints[next].uri, %error, "changes etcd member");
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
        if tries.is_multiple_of(self.endpoints.len()) {
            sleep(PAUSE).await;
        }
    }
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
