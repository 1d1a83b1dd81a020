//! The end of an exchange: answers in a server's place, counters, the log line.

use super::downstream::Client;
use super::exchange::{Exchange, Next};
use super::relay::{self, Stop};
use super::reply;
use super::transfer::{Sink, Source, Transfer};
use super::wire::NoHead;
use crate::counters::Counters;
use crate::flow::calendar;
use crate::{journal, l4};
use balance::http::errors::ErrorPage;
use balance::http::framing::{self, Body};
use balance::http::parse::Limits;
use balance::http::reply::Reply;
use balance::http::serialize;
use balance::log::record::{Cause, Phase};
use balance::log::{Record, Termination};

impl Exchange<'_> {
    /// Answers in a server's place. `through`: the request's body has been read; if not, the connection ends.
    pub async fn answer(&mut self, client: &mut Client<'_>, reply: Reply, through: bool) -> Next {
        self.flow.status = Some(reply.status());
        self.asap |= self.front.options.logasap;
        let Some(ready) = reply::ready(reply, self) else { return Next::Close };
        let close = ready.close || !through || !self.keeps_client(Body::None);
        match self.send_ready(client, ready, close).await {
            Ok(()) if !close => Next::Another,
            Ok(()) => Next::Close,
            Err(stop) => {
                self.note_stop(&stop, Phase::Last);
                Next::Close
            }
        }
    }

    /// Answers what could not be read as a request. The built-in page goes out as HAProxy's text, to the letter.
    pub async fn answer_unread(&mut self, client: &mut Client<'_>, status: u16) {
        let is_own = self.front.errors.contains_key(&status);
        match (ErrorPage::of(status).filter(|_| !is_own), client.wire()) {
            (Some(page), Some(wire)) => {
                wire.out().extend_from_slice(page.closing().as_bytes());
                let mut down = Transfer::new(Source::None, Sink::Raw, Limits::default());
                // The client may be gone, which changes nothing.
                _ = relay::flush(self, client, &mut down).await;
            }
            _ => _ = self.answer(client, Reply::Page(status), true).await,
        }
    }

    async fn send_ready(&mut self, client: &mut Client<'_>, ready: reply::Ready, close: bool) -> Result<(), Stop> {
        let body = framing::response_body(self.request().method(), ready.head.status, &ready.facts);
        self.flow.response = Some(ready.head);
        self.after_response();
        if let (Some(head), Some(request)) = (&mut self.flow.response, &self.flow.request) {
            framing::reframe_response(request.method(), head, body);
        }
        let counted = serialize::counted_response(self.response());
        self.bytes_out += counted;
        let version = self.request().version;
        let sink = client.send_head(self.response(), version, body, !close)?;
        let source = if body == Body::None { Source::None } else { Source::Bytes(ready.body.into()) };
        let mut down = Transfer::new(source, sink, Limits::default());
        let flushed = relay::flush(self, client, &mut down).await;
        self.bytes_out += down.passed;
        flushed
    }

    /// Backend and server, as far as they were chosen.
    fn behind(&self) -> impl Iterator<Item = &Counters> {
        let backend = self.flow.backend.as_ref().map(|backend| &backend.counters);
        let server = self.flow.server.as_ref().map(|server| &server.counters);
        backend.into_iter().chain(server)
    }

    fn all(&self) -> impl Iterator<Item = &Counters> {
        std::iter::once(&self.flow.admitted.frontend.counters).chain(self.behind())
    }

    pub fn count_client_abort(&self) {
        self.all().for_each(|counters| counters.client_aborts.inc());
    }

    /// Takes down why the exchange does not go on.
    pub fn note_stop(&mut self, stop: &Stop, phase: Phase) {
        let cause = match stop {
            Stop::ClientGone => Cause::ClientAbort,
            Stop::ClientTimeout => Cause::ClientTimeout,
            Stop::ServerTimeout => Cause::ServerTimeout,
            Stop::ServerGone | Stop::NoHead(NoHead::Closed | NoHead::Cut | NoHead::Broken(_)) => Cause::ServerAbort,
            Stop::ClientJunk | Stop::ServerJunk | Stop::NoHead(NoHead::Invalid(_)) => Cause::Proxy,
            Stop::Signal(signal) => l4::session::signalled(*signal),
        };
        self.ending.note(cause, phase);
        match stop {
            Stop::ClientGone | Stop::ClientTimeout => self.count_client_abort(),
            Stop::ServerGone | Stop::ServerTimeout if phase == Phase::Data => {
                self.all().for_each(|counters| counters.server_aborts.inc());
                self.behind().for_each(|counters| counters.failed_responses.inc());
            }
            Stop::ServerGone | Stop::ServerJunk | Stop::ServerTimeout | Stop::NoHead(_) => {
                self.track_failure();
                self.behind().for_each(|counters| counters.failed_responses.inc());
            }
            Stop::ClientJunk => self.flow.admitted.frontend.counters.failed_requests.inc(),
            Stop::Signal(_) => {}
        }
    }

    /// Counts what was done, and logs it.
    pub fn finish(&mut self) {
        let now = self.worker().now();
        for counters in self.all().chain([&self.flow.admitted.listening.counters]) {
            counters.bytes_in.add(self.bytes_in);
            counters.bytes_out.add(self.bytes_out);
        }
        if let Some(status) = self.flow.status {
            self.flow.admitted.frontend.counters.response(status);
            self.flow.backend.iter().for_each(|backend| backend.counters.response(status));
        }
        self.worker().engine.totals.bytes_out.add(self.bytes_out);
        let live = self.flow.live;
        live.bytes_in.set(live.bytes_in.get() + self.bytes_in);
        live.bytes_out.set(live.bytes_out.get() + self.bytes_out);
        self.track_bytes();
        let spans = self.times.spans(&self.tries, now);
        for counters in self.behind() {
            let means = [
                (&counters.queue_time, spans.queue),
                (&counters.connect_time, spans.connect),
                (&counters.response_time, spans.response),
                (&counters.total_time, spans.active),
            ];
            for (mean, time) in means {
                u64::try_from(time).into_iter().for_each(|time| mean.add(time));
            }
        }
        self.log();
        live.server.borrow_mut().take();
    }

    /// `option logasap`: when the response's head is here, and not again at the end.
    pub fn log_early(&mut self) {
        self.asap = true;
        self.log();
        self.silent = true;
    }

    pub fn log(&mut self) {
        let frontend = &self.flow.admitted.frontend;
        if self.silent || frontend.log.load().is_silent() {
            return;
        }
        self.flow.in_response = true;
        self.flow.record = Some(self.record());
        self.flow.admitted.frontend.logged.inc();
        journal::stream(&self.flow);
    }

    fn record(&mut self) -> Record {
        let engine = &self.flow.live.worker().engine;
        let spans = self.times.spans(&self.tries, engine.now());
        // The exchange itself has left both already, as with HAProxy.
        let sessions = |counters: Option<&Counters>| counters.map_or(0, |counters| counters.sessions.get() as u32);
        let [request_cookie, response_cookie] = std::mem::take(&mut self.captured);
        Record {
            accepted: calendar(engine, self.times.accepted),
            requested: calendar(engine, self.times.first_byte),
            handshake_ms: if self.flow.first_request { self.flow.conversation.handshake_ms } else { 0 },
            idle_ms: spans.idle,
            request_ms: spans.request,
            queue_ms: spans.queue,
            connect_ms: spans.connect,
            response_ms: spans.response,
            data_ms: spans.data,
            active_ms: spans.active,
            total_ms: spans.total,
            asap: self.asap,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            termination: Termination {
                cause: self.ending.cause,
                phase: self.ending.phase,
                cookie: self.cookie.state,
                set_cookie: self.set_cookie,
            },
            active_connections: engine.totals.sessions.get() as u32,
            frontend_connections: sessions(Some(&self.flow.admitted.frontend.counters)),
            backend_connections: sessions(self.flow.backend.as_ref().map(|backend| &backend.counters)),
            server_connections: sessions(self.flow.server.as_ref().map(|server| &server.counters)),
            retries: self.tries.retries,
            redispatched: self.tries.redispatched,
            server_queue: self.tries.server_queue,
            backend_queue: self.tries.backend_queue,
            log_count: self.flow.admitted.frontend.logged.get(),
            request_count: self.flow.number(),
            request_cookie,
            response_cookie,
            pid: std::process::id(),
            tls: self.flow.conversation.tls.is_some(),
        }
    }
}
