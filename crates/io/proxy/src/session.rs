//! The beginning of every session: limits, counters, handshakes; then its mode takes over.

use crate::conversation::Conversation;
use crate::engine::Engine;
use crate::frontend::Frontend;
use crate::l4;
use crate::listener::Listening;
use crate::live::{Live, Registered};
use crate::stream::Stream;
use crate::worker::Worker;
use crate::{handshake, journal, sockets};
use balance::config::model::Mode;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

/// A connection that counts in its listener, its frontend and the process, until it is dropped.
pub struct Admitted {
    pub frontend: Arc<Frontend>,
    pub listening: Arc<Listening>,
    engine: Arc<Engine>,
}

impl Admitted {
    fn new(engine: &Arc<Engine>, frontend: &Arc<Frontend>, listening: &Arc<Listening>) -> Self {
        let now = engine.now();
        for counters in [&frontend.counters, &listening.counters] {
            counters.sessions.enter();
            counters.connections_total.inc();
            counters.sessions_total.inc();
            counters.connection_rate.count(now);
            counters.session_rate.count(now);
        }
        engine.totals.sessions.enter();
        engine.totals.connections_total.inc();
        engine.totals.connection_rate.count(now);
        engine.totals.session_rate.count(now);
        Self { frontend: frontend.clone(), listening: listening.clone(), engine: engine.clone() }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.listening.counters.sessions.leave();
        self.frontend.leave();
        self.engine.leave();
    }
}

/// Begins a session on a connection just accepted.
pub fn begin(
    worker: &Rc<Worker>,
    frontend: &Arc<Frontend>,
    listening: &Arc<Listening>,
    stream: Stream,
    peer: Option<SocketAddr>,
) {
    let admitted = Admitted::new(&worker.engine, frontend, listening);
    if let Some(tcp) = stream.tcp() {
        // Refused only by a connection that is gone already.
        _ = tcp.set_nodelay(true);
        _ = sockets::tune(tcp, None, listening.bind.load().tcp_user_timeout);
    }
    let live = Live::new(worker.next_id(), frontend.clone(), worker.now());
    live.source.set(peer);
    live.destination.set(stream.tcp().and_then(|tcp| tcp.local_addr().ok()));
    let live = Registered::new(worker, live);
    tokio::task::spawn_local(serve(live, admitted, stream));
}

async fn serve(live: Registered, admitted: Admitted, stream: Stream) {
    let mut conversation = None;
    let bind = admitted.listening.bind.load();
    let shakes = bind.accept_proxy || bind.tls.is_some();
    drop(bind);
    let stream = if shakes {
        let facts = conversation.insert(Box::new(Conversation::new(&live)));
        // Boxed: it is large, and over before the session becomes idle.
        match Box::pin(handshake::run(&live, &admitted, stream, facts)).await {
            Ok(stream) => stream,
            Err(refused) => return journal::refused(&live, &admitted, &refused),
        }
    } else {
        stream
    };
    if admitted.frontend.config.load().mode == Mode::Http {
        // A task of its own: what this one still holds is more than an idle connection needs.
        tokio::task::spawn_local(crate::http::run(live, admitted, stream, conversation));
        return;
    }
    l4::session::run(live, admitted, stream, conversation).await;
}
