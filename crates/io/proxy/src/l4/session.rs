//! A session of tcp mode, from its backend to its end.

use super::direction::{Direction, Side};
use super::opening::{self, Opened, Unopened};
use super::relay::{End, Relay, Timeouts};
use crate::backend::Backend;
use crate::conversation::Conversation;
use crate::counters::Counters;
use crate::dispatch::{Failure, Place, Tries, millis};
use crate::flow::{Flow, Tracked, calendar};
use crate::journal;
use crate::live::{Phase, Registered, Signal};
use crate::session::Admitted;
use crate::stream::Stream;
use crate::wheel::Ms;
use balance::log::record::{self, Cause};
use balance::log::{Record, Termination};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::io::{AsyncRead, ReadBuf};

/// How a session ended, as logs name it.
pub type Ended = (Cause, record::Phase);

/// Serves a client that is through with its handshakes.
pub async fn run(live: Registered, admitted: Admitted, mut client: Stream, conversation: Option<Box<Conversation>>) {
    journal::connected(&live, &admitted, "TCP");
    let conversation = match conversation {
        None if opening::is_plain(&admitted) => None,
        None => Some(Box::new(Conversation::new(&live))),
        some => some,
    };
    let opened = match conversation.as_deref() {
        // Boxed, both: what it takes to connect is large, and over before the session becomes idle.
        None => Box::pin(opening::plain(&live, &admitted, &client)).await,
        Some(facts) => Box::pin(opening::ruled(&live, &admitted, &mut client, facts)).await,
    };
    match opened {
        Ok(mut opened) => {
            let ended = serve(&live, &admitted, &mut client, &mut opened).await;
            count_tracked(&live, opened.tracked.as_ref(), conversation.as_deref());
            // Logs count the others that are there.
            let Opened { place, server, tries, .. } = *opened;
            drop(server);
            place.backend.counters.sessions.leave();
            drop(place);
            log(&live, &admitted, conversation, ended, &tries);
        }
        Err(Unopened::Ended { ended, tries }) => {
            Box::pin(take_in(&mut client)).await;
            if let Some(backend) = live.backend.borrow().as_ref() {
                backend.counters.sessions.leave();
            }
            log(&live, &admitted, conversation, ended, &tries);
        }
        Err(Unopened::Http { first, h2 }) => {
            let facts = conversation.or_else(|| Some(Box::new(Conversation::new(&live))));
            tokio::task::spawn_local(crate::http::resume(live, admitted, client, facts, first, h2));
        }
    }
}

/// Reads what the client has sent already: unread, it would make the close a reset.
async fn take_in(client: &mut Stream) {
    let mut part = [0; 4096];
    let mut read = ReadBuf::new(&mut part);
    poll_fn(|cx| {
        _ = Pin::new(&mut *client).poll_read(cx, &mut read);
        Poll::Ready(())
    })
    .await;
}

/// Counts a session in its backend.
pub fn enter_backend(live: &Registered, backend: &Arc<Backend>, now: Ms) {
    *live.backend.borrow_mut() = Some(backend.clone());
    backend.counters.sessions.enter();
    backend.counters.sessions_total.inc();
    backend.counters.session_rate.count(now);
    backend.counters.last_session_ms.set(now.max(1));
}

async fn serve(live: &Registered, admitted: &Admitted, client: &mut Stream, opened: &mut Opened) -> Ended {
    live.phase.set(Phase::Data);
    let Opened { server, place, timeouts, .. } = opened;
    let up = Direction::with(std::mem::take(&mut opened.first)).giving_way();
    let down = Direction::with(std::mem::take(&mut opened.answered));
    let mut relay = Relay { worker: live.worker(), live, client, server, timeouts: *timeouts, up, down, expired: None };
    let end = relay.run().await;
    live.bytes_in.set(relay.up.bytes);
    live.bytes_out.set(relay.down.bytes);
    let ended = match end {
        End::Clean => (Cause::None, record::Phase::None),
        End::Broken(Side::Client, _) => {
            server.reset_on_close();
            (Cause::ClientAbort, record::Phase::Data)
        }
        // The client gets a plain end, as with HAProxy.
        End::Broken(Side::Server, _) => (Cause::ServerAbort, record::Phase::Data),
        End::Expired(Side::Client) => (Cause::ClientTimeout, record::Phase::Data),
        End::Expired(Side::Server) => (Cause::ServerTimeout, record::Phase::Data),
        End::Signal(signal) => (signalled(signal), record::Phase::None),
    };
    count(live, admitted, place, ended);
    ended
}

/// `timeout tunnel` replaces both sides' once data goes both ways (manual section 4.2).
pub fn timeouts(admitted: &Admitted, backend: &Backend) -> Timeouts {
    let (front, back) = (admitted.frontend.config.load(), backend.config.load());
    let tunnel = back.timeouts.tunnel.or(front.timeouts.tunnel);
    Timeouts {
        client: millis(tunnel.or(front.timeouts.client)),
        server: millis(tunnel.or(back.timeouts.server)),
        client_fin: millis(front.timeouts.client_fin),
        server_fin: millis(back.timeouts.server_fin),
    }
}

pub fn signalled(signal: Signal) -> Cause {
    match signal {
        Signal::Killed | Signal::Stopping | Signal::Expired => Cause::Killed,
        Signal::ServerDown => Cause::Down,
        Signal::ServerUp => Cause::Up,
    }
}

