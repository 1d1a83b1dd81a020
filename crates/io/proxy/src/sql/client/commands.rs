//! What each command asks for.

use super::execute::{Kind, Target};
use super::handshake::{denied, needs_tls};
use super::proof::{Link, Offer, prove};
use super::session::{Next, Session};
use super::{prepared, statement};
use crate::sql::shared::UserEntry;
use mysql::protocol::answer::Expect;
use mysql::protocol::auth::{self, Secret};
use mysql::protocol::capability;
use mysql::protocol::change_user::ChangeUser;
use mysql::protocol::command::Command;
use mysql::protocol::reply::{self, ServerError};
use mysql::session::State;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Performs the command in `session.payload`.
///
/// # Errors
/// The client's stream: the session is over.
pub async fn perform(session: &mut Session) -> io::Result<Next> {
    let Some(&first) = session.payload.first() else {
        return unknown(session, 0).await;
    };
    match Command::of(first) {
        Some(Command::Query) => statement::query(session).await,
        Some(Command::StmtExecute | Command::StmtBulkExecute) => prepared::execute(session).await,
        Some(Command::StmtPrepare) => prepared::prepare(session).await,
        Some(Command::StmtClose) => prepared::close(session),
        Some(Command::StmtSendLongData) => prepared::long_data(session).await,
        Some(Command::StmtReset) => prepared::reset(session).await,
        Some(Command::StmtFetch) => prepared::fetch(session).await,
        // Its connection knows the transaction's state.
        Some(Command::Ping) if session.held.is_some() => forward(session, Expect::One, Kind::Plain).await,
        Some(Command::Ping) => session.done().await,
        Some(Command::Quit) => Ok(Next::End),
        Some(Command::InitDb) => forward(session, Expect::One, Kind::Schema).await,
        Some(Command::FieldList) => forward(session, Expect::Columns, Kind::Plain).await,
        Some(Command::ProcessInfo) => forward(session, Expect::Results, Kind::Plain).await,
        Some(Command::Statistics) => forward(session, Expect::One, Kind::Plain).await,
        Some(Command::SetOption) => set_option(session).await,
        Some(Command::ResetConnection) => reset(session).await,
        Some(Command::ChangeUser) => change_user(session).await,
        Some(Command::ProcessKill) => super::local::kill_by_command(session).await,
        Some(Command::BinlogDump | Command::RegisterSlave | Command::BinlogDumpGtid) => {
            let text = "The proxy has no binary log: a replica has to connect to a server itself, by its own address";
            session.fail(&ServerError::new(1047, b"08S01", text)).await
        }
        Some(Command::Debug) | None => unknown(session, first).await,
    }
}

async fn unknown(session: &mut Session, command: u8) -> io::Result<Next> {
    let text = format!("Unknown command (0x{command:02x}): a proxy that splits reads from writes does not forward it");
    session.fail(&ServerError::new(1047, b"08S01", text)).await
}

/// To where writes go, as it came.
async fn forward(session: &mut Session, expect: Expect, kind: Kind) -> io::Result<Next> {
    let hostgroup = session.worker.shared.writer_for(session.user.settings.default_hostgroup);
    let payload = std::mem::take(&mut session.payload);
    let target = Target { hostgroup, kind, ..Target::default() };
    let next = session.execute(&payload, expect, &target).await;
    session.payload = payload;
    next.map(|outcome| outcome.next)
}

/// Several statements in one: 0 allows them, 1 does not.
async fn set_option(session: &mut Session) -> io::Result<Next> {
    let on = session.payload.get(1) == Some(&0);
    let capabilities = &mut session.credentials.key.capabilities;
    *capabilities =
        if on { *capabilities | capability::MULTI_STATEMENTS } else { *capabilities & !capability::MULTI_STATEMENTS };
    if session.held.is_some() {
        return forward(session, Expect::One, Kind::Plain).await;
    }
    if let Some(connection) = session.lingering.take() {
        session.worker.pool.put(connection);
    }
    let status = session.status;
    let payload = {
        let mut payload = Vec::new();
        reply::write_eof(&mut payload, 0, status);
        payload
    };
    session.sequence = session.wire.send(session.sequence, &payload).await?;
    Ok(Next::Command)
}

async fn reset(session: &mut Session) -> io::Result<Next> {
    let mut state = State::default();
    // The schema stays, as upstream's COM_RESET_CONNECTION has it.
    if !session.state.schema.is_empty() {
        state.set_schema(&session.state.schema);
    }
    session.reset();
    session.set_state(state);
    session.done().await
}

async fn change_user(session: &mut Session) -> io::Result<Next> {
    let wanted = match ChangeUser::read(&session.payload[1..], session.capabilities) {
        Ok(wanted) => wanted,
        Err(malformed) => {
            let error = ServerError::new(1835, b"HY000", format!("Malformed communication packet: {malformed}"));
            session.error(&error).await?;
            return Ok(Next::End);
        }
    };
    let shared = session.worker.shared.clone();
    let name = String::from_utf8_lossy(&wanted.user).into_owned();
    let user = shared.plan.load().users.get(&name).filter(|user| user.settings.active).cloned();
    let known = user.as_ref().map(|user| user.known());
    // A fresh challenge, whatever it has answered to the old one.
    let offer = Offer {
        plugin: wanted.auth_plugin.as_deref().unwrap_or(auth::NATIVE.as_bytes()),
        scramble: None,
        answer: Vec::new(),
        can_switch: true,
    };
    let mut link = Link { wire: &mut session.wire, sequence: session.sequence };
    let preferred = shared.tuning.load().default_authentication_plugin;
    let proven = prove(&mut link, known.as_ref(), offer, preferred, Some(&shared.rsa)).await?;
    session.sequence = link.sequence;
    let (Some(user), Some(secret)) = (user, proven.secret) else {
        session.error(&denied(&wanted.user, session.peer, proven.gave_one)).await?;
        return Ok(Next::End);
    };
    if user.settings.use_ssl && session.wire.stream.cipher().is_none() {
        session.error(&needs_tls(&wanted.user, session.peer)).await?;
        return Ok(Next::End);
    }
    let own = Arc::ptr_eq(&user, &session.user);
    if !own && user.connections.load(Relaxed) >= user.settings.max_connections {
        session.error(&session.too_many(&user)).await?;
        return Ok(Next::End);
    }
    become_user(session, &wanted, user, secret);
    session.done().await
}

fn become_user(session: &mut Session, wanted: &ChangeUser, user: Arc<UserEntry>, secret: Secret) {
    session.reset();
    session.user.connections.fetch_sub(1, Relaxed);
    user.connections.fetch_add(1, Relaxed);
    session.credentials.key.user = user.name.clone();
    session.credentials.secret = user.secret_for_servers(secret);
    session.user = user;
    session.introduce();
    if let Some(collation) = wanted.collation {
        session.credentials.key.collation = collation as u8;
    }
    session.begin_with_schema(wanted.schema.clone());
}
