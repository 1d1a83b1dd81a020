//! One request and its answer, from the head that was read to the line that is logged.

use super::client::NoRequest;
use super::pool::Kept;
use super::record::{Ending, Times};
use super::relay::{self, Stop};
use super::reply;
use super::transfer::{Sink, Source, Transfer};
use super::upstream::{Claim, Upstream};
use super::wire::{NoHead, Wire};
use crate::backend::Backend;
use crate::dispatch::{Dispatch, Failure, Tries, Wanted};
use crate::l4;
use crate::live::{Registered, Signal};
use crate::server::Server;
use crate::session::Admitted;
use crate::worker::Worker;
use balance::config::model::{HttpClose, Proxy};
use balance::http::connection::{self, Mode};
use balance::http::framing::{self, Body, Facts};
use balance::http::parse::{Invalid, Limits};
use balance::http::reply::Reply;
use balance::http::{RequestHead, ResponseHead, Version, serialize};
use balance::log::record::{Cause, Phase};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What becomes of the client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Another,
    Close,
}

/// The client's side.
pub enum Client<'a> {
    H1 { wire: &'a mut Wire, private: &'a mut Option<Box<(Arc<Server>, Kept)>> },
}

impl Client<'_> {
    pub fn wire(&mut self) -> Option<&mut Wire> {
        match self {
            Self::H1 { wire, .. } => Some(wire),
        }
    }

    /// A head before the final one; it goes out while that is waited for.
    fn send_interim(&mut self, head: &ResponseHead) {
        match self {
            Self::H1 { wire, .. } => serialize::response(head, None, wire.out()),
        }
    }

    /// Whether the client has gone, as far as can be known without losing what it sends.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>, worker: &Worker, look: bool) -> bool {
        match self {
            // What came instead of the end is kept: the next request, and not more than one read of it.
            Self::H1 { wire, .. } => {
                look && wire.unread().is_empty()
                    && matches!(wire.poll_stirs(cx, &mut worker.buffer.borrow_mut()), Poll::Ready(Ok(false) | Err(_)))
            }
        }
    }
}

pub struct Exchange<'a> {
    pub live: &'a Registered,
    pub admitted: &'a Admitted,
    pub front: Arc<Proxy>,
    /// The backend's configuration; until one is chosen the frontend's.
    pub back: Arc<Proxy>,
    pub backend: Option<Arc<Backend>>,
    pub server: Option<Arc<Server>>,
    pub request: RequestHead,
    pub facts: Facts,
    pub response: ResponseHead,
    /// What the client got; None where it got nothing.
    pub status: Option<u16>,
    pub times: Times,
    pub tries: Tries,
    pub ending: Ending,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// It is the first request on its connection.
    pub first: bool,
}

/// The limits of heads, as `tune.*` says.
pub fn limits(worker: &Worker, lax: bool) -> Limits {
    let running = worker.engine.running();
    let tune = &running.config.global.tune;
    let bytes = tune.bufsize.saturating_sub(tune.maxrewrite).max(tune.bufsize / 2);
    Limits { fields: tune.http_maxhdr.saturating_sub(1).max(1), bytes, lax }
}

impl<'a> Exchange<'a> {
    pub fn new(live: &'a Registered, admitted: &'a Admitted, times: Times, first: bool) -> Self {
        let front = admitted.frontend.config.load_full();
        Self {
            live,
            admitted,
            back: front.clone(),
            front,
            backend: None,
            server: None,
            request: RequestHead::default(),
            facts: Facts::default(),
            response: ResponseHead::default(),
            status: None,
            times,
            tries: Tries::default(),
            ending: Ending::default(),
            bytes_in: 0,
            bytes_out: 0,
            first,
        }
    }

