//! A client's connection in http mode: its requests, one after the other, and the rest between them.

use super::downstream::{Client, Private};
use super::evidence;
use super::exchange::{self, Exchange, Next};
use super::h2;
use super::record::Times;
use super::rewound::Rewound;
use super::wire::{NoHead, Wire};
use crate::conversation::Conversation;
use crate::dispatch::millis;
use crate::live::{Phase, Registered, Signal};
use crate::session::Admitted;
use crate::stream::Stream;
use crate::wheel::Ms;
use crate::worker::read_all_first;
use balance::config::model::{MuxProto, Proxy};
use balance::http::RequestHead;
use balance::http::framing::Facts;
use balance::http::parse::{self, Limits};
use std::future::poll_fn;

/// What every connection of HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves the requests of one connection.
pub struct Connection {
    pub live: Registered,
    pub admitted: Admitted,
    pub conversation: Option<Box<Conversation>>,
    pub wire: Wire,
    pub limits: Limits,
    /// Requests it has carried.
    pub requests: u32,
    /// Accepted, or done with the request before.
    pub since: Ms,
    /// `http-reuse never`: the connection to the server that goes with this one.
    pub private: Private,
}

/// Why no request was read.
pub enum NoRequest {
    Head(NoHead),
    Signal(Signal),
}

pub async fn run(live: Registered, admitted: Admitted, stream: Stream, conversation: Option<Box<Conversation>>) {
    resume(live, admitted, stream, conversation, Vec::new(), false).await;
}

/// Serves a connection of which `first` has been read already.
pub async fn resume(
    live: Registered,
    admitted: Admitted,
    stream: Stream,
    conversation: Option<Box<Conversation>>,
    first: Vec<u8>,
    h2: bool,
) {
    let since = live.accepted;
    if h2 || stream.speaks_h2() || admitted.listening.bind.load().proto == Some(MuxProto::H2) {
        return Box::pin(h2::server::serve(live, admitted, Rewound::new(first, stream), conversation)).await;
    }
    let conversation = conversation.or_else(|| lasting(&live, &admitted));
    let wire = Wire::new(stream, first);
    let limits = exchange::limits(live.worker());
    let mut connection = Connection { live, admitted, conversation, wire, limits, requests: 0, since, private: None };
    // What an idle connection holds is this function's state alone: each request's own is in a box.
    while connection.stirs().await {
        if connection.requests == 0 && Box::pin(connection.has_preface()).await {
            let Connection { live, admitted, mut wire, conversation, .. } = connection;
            let first = wire.take_unread();
            return Box::pin(h2::server::serve(live, admitted, Rewound::new(first, wire.stream), conversation)).await;
        }
        if Box::pin(connection.serve()).await == Next::Close {
            break;
        }
        connection.wire.rest();
        connection.requests += 1;
        connection.since = connection.live.worker().recent();
    }
}

/// Facts of a connection are kept with it only where rules may ask for them: they are larger than all else that an idle
/// connection holds.
pub fn lasting(live: &Registered, admitted: &Admitted) -> Option<Box<Conversation>> {
    let program = admitted.frontend.program.load();
    let has_rules =
        !program.http_request.is_empty() || !program.tcp_content.is_empty() || !program.http_response.is_empty();
    has_rules.then(|| Box::new(Conversation::new(live)))
}

impl Connection {
    /// Waits for the first byte of a request. An idle connection that ends or has waited long enough is just closed.
    async fn stirs(&mut self) -> bool {
        if !self.wire.unread().is_empty() {
            return true;
        }
        self.live.phase.set(Phase::Idle);
        let deadline = self.since.saturating_add(self.patience());
        let (worker, wire) = (self.live.worker(), &mut self.wire);
        let stirred = poll_fn(|cx| wire.poll_stirs(cx, &mut worker.buffer.borrow_mut()));
        let missing = match self.live.until(worker, deadline, stirred).await {
            Ok(Ok(true)) => return true,
            Ok(Ok(false)) => NoRequest::Head(NoHead::Closed),
            Ok(Err(error)) => NoRequest::Head(NoHead::Broken(error)),
            Err(signal) => NoRequest::Signal(signal),
        };
        let is_over = matches!(missing, NoRequest::Signal(Signal::Stopping));
        if self.requests == 0 && !is_over {
            // A request that never came is answered and logged.
            Box::pin(self.refuse(missing, self.since, true)).await;
        }
        false
    }

