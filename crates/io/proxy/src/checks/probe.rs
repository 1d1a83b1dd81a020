//! One run of a check over a connection: does what the dialogue asks for, within its time.
//!
//! Time, as HAProxy gives it: without `timeout check` all of it takes `inter` at most. With it, `inter` and `timeout
//! connect` limit the connection (TLS included), then `timeout check` what follows.

use super::h2;
use super::route::{Route, Tls};
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
    route: &'a dyn Fn(&Connect) -> Route,
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

/// Runs a check to its end. `route` says where a connect of it leads.
pub async fn run(mut dialogue: Dialogue, patience: Patience, route: &dyn Fn(&Connect) -> Route) -> Outcome {
    let start = Instant::now();
    let mut run = Run { patience, start, deadline: patience.to_connect(start), open: None, route };
    let mut piece = vec![0; PIECE];
    let mut step = dialogue.start();
    loop {
        step = match step {
            Step::Connect(connect) => match run.connect(&connect).await {
                Ok(()) => dialogue.connected(),
                Err((layer, failure)) => return dialogue.failed(layer, failure),
            },
            Step::Send(bytes) => match run.send(&bytes).await {
                Ok(()) => dialogue.sent(),
                Err(failure) => return dialogue.failed(Layer::Established, failure),
            },
            Step::Request(request) if run.open.as_ref().is_some_and(|open| open.h2) => {
                match run.exchange(&request).await {
                    Ok(answer) => answered(&mut dialogue, &answer),
                    Err(failure) => return dialogue.failed(Layer::Established, failure),
                }
            }
            Step::Request(request) => match run.send(&request.write()).await {
                Ok(()) => dialogue.sent(),
                Err(failure) => return dialogue.failed(Layer::Established, failure),
            },
            Step::Read => match run.read(&mut piece).await {
                Ok(0) => dialogue.closed(),
                Ok(count) => dialogue.received(&piece[..count]),
                Err(Failure::Error(reason)) => dialogue.broken(reason),
                Err(failure) => return dialogue.failed(Layer::Established, failure),
            },
            Step::Done(outcome) => return run.finish(outcome),
        };
    }
}

impl Run<'_> {
    async fn connect(&mut self, connect: &Connect) -> Result<(), (Layer, Failure)> {
        self.open = None;
        let route = (self.route)(connect);
        let Some(target) = &route.target else {
            return Err((Layer::Nothing, Failure::Error(String::new())));
        };
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
