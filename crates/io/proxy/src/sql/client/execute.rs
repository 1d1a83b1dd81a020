//! A command on a server: the connection for it, its state, the answer, and what the answer means for the session.

use super::session::{Next, Session};
use crate::sql::server::acquire::{NoConnection, Wanted, acquire};
use crate::sql::server::connect::ConnectError;
use crate::sql::server::connection::Connection;
use crate::sql::server::query::{self, QueryError};
use crate::sql::server::relay::{Broken, Client, Ended, Heard, Relay};
use crate::sql::stats::{ErrorKey, count};
use crate::sql::tuning::CausalReads;
use mysql::monitor::gtid::Gtid;
use mysql::protocol::answer::Expect;
use mysql::protocol::packet;
use mysql::protocol::reply::{ServerError, status};
use mysql::session::variables::Meaning;
use mysql::session::{Pins, State};
use mysql::settings::Hostgroup;
use mysql::statement::Effects;
use std::io;
use std::rc::Rc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

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
}

/// After a command.
pub struct Outcome {
    pub next: Next,
    /// The answer, where there was one.
    pub heard: Option<Heard>,
    pub hostgroup: Hostgroup,
}

impl Outcome {
    fn without(next: Next, hostgroup: Hostgroup) -> Self {
        Self { next, heard: None, hostgroup }
    }
}

/// Errors of a replica that may only be behind: the writer has the last word.
const MAYBE_BEHIND: [u16; 9] = [1046, 1049, 1054, 1146, 1290, 1305, 1356, 1792, 1836];

/// Why a connection could not be made ready.
enum Unready {
    /// The server's answer is the client's.
    Error(ServerError),
    Lost(io::Error),
    /// The replica has not got there.
    Behind,
}

impl From<QueryError> for Unready {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Server(error) => Self::Error(error),
            QueryError::Io(error) => Self::Lost(error),
            QueryError::Malformed(error) => Self::Lost(io::Error::other(error)),
        }
    }
}

