//! A connection to a server for one request: an idle one, or a new one.

use super::downstream::Private;
use super::h2::Limits;
use super::h2::client::{Mux, Slot};
use super::pool::{self, Kept};
use super::transfer::{Sink, Source};
use super::wire::{NoHead, Wire};
use crate::backend::Backend;
use crate::dispatch::{Dispatch, Failure, Place, Wanted};
use crate::server::Server;
use crate::worker::Worker;
use balance::config::model::{HttpReuse, MuxProto};
use balance::http::framing::{self, Body, Facts};
use balance::http::parse::{self, Limits as Limits1};
use balance::http::{RequestHead, ResponseHead, Version, connection, serialize};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// A server's side of an exchange.
pub struct Upstream {
    pub place: Place,
    pub line: Line,
    /// It was there before: the server may have closed it while our request was on its way.
    pub reused: bool,
}

/// The connection, or the part of it that is ours.
pub enum Line {
    H1(Kept),
    H2 { slot: Slot, response: Option<h2::client::ResponseFuture> },
}

/// A response's head is here; what its body is, and where it comes from.
pub struct Answered {
    pub facts: Facts,
    pub body: Body,
    pub source: Source,
}

/// What the client's connection has to do with the choice.
pub struct Claim<'a> {
    pub worker: &'a Rc<Worker>,
    /// The client's first request goes over a new connection, unless the mode is bolder than `safe`.
    pub first: bool,
    /// With `http-reuse never`: the connection of this client's last request.
    pub private: &'a mut Private,
    /// Not over a connection that was idle.
    pub fresh: bool,
    /// Not this server, if another one is usable.
    pub avoid: Option<usize>,
}

impl Upstream {
    /// Gets a place at a server and a connection to it.
    ///
    /// # Errors
    /// [`Failure`] of the last attempt.
    pub async fn get(dispatch: &mut Dispatch<'_>, wanted: &Wanted<'_>, mut claim: Claim<'_>) -> Result<Self, Failure> {
        let place = dispatch.place(wanted, claim.avoid).await?;
        let worker = dispatch.worker;
        if let Some(prefix) = &place.server.config.load().redir
            && wanted.flow.is_some_and(|flow| flow.request.as_ref().is_some_and(is_redirected))
        {
            return Err(Failure::Elsewhere(prefix.clone()));
        }
        if !claim.fresh
            && let Some(line) = idle(worker, dispatch.backend, &place.server, &mut claim)
        {
            dispatch.tries.connected = Some(worker.recent());
            if let Line::H1(kept) = &line {
                dispatch.tries.ends = kept.ends;
            }
            for counters in [&place.server.counters, &dispatch.backend.counters] {
                counters.reuses.inc();
            }
            return Ok(Self { place, line, reused: true });
        }
        let (stream, place) = Box::pin(dispatch.connect_from(place, wanted)).await?;
        let epoch = dispatch.epoch.get();
        let line = if stream.speaks_h2() || place.server.config.load().proto == Some(MuxProto::H2) {
            let limits = Limits::new(&worker.engine.running().config.global.tune);
            let mux = Mux::open(stream, &limits, epoch).await.map_err(Failure::Refused)?;
            if dispatch.backend.config.load().http_reuse != HttpReuse::Never {
                pool::share(claim.worker, &place.server, &mux);
            }
            Line::H2 { slot: mux.take(), response: None }
        } else {
            Line::H1(Kept { wire: Wire::new(stream, Vec::new()), requests: 0, ends: dispatch.tries.ends, epoch })
        };
        Ok(Self { place, line, reused: false })
    }

    pub fn wire(&mut self) -> Option<&mut Wire> {
        match &mut self.line {
            Line::H1(kept) => Some(&mut kept.wire),
            Line::H2 { .. } => None,
        }
    }

    /// Sends a request's head, or puts it where it goes out with the first of the body. `keep`: whether the connection
    /// is to go on.
    ///
    /// # Errors
    /// It cannot be sent; nothing of it was.
    pub fn send_head(&mut self, head: &RequestHead, body: Body, keep: bool) -> Result<Sink, NoHead> {
        match &mut self.line {
            Line::H1(kept) => {
                kept.requests += 1;
                let version = head.version;
                let token = connection::token(keep, version, version >= Version::Http11);
                let is_unsaid = body == Body::Chunked && !head.headers.contains(b"transfer-encoding");
                serialize::request(head, is_unsaid, token, kept.wire.out());
                Ok(if body == Body::Chunked { Sink::Chunked } else { Sink::Raw })
            }
            Line::H2 { slot, response } => {
                let unsayable = || NoHead::Broken(std::io::ErrorKind::InvalidInput.into());
                let request = super::h2::request(head, slot.0.https).ok_or_else(unsayable)?;
                let ended = body == Body::None;
                let (answer, stream) = slot.0.send(request, ended).map_err(no_head)?;
                *response = Some(answer);
                Ok(if ended { Sink::Nowhere } else { Sink::Stream(stream) })
            }
        }
    }

