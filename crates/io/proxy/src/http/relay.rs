//! Moves an exchange's bodies, both ways at once, and waits for the answer's head; until it is done, a side breaks off,
//! or a side is silent for too long.

use super::downstream::Client;
use super::exchange::Exchange;
use super::transfer::{Broken, Sink, Source, Transfer};
use super::upstream::{Answered, Upstream};
use super::wire::NoHead;
use crate::dispatch::millis;
use crate::live::{Phase, Signal};
use crate::wheel::{Ms, NEVER};
use balance::http::parse::Limits;
use std::future::poll_fn;
use std::task::{Context, Poll};

/// Why an exchange does not go on.
#[derive(Debug)]
pub enum Stop {
    /// The client's body breaks off, or it takes no more of the answer.
    ClientGone,
    /// The client's body is not what its head promises.
    ClientJunk,
    ClientTimeout,
    /// There is no answer.
    NoHead(NoHead),
    /// The answer's body breaks off.
    ServerGone,
    /// The answer's body is not what its head promises.
    ServerJunk,
    ServerTimeout,
    Signal(Signal),
}

/// How long each side may be silent, and when it last did something.
#[derive(Debug)]
pub struct Patience {
    client: Ms,
    server: Ms,
    client_since: Ms,
    server_since: Ms,
    seen: (u64, u64, bool),
}

/// Which sides are waited for.
#[derive(Debug, Clone, Copy, Default)]
struct Waiting {
    client: bool,
    server: bool,
}

impl Patience {
    pub fn new(exchange: &Exchange<'_>, now: Ms) -> Self {
        Self {
            client: millis(exchange.front.timeouts.client),
            server: exchange.flow.asked.server_timeout.unwrap_or(millis(exchange.back.timeouts.server)),
            client_since: now,
            server_since: now,
            seen: (u64::MAX, u64::MAX, false),
        }
    }

    /// After something may have moved: sets the deadline. Which side's time is up, if one's is.
    fn check(
        &mut self,
        exchange: &Exchange<'_>,
        expired: bool,
        progress: (u64, u64, bool),
        waiting: Waiting,
    ) -> Option<Stop> {
        if expired && self.seen == progress {
            let now = exchange.worker().now();
            let is_late = |is_awaited, since: Ms, limit: Ms| is_awaited && since.saturating_add(limit) <= now;
            if is_late(waiting.server, self.server_since, self.server) {
                return Some(Stop::ServerTimeout);
            }
            if is_late(waiting.client, self.client_since, self.client) {
                return Some(Stop::ClientTimeout);
            }
        }
        if expired || self.seen != progress {
            // The first look is in the same breath as the beginning.
            let is_first = self.seen.0 == u64::MAX;
            let now = if is_first { self.client_since } else { exchange.worker().now() };
            if self.seen != progress {
                (self.client_since, self.server_since, self.seen) = (now, now, progress);
            }
            let until = |is_awaited, since: Ms, limit: Ms| if is_awaited { since.saturating_add(limit) } else { NEVER };
            let client = until(waiting.client, self.client_since, self.client);
            let server = until(waiting.server, self.server_since, self.server);
            exchange.live().deadline(exchange.worker(), client.min(server));
        }
        None
    }
}

/// Sends the request's body as it comes and waits for a head from the server. The answer may come before the body is
/// through; then the rest of it goes on beside the answer's.
pub async fn await_head(
    exchange: &mut Exchange<'_>,
    client: &mut Client<'_>,
    server: &mut Upstream,
    up: &mut Transfer,
) -> Result<Answered, Stop> {
    exchange.live().phase.set(Phase::Response);
    let mut patience = Patience::new(exchange, exchange.worker().recent());
    let mut refused = false;
    poll_fn(|cx| {
        let signal = exchange.live().poll_signal(cx);
        if let Some(signal) = signal.filter(|signal| *signal != Signal::Expired) {
            return Poll::Ready(Err(Stop::Signal(signal)));
        }
        if let Some(stop) = poll_up(cx, exchange, client, server, up, &mut refused) {
            return Poll::Ready(Err(stop));
        }
        let limits = exchange.response_limits();
        let worker = exchange.worker();
        let method = exchange.flow.request.as_ref().map_or(&b"GET"[..], |request| request.method());
        let head = exchange.flow.response.get_or_insert_default();
        match server.poll_response(cx, worker, &limits, method, head) {
            Poll::Ready(result) => return Poll::Ready(result.map_err(Stop::NoHead)),
            Poll::Pending => {}
        }
        if let Some(wire) = client.wire()
            && wire.unsent() > 0
            && matches!(wire.poll_flush(cx), Poll::Ready(Err(_)))
        {
            return Poll::Ready(Err(Stop::ClientGone));
        }
        if client.poll_gone(cx, exchange.worker(), exchange.back.options.abortonclose && up.is_read()) {
            return Poll::Ready(Err(Stop::ClientGone));
        }
        let waiting = Waiting { client: !up.is_read() && !up.is_blocked(), server: true };
        let progress = (up.bytes, up.passed, up.is_done());
        match patience.check(exchange, signal.is_some(), progress, waiting) {
            Some(stop) => Poll::Ready(Err(stop)),
            None => Poll::Pending,
        }
    })
    .await
}