impl Session {
    /// Has a server perform `command`, and forwards its answer.
    ///
    /// # Errors
    /// The client's stream: the session is over.
    pub async fn execute(&mut self, command: &[u8], expect: Expect, target: &Target) -> io::Result<Outcome> {
        let mut target = target.clone();
        let mut not = None;
        loop {
            let pinned = !self.pins.is_empty() && self.held.is_some();
            let mut connection = match self.connection(&target, not.take()).await {
                Ok(connection) => connection,
                Err(error) => return self.without_connection(error, target.hostgroup).await,
            };
            let hostgroup = connection.server.hostgroup;
            let may_retry = target.kind == Kind::Read && !pinned;
            let is_reader = self.worker.shared.live.groups.load().writer_of(hostgroup).is_some();
            match self.make_ready(&mut connection, &target, pinned, is_reader).await {
                Ok(()) => {}
                Err(Unready::Error(error)) => {
                    self.note_error(&connection, &error);
                    self.give_up(connection, pinned);
                    self.fail(&error).await?;
                    return Ok(Outcome::without(Next::Command, hostgroup));
                }
                Err(Unready::Behind) => {
                    self.worker.pool.put(connection);
                    self.trace.moved("the replica did not have the session's last write in time");
                    target.hostgroup = self.worker.shared.writer_for(hostgroup);
                    continue;
                }
                Err(Unready::Lost(error)) => {
                    let server = connection.server.clone();
                    self.drop_connection(connection);
                    if !pinned && target.retries > 0 {
                        // Nothing of the command was sent yet.
                        target.retries -= 1;
                        not = Some(server);
                        continue;
                    }
                    return self.lost(&error, pinned, hostgroup).await;
                }
            }
            let mut relay = Relay::new(expect, &connection);
            relay.renamed = target.renamed;
            let sent = self.send(&mut connection, command, &target).await;
            let result = match sent {
                Ok(()) => self.relay(&mut relay, &mut connection, may_retry && is_reader, target.timeout).await,
                Err(QueryError::Io(source)) => Err(Broken::Server { source, forwarded: false }),
                Err(QueryError::Malformed(error)) => Err(Broken::Malformed(error)),
                Err(QueryError::Server(error)) => {
                    // The statement could not be prepared anew there.
                    self.note_error(&connection, &error);
                    self.give_up(connection, pinned);
                    if may_retry && is_reader && MAYBE_BEHIND.contains(&error.code) {
                        target.hostgroup = self.worker.shared.writer_for(hostgroup);
                        continue;
                    }
                    self.fail(&error).await?;
                    return Ok(Outcome::without(Next::Command, hostgroup));
                }
            };
            match result {
                Ok(Ended::Answered) => {
                    let mut heard = relay.heard;
                    if pinned {
                        // A transaction that an error ends is told with the next answer.
                        heard.silent_on_status = heard.error.is_some();
                    } else if target.kind == Kind::Plain && !ask_after(&mut connection, &mut heard, &target).await {
                        // The answer is the client's already; the connection is of no more use.
                        self.drop_connection(connection);
                        let next = if self.pins.is_lost_with_connection() { Next::End } else { Next::Command };
                        return Ok(Outcome { next, heard: Some(heard), hostgroup });
                    }
                    if target.effects.contains(Effects::RELEASE) && heard.error.is_none() {
                        // COMMIT RELEASE: the server has closed it, and means the client's too.
                        self.drop_connection(connection);
                        return Ok(Outcome { next: Next::End, heard: Some(heard), hostgroup });
                    }
                    self.after(connection, &heard, &target);
                    return Ok(Outcome { next: Next::Command, heard: Some(heard), hostgroup });
                }
                Ok(Ended::Held) => {
                    let error = relay.heard.error.clone().unwrap_or_else(|| ServerError::new(2013, b"HY000", ""));
                    if MAYBE_BEHIND.contains(&error.code) {
                        self.note_error(&connection, &error);
                        self.public.now().server = None;
                        connection.warned = true;
                        self.worker.pool.put(connection);
                        self.worker.shared.stats.retries.fetch_add(1, Relaxed);
                        self.trace.moved("the replica answered with an error that may be of its lag");
                        target.hostgroup = self.worker.shared.writer_for(hostgroup);
                        continue;
                    }
                    self.after(connection, &relay.heard, &target);
                    self.fail(&error).await?;
                    return Ok(Outcome::without(Next::Command, hostgroup));
                }
                Ok(Ended::LocalInfile) => {
                    let next = self.local_infile(connection, relay, &target).await?;
                    return Ok(Outcome::without(next, hostgroup));
                }
                Err(Broken::Client(error)) => {
                    self.abandon(connection);
                    return Err(error);
                }
                Err(Broken::Server { source, forwarded }) => {
                    let server = connection.server.clone();
                    self.drop_connection(connection);
                    if may_retry && !forwarded && target.retries > 0 {
                        self.worker.shared.stats.retries.fetch_add(1, Relaxed);
                        target.retries -= 1;
                        not = Some(server);
                        continue;
                    }
                    if forwarded {
                        // Half an answer cannot be taken back.
                        return Ok(Outcome::without(Next::End, hostgroup));
                    }
                    return self.lost(&source, pinned, hostgroup).await;
                }
                Err(Broken::Malformed(error)) => {
                    self.drop_connection(connection);
                    let error = ServerError::new(2027, b"HY000", format!("Malformed packet from the server: {error}"));
                    self.error(&error).await?;
                    return Ok(Outcome::without(Next::End, hostgroup));
                }
            }
        }
    }

    /// The one it holds, the one that lingers if it fits, or another.
    async fn connection(
        &mut self,
        target: &Target,
        not: Option<std::sync::Arc<crate::sql::server::groups::Server>>,
    ) -> Result<Connection, NoConnection> {
        if let Some(connection) = self.held.take() {
            return Ok(connection);
        }
        if let Some(connection) = self.lingering.take() {
            if not.is_none() && self.may_go_on(&connection, target) {
                return Ok(connection);
            }
            self.worker.pool.put(connection);
        }
        let shared = self.worker.shared.clone();
        let fallback = shared.live.groups.load().writer_of(target.hostgroup);
        let fallback = fallback.filter(|_| shared.tuning.load().reader_fallback_to_writer);
        let state = self.state.clone();
        let wanted =
            Wanted { hostgroup: target.hostgroup, fallback, credentials: &self.credentials, state: &state, not };
        acquire(&self.worker, wanted).await
    }