    pub fn worker(&self) -> &'a Rc<Worker> {
        self.live.worker()
    }

    pub fn response_limits(&self) -> Limits {
        limits(self.worker(), self.back.options.accept_invalid_http_response)
    }

    /// Carries a request out.
    pub async fn run(mut self, client: &mut Client<'_>, request: RequestHead, facts: Facts) -> Next {
        let now = self.worker().now();
        (self.request, self.facts, self.times.head) = (request, facts, Some(now));
        self.bytes_in = serialize::counted_request(&self.request);
        for counters in [&self.admitted.frontend.counters, &self.admitted.listening.counters] {
            counters.requests_total.inc();
            counters.request_rate.count(now);
        }
        self.worker().engine.totals.requests_total.inc();
        let next = self.serve(client).await;
        self.finish();
        next
    }

    /// Answers, and counts, what is no request.
    pub async fn refuse(mut self, client: &mut Client<'_>, missing: NoRequest, silent: bool) -> Next {
        let (cause, status) = match missing {
            NoRequest::Head(NoHead::Invalid(invalid)) => (Cause::Proxy, invalid.status),
            NoRequest::Head(_) => (Cause::ClientAbort, 400),
            NoRequest::Signal(Signal::Expired) => (Cause::ClientTimeout, 408),
            NoRequest::Signal(_) => (Cause::Killed, 400),
        };
        self.ending.note(cause, Phase::Request);
        self.admitted.frontend.counters.failed_requests.inc();
        self.admitted.frontend.counters.response(status);
        self.status = Some(status);
        let probe = silent && self.front.options.http_ignore_probes;
        if !matches!(cause, Cause::ClientAbort | Cause::Killed)
            && !probe
            && let Some(ready) = reply::ready(Reply::Page(status), [&self.front, &self.front])
        {
            // Bytes of such an answer are not counted, as HAProxy does not.
            _ = self.send_ready(client, ready, true).await;
            self.bytes_out = 0;
        }
        self.log();
        Next::Close
    }

    async fn serve(&mut self, client: &mut Client<'_>) -> Next {
        let Some(backend) = self.admitted.frontend.default_backend.load_full() else {
            self.ending.note(Cause::ServerAbort, Phase::Connect);
            return self.answer(client, Reply::Page(503), None).await;
        };
        self.enter_backend(&backend);
        let next = self.forward(client, &backend).await;
        backend.counters.sessions.leave();
        next
    }

    fn enter_backend(&mut self, backend: &Arc<Backend>) {
        let now = self.worker().now();
        self.back = backend.config.load_full();
        *self.live.backend.borrow_mut() = Some(backend.clone());
        self.backend = Some(backend.clone());
        backend.counters.sessions.enter();
        backend.counters.sessions_total.inc();
        backend.counters.session_rate.count(now);
        backend.counters.last_session_ms.set(now.max(1));
        backend.counters.requests_total.inc();
    }

    /// Sends the request to a server and its answer to the client.
    async fn forward(&mut self, client: &mut Client<'_>, backend: &Arc<Backend>) -> Next {
        let limits = limits(self.worker(), false);
        let body = framing::request_body(self.request.method(), &self.facts);
        let mut up = Transfer::new(body.into(), Sink::Nowhere, limits);
        let mut fresh = false;
        loop {
            let mut server = match self.connect(client, backend, fresh).await {
                Ok(server) => server,
                Err(failure) => return self.no_server(client, &failure, &up).await,
            };
            self.send_request(&mut server, &mut up, body);
            match self.await_answer(client, &mut server, &mut up).await {
                Ok(facts) => return self.deliver(client, server, up, facts).await,
                Err(Stop::NoHead(error)) if self.may_repeat(&server, &error, &up) => fresh = true,
                Err(stop) => return self.no_answer(client, server, stop, &up).await,
            }
        }
    }

    /// Waits for the final head. Those that come before it (RFC 9110 section 15.2) are passed on as they come.
    async fn await_answer(
        &mut self,
        client: &mut Client<'_>,
        server: &mut Upstream,
        up: &mut Transfer,
    ) -> Result<Facts, Stop> {
        loop {
            let facts = relay::await_head(self, client, server, up).await?;
            match self.response.status {
                101 if !connection::asks_upgrade(&self.facts) => {
                    let unasked = Invalid { at: 0, what: "another protocol that nobody asked for", status: 502 };
                    return Err(Stop::NoHead(NoHead::Invalid(unasked)));
                }
                100 | 102..=199 => {
                    self.bytes_out += serialize::counted_response(&self.response);
                    if self.request.version >= Version::Http11 {
                        client.send_interim(&self.response);
                    }
                }
                _ => return Ok(facts),
            }
        }
    }

    async fn connect(
        &mut self,
        client: &mut Client<'_>,
        backend: &Arc<Backend>,
        fresh: bool,
    ) -> Result<Upstream, Failure> {
        let wanted = Wanted {
            server: None,
            force: false,
            key: None,
            source: self.live.source.get().map(|source| source.ip()),
            port: self.live.destination.get().map(|destination| destination.port()),
            flow: None,
        };
        let Client::H1 { private, .. } = client;
        let claim = Claim { first: self.first, private };
        let mut dispatch = Dispatch::new(self.worker(), self.live, backend);
        let result = Upstream::get(&mut dispatch, &wanted, claim, fresh).await;
        self.tries = dispatch.tries;
        self.server = self.live.server.borrow().clone();
        result
    }

    fn mode(&self) -> Mode {
        let of = |proxy: &Proxy| match proxy.options.http_close {
            HttpClose::KeepAlive => Mode::KeepAlive,
            HttpClose::ServerClose => Mode::ServerClose,
            HttpClose::Close => Mode::Close,
        };
        of(&self.front).max(of(&self.back))
    }

    fn send_request(&mut self, server: &mut Upstream, up: &mut Transfer, body: Body) {
        let version = self.request.version;
        let keep = self.mode() < Mode::ServerClose || self.back.options.http_pretend_keepalive;
        let keep = keep && !(version < Version::Http11 && self.facts.chunked);
        let token = connection::token(keep, version, version >= Version::Http11);
        serialize::request(&self.request, token, server.line.wire.out());
        server.line.requests += 1;
        up.set_sink(if body == Body::Chunked { Sink::Chunked } else { Sink::Raw });
    }

    /// Whether a request may be sent once more: the server closed an idle connection just as we sent it, so that it has
    /// not seen the request; and if it has, asking again changes nothing (RFC 9110 section 9.2.2).
    fn may_repeat(&self, server: &Upstream, error: &NoHead, up: &Transfer) -> bool {
        let is_idempotent =
            matches!(self.request.method(), b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE" | b"PUT" | b"DELETE");
        server.reused && matches!(error, NoHead::Closed | NoHead::Broken(_)) && is_idempotent && up.bytes == 0
    }

    /// Gives the client a server's answer.
    async fn deliver(&mut self, client: &mut Client<'_>, mut server: Upstream, mut up: Transfer, facts: Facts) -> Next {
        self.times.response = Some(self.worker().now());
        let status = self.response.status;
        self.status = Some(status);
        self.bytes_out += serialize::counted_response(&self.response);
        if connection::is_tunnel(self.request.method(), &self.facts, status) {
            return self.tunnel(client, server).await;
        }
        let body = framing::response_body(self.request.method(), status, &facts);
        let keeps_server = connection::keeps_server((self.response.version, &facts), body, self.mode());
        let keeps_client = connection::keeps_client((self.request.version, &self.facts), body, self.mode())
            && !(body == Body::Chunked && self.request.version < Version::Http11)
            && !self.worker().engine.is_stopping();
        let sink = self.send_head(client, body, keeps_client);
        let mut down = Transfer::new(body.into(), sink, self.response_limits());
        let relayed = relay::relay(self, client, &mut server, &mut up, &mut down).await;
        self.bytes_in += up.bytes;
        self.bytes_out += down.passed;
        match relayed {
            Ok(()) => {
                let Client::H1 { private, .. } = client;
                let all_sent = up.is_done();
                if keeps_server
                    && all_sent
                    && let Some(backend) = self.backend.clone()
                {
                    server.keep(self.worker(), &backend, private);
                }
                if keeps_client && all_sent { Next::Another } else { Next::Close }
            }
            Err(stop) => {
                self.note_stop(&stop, Phase::Data);
                if matches!(stop, Stop::ClientGone) {
                    server.line.wire.stream.reset_on_close();
                }
                Next::Close
            }
        }
    }

    /// Puts the answer's head where it goes out with the first of the body.
    fn send_head(&mut self, client: &mut Client<'_>, body: Body, keep: bool) -> Sink {
        let Client::H1 { wire, .. } = client;
        let old = self.request.version < Version::Http11;
        if old && body == Body::Chunked {
            self.response.headers.remove(b"transfer-encoding");
        }
        let both = self.response.version >= Version::Http11 && !old;
        let token = connection::token(keep, self.response.version, both);
        serialize::response(&self.response, token, wire.out());
        match body {
            Body::Chunked if !old => Sink::Chunked,
            _ => Sink::Raw,
        }
    }

    /// Both sides have agreed to speak something else.
    async fn tunnel(&mut self, client: &mut Client<'_>, mut server: Upstream) -> Next {
        let Client::H1 { wire, .. } = client;
        serialize::response(&self.response, None, wire.out());
        let mut down =
            l4::direction::Direction::with([std::mem::take(wire.out()), server.line.wire.take_unread()].concat());
        let head = down.bytes;
        let up = l4::direction::Direction::with(wire.take_unread());
        let timeouts = l4::session::timeouts(self.admitted, self.backend.as_deref().expect("a server is a backend's"));
        let mut relay = l4::relay::Relay {
            worker: self.worker(),
            live: self.live,
            client: &mut wire.stream,
            server: &mut server.line.wire.stream,
            timeouts,
            up,
            down: std::mem::take(&mut down),
        };
        let end = relay.run().await;
        self.bytes_in += relay.up.bytes;
        self.bytes_out += relay.down.bytes.saturating_sub(head);
        self.note_tunnel(&end, &server);
        Next::Close
    }

    fn note_tunnel(&mut self, end: &l4::relay::End, server: &Upstream) {
        use l4::direction::Side;
        use l4::relay::End;
        let cause = match end {
            End::Clean => return,
            End::Broken(Side::Client, _) => {
                server.line.wire.stream.reset_on_close();
                Cause::ClientAbort
            }
            End::Broken(Side::Server, _) => Cause::ServerAbort,
            End::Expired(Side::Client) => Cause::ClientTimeout,
            End::Expired(Side::Server) => Cause::ServerTimeout,
            End::Signal(signal) => l4::session::signalled(*signal),
        };
        self.ending.note(cause, Phase::Data);
    }

    async fn no_server(&mut self, client: &mut Client<'_>, failure: &Failure, up: &Transfer) -> Next {
        let (cause, phase) = l4::session::cause(failure);
        self.ending.note(cause, phase);
        if matches!(failure, Failure::Signal(_)) {
            return Next::Close;
        }
        self.answer(client, Reply::Page(503), Some(up)).await
    }

    /// There is no answer, or none that can be used.
    async fn no_answer(&mut self, client: &mut Client<'_>, server: Upstream, stop: Stop, up: &Transfer) -> Next {
        self.bytes_in += up.bytes;
        let phase = if matches!(stop, Stop::ClientGone | Stop::ClientTimeout) && !up.is_read() {
            Phase::Data
        } else {
            Phase::Headers
        };
        self.note_stop(&stop, phase);
        let status = match stop {
            Stop::ClientGone | Stop::Signal(_) => {
                server.line.wire.stream.reset_on_close();
                return Next::Close;
            }
            Stop::ClientJunk => 400,
            Stop::ClientTimeout => 408,
            Stop::ServerTimeout => 504,
            Stop::NoHead(_) | Stop::ServerGone | Stop::ServerJunk => 502,
        };
        drop(server);
        self.answer(client, Reply::Page(status), Some(up)).await
    }

    fn note_stop(&mut self, stop: &Stop, phase: Phase) {
        let cause = match stop {
            Stop::ClientGone => Cause::ClientAbort,
            Stop::ClientTimeout => Cause::ClientTimeout,
            Stop::ServerTimeout => Cause::ServerTimeout,
            Stop::ServerGone | Stop::NoHead(NoHead::Closed | NoHead::Cut | NoHead::Broken(_)) => Cause::ServerAbort,
            Stop::ClientJunk | Stop::ServerJunk | Stop::NoHead(NoHead::Invalid(_)) => Cause::Proxy,
            Stop::Signal(signal) => l4::session::signalled(*signal),
        };
        self.ending.note(cause, phase);
        let counters = [
            Some(&self.admitted.frontend.counters),
            self.backend.as_ref().map(|backend| &backend.counters),
            self.server.as_ref().map(|server| &server.counters),
        ];
        for counters in counters.into_iter().flatten() {
            match stop {
                Stop::ClientGone | Stop::ClientTimeout => counters.client_aborts.inc(),
                Stop::ServerGone | Stop::ServerTimeout if phase == Phase::Data => counters.server_aborts.inc(),
                _ => {}
            }
        }
        if matches!(stop, Stop::NoHead(_) | Stop::ServerTimeout | Stop::ServerGone | Stop::ServerJunk)
            && phase == Phase::Headers
        {
            let behind = [
                self.backend.as_ref().map(|backend| &backend.counters),
                self.server.as_ref().map(|server| &server.counters),
            ];
            behind.into_iter().flatten().for_each(|counters| counters.failed_responses.inc());
        }
        if matches!(stop, Stop::ClientJunk) {
            self.admitted.frontend.counters.failed_requests.inc();
        }
    }

    /// Answers in a server's place. A request whose body has not come ends the connection with it.
    pub async fn answer(&mut self, client: &mut Client<'_>, reply: Reply, up: Option<&Transfer>) -> Next {
        let body = framing::request_body(self.request.method(), &self.facts);
        let through = body == Body::None || up.is_some_and(Transfer::is_read);
        self.status = Some(reply.status());
        let Some(ready) = reply::ready(reply, [&self.back, &self.front]) else { return Next::Close };
        let close = ready.close
            || !through
            || !connection::keeps_client((self.request.version, &self.facts), Body::None, self.mode());
        match self.send_ready(client, ready, close).await {
            Ok(()) if !close => Next::Another,
            Ok(()) => Next::Close,
            Err(stop) => {
                self.note_stop(&stop, Phase::Last);
                Next::Close
            }
        }
    }

    async fn send_ready(&mut self, client: &mut Client<'_>, ready: reply::Ready, close: bool) -> Result<(), Stop> {
        self.response = ready.head;
        self.bytes_out += serialize::counted_response(&self.response);
        let body = framing::response_body(self.request.method(), self.response.status, &ready.facts);
        let sink = self.send_head(client, body, !close);
        let mut down = Transfer::new(Source::None, sink, Limits::default());
        if body != Body::None {
            self.bytes_out += ready.body.len() as u64;
            let Client::H1 { wire, .. } = client;
            wire.out().extend_from_slice(&ready.body);
        }
        relay::flush(self, client, &mut down).await
    }

    /// Counts what was done, and logs it.
    fn finish(&mut self) {
        let frontend = &self.admitted.frontend.counters;
        let behind = [
            self.backend.as_ref().map(|backend| &backend.counters),
            self.server.as_ref().map(|server| &server.counters),
        ];
        let all = [Some(frontend), Some(&self.admitted.listening.counters)].into_iter().chain(behind).flatten();
        for counters in all {
            counters.bytes_in.add(self.bytes_in);
            counters.bytes_out.add(self.bytes_out);
            if let Some(status) = self.status {
                counters.response(status);
            }
        }
        self.worker().engine.totals.bytes_out.add(self.bytes_out);
        self.live.bytes_in.set(self.live.bytes_in.get() + self.bytes_in);
        self.live.bytes_out.set(self.live.bytes_out.get() + self.bytes_out);
        let spans = self.times.spans(&self.tries, self.worker().now());
        for counters in behind.into_iter().flatten() {
            let known = |time: i64| u64::try_from(time).ok();
            let means = [
                (&counters.queue_time, spans.queue),
                (&counters.connect_time, spans.connect),
                (&counters.response_time, spans.response),
                (&counters.total_time, spans.active),
            ];
            for (mean, time) in means {
                if let Some(time) = known(time) {
                    mean.add(time);
                }
            }
        }
        self.log();
        self.live.server.borrow_mut().take();
        self.live.backend.borrow_mut().take();
    }

    fn log(&mut self) {}
}
