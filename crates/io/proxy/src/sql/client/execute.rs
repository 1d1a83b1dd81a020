//! A command on a server: the connection for it, its state, the answer, and what the answer means for the session.

use super::heard::ask_after;
use super::ready::Unready;
use super::session::{Next, Session};
use crate::sql::latency::bump;
use crate::sql::server::acquire::NoConnection;
use crate::sql::server::connect::ConnectError;
use crate::sql::server::connection::Connection;
use crate::sql::server::groups::Server;
use crate::sql::server::query::{self, QueryError};
use crate::sql::server::relay::{Broken, Capture, Client, Ended, Heard, Relay};
use crate::sql::stats::count;
use mysql::monitor::gtid::{Gtid, Position};
use mysql::protocol::answer::Expect;
use mysql::protocol::packet;
use mysql::protocol::reply::ServerError;
use mysql::session::Pins;
use mysql::settings::Hostgroup;
use mysql::statement::Effects;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// What kind of command it is, as far as retries and session state go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// Whatever it does, it is sent once.
    #[default]
    Plain,
    /// It only reads: it may be sent again elsewhere while the client has nothing of an answer.
    Read,
    /// COM_INIT_DB.
    Schema,
}

/// Where a command goes and what is known of it.
#[derive(Debug, Clone, Default)]
pub struct Target {
    pub hostgroup: Hostgroup,
    pub kind: Kind,
    pub effects: Effects,
    /// Replicas have to have the session's last write.
    pub causal: bool,
    /// The text, where the schema or the collation is to be read from it.
    pub names_collation: Option<String>,
    /// Of a prepared statement: its text, to be prepared on a connection that lacks it.
    pub prepared: Option<Rc<[u8]>>,
    /// The client's number for what is prepared now.
    pub renamed: Option<u32>,
    pub retries: u32,
    /// Its answer may be rows, and it may have written all the same: a function in it is not known.
    pub may_write_in_rows: bool,
    /// One that fails may have opened a transaction before: several in one, a routine.
    pub may_open: bool,
    /// After it the statement is ended at the server.
    pub timeout: Option<Duration>,
    /// Of a query rule: `Some(false)` keeps the connection.
    pub multiplex: Option<bool>,
    /// The client's number of the prepared statement that is executed, fetched from or reset.
    pub statement: Option<u32>,
    /// Its answer is wanted as bytes too, if it is no longer than this.
    pub capture: Option<usize>,
    /// A rule or hint says so, whatever `mysql-causal_reads` is.
    pub causal_by_rule: bool,
    /// Replicas have to have this too: a hint's `min_gtid`.
    pub min_gtid: Option<Gtid>,
    /// What it does to user variables does not hold the connection.
    pub forgets_variables: bool,
    /// Data may be other behind it.
    pub writes: bool,
}

/// After a command.
pub struct Outcome {
    pub next: Next,
    /// The answer, where there was one.
    pub heard: Option<Heard>,
    pub hostgroup: Hostgroup,
    /// What [`Target::capture`] asked for.
    pub captured: Option<Captured>,
}

/// An answer as the client got it.
pub struct Captured {
    pub packets: Vec<u8>,
    /// When it was asked for, by `Shared::micros`.
    pub asked_at: u64,
    /// What the replica that gave it was known to have then; `None`: it is no replica.
    pub position: Option<Arc<Position>>,
}

/// What a replica is known to have. An answer of the monitor that was on its way while a write was waited for
/// does not name that write yet.
fn known_position(connection: &Connection, waited_for: Option<Gtid>) -> Arc<Position> {
    let mut position = connection.server.host.position.load_full();
    if let Some(gtid) = waited_for.filter(|gtid| !position.contains(gtid)) {
        Arc::make_mut(&mut position).advance(gtid);
    }
    position
}

impl Outcome {
    pub(super) fn without(next: Next, hostgroup: Hostgroup) -> Self {
        Self { next, heard: None, hostgroup, captured: None }
    }
}

/// Errors of a replica that may only be behind: the writer has the last word.
const MAYBE_BEHIND: [u16; 9] = [1046, 1049, 1054, 1146, 1290, 1305, 1356, 1792, 1836];

/// What became of one attempt.
enum Verdict {
    Over(Outcome),
    /// Elsewhere, as the attempt now says.
    Again,
}

