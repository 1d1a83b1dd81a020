//! A stream as rules, samples and logs see it: who talks to whom, what has been read, what rules have asked for.
//!
//! One structure for tcp sessions and HTTP requests; what a mode does not have is absent. Heads are put in by whoever
//! reads them, and taken out when rules have run.

mod context;
mod effects;
mod numbers;
mod tables;
mod users;
mod vars;

use crate::backend::Backend;
use crate::conversation::Conversation;
use crate::live::Registered;
use crate::program_of::Programs;
use crate::server::Server;
use crate::session::Admitted;
use crate::wheel::Ms;
use balance::http::{RequestHead, ResponseHead};
use balance::log::{Level, Record};
use balance::sample::Now;
use balance::sample::context::{Connection, Endpoint, Tls};
use std::cell::{Cell, OnceCell, RefCell};
use std::net::SocketAddr;
use std::sync::Arc;

pub use tables::{SharedTable, Tracked, lock};
pub use vars::Vars;

/// Bytes of one side that have been read and not yet forwarded.
#[derive(Debug, Default)]
pub struct Peeked {
    pub bytes: Vec<u8>,
    /// No more will come, or no more has room.
    pub complete: bool,
}

/// What rules have asked for beyond changes of heads.
#[derive(Debug, Default)]
pub struct Asked {
    /// `Some(None)`: do not log.
    pub log_level: Option<Option<Level>>,
    pub server_timeout: Option<Ms>,
    pub tunnel_timeout: Option<Ms>,
    pub priority_class: i32,
    pub priority_offset: i32,
    pub no_l7_retry: bool,
    /// Fields of a 103 answer that is yet to be sent.
    pub early_hints: Vec<(Vec<u8>, Vec<u8>)>,
    /// `EndEarlyHints` came: send them.
    pub send_early_hints: bool,
    /// `strict-mode off`.
    pub lenient: bool,
    /// Of packets to the client: for whoever holds its socket.
    pub tos: Option<u8>,
    pub mark: Option<u32>,
}

/// One stream: a tcp session, or one HTTP request with its response.
pub struct Flow<'a> {
    pub live: &'a Registered,
    pub admitted: &'a Admitted,
    pub conversation: &'a Conversation,
    /// Of the frontend, and of the backend once it is chosen.
    pub programs: Programs,
    pub default_backend: Option<Arc<Backend>>,
    pub backend: Option<Arc<Backend>>,
    pub server: Option<Arc<Server>>,
    /// The client's connection as `set-src` and `set-dst` changed it.
    pub moved: Option<Box<Connection>>,
    pub server_connection: Option<Connection>,
    pub server_tls: Option<Box<Tls>>,
    pub request: Option<RequestHead>,
    pub response: Option<ResponseHead>,
    /// Response rules run, or the stream is over.
    pub in_response: bool,
    pub status: Option<u16>,
    pub first_request: bool,
    pub request_bytes: Option<Peeked>,
    pub response_bytes: Option<Peeked>,
    pub request_body: Option<Peeked>,
    pub response_body: Option<Peeked>,
    pub body_length: Option<u64>,
    /// Nobody waits for more bytes.
    pub is_final: bool,
    /// For log lines.
    pub record: Option<Record>,
    /// When the request's first byte came, or the session.
    pub requested: Ms,
    number: Cell<Option<u64>>,
    /// Texts kept by captures: of requests, of responses.
    pub captures: [Vec<OnceCell<Vec<u8>>>; 2],
    pub asked: Asked,
    pub unique_id: Option<Vec<u8>>,
    pub compression: Option<&'static str>,
    /// Variables of `txn`, `req` and `res`; those of `sess` are the conversation's.
    pub vars: RefCell<Vars>,
    /// Entries tracked by rules of contents and requests; those of connections are the conversation's.
    pub tracked: RefCell<Tracked>,
    /// Rules of the connection run: what they track is the connection's.
    pub of_connection: bool,
}

impl<'a> Flow<'a> {
    pub fn new(live: &'a Registered, admitted: &'a Admitted, conversation: &'a Conversation) -> Self {
        let programs = Programs::of(&admitted.frontend);
        let captures = std::array::from_fn(|side| vec![OnceCell::new(); programs.front.captures[side].len()]);
        Self {
            live,
            admitted,
            conversation,
            programs,
            default_backend: admitted.frontend.default_backend.load_full(),
            backend: None,
            server: None,
            moved: None,
            server_connection: None,
            server_tls: None,
            request: None,
            response: None,
            in_response: false,
            status: None,
            first_request: true,
            request_bytes: None,
            response_bytes: None,
            request_body: None,
            response_body: None,
            body_length: None,
            is_final: true,
            record: None,
            requested: live.accepted,
            number: Cell::default(),
            captures,
            asked: Asked::default(),
            unique_id: None,
            compression: None,
            vars: RefCell::default(),
            tracked: RefCell::default(),
            of_connection: false,
        }
    }

    /// Its place among all requests and sessions of the process that are asked for it, from 0.
    pub fn number(&self) -> u64 {
        let number = self.number.get().unwrap_or_else(|| self.live.worker().engine.totals.numbered.next());
        self.number.set(Some(number));
        number
    }

    /// Notes our end and the server's of the connection to it.
    pub fn connected(&mut self, ends: Option<(SocketAddr, SocketAddr)>) {
        let connection = |(ours, theirs)| Connection {
            source: Some(Endpoint::Ip(ours)),
            destination: Some(Endpoint::Ip(theirs)),
            http_major: 1,
            ..Connection::default()
        };
        self.server_connection = ends.map(connection);
    }

    /// What can be told of it before its end.
    fn begun(&self) -> Record {
        let engine = &self.live.worker().engine;
        Record {
            accepted: calendar(engine, self.live.accepted),
            requested: calendar(engine, self.requested),
            handshake_ms: if self.first_request { self.conversation.handshake_ms } else { 0 },
            log_count: self.admitted.frontend.logged.get(),
            request_count: self.number(),
            active_connections: engine.totals.sessions.get() as u32,
            frontend_connections: self.admitted.frontend.counters.sessions.get() as u32,
            pid: std::process::id(),
            tls: self.conversation.tls.is_some(),
            ..Record::default()
        }
    }

    /// A stream's backend, with its rules.
    pub fn enter(&mut self, backend: &Arc<Backend>) {
        self.programs.back = Some(backend.program.load_full());
        self.backend = Some(backend.clone());
    }
}

/// A time of the engine by the calendar, with the machine's difference to UTC.
pub fn calendar(engine: &crate::engine::Engine, time: Ms) -> Now {
    let since = engine.wall(time).duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let micros = since.as_micros() as i64;
    Now { micros, offset: crate::zone::offset(micros.div_euclid(1_000_000)) }
}
