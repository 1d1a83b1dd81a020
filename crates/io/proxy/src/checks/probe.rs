//! One run of a check over a connection: does what the dialogue asks for, within its time.
//!
//! Time, as HAProxy gives it: without `timeout check` all of it takes `inter` at most. With it, `inter` and `timeout
//! connect` limit the connection (TLS included), then `timeout check` what follows.

use super::h2;
use super::route::{Route, Tls};
use crate::server::Target;
use crate::sockets::{self, Dial};
use crate::stream::Stream;
use crate::text;
use crate::tls::HandshakeError;
use balance::check::{Connect, Dialogue, Failure, HttpRequest, Layer, Step};
use balance::health::{Outcome, Status};
use balance::proxy_protocol::{Endpoints, SendProxy, Tlvs};
use rustls::CertificateError;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

/// Bytes of an answer read at once.
const PIECE: usize = 4096;

/// How long a run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    pub inter: Duration,
    /// `timeout connect`
    pub connect: Option<Duration>,
    /// `timeout check`
    pub check: Option<Duration>,
}

impl Patience {
    fn to_connect(self, start: Instant) -> Instant {
        start
            + if self.check.is_some() {
                self.connect.map_or(self.inter, |limit| limit.min(self.inter))
            } else {
                self.inter
            }
    }

    fn to_answer(self, start: Instant) -> Instant {
        self.check.map_or(start + self.inter, |limit| Instant::now() + limit)
    }
}

/// A run under way.
struct Run<'a> {
    patience: Patience,
    start: Instant,
    /// When its current phase must be over.
    deadline: Instant,
    open: Option<Open>,
    /// What an earlier run left.
    kept: Option<Kept>,
    /// What is open was left by an earlier run, and has not answered this one.
    is_doubtful: bool,
    /// Where what is open leads, if it may be left to the next run.
    leaves: Option<Target>,
    route: &'a dyn Fn(&Connect) -> Route,
}

/// A connection that a run has left to the next one (`check-reuse-pool`).
pub struct Kept {
    target: Target,
    open: Open,
}

struct Open {
    stream: Stream,
    /// Closed in order, not by a reset.
    linger: bool,
    encrypted: bool,
    /// HTTP/2 is what was agreed on.
    h2: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.linger {
            self.stream.reset_on_close();
        }
    }
}

/// Runs a check to its end. `route` says where a connect of it leads. What is `kept` of the last run is used, and then
/// what this one leaves; that the server has ended it meanwhile is no failure: the check then begins again without.
pub async fn run(
    dialogue: &dyn Fn() -> Dialogue,
    patience: Patience,
    route: &dyn Fn(&Connect) -> Route,
    kept: &mut Option<Kept>,
) -> Outcome {
    if let Some(outcome) = attempt(dialogue(), patience, route, kept).await {
        return outcome;
    }
    let again = attempt(dialogue(), patience, route, kept).await;
    again.unwrap_or_else(|| Outcome::new(Status::SocketError))
}

/// One attempt at it. Nothing is returned where a connection that was kept turned out to have ended.
async fn attempt(
    mut dialogue: Dialogue,
    patience: Patience,
    route: &dyn Fn(&Connect) -> Route,
    kept: &mut Option<Kept>,
) -> Option<Outcome> {
    let start = Instant::now();
    let deadline = patience.to_connect(start);
    let mut run =
        Run { patience, start, deadline, open: None, kept: kept.take(), is_doubtful: false, leaves: None, route };
    let outcome = run.walk(&mut dialogue).await.map(|outcome| run.finish(outcome))?;
    *kept = run.leave(&dialogue);
    Some(outcome)
}

