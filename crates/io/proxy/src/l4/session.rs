//! A session of tcp mode, from its backend to its end.

use super::direction::{Direction, Side};
use super::relay::{End, Relay, Timeouts};
use crate::backend::Backend;
use crate::dispatch::{Dispatch, Failure, Wanted, millis};
use crate::live::{Phase, Registered, Signal};
use crate::session::Admitted;
use crate::stream::Stream;
use balance::log::record::{self, Cause};
use std::sync::Arc;

/// How a session ended, as logs name it.
pub type Ended = (Cause, record::Phase);

/// Serves a client that is through with its handshakes.
pub async fn run(live: &Registered, admitted: &Admitted, mut client: Stream) {
    let Some(backend) = admitted.frontend.default_backend.load_full() else { return };
    enter_backend(live, &backend);
    let mut dispatch = Dispatch::new(live.worker(), live, &backend);
    let wanted = Wanted {
        server: None,
        force: false,
        key: None,
        source: live.source.get().map(|source| source.ip()),
        port: live.destination.get().map(|destination| destination.port()),
    };
    match dispatch.connect(&wanted).await {
        Ok((mut server, place)) => {
            live.phase.set(Phase::Data);
            let ended = relay(live, admitted, &backend, &mut client, &mut server).await;
            count_bytes(live, admitted, &backend, &place.server.counters);
            count_abort(ended, &backend, &place.server.counters, admitted);
        }
        Err(failure) => {
            _ = cause(&failure);
        }
    }
    backend.counters.sessions.leave();
}

fn enter_backend(live: &Registered, backend: &Arc<Backend>) {
    let now = live.worker().now();
    *live.backend.borrow_mut() = Some(backend.clone());
    backend.counters.sessions.enter();
    backend.counters.sessions_total.inc();
    backend.counters.session_rate.count(now);
    backend.counters.last_session_ms.set(now.max(1));
}

async fn relay(
    live: &Registered,
    admitted: &Admitted,
    backend: &Backend,
    client: &mut Stream,
    server: &mut Stream,
) -> Ended {
    let timeouts = timeouts(admitted, backend);
    let (up, down) = (Direction::default(), Direction::default());
    let mut relay = Relay { worker: live.worker(), live, client, server, timeouts, up, down };
    let end = relay.run().await;
    live.bytes_in.set(relay.up.bytes);
    live.bytes_out.set(relay.down.bytes);
    match end {
        End::Clean => (Cause::None, record::Phase::None),
        End::Broken(Side::Client, _) => {
            server.reset_on_close();
            (Cause::ClientAbort, record::Phase::Data)
        }
        End::Broken(Side::Server, _) => {
            client.reset_on_close();
            (Cause::ServerAbort, record::Phase::Data)
        }
        End::Expired(Side::Client) => (Cause::ClientTimeout, record::Phase::Data),
        End::Expired(Side::Server) => (Cause::ServerTimeout, record::Phase::Data),
        End::Signal(signal) => (signalled(signal), record::Phase::Data),
    }
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
    }
}

fn count_bytes(live: &Registered, admitted: &Admitted, backend: &Backend, server: &crate::counters::Counters) {
    for counters in [&admitted.frontend.counters, &admitted.listening.counters, &backend.counters, server] {
        counters.bytes_in.add(live.bytes_in.get());
        counters.bytes_out.add(live.bytes_out.get());
    }
    live.worker().engine.totals.bytes_out.add(live.bytes_out.get());
}

fn count_abort(ended: Ended, backend: &Backend, server: &crate::counters::Counters, admitted: &Admitted) {
    match ended.0 {
        Cause::ClientAbort => {
            for counters in [&admitted.frontend.counters, &backend.counters, server] {
                counters.client_aborts.inc();
            }
        }
        Cause::ServerAbort => {
            for counters in [&admitted.frontend.counters, &backend.counters, server] {
                counters.server_aborts.inc();
            }
        }
        _ => {}
    }
}