/// A command on its way, from one server to the next.
struct Attempt<'a> {
    command: &'a [u8],
    expect: Expect,
    target: Target,
    /// The server that has just failed.
    not: Option<Arc<Server>>,
    /// Connections that may turn out to be dead before anything of the command is sent, beside the retries.
    spare: u32,
}

/// Where one attempt is made.
#[derive(Clone, Copy)]
struct At {
    hostgroup: Hostgroup,
    is_reader: bool,
    /// Something of the session is on the connection.
    pinned: bool,
    /// It may be sent once more while the client has nothing of an answer.
    may_retry: bool,
}

impl At {
    fn over(self, next: Next) -> Verdict {
        Verdict::Over(Outcome::without(next, self.hostgroup))
    }
}

impl Session {
    /// Has a server perform `command`, and forwards its answer.
    ///
    /// # Errors
    /// The client's stream: the session is over.
    pub async fn execute(&mut self, command: &[u8], expect: Expect, target: &Target) -> io::Result<Outcome> {
        let mut attempt = Attempt { command, expect, target: target.clone(), not: None, spare: 1 };
        loop {
            if let Verdict::Over(outcome) = self.attempt(&mut attempt).await? {
                return Ok(outcome);
            }
        }
    }

    async fn attempt(&mut self, attempt: &mut Attempt<'_>) -> io::Result<Verdict> {
        let pinned = !self.pins.is_empty() && self.held.is_some();
        let mut connection = match self.connection(&attempt.target, attempt.not.take()).await {
            Ok(connection) => connection,
            Err(error) => {
                if let Some(writer) = self.writer_instead(&error, &attempt.target) {
                    attempt.target.hostgroup = writer;
                    return Ok(Verdict::Again);
                }
                return self.without_connection(error, attempt.target.hostgroup).await.map(Verdict::Over);
            }
        };
        let hostgroup = connection.server.hostgroup;
        let is_reader = self.worker.shared.live.groups.load().writer_of(hostgroup).is_some();
        let at = At { hostgroup, is_reader, pinned, may_retry: attempt.target.kind == Kind::Read && !pinned };
        let written = match self.make_ready(&mut connection, &attempt.target, pinned, is_reader).await {
            Ok(written) => written,
            Err(unready) => return self.unready(connection, unready, attempt, at).await,
        };
        let mut relay = Relay::new(attempt.expect, &connection);
        relay.renamed = attempt.target.renamed;
        relay.capture = attempt.target.capture.map(Capture::new);
        let asked = attempt.target.capture.map(|_| {
            let position = is_reader.then(|| known_position(&connection, written));
            (self.worker.shared.micros(), position)
        });
        let result = match self.send(&mut connection, attempt.command, &attempt.target).await {
            Ok(()) => self.relay(&mut relay, &mut connection, at.may_retry && is_reader, attempt.target.timeout).await,
            Err(QueryError::Io(source)) => Err(Broken::Server { source, forwarded: false }),
            Err(QueryError::Malformed(error)) => Err(Broken::Malformed(error)),
            Err(QueryError::Server(error)) => return self.unprepared(connection, &error, attempt, at).await,
        };
        match result {
            Ok(Ended::Answered) => {
                let packets = relay.capture.and_then(Capture::into_packets);
                let captured =
                    asked.zip(packets).map(|((asked_at, position), packets)| Captured { packets, asked_at, position });
                let verdict = self.answered(connection, relay.heard, &attempt.target, at).await?;
                Ok(match verdict {
                    Verdict::Over(outcome) => Verdict::Over(Outcome { captured, ..outcome }),
                    again => again,
                })
            }
            Ok(Ended::Held) => self.held_back(connection, &relay.heard, attempt, at).await,
            Ok(Ended::LocalInfile) => {
                let next = self.local_infile(connection, relay, &attempt.target).await?;
                Ok(at.over(next))
            }
            Err(broken) => self.broken(connection, broken, attempt, at).await,
        }
    }

    /// For a read whose log-in a replica has refused that may lack the session's schema as yet.
    fn writer_instead(&self, error: &NoConnection, target: &Target) -> Option<Hostgroup> {
        let NoConnection::Refused(ConnectError::Refused { source, .. }) = error else { return None };
        let behind = target.kind == Kind::Read && MAYBE_BEHIND.contains(&source.code);
        self.worker.shared.live.groups.load().writer_of(target.hostgroup).filter(|_| behind)
    }

