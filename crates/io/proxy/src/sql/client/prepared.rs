//! Prepared statements: a client's numbers for them are the session's, servers have their own.
//!
//! Invariants
//! - What a client hears of a statement's columns always comes from a server, never from a store of the proxy's.
//! - A statement's parameters' types go with each execution: another connection may never have heard them.

use super::cached::Keeping;
use super::execute::{Kind, Target};
use super::ready::bring;
use super::ruled;
use super::session::{Next, Session};
use super::statement::{Decided, decide, target};
use crate::sql::latency::bump;
use crate::sql::server::connection::{Connection, Known};
use crate::sql::server::query::{self, QueryError};
use mysql::protocol::answer::Expect;
use mysql::protocol::command::Command;
use mysql::protocol::execute::{Execute, statement_of};
use mysql::protocol::packet;
use mysql::protocol::reply::ServerError;
use mysql::session::State;
use std::io;
use std::rc::Rc;

/// A statement that the client has prepared.
pub struct Prepared {
    pub text: Rc<[u8]>,
    /// Of the session when it was prepared: names without a schema are of that one's for good.
    pub state: Rc<State>,
    pub parameters: u16,
    /// As the client sent them last.
    pub types: Vec<u8>,
    /// The server's number on the connection that is held for it.
    pub at: Option<u32>,
}

/// A session's commands of this kind. A server's connection counts those of all who had it, and knows nothing of what the
/// proxy keeps for the next.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    prepared: u32,
    executed: u32,
    closed: u32,
}

impl Counts {
    /// By the name in SHOW SESSION STATUS.
    pub fn of(self, name: &str) -> Option<u32> {
        let names =
            [("Com_stmt_prepare", self.prepared), ("Com_stmt_execute", self.executed), ("Com_stmt_close", self.closed)];
        names.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, count)| count)
    }
}

/// COM_STMT_PREPARE: on the server that an execution would go to.
///
/// # Errors
/// The client's stream.
pub async fn prepare(session: &mut Session) -> io::Result<Next> {
    let payload = std::mem::take(&mut session.payload);
    let text: Rc<[u8]> = payload[1..].into();
    bump(&session.worker.tally.counters.prepared, 1);
    session.counts.prepared = session.counts.prepared.wrapping_add(1);
    let decided = decide(session, &text, false);
    if let Some(error) = &decided.outcome.error_msg {
        return session.fail(&ServerError::new(1148, b"42000", &**error)).await;
    }
    let text = decided.outcome.rewritten.as_deref().map_or(text, Into::into);
    let mut command = vec![Command::StmtPrepare as u8];
    command.extend_from_slice(&text);
    let id = session.next_statement;
    let target = Target {
        hostgroup: decided.hostgroup,
        // Preparing does nothing, whatever it prepares: it may be sent again.
        kind: Kind::Read,
        renamed: Some(id),
        retries: 1,
        ..Target::default()
    };
    session.begin_statement(&text);
    session.preparing = Some(text.clone());
    let outcome = session.execute(&command, Expect::Prepared, &target).await;
    session.preparing = None;
    session.end_statement();
    let outcome = outcome?;
    session.payload = payload;
    if let Some(prepared) = outcome.heard.and_then(|heard| heard.prepared) {
        session.next_statement = session.next_statement.wrapping_add(1).max(1);
        let state = session.state.clone();
        let statement = Prepared { text, state, parameters: prepared.parameters, types: Vec::new(), at: None };
        session.prepared.insert(id, statement);
    }
    Ok(outcome.next)
}

/// COM_STMT_EXECUTE, COM_STMT_BULK_EXECUTE.
///
/// # Errors
/// The client's stream.
pub async fn execute(session: &mut Session) -> io::Result<Next> {
    bump(&session.worker.tally.counters.executed, 1);
    session.counts.executed = session.counts.executed.wrapping_add(1);
    let payload = std::mem::take(&mut session.payload);
    let next = run(session, &payload).await;
    session.payload = payload;
    next
}