    /// What lingers is also where the statement would go now, or the only one that can answer.
    fn may_go_on(&self, connection: &Connection, target: &Target) -> bool {
        if connection.is_stale() || connection.generation != self.worker.shared.generation.load(Relaxed) {
            return false;
        }
        let groups = self.worker.shared.live.groups.load();
        if target.effects.intersects(ABOUT_LAST) {
            // Several statements in one may ask about the last and write too.
            return target.kind == Kind::Read || groups.writer_of(connection.server.hostgroup).is_none();
        }
        if connection.warned_last && groups.writer_of(target.hostgroup) == Some(connection.server.hostgroup) {
            // A statement without a table leaves its warnings there to be asked about.
            return true;
        }
        let picked = groups.pick(target.hostgroup, self.worker.random(), None);
        picked.is_some_and(|server| std::sync::Arc::ptr_eq(server, &connection.server))
    }

    /// Brings the connection's state to the session's, waits for its own writes, prepares what is to be executed.
    async fn make_ready(
        &mut self,
        connection: &mut Connection,
        target: &Target,
        pinned: bool,
        is_reader: bool,
    ) -> Result<(), Unready> {
        if !pinned {
            bring(connection, &self.state).await?;
        }
        if target.causal && is_reader && !pinned {
            self.wait_for_writes(connection).await?;
        }
        let foreign = !pinned && connection.lingers_for != self.id;
        if foreign && (connection.warned || target.effects.intersects(ABOUT_LAST)) {
            // Another statement was the last here: nothing of it may be seen.
            connection.warned = false;
            query::query(connection, CLEAR).await?;
            query::query(connection, "DO 0").await?;
        }
        if target.effects.contains(Effects::USES_LAST_INSERT_ID) && connection.insert_id != self.last_insert_id {
            let sql = format!("SET last_insert_id={}", self.last_insert_id);
            query::query(connection, &sql).await?;
            connection.insert_id = self.last_insert_id;
        }
        Ok(())
    }

