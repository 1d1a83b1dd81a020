//! An answer on its way to the client: cookies, rules, compression; or a tunnel, where both sides agreed to one.

use super::compress::Compressor;
use super::downstream::Client;
use super::exchange::{Exchange, Next};
use super::relay::{self, Stop};
use super::requests::{captured_cookie, keep};
use super::transfer::{Source, Transfer};
use super::upstream::{Answered, Line, Upstream};
use crate::counters::Counters;
use crate::l4;
use balance::http::compression::{self, Coding};
use balance::http::framing::{self, Body, Facts};
use balance::http::reply::Reply;
use balance::http::{Version, connection, serialize};
use balance::log::record::{Cause, Phase};
use balance::program::Program;
use balance::rules::cookie::Answered as CookieAnswered;
use balance::rules::{self, Verdict};
use balance::sample::Context;
use std::sync::Arc;

impl Exchange<'_> {
    /// Gives the client a server's answer.
    pub async fn deliver(
        &mut self,
        client: &mut Client<'_>,
        mut server: Upstream,
        up: &mut Transfer,
        answered: Answered,
    ) -> Next {
        self.times.response = Some(self.worker().now());
        let Answered { mut facts, mut body, source } = answered;
        let status = self.response().status;
        self.flow.status = Some(status);
        self.track_status(status);
        server.place.server.counters.response(status);
        server.place.server.counters.requests_total.inc();
        self.flow.in_response = true;
        // As it came: HAProxy counts what rules make of it no more than what compression does.
        let counted = serialize::counted_response(self.response());
        self.bytes_out += counted;
        if let Some(refusal) = self.pass_response_rules(&server) {
            return Box::pin(self.refuse_response(client, server, refusal, up)).await;
        }
        if connection::is_tunnel(self.request().method(), &self.facts, status) {
            return Box::pin(self.tunnel(client, server, up, source)).await;
        }
        let filter = self.compressor(&mut facts, &mut body);
        let version = self.request().version;
        let keeps_server = connection::keeps_server((self.response().version, &facts), body, self.mode());
        let keeps_client = self.keeps_client(body) && !(body == Body::Chunked && version < Version::Http11);
        if let (Some(head), Some(request)) = (&mut self.flow.response, &self.flow.request) {
            framing::reframe_response(request.method(), head, body);
        }
        self.adjust_response();
        if self.front.options.logasap {
            self.log_early();
        }
        let mark = client.wire().map(|wire| wire.total_sent());
        let sink = match client.send_head(self.response(), version, body, keeps_client) {
            Ok(sink) => sink,
            Err(stop) => return self.broken_off(server, &stop),
        };
        let mut down = Transfer::new(source, sink, self.response_limits());
        down.filter = filter;
        let relayed = relay::relay(self, client, &mut server, up, &mut down).await;
        self.bytes_in += up.bytes;
        self.bytes_out += down.counted();
        self.count_compressed(&down);
        match relayed {
            Ok(()) => {
                let all_sent = up.is_done();
                if keeps_server
                    && all_sent
                    && let Some(backend) = &self.flow.backend
                {
                    let mut private = None;
                    server.keep(self.worker(), backend, &mut private);
                    client.give_private(private);
                }
                if keeps_client && all_sent { Next::Another } else { Next::Close }
            }
            Err(Stop::ServerJunk) if client.wire().is_some_and(|wire| wire.unsend(mark)) => {
                // Nothing of it has gone out: there is still time for an answer that says so.
                self.bytes_out = 0;
                self.times.response = None;
                self.bytes_in -= up.bytes;
                Box::pin(self.no_answer(client, server, Stop::ServerJunk, up)).await
            }
            Err(stop) => self.broken_off(server, &stop),
        }
    }

    fn broken_off(&mut self, server: Upstream, stop: &Stop) -> Next {
        self.note_stop(stop, Phase::Data);
        if matches!(stop, Stop::ClientGone) {
            server.abort();
        }
        Next::Close
    }

    /// Cookies, captures and rules of a response. A verdict that it does not go to the client.
    fn pass_response_rules(&mut self, server: &Upstream) -> Option<Verdict> {
        let program = self.flow.programs.inner().clone();
        let front = self.flow.programs.front.clone();
        self.capture_response();
        let both = (!Arc::ptr_eq(&program, &front)).then_some(&front.http_response);
        for list in [&program.http_response].into_iter().chain(both) {
            if !list.is_empty()
                && let Some(verdict) = self.run_response_list(list)
            {
                return Some(verdict);
            }
        }
        if self.endangers_caches() {
            return Some(Verdict::Deny(Reply::Page(502)));
        }
        self.set_persistence_cookie(server, &program);
        if !program.stick.is_empty()
            && let Some(backend) = &self.flow.backend
        {
            self.flow.store_stuck(backend, &server.place.server, true);
        }
        self.after_response();
        None
    }

    fn run_response_list(&mut self, list: &[rules::Rule]) -> Option<Verdict> {
        let mut next = 0;
        loop {
            match rules::evaluate(list, &mut next, &mut self.flow) {
                Verdict::Continue | Verdict::Accept | Verdict::Wait => return None,
                Verdict::WaitForBody { .. } | Verdict::WaitForHandshake => {}
                verdict => return Some(verdict),
            }
        }
    }

    /// `http-after-response`, over every answer.
    pub fn after_response(&mut self) {
        self.flow.in_response = true;
        let programs = &self.flow.programs;
        if programs.inner().http_after_response.is_empty() && programs.front.http_after_response.is_empty() {
            return;
        }
        let (program, front) = (programs.inner().clone(), programs.front.clone());
        if !program.http_after_response.is_empty() {
            self.run_response_list(&program.http_after_response);
        }
        if !Arc::ptr_eq(&program, &front) && !front.http_after_response.is_empty() {
            self.run_response_list(&front.http_after_response);
        }
    }

    fn set_persistence_cookie(&mut self, server: &Upstream, program: &Program) {
        let Some(cookie) = &program.cookie else { return };
        let ignored = program.persist.iter().any(|rule| !rule.force && rule.holds(&self.flow));
        let config = server.place.server.config.load();
        let answered = CookieAnswered {
            server: config.cookie.as_deref(),
            direct: [self.cookie.server, self.ruled].contains(&Some(server.place.server.index())),
            method: self.flow.request.as_ref().map_or(&b""[..], |request| request.method()),
            ignored,
            now: self.flow.now().seconds(),
        };
        if let Some(head) = &mut self.flow.response {
            self.set_cookie = cookie.response(head, &self.cookie, answered);
        }
    }

    fn capture_response(&mut self) {
        let Some(head) = &self.flow.response else { return };
        for (slot, capture) in self.front.captures_response.iter().enumerate() {
            if let Some(value) = head.headers.get_all(capture.name.as_bytes()).next_back() {
                keep(&self.flow.captures[1], slot, value, capture.len);
            }
        }
        if let Some(capture) = &self.front.capture_cookie {
            self.captured[1] = captured_cookie(head.headers.get_all(b"set-cookie"), &capture.name, capture.len);
        }
    }

    async fn refuse_response(
        &mut self,
        client: &mut Client<'_>,
        server: Upstream,
        verdict: Verdict,
        up: &Transfer,
    ) -> Next {
        self.bytes_in += up.bytes;
        let through = self.has_body_read(up);
        let (cause, reply) = match verdict {
            Verdict::Deny(reply) | Verdict::Tarpit(reply) => {
                let counters = [
                    &self.flow.admitted.frontend.counters,
                    &server.place.backend.counters,
                    &server.place.server.counters,
                ];
                counters.into_iter().for_each(|counters| counters.denied_responses.inc());
                (Cause::Proxy, reply)
            }
            Verdict::Reply(reply) => (Cause::Local, reply),
            Verdict::Failed => (Cause::Proxy, Reply::Page(500)),
            _ => {
                self.ending.note(Cause::Proxy, Phase::Headers);
                return Next::Close;
            }
        };
        drop(server);
        self.ending.note(cause, Phase::Headers);
        // Refused, it counts as none, as with HAProxy.
        self.times.response = None;
        self.flow.response = None;
        self.answer(client, reply, through).await
    }

    /// What compresses the body, with the head changed accordingly.
    fn compressor(&mut self, facts: &mut Facts, body: &mut Body) -> Option<Box<Compressor>> {
        let coding = self.coding?;
        let configured = self.back.compression.as_ref().or(self.front.compression.as_ref())?;
        let (request, response) = (self.flow.request.as_ref()?, self.flow.response.as_mut()?);
        if !compression::applies(request, response, facts, &configured.types) {
            let counters = &self.flow.backend.as_ref()?.counters;
            counters.compression_bypassed.add(facts.length.unwrap_or(0));
            return None;
        }
        compression::announce(response, coding);
        (*body, facts.length, facts.chunked) = (Body::Chunked, None, true);
        self.flow.compression = Some(coding.token());
        self.compressing().for_each(|counters| counters.compressed_responses.inc());
        if coding == Coding::Identity {
            return None;
        }
        let level = self.worker().engine.running().config.global.tune.comp_maxlevel;
        Some(Box::new(Compressor::new(coding, level)))
    }

    fn count_compressed(&self, down: &Transfer) {
        if self.flow.compression.is_some() {
            for counters in self.compressing() {
                counters.compressed_in.add(down.bytes);
                counters.compressed_out.add(down.passed);
            }
        }
    }

    /// Who counts compressed responses.
    fn compressing(&self) -> impl Iterator<Item = &Counters> {
        let backend = self.flow.backend.as_ref().map(|backend| &backend.counters);
        std::iter::once(&self.flow.admitted.frontend.counters).chain(backend)
    }

    /// Both sides have agreed to speak something else.
    async fn tunnel(
        &mut self,
        client: &mut Client<'_>,
        mut server: Upstream,
        up: &mut Transfer,
        source: Source,
    ) -> Next {
        let (Client::H1 { wire, .. }, Line::H1(line)) = (&mut *client, &mut server.line) else {
            return self.stream_tunnel(client, server, up, source).await;
        };
        if let Some(head) = &self.flow.response {
            serialize::response(head, false, None, wire.out());
        }
        let head = std::mem::take(wire.out());
        let down = l4::direction::Direction::with([&head[..], &line.wire.take_unread()].concat());
        let head = head.len() as u64;
        let mut timeouts =
            l4::session::timeouts(self.flow.admitted, self.flow.backend.as_deref().expect("a server is a backend's"));
        if let Some(tunnel) = self.flow.asked.tunnel_timeout {
            (timeouts.client, timeouts.server) = (tunnel, tunnel);
        }
        let mut relay = l4::relay::Relay {
            worker: self.flow.live.worker(),
            live: self.flow.live,
            up: l4::direction::Direction::with(wire.take_unread()),
            client: &mut wire.stream,
            server: &mut line.wire.stream,
            timeouts,
            down,
            expired: None,
        };
        let end = relay.run().await;
        self.bytes_in += relay.up.bytes;
        self.bytes_out += relay.down.bytes.saturating_sub(head);
        up.give_up();
        self.note_tunnel(&end, &server);
        Next::Close
    }

    /// A tunnel of which one end is a stream of HTTP/2 (CONNECT).
    async fn stream_tunnel(
        &mut self,
        client: &mut Client<'_>,
        mut server: Upstream,
        up: &mut Transfer,
        source: Source,
    ) -> Next {
        let version = self.request().version;
        let sink = match client.send_head(self.response(), version, Body::UntilClose, true) {
            Ok(sink) => sink,
            Err(stop) => return self.broken_off(server, &stop),
        };
        let source = if server.wire().is_some() { Source::UntilClose } else { source };
        let mut down = Transfer::new(source, sink, self.response_limits());
        let relayed = relay::relay(self, client, &mut server, up, &mut down).await;
        self.bytes_in += up.bytes;
        self.bytes_out += down.passed;
        match relayed {
            Ok(()) => Next::Close,
            Err(stop) => self.broken_off(server, &stop),
        }
    }

    fn note_tunnel(&mut self, end: &l4::relay::End, server: &Upstream) {
        use l4::direction::Side;
        use l4::relay::End;
        let cause = match end {
            End::Clean => return,
            End::Broken(Side::Client, _) => {
                server.abort();
                Cause::ClientAbort
            }
            End::Broken(Side::Server, _) => Cause::ServerAbort,
            End::Expired(Side::Client) => Cause::ClientTimeout,
            End::Expired(Side::Server) => Cause::ServerTimeout,
            End::Signal(signal) => l4::session::signalled(*signal),
        };
        self.ending.note(cause, Phase::Data);
    }
}