async fn run(session: &mut Session, payload: &[u8]) -> io::Result<Next> {
    let Some((id, text)) = find(session, payload) else {
        return unknown(session, payload, "mysqld_stmt_execute").await;
    };
    let bulk = payload[0] == Command::StmtBulkExecute as u8;
    let decided = decide(session, &text, true);
    if let Some(answered) = ruled::answer(session, &decided).await? {
        return Ok(answered);
    }
    let mut target = target(session, &decided, &text);
    target.prepared = Some(text.clone());
    target.statement = Some(id);
    session.begin_statement(&text);
    if !bulk {
        let statement = session.prepared.get_mut(&id).map(|statement| (statement.parameters, statement));
        if let Some((parameters, statement)) = statement {
            match Execute::read(payload, parameters) {
                Ok(execute) => {
                    if let Some(types) = execute.types {
                        statement.types = types.to_vec();
                    }
                }
                Err(malformed) => {
                    let text = format!("Incorrect arguments to mysqld_stmt_execute: {malformed}");
                    return session.fail(&ServerError::new(1210, b"HY000", text)).await;
                }
            }
        }
    }
    let keeping = if bulk { None } else { keeping(session, &decided, id, payload) };
    if let Some(keeping) = keeping
        && let Some(answered) = session.answer_kept(keeping, &decided).await?
    {
        session.end_statement();
        return Ok(answered);
    }
    ruled::delay(session, &decided).await;
    target.capture = keeping.map(|keeping| keeping.limit);
    let mut outcome = session.execute(payload, Expect::Results, &target).await?;
    session.end_statement();
    session.learn_from(&target, keeping, &mut outcome);
    if let Some(heard) = &outcome.heard {
        session.count(&decided, outcome.hostgroup, heard);
    }
    Ok(outcome.next)
}

/// What an execution adds to the key of the query cache.
pub struct Parameters<'a> {
    execute: Execute<'a>,
    prepared_in: Rc<State>,
    types: Vec<u8>,
}

impl Parameters<'_> {
    pub fn as_key(&self) -> mysql::cache::Execution<'_> {
        mysql::cache::Execution {
            prepared_in: &self.prepared_in,
            nulls: self.execute.nulls,
            types: &self.types,
            values: self.execute.values,
        }
    }
}

/// What the cache has to do with an execution. A cursor is on a connection: what it gives is nobody else's.
fn keeping(session: &mut Session, decided: &Decided, id: u32, payload: &[u8]) -> Option<Keeping> {
    decided.outcome.cache_ttl?;
    let statement = session.prepared.get(&id).filter(|_| !session.open.contains(&id))?;
    let execute = Execute::read(payload, statement.parameters).ok().filter(|execute| execute.flags == 0)?;
    let (prepared_in, types, text) = (statement.state.clone(), statement.types.clone(), statement.text.clone());
    session.keeping(decided, &text, Some(Parameters { execute, prepared_in, types }))
}

/// Sends `command` for the connection's own number of the statement, which is prepared there first if need be.
pub(super) async fn send_execution(
    session: &mut Session,
    connection: &mut Connection,
    text: &Rc<[u8]>,
    command: &[u8],
) -> Result<(), QueryError> {
    let id = resolved(session, statement_of(command)?);
    let state = session.prepared.get(&id).map_or_else(|| connection.state.clone(), |statement| statement.state.clone());
    let at = number_at(session, connection, id, text, &state).await?;
    let statement = session.prepared.get_mut(&id);
    let mut rewritten = Vec::with_capacity(command.len() + 16);
    match statement {
        Some(statement) if command[0] == Command::StmtExecute as u8 => {
            statement.at = Some(at);
            let execute = Execute::read(command, statement.parameters)?;
            execute.write(&mut rewritten, at, &statement.types);
        }
        statement => {
            if let Some(statement) = statement {
                statement.at = Some(at);
            }
            rewritten.extend_from_slice(command);
            rewritten[1..5].copy_from_slice(&at.to_le_bytes());
        }
    }
    packet::frame(connection.wire.outbox(), 0, &rewritten);
    Ok(())
}

async fn number_at(
    session: &Session,
    connection: &mut Connection,
    own: u32,
    text: &Rc<[u8]>,
    state: &Rc<State>,
) -> Result<u32, QueryError> {
    let before = session.prepared.get(&own).and_then(|statement| statement.at);
    if let Some(at) = before.filter(|at| session.open.contains(&own) && connection.statements.has(*at)) {
        // What is open of it is there.
        return Ok(at);
    }
    // Parts sent ahead and cursors are one statement's: another of the same text needs a number of its own.
    let taken = |at| {
        let is_at = |other: &u32| session.prepared.get(other).is_some_and(|statement| statement.at == Some(at));
        session.open.iter().any(|other| *other != own && is_at(other))
    };
    if let Some(id) = connection.statements.find(text, state, taken) {
        return Ok(id);
    }
    let now = connection.state.clone();
    bring(connection, &as_prepared(&now, state)).await?;
    let prepared = query::prepare(connection, text).await;
    if let Ok(id) = prepared {
        remember(session, connection, text, state, id);
    }
    bring(connection, &now).await?;
    prepared
}

