//! A client's connection of HTTP/2: its streams are exchanges, each a task of its own.
//!
//! Bounds: streams at once (`tune.h2.max-concurrent-streams`), windows, heads as long as HTTP/1's, and what `h2` counts
//! against clients that open streams only to reset them.

use super::super::downstream::Client;
use super::super::exchange::Exchange;
use super::super::record::Times;
use super::super::rewound::Rewound;
use super::Limits;
use crate::conversation::Conversation;
use crate::dispatch::millis;
use crate::live::{Live, Phase, Registered, Signal};
use crate::session::Admitted;
use crate::wheel::NEVER;
use balance::http::parse;
use bytes::Bytes;
use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// Streams that the client reset before we had even looked at them, at most; then the connection ends. Above what a
/// browser does that leaves a page, far below what costs anything.
const RESETS: usize = 64;

/// After GOAWAY, how long a client may take to close.
const GOODBYE: Duration = Duration::from_secs(1);

struct Connection {
    live: Registered,
    admitted: Admitted,
    conversation: Box<Conversation>,
    limits: parse::Limits,
    streams: Cell<usize>,
    requests: Cell<u32>,
}

/// Serves a connection that speaks HTTP/2 from its first byte on.
pub async fn serve(live: Registered, admitted: Admitted, stream: Rewound, conversation: Option<Box<Conversation>>) {
    let worker = live.worker().clone();
    let limits = Limits::new(&worker.engine.running().config.global.tune);
    let timeouts = admitted.frontend.config.load().timeouts;
    let deadline = worker.now().saturating_add(millis(timeouts.http_request.or(timeouts.client)));
    let Ok(Ok(mut h2)) = live.until(&worker, deadline, builder(&limits).handshake::<_, Bytes>(stream)).await else {
        admitted.frontend.counters.failed_requests.inc();
        return;
    };
    let mut conversation = conversation.unwrap_or_else(|| Box::new(Conversation::new(&live)));
    conversation.connection.http_major = 2;
    let heads = super::super::exchange::limits(&worker);
    let (streams, requests) = (Cell::new(0), Cell::new(0));
    let connection = Rc::new(Connection { live, admitted, conversation, limits: heads, streams, requests });
    connection.rest();
    let mut leaving = false;
    loop {
        let accepted = poll_fn(|cx| {
            let signal = connection.live.poll_signal(cx);
            match h2.poll_accept(cx) {
                Poll::Ready(accepted) => Poll::Ready(Ok(accepted)),
                Poll::Pending => signal.map_or(Poll::Pending, |signal| Poll::Ready(Err(signal))),
            }
        });
        match accepted.await {
            Ok(Some(Ok((request, respond)))) => {
                if worker.engine.is_stopping() && !leaving {
                    h2.graceful_shutdown();
                    leaving = true;
                }
                tokio::task::spawn_local(connection.clone().stream(request, respond));
            }
            Ok(None | Some(Err(_))) => return,
            Err(Signal::Expired | Signal::Stopping) if connection.streams.get() == 0 => {
                h2.graceful_shutdown();
                // In either case it is over then.
                _ = tokio::time::timeout(GOODBYE, poll_fn(|cx| h2.poll_closed(cx))).await;
                return;
            }
            Err(_) => return,
        }
    }
}

fn builder(limits: &Limits) -> h2::server::Builder {
    let mut builder = h2::server::Builder::new();
    builder
        .max_concurrent_streams(limits.streams)
        .initial_window_size(limits.window)
        .initial_connection_window_size(super::CONNECTION_WINDOW.max(limits.window))
        .max_frame_size(limits.frame)
        .max_header_list_size(limits.head)
        .header_table_size(limits.table)
        .max_concurrent_reset_streams(RESETS)
        .max_pending_accept_reset_streams(RESETS)
        .reset_stream_duration(Duration::from_secs(1))
        .max_send_buffer_size(super::SEND_BUFFER);
    builder
}

impl Connection {
    /// Without a stream it waits for one, like a connection of HTTP/1 between two requests.
    fn rest(&self) {
        let timeouts = self.admitted.frontend.config.load().timeouts;
        let worker = self.live.worker();
        let patience = match self.requests.get() {
            // The last stream of a connection that was busy when the process began to stop: nothing else ends it.
            1.. if worker.engine.is_stopping() => Some(Duration::ZERO),
            0 => timeouts.http_request.or(timeouts.client),
            _ => timeouts.http_keep_alive.or(timeouts.http_request).or(timeouts.client),
        };
        self.live.phase.set(Phase::Idle);
        self.live.deadline(worker, worker.now().saturating_add(millis(patience)));
    }

    async fn stream(self: Rc<Self>, request: http::Request<h2::RecvStream>, respond: h2::server::SendResponse<Bytes>) {
        let worker = self.live.worker();
        let now = worker.now();
        self.streams.set(self.streams.get() + 1);
        self.requests.set(self.requests.get() + 1);
        self.live.phase.set(Phase::Data);
        self.live.deadline(worker, NEVER);
        let live = Live::new(worker.next_id(), self.live.frontend.clone(), now);
        live.source.set(self.live.source.get());
        live.destination.set(self.live.destination.get());
        let live = Registered::new(worker, live);
        let (head, facts) = super::request_head(&request);
        let mut client = Client::H2 { body: Some(request.into_body()), respond };
        let times = Times { accepted: now, first_byte: now, ..Times::default() };
        let first = self.requests.get() == 1;
        let config = self.admitted.frontend.config.load_full();
        Exchange::new(&live, &self.admitted, &self.conversation, config, self.limits, times, first)
            .run(&mut client, head, facts)
            .await;
        drop(live);
        self.streams.set(self.streams.get() - 1);
        if self.streams.get() == 0 {
            self.rest();
        }
    }
}