impl Run<'_> {
    /// Nothing is returned where the connection was kept, and ended before it answered.
    async fn walk(&mut self, dialogue: &mut Dialogue) -> Option<Outcome> {
        let mut piece = vec![0; PIECE];
        let mut step = dialogue.start();
        loop {
            step = match step {
                Step::Connect(connect) => match self.connect(&connect).await {
                    Ok(()) => dialogue.connected(),
                    Err((layer, failure)) => return Some(dialogue.failed(layer, failure)),
                },
                Step::Request(request) if self.open.as_ref().is_some_and(|open| open.h2) => {
                    match self.exchange(&request).await {
                        Ok(answer) => answered(dialogue, &answer),
                        Err(failure) => return Some(dialogue.failed(Layer::Established, failure)),
                    }
                }
                Step::Send(bytes) => match self.send(&bytes).await {
                    Ok(()) => dialogue.sent(),
                    Err(failure) => return self.broken(dialogue, failure),
                },
                Step::Request(request) => match self.send(&request.write()).await {
                    Ok(()) => dialogue.sent(),
                    Err(failure) => return self.broken(dialogue, failure),
                },
                Step::Read => match self.read(&mut piece).await {
                    Ok(0) if self.is_doubtful => return None,
                    Ok(0) => dialogue.closed(),
                    Ok(count) => {
                        self.is_doubtful = false;
                        dialogue.received(&piece[..count])
                    }
                    Err(Failure::Error(_)) if self.is_doubtful => return None,
                    Err(Failure::Error(reason)) => dialogue.broken(reason),
                    Err(failure) => return Some(dialogue.failed(Layer::Established, failure)),
                },
                Step::Done(outcome) => return Some(outcome),
            };
        }
    }

    fn broken(&self, dialogue: &mut Dialogue, failure: Failure) -> Option<Outcome> {
        let is_news = !self.is_doubtful || failure == Failure::Timeout;
        is_news.then(|| dialogue.failed(Layer::Established, failure))
    }

    /// What the next run may use.
    fn leave(&mut self, dialogue: &Dialogue) -> Option<Kept> {
        let target = self.leaves.take().filter(|_| dialogue.leaves_open())?;
        Some(Kept { target, open: self.open.take()? })
    }

    async fn connect(&mut self, connect: &Connect) -> Result<(), (Layer, Failure)> {
        self.open = None;
        let route = (self.route)(connect);
        let Some(target) = &route.target else {
            return Err((Layer::Nothing, Failure::Error(String::new())));
        };
        self.leaves = route.reuse.then(|| target.clone());
        if let Some(kept) = self.kept.take().filter(|kept| route.reuse && kept.target == *target) {
            (self.open, self.is_doubtful) = (Some(kept.open), true);
            self.deadline = self.patience.to_answer(self.start);
            return Ok(());
        }
        self.is_doubtful = false;
        let dial = Dial { source: route.source.as_ref(), ..Dial::default() };
        let mut stream = match timeout_at(self.deadline, sockets::connect(target, &dial)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err((Layer::Connecting, failure(&error))),
            Err(_) => return Err((Layer::Connecting, Failure::Timeout)),
        };
        if let Some(send) = route.proxy_header {
            let header = proxy_header(send, &stream);
            if let Err(error) = stream.write_all(&header).await {
                return Err((Layer::Connecting, failure(&error)));
            }
        }
        let encrypted = route.tls.is_some();
        let mut h2 = route.h2;
        if let Some(tls) = route.tls {
            let alpn;
            (stream, alpn) = self.encrypt(stream, &tls).await?;
            h2 |= alpn.as_deref() == Some("h2");
        }
        self.open = Some(Open { stream, linger: connect.linger, encrypted, h2 });
        self.deadline = self.patience.to_answer(self.start);
        Ok(())
    }

    /// With the protocol that was agreed on.
    async fn encrypt(&self, stream: Stream, tls: &Tls) -> Result<(Stream, Option<String>), (Layer, Failure)> {
        let handshake = tls.connector.connect(stream, tls.sni.as_deref(), None);
        match timeout_at(self.deadline, handshake).await {
            Ok(Ok((stream, facts))) => Ok((stream, facts.alpn)),
            Ok(Err(error)) => Err((Layer::Handshake, Failure::Error(handshake_failure(&error, tls).into()))),
            Err(_) => Err((Layer::Handshake, Failure::Timeout)),
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Some(open) = &mut self.open else { return Err(Failure::Error(String::new())) };
        let send = async {
            open.stream.write_all(bytes).await?;
            open.stream.flush().await
        };
        timeout_at(self.deadline, send).await.map_err(|_| Failure::Timeout)?.map_err(|error| failure(&error))
    }

    /// A request and its answer over HTTP/2.
    async fn exchange(&mut self, request: &HttpRequest) -> Result<Vec<u8>, Failure> {
        let Some(open) = &mut self.open else { return Err(Failure::Error(String::new())) };
        let exchange = h2::exchange(&mut open.stream, request, open.encrypted);
        timeout_at(self.deadline, exchange).await.map_err(|_| Failure::Timeout)?.map_err(Failure::Error)
    }

    async fn read(&mut self, piece: &mut [u8]) -> Result<usize, Failure> {
        let Some(open) = &mut self.open else { return Err(Failure::Error(String::new())) };
        match timeout_at(self.deadline, open.stream.read(piece)).await.map_err(|_| Failure::Timeout)? {
            Ok(count) => Ok(count),
            // A TLS stream that ends without its closing message has ended.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            Err(error) => Err(failure(&error)),
        }
    }

    /// A connect alone has passed as high as it went.
    fn finish(&self, mut outcome: Outcome) -> Outcome {
        if outcome.status == Status::L4Ok && self.open.as_ref().is_some_and(|open| open.encrypted) {
            outcome.status = Status::L6Ok;
        }
        outcome
    }
}

/// Gives a whole answer to the dialogue.
fn answered(dialogue: &mut Dialogue, answer: &[u8]) -> Step {
    match dialogue.sent() {
        Step::Read => match dialogue.received(answer) {
            Step::Read => dialogue.closed(),
            step => step,
        },
        step => step,
    }
}

/// HAProxy tells wrong names apart, and nothing else.
fn handshake_failure(error: &HandshakeError, tls: &Tls) -> &'static str {
    let HandshakeError::Failed(rustls::Error::InvalidCertificate(CertificateError::NotValidForName)) = error else {
        return "SSL handshake failure";
    };
    match tls.verifies_host {
        true => "Server presented an SSL certificate different from the configured one",
        false => "Server presented an SSL certificate different from the expected one",
    }
}

fn failure(error: &io::Error) -> Failure {
    Failure::Error(text::reason(error))
}

/// Version 1 tells our own ends of the connection, version 2 that it is our own.
fn proxy_header(send: SendProxy, stream: &Stream) -> Vec<u8> {
    let ends = stream.tcp().and_then(|tcp| Some((tcp.local_addr().ok()?, tcp.peer_addr().ok()?)));
    let endpoints = ends.map(|(source, destination)| Endpoints { source, destination });
    send.header(endpoints.filter(|_| !send.v2), Tlvs::default())
}
