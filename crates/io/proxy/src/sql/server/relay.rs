//! A server's answer on its way to the client: forwarded as it comes, and listened to.
//!
//! Only packets that end a result are looked into: they carry status, warnings and what changed in the session.

use super::connection::Connection;
use crate::sql::wire::Wire;
use mysql::monitor::gtid::Gtid;
use mysql::protocol::answer::{Answer, Event, Expect};
use mysql::protocol::packet::{HEADER, frame_with};
use mysql::protocol::reply::{self, ServerError};
use mysql::protocol::tracked::{self, Change};
use mysql::protocol::{Malformed, capability};
use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Where the bytes go.
pub struct Client<'a> {
    pub wire: &'a mut Wire,
    pub capabilities: u32,
    /// An error as the very first packet is not forwarded but given back: the statement may be tried elsewhere.
    pub holds_error: bool,
    /// It gets no more than that; 0: as much as it takes. `mysql-throttle_max_bytes_per_second_to_client`.
    pub bytes_per_second: u64,
}

impl Client<'_> {
    /// Waits for as long as it is ahead of its rate, `before` bytes having been sent when it began.
    async fn keep_to_rate(&self, began: Instant, before: u64) {
        let sent = self.wire.sent_bytes - before;
        let due = Duration::from_micros(sent.saturating_mul(1_000_000) / self.bytes_per_second.max(1));
        tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
    }

    /// Bytes of an answer that it gets at once: with a rate, those of a twentieth of a second.
    fn piece(&self) -> usize {
        const LEAST: u64 = 1024;
        match self.bytes_per_second {
            0 => usize::MAX,
            rate => usize::try_from((rate / 20).max(LEAST)).unwrap_or(usize::MAX),
        }
    }
}

/// What an answer told.
#[derive(Debug, Default)]
pub struct Heard {
    pub status: u16,
    pub warnings: u16,
    pub affected_rows: u64,
    pub last_insert_id: u64,
    pub error: Option<ServerError>,
    pub variables: Vec<(Vec<u8>, Vec<u8>)>,
    pub schema: Option<Vec<u8>>,
    /// Something changed ([`Change::State`]).
    pub state: bool,
    pub gtid: Option<Gtid>,
    pub rows: u64,
    /// `status` is not of its end.
    pub silent_on_status: bool,
    /// Its last packet was an EOF, which tells nothing of the session.
    pub ended_in_eof: bool,
    /// Head of the answer to COM_STMT_PREPARE.
    pub prepared: Option<Prepared>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prepared {
    pub id: u32,
    pub columns: u16,
    pub parameters: u16,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    Answered,
    /// The first packet was this error, and the client has not seen it.
    Held,
    /// The client has been asked for a file.
    LocalInfile,
}

/// Who broke.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("the client is gone: {0}")]
    Client(io::Error),
    /// `forwarded`: the client has part of the answer.
    #[error("the server is gone: {source}")]
    Server { source: io::Error, forwarded: bool },
    #[error("the server's answer breaks the protocol: {0}")]
    Malformed(Malformed),
}

pub struct Relay {
    pub answer: Answer,
    pub heard: Heard,
    forwarded: bool,
    /// The statement's id that a client knows the prepared statement by.
    pub renamed: Option<u32>,
    /// Takes the answer down on its way.
    pub capture: Option<Capture>,
}

/// An answer that is taken down, as long as it is short enough and goes through as it came.
pub struct Capture {
    packets: Vec<u8>,
    limit: usize,
    spoilt: bool,
}

impl Capture {
    pub fn new(limit: usize) -> Self {
        Self { packets: Vec::new(), limit, spoilt: false }
    }

    fn take_in(&mut self, bytes: &[u8]) {
        self.spoilt |= self.packets.len() + bytes.len() > self.limit;
        if self.spoilt {
            self.packets = Vec::new();
        } else {
            self.packets.extend_from_slice(bytes);
        }
    }

    /// The whole answer; `None`: it was too long, or was changed.
    pub fn into_packets(self) -> Option<Vec<u8>> {
        (!self.spoilt && !self.packets.is_empty()).then_some(self.packets)
    }
}