    /// How long a connection may wait for a request's first byte (manual section 4.2, `timeout http-keep-alive`).
    fn patience(&self) -> Ms {
        let timeouts = self.admitted.frontend.config.load().timeouts;
        match self.requests {
            0 => millis(timeouts.http_request.or(timeouts.client)),
            _ => millis(timeouts.http_keep_alive.or(timeouts.http_request).or(timeouts.client)),
        }
    }

    /// Whether the client begins to speak HTTP/2 without having asked (RFC 9113 section 3.3). What is read stays.
    async fn has_preface(&mut self) -> bool {
        let config = self.admitted.frontend.config.load_full();
        if config.options.disable_h2_upgrade || self.admitted.listening.bind.load().proto == Some(MuxProto::H1) {
            return false;
        }
        let deadline = self.since.saturating_add(self.patience());
        while PREFACE.starts_with(self.wire.unread()) && self.wire.unread().len() < PREFACE.len() {
            let (worker, wire) = (self.live.worker(), &mut self.wire);
            let more = poll_fn(|cx| wire.poll_more(cx, &mut worker.buffer.borrow_mut()));
            if !matches!(self.live.until(worker, deadline, more).await, Ok(Ok(true))) {
                return false;
            }
        }
        self.wire.unread().starts_with(PREFACE)
    }

    async fn serve(&mut self) -> Next {
        self.live.phase.set(Phase::Request);
        let mut request = RequestHead::default();
        let first_byte = self.live.worker().now();
        let config = self.admitted.frontend.config.load_full();
        let facts = match self.head(&config, &mut request, first_byte).await {
            Ok(facts) => facts,
            Err(missing) => {
                if let NoRequest::Head(NoHead::Invalid(invalid)) = &missing {
                    evidence::request(&self.live, &self.wire, invalid);
                }
                return self.refuse(missing, first_byte, false).await;
            }
        };
        read_all_first().await;
        let mut client = Client::H1 { wire: &mut self.wire, private: &mut self.private };
        let times = Times { accepted: self.since, first_byte, ..Times::default() };
        let mut passing = None;
        let conversation = match self.conversation.as_deref() {
            Some(lasting) => lasting,
            None => passing.insert(Conversation::new(&self.live)),
        };
        let first = self.requests == 0;
        let mut exchange = Exchange::new(&self.live, &self.admitted, conversation, config, self.limits, times, first);
        exchange.run(&mut client, request, facts).await
    }

    /// Reads a request's head. All of it has to come in `timeout http-request`, which for the first one begins with the
    /// connection.
    async fn head(&mut self, config: &Proxy, request: &mut RequestHead, first_byte: Ms) -> Result<Facts, NoRequest> {
        let limits = Limits { lax: config.options.accept_invalid_http_request, ..self.limits };
        let begin = if self.requests == 0 { self.since } else { first_byte };
        let deadline = begin.saturating_add(millis(config.timeouts.http_request.or(config.timeouts.client)));
        let (worker, wire) = (self.live.worker(), &mut self.wire);
        let mut waited = false;
        let head = poll_fn(|cx| {
            let head = wire.poll_head(cx, &mut worker.buffer.borrow_mut(), limits.bytes, |bytes| {
                Ok(parse::request(bytes, &limits, request)?.map(|parsed| (parsed.used, parsed.facts)))
            });
            waited |= head.is_pending();
            head
        });
        let head = self.live.until(worker, deadline, head).await;
        if waited {
            worker.now();
        }
        match head {
            Ok(Ok(facts)) => Ok(facts),
            Ok(Err(error)) => Err(NoRequest::Head(error)),
            Err(signal) => Err(NoRequest::Signal(signal)),
        }
    }

    async fn refuse(&mut self, missing: NoRequest, first_byte: Ms, null: bool) -> Next {
        let mut client = Client::H1 { wire: &mut self.wire, private: &mut self.private };
        let times = Times { accepted: self.since, first_byte, ..Times::default() };
        let mut passing = None;
        let conversation = match self.conversation.as_deref() {
            Some(lasting) => lasting,
            None => passing.insert(Conversation::new(&self.live)),
        };
        let (config, first) = (self.admitted.frontend.config.load_full(), self.requests == 0);
        let mut exchange = Exchange::new(&self.live, &self.admitted, conversation, config, self.limits, times, first);
        exchange.refuse(&mut client, missing, null).await
    }
}