    async fn wait_for_writes(&self, connection: &mut Connection) -> Result<(), Unready> {
        let shared = &self.worker.shared;
        let tuning = shared.tuning.load();
        let written = match tuning.causal_reads {
            CausalReads::None => None,
            CausalReads::Session => self.written,
            CausalReads::User => *self.user.written.lock().unwrap_or_else(PoisonError::into_inner),
        };
        let Some(gtid) = written else { return Ok(()) };
        let host = connection.server.host.clone();
        if host.position.load().contains(&gtid) {
            return Ok(());
        }
        let counters = &self.worker.tally.counters;
        counters.causal_waits.fetch_add(1, Relaxed);
        let began = Instant::now();
        let limit = tuning.causal_reads_timeout.as_secs_f64();
        let sql = format!("SELECT MASTER_GTID_WAIT('{gtid}',{limit})");
        let answer = query::query(connection, &sql).await;
        self.worker.note(&connection.server, |times| &times.causal, began.elapsed());
        match answer {
            Ok(table) if table.first() == Some("0") => {
                let mut position = (**host.position.load()).clone();
                position.advance(gtid);
                host.position.store(std::sync::Arc::new(position));
                Ok(())
            }
            // In time it did not get there, or it cannot be asked.
            Ok(_) | Err(QueryError::Server(_)) => {
                counters.causal_timeouts.fetch_add(1, Relaxed);
                Err(Unready::Behind)
            }
            Err(error) => Err(error.into()),
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
        let client = Client { wire: &mut self.wire, capabilities, holds_error: holds };
        let mut client = Some(client);
        let result = match limit {
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
        };
        let counters = &connection.server.counters;
        let (received, sent) = (connection.wire.received_bytes - before.0, connection.wire.sent_bytes);
        counters.received_bytes.fetch_add(received, Relaxed);
        counters.sent_bytes.fetch_add(sent, Relaxed);
        let own = &self.worker.tally.counters;
        own.server_bytes_in.fetch_add(received, Relaxed);
        own.server_bytes_out.fetch_add(sent, Relaxed);
        connection.wire.sent_bytes = 0;
        result
    }

    /// Takes in what the answer told, and keeps the connection, leaves it lingering, or gives it back.
    pub(super) fn after(&mut self, mut connection: Connection, heard: &Heard, target: &Target) {
        let now = Instant::now();
        let took = now.saturating_duration_since(self.started);
        self.took = Some(took);
        let reads = target.kind == Kind::Read;
        self.worker.note(&connection.server, |times| if reads { &times.read } else { &times.write }, took);
        self.trace.answered(&connection.server);
        // Whoever wants to end what runs here must not meet another session's statement there.
        self.public.now().server = None;
        self.hear_state(&mut connection, heard, target);
        if let (Some(prepared), Some(text)) = (heard.prepared, self.preparing.clone()) {
            let state = self.state.clone();
            super::prepared::remember(self, &mut connection, &text, &state, prepared.id);
        }
        if let Some(error) = &heard.error {
            self.note_error(&connection, error);
        }
        self.hear_effects(heard, target);
        if target.effects.contains(Effects::ASSIGNS_LAST_INSERT_ID) {
            // The connection knows, and is held: nothing is to be set there.
            self.last_insert_id = 0;
            connection.insert_id = 0;
        }
        if let Some(gtid) = heard.gtid {
            self.written = Some(later(self.written, gtid));
            let mut written = self.user.written.lock().unwrap_or_else(PoisonError::into_inner);
            *written = Some(later(*written, gtid));
        }
        if heard.last_insert_id != 0 {
            self.last_insert_id = heard.last_insert_id;
            connection.insert_id = heard.last_insert_id;
        }
        if !self.pins.is_empty() {
            self.held = Some(connection);
            return;
        }
        connection.idle_since = now;
        connection.lingers_for = self.id;
        connection.warned_last = heard.warnings > 0 || heard.error.is_some();
        connection.warned |= connection.warned_last;
        let (worker, place) = (self.worker.clone(), self.lingering.clone());
        worker.linger(&place, connection);
    }

    fn hear_state(&mut self, connection: &mut Connection, heard: &Heard, target: &Target) {
        let mut state: Option<State> = None;
        let mut explained = false;
        for (name, value) in &heard.variables {
            let state = state.get_or_insert_with(|| (*self.state).clone());
            match state.heard(name, value) {
                Meaning::Kept => explained = true,
                Meaning::Nothing => explained |= name == b"autocommit",
                Meaning::Opaque => self.pins.insert(Pins::OPAQUE),
            }
        }
        let schema = match (target.kind, &heard.error) {
            // A server that does not track says nothing of it.
            (Kind::Schema, None) if heard.schema.is_none() => target.names_collation.clone().map(String::into_bytes),
            _ => heard.schema.clone(),
        };
        if let Some(schema) = schema {
            state.get_or_insert_with(|| (*self.state).clone()).set_schema(&schema);
            explained = true;
        }
        if target.kind != Kind::Schema
            && let Some(collation) = target.names_collation.as_ref().filter(|_| heard.error.is_none())
        {
            let state = state.get_or_insert_with(|| (*self.state).clone());
            if state.heard(b"collation_connection", collation.as_bytes()) == Meaning::Opaque {
                self.pins.insert(Pins::OPAQUE);
            }
        }
        // A routine may change what is named and what is not.
        let anything = target.effects.intersects(Effects::CALL.union(Effects::COMPOUND));
        let untold = !connection.tracks && (anything || target.effects.intersects(CHANGES_STATE));
        if (heard.state && (!explained || anything)) || untold {
            self.pins.insert(Pins::OPAQUE);
        }
        if let Some(state) = state {
            self.set_state(state);
        }
        connection.state = self.state.clone();
    }

    fn hear_effects(&mut self, heard: &Heard, target: &Target) {
        let effects = target.effects;
        if effects.intersects(Effects::COMMIT.union(Effects::ROLLBACK).union(Effects::BEGIN)) {
            self.pins.remove(Pins::READ_ONLY);
        }
        for (effect, pin) in PINNED_BY {
            if effects.contains(effect) {
                self.pins.insert(pin);
            }
        }
        if effects.contains(Effects::SET_GLOBAL) {
            self.worker.shared.generation.fetch_add(1, Relaxed);
            self.worker.settled.borrow_mut().clear();
        }
        if effects.contains(Effects::UNLOCK_TABLES) {
            self.pins.remove(Pins::TABLE_LOCK);
        }
        if target.multiplex == Some(false) {
            self.pins.insert(Pins::RULE);
        } else if target.multiplex == Some(true) {
            self.pins.remove(Pins::RULE);
        }
        // The answer to a preparation has no status, nor has a read that failed.
        if heard.prepared.is_some() || heard.silent_on_status || (heard.error.is_some() && target.kind == Kind::Read) {
            return;
        }
        if let Some(id) = target.statement {
            let cursor = heard.status & status::CURSOR_EXISTS != 0 && heard.status & status::LAST_ROW_SENT == 0;
            if cursor {
                self.open.insert(id)
            } else {
                self.open.remove(&id)
            };
            self.pins.set(Pins::STATEMENT_OPEN, !self.open.is_empty());
        }
        self.status = heard.status & !(status::MORE_RESULTS | status::SESSION_STATE_CHANGED);
        let in_transaction = heard.status & status::IN_TRANSACTION != 0;
        if self.pins.contains(Pins::TRANSACTION) && !in_transaction {
            self.pins.remove(Pins::OF_TRANSACTION);
        }
        self.pins.set(Pins::TRANSACTION, in_transaction);
        self.pins.set(Pins::AUTOCOMMIT_OFF, heard.status & status::AUTOCOMMIT == 0);
    }

    async fn without_connection(&mut self, error: NoConnection, hostgroup: Hostgroup) -> io::Result<Outcome> {
        let error = match error {
            NoConnection::Refused(ConnectError::Refused { source, .. }) => source,
            NoConnection::Refused(other) => ServerError::new(9002, b"HY000", other.to_string()),
            timeout => {
                count(&self.worker.shared.stats.connect_timeouts);
                ServerError::new(9001, b"HY000", timeout.to_string())
            }
        };
        self.fail(&error).await?;
        Ok(Outcome::without(Next::Command, hostgroup))
    }

    /// The server went away with a command that cannot be sent again.
    async fn lost(&mut self, error: &io::Error, pinned: bool, hostgroup: Hostgroup) -> io::Result<Outcome> {
        let had = self.pins;
        self.pins = Pins::default();
        let what = if had.contains(Pins::TRANSACTION) {
            "; the transaction is rolled back: begin it again".to_owned()
        } else if pinned {
            format!("; with it is lost: {had}")
        } else {
            "; whether the statement was performed is not known".to_owned()
        };
        let text = format!("Lost connection to server during query ({error}){what}");
        self.error(&ServerError::new(2013, b"HY000", text)).await?;
        let next = if had.is_lost_with_connection() { Next::End } else { Next::Command };
        Ok(Outcome::without(next, hostgroup))
    }

    pub(super) fn drop_connection(&mut self, connection: Connection) {
        self.public.now().server = None;
        let server = connection.server.clone();
        drop(connection);
        self.worker.pool.ended(&server);
    }

    /// A connection on which something of the proxy's own failed: what is pinned stays, others are not to be trusted.
    fn give_up(&mut self, connection: Connection, pinned: bool) {
        if pinned {
            self.public.now().server = None;
            self.held = Some(connection);
        } else {
            self.drop_connection(connection);
        }
    }

    /// Nobody waits for what still runs there: it is ended at the server too.
    fn abandon(&mut self, connection: Connection) {
        let (server, thread) = (connection.server.clone(), connection.thread_id);
        self.drop_connection(connection);
        let (shared, credentials) = (self.worker.shared.clone(), self.credentials.clone());
        count(&shared.stats.killed_connections);
        tokio::task::spawn_local(async move {
            crate::sql::server::aside::run(&shared, &server, &credentials, &format!("KILL CONNECTION {thread}")).await;
        });
    }

    fn note_error(&self, connection: &Connection, error: &ServerError) {
        let server = &connection.server;
        let key = ErrorKey {
            hostgroup: server.hostgroup,
            hostname: server.hostname.clone(),
            port: server.port,
            user: self.user.name.to_string(),
            schema: String::from_utf8_lossy(&self.state.schema).into_owned(),
            code: error.code,
        };
        self.worker.shared.stats.failed(key, &error.message);
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

/// What changes a session's state at a server that does not tell.
const CHANGES_STATE: Effects = Effects::SET_VARIABLES.union(Effects::USE).union(Effects::SET_AUTOCOMMIT);

/// What a statement leaves on its connection.
const PINNED_BY: [(Effects, Pins); 13] = [
    (Effects::BEGIN_READ_ONLY, Pins::READ_ONLY),
    // Which id it left is not told where the answer is rows.
    (Effects::ASSIGNS_LAST_INSERT_ID, Pins::OPAQUE),
    (Effects::ASSIGNS_USER_VARIABLE, Pins::USER_VARIABLE),
    (Effects::TEMPORARY_TABLE, Pins::TEMPORARY_TABLE),
    (Effects::TABLE_LOCK, Pins::TABLE_LOCK),
    (Effects::NAMED_LOCK, Pins::NAMED_LOCK),
    (Effects::TEXT_PREPARE, Pins::TEXT_PREPARED),
    // EXECUTE IMMEDIATE may have done anything.
    (Effects::TEXT_EXECUTE, Pins::TEXT_PREPARED),
    (Effects::SET_ROLE, Pins::OPAQUE),
    (Effects::SET_UNTOLD, Pins::OPAQUE),
    (Effects::XA, Pins::OPAQUE),
    (Effects::HANDLER, Pins::HANDLER),
    (Effects::SET_TRANSACTION_NEXT, Pins::NEXT_TRANSACTION),
];

/// It asks about the statement before: only that one's connection knows.
const ABOUT_LAST: Effects = Effects::DIAGNOSTICS
    .union(Effects::USES_FOUND_ROWS)
    .union(Effects::USES_ROW_COUNT)
    .union(Effects::USES_LAST_INSERT_ID);

/// Answers of several connections do not come in the order of their commits.
fn later(known: Option<Gtid>, heard: Gtid) -> Gtid {
    known.filter(|known| known.domain == heard.domain && known.sequence > heard.sequence).unwrap_or(heard)
}

/// What an answer does not tell, where it may matter: the status behind an error, for a transaction may be open; the
/// transaction's id behind rows that end in an EOF, for a function in a SELECT may have written. False: the connection broke.
async fn ask_after(connection: &mut Connection, heard: &mut Heard, target: &Target) -> bool {
    if heard.error.is_some() {
        heard.silent_on_status = !target.may_open;
        if target.may_open {
            let Ok(status) = query::ping(connection).await else { return false };
            heard.status = status;
        }
        return true;
    }
    let mariadb = memchr::memmem::find(&connection.server.host.version.load(), b"MariaDB").is_some();
    let silent = target.may_write_in_rows && heard.ended_in_eof && heard.status & status::IN_TRANSACTION == 0;
    if !silent || !connection.tracks || !mariadb {
        return true;
    }
    match query::query(connection, "SELECT @@last_gtid").await {
        Ok(table) => {
            heard.gtid = table.first().and_then(|text| text.parse().ok());
            true
        }
        Err(error) => matches!(error, QueryError::Server(_)),
    }
}

/// MariaDB forgets a statement's warnings with the next one that has a table. Of a fresh session
/// FOUND_ROWS() is 1, and ROW_COUNT() 0, which DO leaves.
const CLEAR: &str = "SELECT 1 FROM (SELECT 1) a";

/// Makes a connection's state `wanted`.
///
/// # Errors
/// The server's, of the statements that say so; `Io` where it cannot be said.
pub(super) async fn bring(connection: &mut Connection, wanted: &Rc<State>) -> Result<(), QueryError> {
    if Rc::ptr_eq(&connection.state, wanted) {
        return Ok(());
    }
    let Some(changes) = wanted.changes_from(&connection.state) else {
        return Err(io::Error::other("a connection whose state cannot be undone").into());
    };
    if let Some(schema) = changes.schema {
        query::init_db(connection, &schema).await?;
    }
    if let Some(set) = changes.set {
        query::query(connection, &set).await?;
    }
    connection.state = wanted.clone();
    Ok(())
}
