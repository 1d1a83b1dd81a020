//! A request at a server: connections, attempts, and the wait for an answer.

use super::downstream::Client;
use super::evidence;
use super::exchange::{Exchange, Next};
use super::observed;
use super::relay::{self, Stop};
use super::requests::is_idempotent;
use super::transfer::Transfer;
use super::upstream::{Answered, Claim, Line, Upstream};
use super::wire::NoHead;
use crate::backend::Backend;
use crate::dispatch::{Dispatch, Failure, Wanted};
use crate::l4;
use balance::http::connection::{self, Mode};
use balance::http::framing::{self, Body};
use balance::http::parse::Invalid;
use balance::http::reply::{Answer, Reply};
use balance::http::{Version, serialize};
use balance::log::record::{Cause, Phase};
use balance::rules::forward::set_server_name;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

impl Exchange<'_> {
    /// Sends the request to a server and its answer to the client.
    pub async fn forward(
        &mut self,
        client: &mut Client<'_>,
        backend: &Arc<Backend>,
        body: Body,
        up: &mut Transfer,
    ) -> Next {
        if self.retries_requests() {
            up.record(self.limits.bytes);
        }
        let mut attempt = Attempt::default();
        loop {
            let mut server = match self.connect(client, backend, &attempt).await {
                Ok(server) => server,
                Err(failure) => return Box::pin(self.no_server(client, &failure, up)).await,
            };
            self.flow.server = Some(server.place.server.clone());
            if let (Some(name), Some(head)) = (&self.back.http_send_name_header, &mut self.flow.request) {
                set_server_name(head, name, &server.place.server.name);
            }
            if let Some(head) = &mut self.flow.request {
                framing::reframe(&mut head.headers, body);
            }
            let answered = match server.send_head(self.request(), body, self.keeps_server()) {
                Ok(sink) => {
                    up.begin(sink);
                    self.await_answer(client, &mut server, up).await
                }
                Err(error) => Err(Stop::NoHead(error)),
            };
            let seen = match &answered {
                Ok(_) => Some(observed::answer(self.response().status)),
                Err(stop) if may_repeat(&server, stop, up, self) => None,
                Err(stop) => observed::no_answer(stop),
            };
            if let Some(seen) = seen {
                crate::checks::observe(&self.worker().engine, backend, &server.place.server, seen);
            }
            match answered {
                Ok(answered) if self.retries_status() && up.can_begin_again() => {
                    drop(answered);
                    self.count_retry(&server, &mut attempt);
                }
                Ok(answered) => {
                    if !self.flow.programs.inner().stick.is_empty() {
                        crate::persistence::store(&self.flow, backend, &server.place.server);
                    }
                    return self.deliver(client, server, up, answered).await;
                }
                Err(stop) if may_repeat(&server, &stop, up, self) => attempt.fresh = true,
                Err(stop) if self.retries_after(&stop) && up.can_begin_again() => {
                    self.count_retry(&server, &mut attempt);
                }
                Err(stop) => return Box::pin(self.no_answer(client, server, stop, up)).await,
            }
        }
    }

    /// `retry-on` wants more than failed connections to be tried again, so that the body has to be kept.
    fn retries_requests(&self) -> bool {
        let on = &self.back.retry_on;
        self.back.retries > 0
            && !self.flow.asked.no_l7_retry
            && (on.empty_response || on.junk_response || on.response_timeout || !on.statuses.is_empty())
    }

    fn retries_after(&self, stop: &Stop) -> bool {
        let on = &self.back.retry_on;
        let wanted = match stop {
            Stop::NoHead(NoHead::Closed | NoHead::Broken(_)) => on.empty_response,
            Stop::NoHead(NoHead::Invalid(_) | NoHead::Cut) => on.junk_response,
            Stop::ServerTimeout => on.response_timeout,
            _ => false,
        };
        wanted && self.retries_requests() && self.tries.retries < self.back.retries
    }

    fn retries_status(&self) -> bool {
        let on = &self.back.retry_on;
        let status = self.flow.response.as_ref().map_or(0, |head| head.status);
        on.statuses.contains(&status) && self.retries_requests() && self.tries.retries < self.back.retries
    }

    fn count_retry(&mut self, server: &Upstream, attempt: &mut Attempt) {
        self.tries.retries += 1;
        server.place.backend.counters.retries.inc();
        server.place.server.counters.retries.inc();
        attempt.retries = self.tries.retries;
        attempt.fresh = true;
        attempt.avoid = self.back.options.redispatch.map(|_| server.place.server.index());
        self.flow.response = None;
    }

    async fn connect(
        &mut self,
        client: &mut Client<'_>,
        backend: &Arc<Backend>,
        attempt: &Attempt,
    ) -> Result<Upstream, Failure> {
        let (server, force) = match attempt.avoid {
            None => self.persistent(client, backend),
            Some(_) => (None, false),
        };
        let key = crate::persistence::hash_key(&self.flow, backend);
        let wanted = Wanted {
            server,
            force,
            key: key.as_deref(),
            source: self.flow.live.source.get().map(|source| source.ip()),
            port: self.flow.live.destination.get().map(|destination| destination.port()),
            flow: Some(&self.flow),
            has_spoken: true,
        };
        let mut private = client.take_private();
        let claim = Claim {
            worker: self.worker(),
            first: self.flow.first_request,
            private: &mut private,
            fresh: attempt.fresh,
            avoid: attempt.avoid,
        };
        let mut dispatch = Dispatch::new(self.worker(), self.flow.live, backend);
        dispatch.tries.retries = attempt.retries;
        let look = self.back.options.abortonclose;
        let result = {
            let mut connecting = pin!(Upstream::get(&mut dispatch, &wanted, claim));
            std::future::poll_fn(|cx| match connecting.as_mut().poll(cx) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending if client.poll_gone(cx, self.flow.live.worker(), look) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            })
            .await
        };
        client.give_private(private);
        self.tries = dispatch.tries;
        self.flow.connected(self.tries.ends);
        self.flow.server = self.flow.live.server.borrow().clone();
        result.unwrap_or(Err(Failure::Abandoned))
    }

    /// Whether the server's connection is meant to go on after this request.
    fn keeps_server(&self) -> bool {
        let old_chunks = self.request().version < Version::Http11 && self.facts.chunked;
        (self.mode() < Mode::ServerClose || self.back.options.http_pretend_keepalive) && !old_chunks
    }

    /// Waits for the final head. Those that come before it (RFC 9110 section 15.2) are passed on as they come.
    async fn await_answer(
        &mut self,
        client: &mut Client<'_>,
        server: &mut Upstream,
        up: &mut Transfer,
    ) -> Result<Answered, Stop> {
        loop {
            let answered = relay::await_head(self, client, server, up).await?;
            let (version, status) = (self.request().version, self.response().status);
            match status {
                101 if !connection::asks_upgrade(&self.facts) => {
                    let unasked = Invalid { at: 0, what: "another protocol that nobody asked for", status: 502 };
                    return Err(Stop::NoHead(NoHead::Invalid(unasked)));
                }
                100 | 102..=199 => {
                    self.bytes_out += serialize::counted_response(self.response());
                    client.send_interim(self.response(), version);
                }
                _ => return Ok(answered),
            }
        }
    }

    async fn no_server(&mut self, client: &mut Client<'_>, failure: &Failure, up: &Transfer) -> Next {
        let (cause, phase) = l4::session::cause(failure);
        if let Failure::Elsewhere(prefix) = failure {
            // The server's address is told instead (`redir`).
            let target = [prefix.as_bytes(), self.request().path_and_query()].concat();
            self.ending.note(cause, phase);
            let answer = Answer::new(302).header("cache-control", "no-cache").header("location", target);
            let answer = Answer { reason: "Found".to_owned(), headers_first: 1, close: true, ..answer };
            let through = self.has_body_read(up);
            return self.answer(client, Reply::Built(answer), through).await;
        }
        self.ending.note(cause, phase);
        if cause == Cause::ClientAbort {
            self.count_client_abort();
        }
        if matches!(failure, Failure::Signal(_) | Failure::Abandoned) {
            return Next::Close;
        }
        let through = self.has_body_read(up);
        self.answer(client, Reply::Page(503), through).await
    }

    /// There is no answer, or none that can be used.
    pub async fn no_answer(&mut self, client: &mut Client<'_>, server: Upstream, stop: Stop, up: &Transfer) -> Next {
        self.bytes_in += up.bytes;
        if let (Stop::NoHead(NoHead::Invalid(invalid)), Line::H1(kept)) = (&stop, &server.line) {
            evidence::response(self, &kept.wire, invalid);
        }
        let is_upload = matches!(stop, Stop::ClientGone | Stop::ClientTimeout) && !up.is_read();
        self.note_stop(&stop, if is_upload { Phase::Data } else { Phase::Headers });
        let status = match stop {
            Stop::ClientGone | Stop::Signal(_) => {
                server.abort();
                return Next::Close;
            }
            Stop::ClientJunk => 400,
            Stop::ClientTimeout => 408,
            Stop::ServerTimeout => 504,
            Stop::NoHead(_) | Stop::ServerGone | Stop::ServerJunk => 502,
        };
        drop(server);
        let through = self.has_body_read(up);
        self.answer(client, Reply::Page(status), through).await
    }

    /// The body that rules wait for does not come.
    pub async fn no_body(&mut self, client: &mut Client<'_>, stop: Stop) -> Next {
        self.times.head = None;
        self.note_stop(&stop, Phase::Request);
        let status = match stop {
            Stop::ClientGone | Stop::Signal(_) => return Next::Close,
            Stop::ClientJunk => 400,
            _ => 408,
        };
        self.answer(client, Reply::Page(status), false).await
    }
}

/// What the attempts so far mean for the next one.
#[derive(Default)]
struct Attempt {
    /// Not over a connection that was idle.
    fresh: bool,
    avoid: Option<usize>,
    retries: u32,
}

/// Whether a request may be sent once more: the server closed an idle connection just as we sent it, so that it has not
/// seen the request; and if it has, asking again changes nothing.
fn may_repeat(server: &Upstream, stop: &Stop, up: &Transfer, exchange: &Exchange<'_>) -> bool {
    server.reused
        && matches!(stop, Stop::NoHead(NoHead::Closed | NoHead::Broken(_)))
        && is_idempotent(exchange.request())
        && up.bytes == 0
}