    /// Nothing of the command was sent yet.
    async fn unready(
        &mut self,
        connection: Connection,
        unready: Unready,
        attempt: &mut Attempt<'_>,
        at: At,
    ) -> io::Result<Verdict> {
        match unready {
            Unready::Error(error) => {
                self.note_error(&connection, &error);
                self.give_up(connection, at.pinned);
                if at.may_retry && at.is_reader && MAYBE_BEHIND.contains(&error.code) {
                    attempt.target.hostgroup = self.worker.shared.writer_for(at.hostgroup);
                    return Ok(Verdict::Again);
                }
                self.fail(&error).await?;
                Ok(at.over(Next::Command))
            }
            Unready::Behind => {
                self.worker.pool.put(connection);
                self.trace.moved("the replica did not have the session's last write in time");
                attempt.target.hostgroup = self.worker.shared.writer_for(at.hostgroup);
                Ok(Verdict::Again)
            }
            Unready::Lost(error) => {
                let server = connection.server.clone();
                self.drop_connection(connection);
                if !at.pinned && attempt.spare + attempt.target.retries > 0 {
                    if attempt.spare > 0 {
                        attempt.spare -= 1;
                    } else {
                        attempt.target.retries -= 1;
                    }
                    attempt.not = Some(server);
                    return Ok(Verdict::Again);
                }
                self.lost(&error, at.pinned, at.hostgroup).await.map(Verdict::Over)
            }
        }
    }

    /// The statement could not be prepared anew there.
    async fn unprepared(
        &mut self,
        connection: Connection,
        error: &ServerError,
        attempt: &mut Attempt<'_>,
        at: At,
    ) -> io::Result<Verdict> {
        self.note_error(&connection, error);
        self.give_up(connection, at.pinned);
        if at.may_retry && at.is_reader && MAYBE_BEHIND.contains(&error.code) {
            attempt.target.hostgroup = self.worker.shared.writer_for(at.hostgroup);
            return Ok(Verdict::Again);
        }
        self.fail(error).await?;
        Ok(at.over(Next::Command))
    }

    async fn answered(
        &mut self,
        mut connection: Connection,
        mut heard: Heard,
        target: &Target,
        at: At,
    ) -> io::Result<Verdict> {
        let hostgroup = at.hostgroup;
        let over = |next, heard| Ok(Verdict::Over(Outcome { next, heard: Some(heard), hostgroup, captured: None }));
        if at.pinned {
            // A transaction that an error ends is told with the next answer.
            heard.silent_on_status = heard.error.is_some();
        } else if target.kind == Kind::Plain && !ask_after(&mut connection, &mut heard, target).await {
            // The answer is the client's already; the connection is of no more use.
            self.drop_connection(connection);
            let next = if self.pins.is_lost_with_connection() { Next::End } else { Next::Command };
            return over(next, heard);
        }
        if target.effects.contains(Effects::RELEASE) && heard.error.is_none() {
            // COMMIT RELEASE: the server has closed it, and means the client's too.
            self.drop_connection(connection);
            return over(Next::End, heard);
        }
        self.after(connection, &heard, target);
        over(Next::Command, heard)
    }

    /// An error of a replica that the client has not seen.
    async fn held_back(
        &mut self,
        mut connection: Connection,
        heard: &Heard,
        attempt: &mut Attempt<'_>,
        at: At,
    ) -> io::Result<Verdict> {
        let error = heard.error.clone().unwrap_or_else(|| ServerError::new(2013, b"HY000", ""));
        if MAYBE_BEHIND.contains(&error.code) {
            self.note_error(&connection, &error);
            self.public.now().server = None;
            connection.warned = true;
            self.worker.pool.put(connection);
            self.worker.shared.stats.retries.fetch_add(1, Relaxed);
            self.trace.moved("the replica answered with an error that may be of its lag");
            attempt.target.hostgroup = self.worker.shared.writer_for(at.hostgroup);
            return Ok(Verdict::Again);
        }
        self.after(connection, heard, &attempt.target);
        self.fail(&error).await?;
        Ok(at.over(Next::Command))
    }