impl Relay {
    pub fn new(expect: Expect, connection: &Connection) -> Self {
        let answer = Answer::new(expect, connection.capabilities);
        Self { answer, heard: Heard::default(), forwarded: false, renamed: None, capture: None }
    }

    /// Until the answer is over. Without a client nothing is forwarded.
    ///
    /// # Errors
    /// [`Broken`]: the connection is of no more use, unless it was the client.
    pub async fn run(&mut self, connection: &mut Connection, client: &mut Option<Client<'_>>) -> Result<Ended, Broken> {
        let rated = client.as_ref().filter(|client| client.bytes_per_second > 0);
        let rated = rated.map(|client| (Instant::now(), client.wire.sent_bytes));
        loop {
            let ended = poll_fn(|cx| self.poll_step(cx, connection, client)).await?;
            if let Some(client) = client {
                client.wire.flush().await.map_err(Broken::Client)?;
                if let Some((began, before)) = rated {
                    client.keep_to_rate(began, before).await;
                }
            }
            if let Some(ended) = ended {
                connection.wire.answered();
                self.heard.rows = self.answer.rows;
                return Ok(ended);
            }
        }
    }

    fn poll_step(
        &mut self,
        cx: &mut Context,
        connection: &mut Connection,
        client: &mut Option<Client>,
    ) -> Poll<Result<Option<Ended>, Broken>> {
        let capabilities = connection.capabilities;
        let piece = client.as_ref().map_or(usize::MAX, Client::piece);
        let looked = connection.wire.poll_look(cx, piece, |bytes, cx| {
            let mut step = Step { relay: self, capabilities, bytes, from: 0, at: 0 };
            let result = step.scan(client);
            let taken = step.at;
            step.forward_rest(client, cx);
            (taken, result)
        });
        let looked = match looked {
            Poll::Ready(looked) => looked,
            // Nobody waits for it any more.
            Poll::Pending if client.as_ref().is_some_and(|client| client.wire.stream.poll_closed(cx).is_ready()) => {
                let source = io::Error::new(io::ErrorKind::ConnectionAborted, "left before its answer");
                return Poll::Ready(Err(Broken::Client(source)));
            }
            Poll::Pending => return Poll::Pending,
        };
        match looked {
            Ok(result) => Poll::Ready(result.map_err(Broken::Malformed)),
            Err(source) => Poll::Ready(Err(Broken::Server { source, forwarded: self.forwarded })),
        }
    }

    fn note(&mut self, ok: &reply::Ok) -> Result<(), Malformed> {
        let heard = &mut self.heard;
        heard.status = ok.status;
        heard.ended_in_eof = false;
        heard.warnings = ok.warnings;
        heard.affected_rows = ok.affected_rows;
        if ok.last_insert_id != 0 {
            heard.last_insert_id = ok.last_insert_id;
        }
        tracked::read(ok.state, |change| match change {
            Change::Variable { name: b"last_gtid", value } => {
                heard.gtid = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).or(heard.gtid);
            }
            Change::Variable { name, value } => heard.variables.push((name.to_vec(), value.to_vec())),
            Change::Schema(name) => heard.schema = Some(name.to_vec()),
            Change::State => heard.state = true,
            Change::Other => {}
        })
    }
}

/// One reading of bytes.
struct Step<'a> {
    relay: &'a mut Relay,
    capabilities: u32,
    bytes: &'a [u8],
    /// Up to here it is forwarded.
    from: usize,
    /// Up to here it is taken.
    at: usize,
}