/// Sends the answer's body, and what is left of the request's.
pub async fn relay(
    exchange: &mut Exchange<'_>,
    client: &mut Client<'_>,
    server: &mut Upstream,
    up: &mut Transfer,
    down: &mut Transfer,
) -> Result<(), Stop> {
    exchange.live().phase.set(Phase::Data);
    let mut patience = Patience::new(exchange, exchange.worker().recent());
    let mut refused = up.is_done();
    let ended = poll_fn(|cx| {
        let signal = exchange.live().poll_signal(cx);
        if let Some(signal) = signal.filter(|signal| *signal != Signal::Expired) {
            return Poll::Ready(Err(Stop::Signal(signal)));
        }
        match down.poll(cx, exchange.worker(), server.wire(), client.wire()) {
            // What is left of the request is still taken from the client, so that its next one can be seen.
            Poll::Ready(Ok(())) if refused || up.is_done() => return Poll::Ready(Ok(())),
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(Broken::Read)) => return Poll::Ready(Err(Stop::ServerGone)),
            Poll::Ready(Err(Broken::Junk)) => return Poll::Ready(Err(Stop::ServerJunk)),
            Poll::Ready(Err(Broken::Write)) => return Poll::Ready(Err(Stop::ClientGone)),
            Poll::Pending => {}
        }
        if let Some(stop) = poll_up(cx, exchange, client, server, up, &mut refused) {
            return Poll::Ready(Err(stop));
        }
        if down.is_done() && (refused || up.is_done()) {
            return Poll::Ready(Ok(()));
        }
        let waiting = Waiting {
            client: down.is_blocked() || !refused && !up.is_done() && !up.is_blocked(),
            server: !down.is_blocked() && !down.is_done() || up.is_blocked() && !refused,
        };
        let progress = (up.bytes + up.passed, down.bytes + down.passed, down.is_read());
        match patience.check(exchange, signal.is_some(), progress, waiting) {
            Some(stop) => Poll::Ready(Err(stop)),
            None => Poll::Pending,
        }
    })
    .await;
    if matches!(ended, Err(Stop::ServerGone | Stop::ServerJunk | Stop::ServerTimeout)) && client.wire().is_some() {
        // What the server said before it broke off is the client's.
        let mut rest = Transfer::new(Source::None, Sink::Raw, Limits::default());
        _ = flush(exchange, client, &mut rest).await;
    }
    ended
}

/// A server that takes no more of a request may have answered already: that is for whoever reads its answer.
fn poll_up(
    cx: &mut Context<'_>,
    exchange: &Exchange<'_>,
    client: &mut Client<'_>,
    server: &mut Upstream,
    up: &mut Transfer,
    refused: &mut bool,
) -> Option<Stop> {
    if *refused || up.is_done() {
        return None;
    }
    match up.poll(cx, exchange.worker(), client.wire(), server.wire()) {
        Poll::Ready(Err(Broken::Read)) => Some(Stop::ClientGone),
        Poll::Ready(Err(Broken::Junk)) => Some(Stop::ClientJunk),
        Poll::Ready(Err(Broken::Write)) => {
            *refused = true;
            None
        }
        Poll::Ready(Ok(())) | Poll::Pending => None,
    }
}

/// Brings what waits for a client out.
pub async fn flush(exchange: &Exchange<'_>, client: &mut Client<'_>, body: &mut Transfer) -> Result<(), Stop> {
    let mut patience = Patience::new(exchange, exchange.worker().now());
    poll_fn(|cx| {
        let signal = exchange.live().poll_signal(cx);
        if let Some(signal) = signal.filter(|signal| *signal != Signal::Expired) {
            return Poll::Ready(Err(Stop::Signal(signal)));
        }
        match body.poll(cx, exchange.worker(), None, client.wire()) {
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
            Poll::Ready(Err(_)) => return Poll::Ready(Err(Stop::ClientGone)),
            Poll::Pending => {}
        }
        let waiting = Waiting { client: true, server: false };
        match patience.check(exchange, signal.is_some(), (body.bytes, body.passed, body.is_read()), waiting) {
            Some(stop) => Poll::Ready(Err(stop)),
            None => Poll::Pending,
        }
    })
    .await
}

/// Waits for a client's time to be over (`timeout tarpit`), or for the client to go.
pub async fn pause(exchange: &Exchange<'_>, client: &mut Client<'_>, millis: Ms) {
    let deadline = exchange.worker().now().saturating_add(millis);
    let gone = poll_fn(|cx| match client.poll_gone(cx, exchange.worker(), true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    });
    // Over in either way.
    _ = exchange.live().until(exchange.worker(), deadline, gone).await;
}

/// Takes in a request's body until there is enough of it: all, as much as rules want, or as much as may be kept.
pub async fn wait_for_body(
    exchange: &Exchange<'_>,
    client: &mut Client<'_>,
    up: &mut Transfer,
    millis: Ms,
    at_least: u64,
) -> Result<(), Stop> {
    let deadline = exchange.worker().now().saturating_add(millis);
    let body = poll_fn(|cx| {
        loop {
            let here = up.recorded().len();
            let is_enough = up.is_read() || up.is_full() || at_least > 0 && here as u64 >= at_least;
            if is_enough {
                return Poll::Ready(Ok(()));
            }
            match up.poll(cx, exchange.worker(), client.wire(), None) {
                Poll::Ready(Err(Broken::Junk)) => return Poll::Ready(Err(Stop::ClientJunk)),
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Stop::ClientGone)),
                Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
                Poll::Pending if up.recorded().len() > here => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    });
    match exchange.live().until(exchange.worker(), deadline, body).await {
        Ok(result) => result,
        Err(Signal::Expired) => Err(Stop::ClientTimeout),
        Err(signal) => Err(Stop::Signal(signal)),
    }
}