    async fn broken(
        &mut self,
        connection: Connection,
        broken: Broken,
        attempt: &mut Attempt<'_>,
        at: At,
    ) -> io::Result<Verdict> {
        match broken {
            Broken::Client(error) => {
                self.abandon(connection);
                Err(error)
            }
            Broken::Server { source, forwarded } => {
                let server = connection.server.clone();
                self.drop_connection(connection);
                if at.may_retry && !forwarded && attempt.target.retries > 0 {
                    self.worker.shared.stats.retries.fetch_add(1, Relaxed);
                    attempt.target.retries -= 1;
                    attempt.not = Some(server);
                    return Ok(Verdict::Again);
                }
                if forwarded {
                    // Half an answer cannot be taken back.
                    return Ok(at.over(Next::End));
                }
                self.lost(&source, at.pinned, at.hostgroup).await.map(Verdict::Over)
            }
            Broken::Malformed(error) => {
                self.drop_connection(connection);
                let error = ServerError::new(2027, b"HY000", format!("Malformed packet from the server: {error}"));
                self.error(&error).await?;
                Ok(at.over(Next::End))
            }
        }
    }

    async fn send(&mut self, connection: &mut Connection, command: &[u8], target: &Target) -> Result<(), QueryError> {
        if let Some(text) = &target.prepared {
            super::prepared::send_execution(self, connection, text, command).await?;
        } else {
            packet::frame(connection.wire.outbox(), 0, command);
        }
        connection.server.counters.queries.fetch_add(1, Relaxed);
        self.public.now().server = Some((
            connection.server.hostgroup,
            connection.server.hostname.clone(),
            connection.server.port,
            connection.thread_id,
        ));
        Ok(connection.wire.flush().await?)
    }

    async fn relay(
        &mut self,
        relay: &mut Relay,
        connection: &mut Connection,
        holds: bool,
        limit: Option<Duration>,
    ) -> Result<Ended, Broken> {
        let (server, thread) = (connection.server.clone(), connection.thread_id);
        let before = (connection.wire.received_bytes, connection.wire.sent_bytes);
        let capabilities = self.capabilities;
        let bytes_per_second = self.worker.shared.tuning.load().throttle_to_client;
        let client = Client { wire: &mut self.wire, capabilities, holds_error: holds, bytes_per_second };
        let mut client = Some(client);
        let public = self.public.clone();
        let killed = async {
            public.ended().await;
            Err(Broken::Client(io::ErrorKind::Interrupted.into()))
        };
        let answered = async {
            match limit {
                None => relay.run(connection, &mut client).await,
                Some(limit) => {
                    let mut run = std::pin::pin!(relay.run(connection, &mut client));
                    match tokio::time::timeout(limit, &mut run).await {
                        Ok(result) => result,
                        Err(_) => {
                            // Its answer is then that it was interrupted.
                            count(&self.worker.shared.stats.killed_queries);
                            let (shared, credentials) = (self.worker.shared.clone(), self.credentials.clone());
                            let sql = format!("KILL QUERY {thread}");
                            crate::sql::server::aside::run(&shared, &server, &credentials, &sql).await;
                            run.await
                        }
                    }
                }
            }
        };
        let result = tokio::select! {
            biased;
            result = answered => result,
            broken = killed => broken,
        };
        if !self.public.is_over() {
            // Whoever wants to end this must not meet another statement there. What came too late is cleared away.
            self.public.until_left_alone().await;
            if result.is_ok() {
                query::ping(connection)
                    .await
                    .map_err(|error| Broken::Server { source: io::Error::other(error), forwarded: true })?;
            }
        }
        let counters = &connection.server.counters;
        let (received, sent) = (connection.wire.received_bytes - before.0, connection.wire.sent_bytes);
        counters.received_bytes.fetch_add(received, Relaxed);
        counters.sent_bytes.fetch_add(sent, Relaxed);
        let own = &self.worker.tally.counters;
        bump(&own.server_bytes_in, received);
        bump(&own.server_bytes_out, sent);
        connection.wire.sent_bytes = 0;
        result
    }

    /// Sends what has no answer; the connection is held from then on. What goes wrong shows at the next command.
    pub(super) async fn send_ahead(&mut self, command: &[u8], target: &Target) {
        let Ok(mut connection) = self.connection(target, None).await else { return };
        let pinned = !self.pins.is_empty();
        let ready = self.make_ready(&mut connection, target, pinned, false).await.is_ok();
        if ready && self.send(&mut connection, command, target).await.is_ok() {
            self.open.extend(target.statement);
            self.pins.insert(Pins::STATEMENT_OPEN);
            self.held = Some(connection);
        } else {
            self.drop_connection(connection);
        }
    }
}