impl Step<'_> {
    fn scan(&mut self, client: &mut Option<Client>) -> Result<Option<Ended>, Malformed> {
        loop {
            let (at, event) = self.relay.answer.scan(self.bytes, self.at)?;
            self.at = at;
            match event {
                Event::More => return Ok(None),
                Event::End => return Ok(Some(Ended::Answered)),
                Event::Ok { payload, last } => {
                    self.ok(payload, client)?;
                    if last {
                        return Ok(Some(Ended::Answered));
                    }
                }
                Event::Eof { payload, last } => {
                    let (warnings, status) = reply::read_eof(&self.bytes[payload])?;
                    (self.relay.heard.warnings, self.relay.heard.status) = (warnings, status);
                    self.relay.heard.ended_in_eof = true;
                    if last {
                        return Ok(Some(Ended::Answered));
                    }
                }
                Event::Err { payload } => {
                    let first = !self.relay.forwarded && payload.start == HEADER && self.from == 0;
                    self.relay.heard.error = Some(ServerError::read(&self.bytes[payload])?);
                    if first && client.as_ref().is_some_and(|client| client.holds_error) {
                        self.from = self.at;
                        return Ok(Some(Ended::Held));
                    }
                    return Ok(Some(Ended::Answered));
                }
                Event::LocalInfile { .. } => return Ok(Some(Ended::LocalInfile)),
                Event::Prepared { payload, last } => {
                    self.prepared(payload, client)?;
                    if last {
                        return Ok(Some(Ended::Answered));
                    }
                }
            }
        }
    }

    fn ok(&mut self, payload: Range<usize>, client: &mut Option<Client>) -> Result<(), Malformed> {
        let packet = &self.bytes[payload.clone()];
        let ok = reply::Ok::read(packet, self.capabilities)?;
        self.relay.note(&ok)?;
        let Some(client) = client else { return Ok(()) };
        let tracks = client.capabilities & capability::SESSION_TRACK != 0;
        if ok.state.is_empty() {
            return Ok(());
        }
        let state = if tracks { tracked::for_client(ok.state)? } else { Vec::new() };
        let rewritten = reply::Ok { state: &state, ..ok };
        self.replace(payload, client, |out| rewritten.write(out, packet[0], client_capabilities(tracks)));
        Ok(())
    }

    fn prepared(&mut self, payload: Range<usize>, client: &mut Option<Client>) -> Result<(), Malformed> {
        let packet = &self.bytes[payload.clone()];
        let [_, a, b, c, d, columns_a, columns_b, parameters_a, parameters_b, rest @ ..] = packet else {
            return Err(Malformed::Short("answer to a preparation"));
        };
        let prepared = Prepared {
            id: u32::from_le_bytes([*a, *b, *c, *d]),
            columns: u16::from_le_bytes([*columns_a, *columns_b]),
            parameters: u16::from_le_bytes([*parameters_a, *parameters_b]),
        };
        self.relay.heard.prepared = Some(prepared);
        if let [_, warnings_a, warnings_b, ..] = rest {
            self.relay.heard.warnings = u16::from_le_bytes([*warnings_a, *warnings_b]);
        }
        if let (Some(client), Some(id)) = (client, self.relay.renamed) {
            self.replace(payload, client, |out| {
                out.push(reply::OK);
                out.extend_from_slice(&id.to_le_bytes());
                out.extend_from_slice(&packet[5..]);
            });
        }
        Ok(())
    }

    /// Puts another packet in the place of one.
    fn replace(&mut self, payload: Range<usize>, client: &mut Client, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(capture) = &mut self.relay.capture {
            capture.spoilt = true;
        }
        let start = payload.start - HEADER;
        let sequence = self.bytes[start + 3];
        let out = client.wire.outbox();
        out.extend_from_slice(&self.bytes[self.from..start]);
        frame_with(out, sequence, write);
        self.from = payload.end;
        self.relay.forwarded = true;
    }

    fn forward_rest(&mut self, client: &mut Option<Client>, cx: &mut Context) {
        let rest = &self.bytes[self.from..self.at];
        if let Some(client) = client
            && !rest.is_empty()
        {
            self.relay.forwarded = true;
            if let Some(capture) = &mut self.relay.capture {
                capture.take_in(rest);
            }
            client.wire.put_through(cx, rest);
        }
    }
}

/// An OK for a client is written by what it understands; only tracking makes a difference.
fn client_capabilities(tracks: bool) -> u32 {
    if tracks { capability::SESSION_TRACK } else { 0 }
}
