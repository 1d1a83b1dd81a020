//! From a client to a server in tcp mode: rules, the backend, a connection.

use super::relay::Timeouts;
use super::session::{self, Ended, enter_backend};
use crate::backend::Backend;
use crate::conversation::Conversation;
use crate::dispatch::{Dispatch, Failure, Place, Tries, Wanted};
use crate::flow::{Flow, Peeked, Tracked};
use crate::live::{Phase, Registered, Signal};
use crate::session::Admitted;
use crate::stream::Stream;
use balance::log::record::{self, Cause};
use balance::rules::{self, Rule, Verdict};
use balance::sample::Side;
use std::future::pending;
use std::sync::Arc;
use tokio::io::AsyncReadExt;

/// A session that has its server. In a box: it goes through several hands, each of which would hold a copy's room.
pub struct Opened {
    pub server: Stream,
    pub place: Place,
    pub tries: Tries,
    /// What rules have read of the client, and of the server: it goes first.
    pub first: Vec<u8>,
    pub answered: Vec<u8>,
    pub timeouts: Timeouts,
    /// Entries of stick tables that count the session.
    pub tracked: Option<Tracked>,
}

/// A session that gets none.
pub enum Unopened {
    Ended {
        ended: Ended,
        tries: Tries,
    },
    /// `switch-mode http`: with what was read.
    Http {
        first: Vec<u8>,
        h2: bool,
    },
}

impl From<Ended> for Unopened {
    fn from(ended: Ended) -> Self {
        Self::Ended { ended, tries: Tries::default() }
    }
}

/// Whether no rule looks at this session, so that the way to its server is short.
pub fn is_plain(admitted: &Admitted) -> bool {
    let front = admitted.frontend.program.load();
    let has_rules = !front.tcp_content.is_empty() || !front.use_backend.is_empty();
    let backend = admitted.frontend.default_backend.load();
    let Some(backend) = backend.as_ref() else { return !has_rules };
    !has_rules && !backend.asks_for_facts()
}

/// Connects to the default backend.
///
/// # Errors
/// [`Unopened`].
pub async fn plain(live: &Registered, admitted: &Admitted, client: &Stream) -> Result<Box<Opened>, Unopened> {
    let Some(backend) = admitted.frontend.default_backend.load_full() else {
        return Err((Cause::ServerAbort, record::Phase::Connect).into());
    };
    enter_backend(live, &backend, live.worker().recent());
    connect(live, admitted, (&backend, client), None, (None, false)).await
}

/// Runs the rules, then connects to where they lead.
///
/// # Errors
/// [`Unopened`].
pub async fn ruled(
    live: &Registered,
    admitted: &Admitted,
    client: &mut Stream,
    conversation: &Conversation,
) -> Result<Box<Opened>, Unopened> {
    let mut flow = Flow::new(live, admitted, conversation);
    let front = flow.programs.front.clone();
    flow.request_bytes = Some(Peeked::default());
    inspect(&mut flow, client, &front.tcp_content, front.inspect_request, Side::Client).await?;
    let Some(backend) = backend(&flow) else {
        return Err((Cause::ServerAbort, record::Phase::Connect).into());
    };
    enter_backend(live, &backend, live.worker().now());
    flow.enter(&backend);
    let program = flow.programs.inner().clone();
    if flow.programs.other().is_some() {
        inspect(&mut flow, client, &program.tcp_content, program.inspect_request, Side::Client).await?;
    }
    let persistent = crate::persistence::server(&flow, &backend);
    let mut opened = connect(live, admitted, (&backend, client), Some(&flow), persistent).await?;
    crate::persistence::store(&flow, &backend, &opened.place.server);
    if !program.tcp_response.is_empty() {
        flow.server = Some(opened.place.server.clone());
        flow.response_bytes = Some(Peeked::default());
        flow.in_response = true;
        inspect(&mut flow, &mut opened.server, &program.tcp_response, program.inspect_response, Side::Server).await?;
        opened.answered = flow.response_bytes.take().unwrap_or_default().bytes;
    }
    opened.first = flow.request_bytes.take().unwrap_or_default().bytes;
    apply_asked(&flow, client, &mut opened.timeouts);
    let tracked = flow.tracked.take();
    opened.tracked = (!tracked.is_empty()).then_some(tracked);
    Ok(opened)
}

/// Where the rules lead: the first `use_backend` that holds, else the default.
pub fn backend(flow: &Flow<'_>) -> Option<Arc<Backend>> {
    let running = flow.live.worker().engine.running();
    let by_rule = flow.programs.front.use_backend.iter().find(|rule| rule.test(flow) == balance::acl::Verdict::Pass);
    by_rule
        .and_then(|rule| running.backend(&rule.backend(flow)).cloned())
        .or_else(|| flow.admitted.frontend.default_backend.load_full())
}