    pub fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        limits: &Limits1,
        method: &[u8],
        head: &mut ResponseHead,
    ) -> Poll<Result<Answered, NoHead>> {
        match &mut self.line {
            Line::H1(kept) => {
                let mut buffer = worker.buffer.borrow_mut();
                let facts = ready!(kept.wire.poll_head(cx, &mut buffer, limits.bytes, |bytes| {
                    Ok(parse::response(bytes, limits, head)?.map(|parsed| (parsed.used, parsed.facts)))
                }))?;
                let body = framing::response_body(method, head.status, &facts);
                Poll::Ready(Ok(Answered { facts, body, source: body.into() }))
            }
            Line::H2 { response, .. } => poll_stream(cx, response.as_mut(), method, head),
        }
    }

    /// Keeps the connection for another request.
    pub fn keep(self, worker: &Rc<Worker>, backend: &Backend, private: &mut Private) {
        let Self { place, line, .. } = self;
        let Line::H1(kept) = line else { return };
        if !kept.wire.unread().is_empty() || kept.wire.has_ended() {
            return;
        }
        match backend.config.load().http_reuse {
            HttpReuse::Never => *private = Some(Box::new((place.server.clone(), kept))),
            _ => pool::give(worker, &place.server, kept),
        }
    }

    /// The server shall not think that the request ended well.
    pub fn abort(&self) {
        if let Line::H1(kept) = &self.line {
            kept.wire.stream.reset_on_close();
        }
    }
}

/// `redir` concerns requests that a client can simply make again elsewhere.
fn is_redirected(head: &RequestHead) -> bool {
    matches!(head.method(), b"GET" | b"HEAD")
}

fn poll_stream(
    cx: &mut Context<'_>,
    response: Option<&mut h2::client::ResponseFuture>,
    method: &[u8],
    head: &mut ResponseHead,
) -> Poll<Result<Answered, NoHead>> {
    let Some(response) = response else { return Poll::Ready(Err(NoHead::Closed)) };
    if let Poll::Ready(Some(interim)) = response.poll_informational(cx) {
        let interim = interim.map_err(no_head)?;
        let (facts, body) = super::h2::response_head(&interim, true, method, head);
        return Poll::Ready(Ok(Answered { facts, body, source: Source::None }));
    }
    let response = ready!(Pin::new(response).poll(cx)).map_err(no_head)?;
    let ended = response.body().is_end_stream();
    let (facts, body) = super::h2::response_head(&response, ended, method, head);
    let source = if ended { Source::None } else { Source::Stream(response.into_body()) };
    Poll::Ready(Ok(Answered { facts, body, source }))
}

/// A server that has not looked at a stream says so; then it is as if it had closed an idle connection.
fn no_head(error: h2::Error) -> NoHead {
    match error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM) {
        true => NoHead::Closed,
        false => NoHead::Broken(std::io::Error::other(error)),
    }
}

fn idle(worker: &Worker, backend: &Backend, server: &Arc<Server>, claim: &mut Claim<'_>) -> Option<Line> {
    let proven = match backend.config.load().http_reuse {
        HttpReuse::Never => {
            let (owner, mut line) = *claim.private.take()?;
            let fits = Arc::ptr_eq(&owner, server) && line.epoch == server.epoch() && line.wire.is_quiet();
            return fits.then_some(Line::H1(line));
        }
        HttpReuse::Safe => (!claim.first).then_some(false),
        HttpReuse::Aggressive => Some(claim.first),
        HttpReuse::Always => Some(false),
    };
    // Many clients share a connection of HTTP/2 anyway: a server that closes it says what it has not looked at.
    if let Some(slot) = worker.pool.slot(server) {
        return Some(Line::H2 { slot, response: None });
    }
    worker.pool.take(server, proven?).map(Line::H1)
}