/// What of the state then decides how a text is read: its schema and sql_mode.
fn as_prepared(now: &Rc<State>, then: &Rc<State>) -> Rc<State> {
    const MODE: &str = "sql_mode";
    if now.schema == then.schema && now.get(MODE) == then.get(MODE) {
        return now.clone();
    }
    let mut state = (**now).clone();
    if !then.schema.is_empty() {
        state.set_schema(&then.schema);
    }
    if let Some(mode) = then.get(MODE) {
        state.heard(MODE.as_bytes(), mode.as_bytes());
    }
    Rc::new(state)
}

/// Keeps a connection's number for a text; the one used longest ago is closed for it.
pub(super) fn remember(session: &Session, connection: &mut Connection, text: &Rc<[u8]>, state: &Rc<State>, id: u32) {
    let limit = session.worker.shared.tuning.load().max_stmts_per_connection;
    bump(&session.worker.tally.counters.server_prepared, 1);
    let known = Known { text: text.clone(), id, schema: state.clone() };
    if let Some(oldest) = connection.statements.insert(known, limit) {
        bump(&session.worker.tally.counters.server_closed, 1);
        query::close_statement(connection, oldest);
    }
}

/// COM_STMT_CLOSE has no answer. The server's statement stays with its connection, for whoever prepares the same; one with
/// something open is closed there too.
///
/// # Errors
/// None; for the likeness with the others.
pub fn close(session: &mut Session) -> io::Result<Next> {
    let Ok(id) = statement_of(&session.payload) else { return Ok(Next::Command) };
    bump(&session.worker.tally.counters.closed, 1);
    session.counts.closed = session.counts.closed.wrapping_add(1);
    let statement = session.prepared.remove(&id);
    if session.open.remove(&id)
        && let (Some(connection), Some(at)) = (session.held.as_mut(), statement.and_then(|statement| statement.at))
    {
        query::close_statement(connection, at);
        connection.statements.forget(at);
    }
    // The pin goes with the next answer; until then the connection is held.
    Ok(Next::Command)
}

/// COM_STMT_SEND_LONG_DATA has no answer: the connection is held until the execution.
///
/// # Errors
/// The client's stream.
pub async fn long_data(session: &mut Session) -> io::Result<Next> {
    let payload = std::mem::take(&mut session.payload);
    let Some((id, text)) = find(session, &payload) else { return Ok(Next::Command) };
    let decided = decide(session, &text, true);
    let mut target = target(session, &decided, &text);
    target.prepared = Some(text);
    target.statement = Some(id);
    session.send_ahead(&payload, &target).await;
    session.payload = payload;
    Ok(Next::Command)
}

/// COM_STMT_RESET: the parts sent ahead and the cursor are gone.
///
/// # Errors
/// The client's stream.
pub async fn reset(session: &mut Session) -> io::Result<Next> {
    on_held(session, Expect::One, "mysqld_stmt_reset").await
}

/// COM_STMT_FETCH: from the cursor on the connection that is held for it.
///
/// # Errors
/// The client's stream.
pub async fn fetch(session: &mut Session) -> io::Result<Next> {
    on_held(session, Expect::Rows, "mysqld_stmt_fetch").await
}

async fn on_held(session: &mut Session, expect: Expect, who: &str) -> io::Result<Next> {
    let payload = std::mem::take(&mut session.payload);
    let Some((id, text)) = find(session, &payload) else { return unknown(session, &payload, who).await };
    let at = session.prepared.get(&id).and_then(|statement| statement.at);
    if session.held.is_none() || at.is_none() {
        if expect == Expect::One {
            return session.done().await;
        }
        let text = format!("The statement ({id}) has no open cursor.");
        return session.fail(&ServerError::new(1421, b"HY000", text)).await;
    }
    let target = Target {
        hostgroup: session.user.settings.default_hostgroup,
        prepared: Some(text),
        statement: Some(id),
        ..Target::default()
    };
    let outcome = session.execute(&payload, expect, &target).await?;
    session.payload = payload;
    Ok(outcome.next)
}

fn find(session: &Session, payload: &[u8]) -> Option<(u32, Rc<[u8]>)> {
    let id = resolved(session, statement_of(payload).ok()?);
    session.prepared.get(&id).map(|statement| (id, statement.text.clone()))
}

/// MariaDB: the highest number means the statement prepared last.
fn resolved(session: &Session, id: u32) -> u32 {
    if id == u32::MAX { session.next_statement.wrapping_sub(1) } else { id }
}

async fn unknown(session: &mut Session, payload: &[u8], who: &str) -> io::Result<Next> {
    let id = statement_of(payload).unwrap_or_default();
    let text = format!("Unknown prepared statement handler ({id}) given to {who}");
    session.fail(&ServerError::new(1243, b"HY000", text)).await
}