async fn connect(
    live: &Registered,
    admitted: &Admitted,
    (backend, client): (&Arc<Backend>, &Stream),
    flow: Option<&Flow<'_>>,
    (server, force): (Option<Arc<crate::server::Server>>, bool),
) -> Result<Box<Opened>, Unopened> {
    let mut dispatch = Dispatch::new(live.worker(), live, backend);
    let key = flow.and_then(|flow| crate::persistence::hash_key(flow, backend));
    let wanted = Wanted {
        server,
        force,
        key: key.as_deref(),
        source: live.source.get().map(|source| source.ip()),
        port: live.destination.get().map(|destination| destination.port()),
        flow,
        has_spoken: client.has_bytes() || flow.is_some_and(has_said),
    };
    match dispatch.connect(&wanted).await {
        Ok((server, place)) => {
            let timeouts = session::timeouts(admitted, backend);
            let tries = dispatch.tries;
            let (first, answered) = (Vec::new(), Vec::new());
            Ok(Box::new(Opened { server, place, tries, first, answered, timeouts, tracked: None }))
        }
        Err(failure) => {
            count_failure(&failure, admitted);
            Err(Unopened::Ended { ended: session::cause(&failure), tries: dispatch.tries })
        }
    }
}

/// Whether rules have read something of the client.
fn has_said(flow: &Flow<'_>) -> bool {
    flow.request_bytes.as_ref().is_some_and(|peeked| !peeked.bytes.is_empty())
}

fn count_failure(failure: &Failure, admitted: &Admitted) {
    if matches!(failure, Failure::Signal(_)) {
        admitted.frontend.counters.client_aborts.inc();
    }
}

/// Runs content rules, reading more of this side until they have decided or their time is over.
async fn inspect(
    flow: &mut Flow<'_>,
    stream: &mut Stream,
    rules: &[Rule],
    delay: u64,
    side: Side,
) -> Result<(), Unopened> {
    let (worker, live) = (flow.live.worker().clone(), flow.live);
    let limit = worker.now() + delay;
    let mut next = 0;
    flow.is_final = delay == 0;
    live.phase.set(if side == Side::Client { Phase::Request } else { Phase::Response });
    loop {
        match rules::evaluate(rules, &mut next, flow) {
            Verdict::Continue | Verdict::Accept => return Ok(()),
            Verdict::Wait if !flow.is_final => {}
            // Undecided to the end: as if the rules had ended.
            Verdict::Wait => return Ok(()),
            verdict => return Err(ended(flow, stream, verdict, side)),
        }
        let peeked = match side {
            Side::Client => flow.request_bytes.get_or_insert_default(),
            Side::Server => flow.response_bytes.get_or_insert_default(),
        };
        let size = worker.engine.running().config.global.tune.bufsize;
        let before = peeked.bytes.len();
        if before >= size {
            peeked.complete = true;
            flow.is_final = true;
            continue;
        }
        peeked.bytes.resize(size, 0);
        let read = match peeked.complete {
            // Nothing more comes: only the time is left.
            true => live.until(&worker, limit, pending()).await,
            false => live.until(&worker, limit, stream.read(&mut peeked.bytes[before..])).await,
        };
        let count = match read {
            Ok(Ok(count)) => count,
            Ok(Err(_)) => return Err((aborted(side), record::Phase::Request).into()),
            Err(Signal::Expired) => {
                flow.is_final = true;
                0
            }
            Err(signal) => return Err((session::signalled(signal), record::Phase::Request).into()),
        };
        peeked.bytes.truncate(before + count);
        if count == 0 {
            peeked.complete = true;
            flow.is_final = true;
        }
        crate::l4::sniff::request(flow);
    }
}

fn aborted(side: Side) -> Cause {
    match side {
        Side::Client => Cause::ClientAbort,
        Side::Server => Cause::ServerAbort,
    }
}

/// What a verdict that ends the session means for it.
fn ended(flow: &mut Flow<'_>, stream: &Stream, verdict: Verdict, side: Side) -> Unopened {
    let counters = &flow.admitted.frontend.counters;
    match verdict {
        Verdict::SwitchToHttp { h2 } => {
            let first = flow.request_bytes.take().unwrap_or_default().bytes;
            return Unopened::Http { first, h2 };
        }
        Verdict::SilentDrop => crate::sockets::drop_silently(stream),
        _ => {}
    }
    let phase = match side {
        Side::Client => {
            counters.denied_requests.inc();
            record::Phase::Request
        }
        Side::Server => {
            counters.denied_responses.inc();
            record::Phase::Data
        }
    };
    (Cause::Proxy, phase).into()
}

fn apply_asked(flow: &Flow<'_>, client: &Stream, timeouts: &mut Timeouts) {
    crate::sockets::mark(client, flow.asked.tos, flow.asked.mark);
    if let Some(tunnel) = flow.asked.tunnel_timeout {
        (timeouts.client, timeouts.server) = (tunnel, tunnel);
    } else if let Some(server) = flow.asked.server_timeout {
        timeouts.server = server;
    }
}
