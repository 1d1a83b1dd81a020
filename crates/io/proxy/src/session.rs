//! The beginning of every session: limits, counters, handshakes; then its mode takes over.

use crate::conversation::Conversation;
use crate::dispatch::millis;
use crate::engine::Engine;
use crate::flow::Flow;
use crate::frontend::Frontend;
use crate::handshake::{self, Refused};
use crate::l4;
use crate::listener::Listening;
use crate::live::{Live, Registered};
use crate::stream::Stream;
use crate::wheel::Ms;
use crate::worker::Worker;
use crate::{journal, sockets};
use balance::config::model::{Listen, Mode};
use balance::rules::{Rule, Verdict};
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
    fn new(engine: &Arc<Engine>, frontend: &Arc<Frontend>, listening: &Arc<Listening>, now: Ms) -> Self {
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
    let now = worker.now();
    let admitted = Admitted::new(&worker.engine, frontend, listening, now);
    if let Some(tcp) = stream.tcp() {
        let config = frontend.config.load();
        let keepalive = sockets::keepalive(config.options.clitcpka, &config.client_keepalive);
        // Refused only by a connection that is gone already.
        _ = sockets::tune(tcp, keepalive.as_ref(), listening.bind.load().tcp_user_timeout);
    }
    let live = Live::new(worker.next_id(), frontend.clone(), now);
    live.source.set(peer);
    live.destination.set(destination(listening, &stream));
    let live = Registered::new(worker, live);
    if is_direct(&admitted) {
        traffic(live, admitted, stream, None);
    } else {
        tokio::task::spawn_local(serve(live, admitted, stream));
    }
}

/// Where the client connected to. The kernel is asked only where the listener's own address does not say it.
fn destination(listening: &Listening, stream: &Stream) -> Option<SocketAddr> {
    match listening.listen {
        Listen::Ip(address)
            if !address.ip().is_unspecified() && address.port() > 0 && !listening.bind.load().transparent =>
        {
            Some(address)
        }
        _ => stream.tcp().and_then(|tcp| tcp.local_addr().ok()),
    }
}

/// Starts what the mode does. A task of its own: what comes before is larger than an idle session needs to be.
fn traffic(live: Registered, admitted: Admitted, stream: Stream, conversation: Option<Box<Conversation>>) {
    match admitted.frontend.config.load().mode {
        Mode::Http => _ = tokio::task::spawn_local(crate::http::run(live, admitted, stream, conversation)),
        Mode::Tcp => _ = tokio::task::spawn_local(l4::session::run(live, admitted, stream, conversation)),
    }
}

async fn serve(live: Registered, admitted: Admitted, stream: Stream) {
    let mut conversation = Box::new(Conversation::new(&live));
    if let Some(stream) = prelude(&live, &admitted, stream, &mut conversation).await {
        traffic(live, admitted, stream, Some(conversation));
    }
}

/// Whether nothing is to be done before the traffic.
fn is_direct(admitted: &Admitted) -> bool {
    let (bind, program) = (admitted.listening.bind.load(), admitted.frontend.program.load());
    !bind.accept_proxy && bind.tls.is_none() && program.tcp_connection.is_empty() && program.tcp_session.is_empty()
}

/// Rules of the connection, handshakes, rules of the session. None: the connection was refused.
async fn prelude(
    live: &Registered,
    admitted: &Admitted,
    mut stream: Stream,
    conversation: &mut Conversation,
) -> Option<Stream> {
    let program = admitted.frontend.program.load_full();
    let counters = &admitted.frontend.counters;
    let mut next = 0;
    loop {
        match run_rules(live, admitted, conversation, &program.tcp_connection, &mut next) {
            Verdict::Continue | Verdict::Accept | Verdict::Wait => break,
            Verdict::ExpectProxy => {
                let limit = live.worker().now().saturating_add(millis(admitted.frontend.config.load().timeouts.client));
                if let Err(reason) = handshake::read_proxy(live, limit, &mut stream, conversation).await {
                    journal::refused(live, admitted, &Refused::Proxy(reason));
                    return None;
                }
            }
            verdict => {
                counters.denied_connections.inc();
                admitted.listening.counters.denied_connections.inc();
                return drop_connection(&stream, &verdict);
            }
        }
    }
    let stream = match handshake::run(live, admitted, stream, conversation).await {
        Ok(stream) => stream,
        Err(refused) => {
            journal::refused(live, admitted, &refused);
            return None;
        }
    };
    match run_rules(live, admitted, conversation, &program.tcp_session, &mut 0) {
        Verdict::Continue | Verdict::Accept | Verdict::Wait => {}
        verdict => {
            counters.denied_sessions.inc();
            admitted.listening.counters.denied_sessions.inc();
            return drop_connection(&stream, &verdict);
        }
    }
    let now = live.worker().now();
    conversation.tracked.borrow().each(now, |table, id| table.count_session(id, now));
    Some(stream)
}

/// Runs rules of the connection; what they change of its addresses stays.
fn run_rules(
    live: &Registered,
    admitted: &Admitted,
    conversation: &mut Conversation,
    rules: &[Rule],
    next: &mut usize,
) -> Verdict {
    if rules.is_empty() {
        return Verdict::Continue;
    }
    let mut flow = Flow::new(live, admitted, conversation);
    flow.of_connection = true;
    let verdict = balance::rules::evaluate(rules, next, &mut flow);
    if let Some(moved) = flow.moved.take() {
        conversation.connection = *moved;
    }
    verdict
}

fn drop_connection(stream: &Stream, verdict: &Verdict) -> Option<Stream> {
    match verdict {
        Verdict::SilentDrop => sockets::drop_silently(stream),
        // As HAProxy: a refused connection leaves nothing behind, not even TIME_WAIT.
        _ => stream.reset_on_close(),
    }
    None
}