/// What a log says of a session that got no server.
pub fn cause(failure: &Failure) -> Ended {
    match failure {
        Failure::NoServer => (Cause::ServerAbort, record::Phase::Connect),
        Failure::QueueTimeout => (Cause::ServerTimeout, record::Phase::Queue),
        Failure::QueueFull => (Cause::ServerAbort, record::Phase::Queue),
        Failure::Refused(_) => (Cause::ServerAbort, record::Phase::Connect),
        Failure::ConnectTimeout => (Cause::ServerTimeout, record::Phase::Connect),
        Failure::Signal(signal) => (signalled(*signal), record::Phase::Connect),
        Failure::Abandoned => (Cause::ClientAbort, record::Phase::Connect),
        Failure::Elsewhere(_) => (Cause::Local, record::Phase::Connect),
    }
}

/// Counts the bytes of the session in the entries that it tracks.
fn count_tracked(live: &Registered, own: Option<&Tracked>, conversation: Option<&Conversation>) {
    if own.is_none() && conversation.is_none() {
        return;
    }
    let now = live.worker().now();
    let bytes = (live.bytes_in.get(), live.bytes_out.get());
    let count = |tracked: &Tracked| tracked.each(now, |table, id| table.count_bytes(id, bytes.0, bytes.1, now));
    own.into_iter().for_each(count);
    conversation.into_iter().for_each(|conversation| count(&conversation.tracked.borrow()));
}

fn count(live: &Registered, admitted: &Admitted, place: &Place, ended: Ended) {
    let (front, back, server) = (&admitted.frontend.counters, &place.backend.counters, &place.server.counters);
    for counters in [front, &admitted.listening.counters, back, server] {
        counters.bytes_in.add(live.bytes_in.get());
        counters.bytes_out.add(live.bytes_out.get());
    }
    let engine = &live.worker().engine;
    engine.totals.bytes_out.add(live.bytes_out.get());
    let aborts: fn(&Counters) -> &crate::counters::Counter = match ended.0 {
        Cause::ClientAbort | Cause::ClientTimeout => |counters| &counters.client_aborts,
        Cause::ServerAbort | Cause::ServerTimeout => |counters| &counters.server_aborts,
        _ => return,
    };
    [front, back, server].into_iter().for_each(|counters| aborts(counters).inc());
    if ended.0 == Cause::ServerAbort {
        [back, server].into_iter().for_each(|counters| counters.failed_responses.inc());
    }
}

fn log(live: &Registered, admitted: &Admitted, conversation: Option<Box<Conversation>>, ended: Ended, tries: &Tries) {
    let now = live.worker().now();
    count_times(live, tries, now);
    let frontend = &admitted.frontend;
    let config = frontend.config.load();
    let is_null = live.bytes_in.get() == 0 && live.bytes_out.get() == 0 && config.options.dontlognull;
    if frontend.log.load().is_silent() || (is_null && ended.0 == Cause::ClientAbort) {
        return;
    }
    let facts = conversation.unwrap_or_else(|| Box::new(Conversation::new(live)));
    let mut flow = Flow::new(live, admitted, &facts);
    if let Some(backend) = live.backend.borrow().as_ref() {
        flow.enter(backend);
    }
    flow.server = live.server.borrow().clone();
    flow.connected(tries.ends);
    flow.in_response = true;
    flow.record = Some(record(live, &flow, ended, tries, now));
    frontend.logged.inc();
    journal::stream(&flow);
}

fn count_times(live: &Registered, tries: &Tries, now: u64) {
    let Some(backend) = live.backend.borrow().clone() else { return };
    let server = live.server.borrow().clone();
    let behind = [Some(&backend.counters), server.as_ref().map(|server| &server.counters)];
    for counters in behind.into_iter().flatten() {
        if let Some(assigned) = tries.assigned {
            counters.queue_time.add(assigned - live.accepted);
        }
        if let (Some(assigned), Some(connected)) = (tries.assigned, tries.connected) {
            counters.connect_time.add(connected - assigned);
        }
        counters.total_time.add(now - live.accepted);
    }
}

fn record(live: &Registered, flow: &Flow<'_>, ended: Ended, tries: &Tries, now: u64) -> Record {
    let engine = &live.worker().engine;
    let accepted = calendar(engine, live.accepted);
    let since = |time: Option<u64>, from: u64| time.map_or(-1, |time| time.saturating_sub(from) as i64);
    let sessions = |counters: Option<&Counters>| counters.map_or(0, |counters| counters.sessions.get() as u32);
    Record {
        accepted,
        requested: accepted,
        handshake_ms: flow.conversation.handshake_ms,
        queue_ms: since(tries.assigned, live.accepted),
        connect_ms: tries.assigned.map_or(-1, |assigned| since(tries.connected, assigned)),
        total_ms: (now - live.accepted) as i64,
        active_ms: (now - live.accepted) as i64,
        bytes_in: live.bytes_in.get(),
        bytes_out: live.bytes_out.get(),
        termination: Termination { cause: ended.0, phase: ended.1, ..Termination::default() },
        active_connections: engine.totals.sessions.get() as u32,
        frontend_connections: sessions(Some(&flow.admitted.frontend.counters)),
        backend_connections: sessions(flow.backend.as_ref().map(|backend| &backend.counters)),
        server_connections: sessions(flow.server.as_ref().map(|server| &server.counters)),
        retries: tries.retries,
        redispatched: tries.redispatched,
        server_queue: tries.server_queue,
        backend_queue: tries.backend_queue,
        log_count: flow.admitted.frontend.logged.get(),
        request_count: flow.number(),
        pid: std::process::id(),
        tls: flow.conversation.tls.is_some(),
        ..Record::default()
    }
}
