//! A connection for a command, made what the session needs it to be.

use super::execute::{Kind, Target};
use super::session::Session;
use crate::sql::latency::bump;
use crate::sql::server::acquire::{NoConnection, Wanted, acquire};
use crate::sql::server::connection::Connection;
use crate::sql::server::groups::Server;
use crate::sql::server::query::{self, QueryError};
use crate::sql::tuning::CausalReads;
use mysql::monitor::gtid::Gtid;
use mysql::protocol::reply::ServerError;
use mysql::session::State;
use mysql::statement::Effects;
use std::io;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// Why a connection could not be made ready.
pub(super) enum Unready {
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
    /// The one it holds, the one that lingers if it fits, or another.
    pub(super) async fn connection(
        &mut self,
        target: &Target,
        not: Option<Arc<Server>>,
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
        tokio::select! {
            biased;
            found = acquire(&self.worker, wanted) => found,
            () = self.public.ended() => Err(NoConnection::Killed),
        }
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
        picked.is_some_and(|server| Arc::ptr_eq(server, &connection.server))
    }

    /// Brings the connection's state to the session's, waits for its own writes, prepares what is to be executed.
    /// Gives the write that was waited for: whatever the monitor says meanwhile, this replica has it.
    pub(super) async fn make_ready(
        &mut self,
        connection: &mut Connection,
        target: &Target,
        pinned: bool,
        is_reader: bool,
    ) -> Result<Option<Gtid>, Unready> {
        let mut written = None;
        if target.causal && is_reader && !pinned {
            // First: the session's schema may be one of its writes.
            written = self.wait_for_writes(connection, target).await?;
        }
        if !pinned {
            bring(connection, &self.state).await?;
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
        Ok(written)
    }

    async fn wait_for_writes(&self, connection: &mut Connection, target: &Target) -> Result<Option<Gtid>, Unready> {
        let shared = &self.worker.shared;
        let tuning = shared.tuning.load();
        let written = match tuning.causal_reads {
            CausalReads::None if target.causal_by_rule => self.written,
            CausalReads::None => None,
            CausalReads::Session => self.written,
            CausalReads::User => *self.user.written.lock().unwrap_or_else(PoisonError::into_inner),
        };
        drop(tuning);
        for gtid in written.into_iter().chain(target.min_gtid) {
            self.wait_for(connection, gtid).await?;
        }
        Ok(written)
    }

    async fn wait_for(&self, connection: &mut Connection, gtid: Gtid) -> Result<(), Unready> {
        let shared = &self.worker.shared;
        let host = connection.server.host.clone();
        if host.position.load().contains(&gtid) {
            return Ok(());
        }
        let counters = &self.worker.tally.counters;
        bump(&counters.causal_waits, 1);
        let began = Instant::now();
        let limit = shared.tuning.load().causal_reads_timeout.as_secs_f64();
        let sql = format!("SELECT MASTER_GTID_WAIT('{gtid}',{limit})");
        let answer = query::query(connection, &sql).await;
        self.worker.note(&connection.server, |times| &times.causal, began.elapsed());
        match answer {
            Ok(table) if table.first() == Some("0") => {
                // Another may do the same for a later write, and neither is to be lost.
                host.position.rcu(|position| {
                    let mut position = (**position).clone();
                    position.advance(gtid);
                    position
                });
                Ok(())
            }
            // In time it did not get there, or it cannot be asked.
            Ok(_) | Err(QueryError::Server(_)) => {
                bump(&counters.causal_timeouts, 1);
                Err(Unready::Behind)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// It asks about the statement before: only that one's connection knows.
const ABOUT_LAST: Effects = Effects::DIAGNOSTICS
    .union(Effects::USES_FOUND_ROWS)
    .union(Effects::USES_ROW_COUNT)
    .union(Effects::USES_LAST_INSERT_ID);

/// MariaDB forgets a statement's warnings with the next one that has a table. Of a fresh session
/// FOUND_ROWS() is 1, and ROW_COUNT() 0, which DO leaves.
const CLEAR: &str = "SELECT 1 FROM (SELECT 1) a";

/// Makes a connection's state `wanted`.
///
/// # Errors
/// The server's, of the statements that say so; `Io` where it cannot be said.
pub async fn bring(connection: &mut Connection, wanted: &Rc<State>) -> Result<(), QueryError> {
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
