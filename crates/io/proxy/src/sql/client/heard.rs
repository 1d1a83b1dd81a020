//! What a server's answer means for the session, and for the connection it came on.

use super::execute::{Kind, Target};
use super::session::Session;
use crate::sql::server::connection::Connection;
use crate::sql::server::query::{self, QueryError};
use crate::sql::server::relay::Heard;
use mysql::monitor::gtid::Gtid;
use mysql::protocol::reply::status;
use mysql::session::variables::Meaning;
use mysql::session::{Pins, State};
use mysql::settings::Hostgroup;
use mysql::statement::Effects;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

impl Session {
    /// Takes in what the answer told, and keeps the connection, leaves it lingering, or gives it back.
    pub(super) fn after(&mut self, mut connection: Connection, heard: &Heard, target: &Target) {
        let now = Instant::now();
        let took = now.saturating_duration_since(self.started);
        self.took = Some(took);
        let reads = target.kind == Kind::Read;
        self.worker.note(&connection.server, |times| if reads { &times.read } else { &times.write }, took);
        self.trace.answered(&connection.server);
        self.hear_state(&mut connection, heard, target);
        if let (Some(prepared), Some(text)) = (heard.prepared, self.preparing.clone()) {
            let state = self.state.clone();
            super::prepared::remember(self, &mut connection, &text, &state, prepared.id);
        }
        if let Some(error) = &heard.error {
            self.note_error(&connection, error);
        }
        self.hear_effects(heard, target, connection.server.hostgroup);
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
        if (heard.state && !target.forgets_variables && (!explained || anything)) || untold {
            self.pins.insert(Pins::OPAQUE);
        }
        if let Some(state) = state {
            self.set_state(state);
        }
        connection.state = self.state.clone();
    }

    fn hear_effects(&mut self, heard: &Heard, target: &Target, hostgroup: Hostgroup) {
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
        let shared = &self.worker.shared;
        let keeps = target.multiplex == Some(false) || shared.manners.load().keeps_connections(hostgroup);
        // What holds a session to a reader would have its writes fail there.
        if keeps && shared.live.groups.load().writer_of(hostgroup).is_none() {
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
}

/// What changes a session's state at a server that does not tell.
const CHANGES_STATE: Effects = Effects::SET_VARIABLES.union(Effects::USE).union(Effects::SET_AUTOCOMMIT);

/// What a statement leaves on its connection.
const PINNED_BY: [(Effects, Pins); 14] = [
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
    // What is asked about is kept by the connection, of several statements.
    (Effects::PROFILING, Pins::OPAQUE),
    (Effects::XA, Pins::OPAQUE),
    (Effects::HANDLER, Pins::HANDLER),
    (Effects::SET_TRANSACTION_NEXT, Pins::NEXT_TRANSACTION),
];

/// Answers of several connections do not come in the order of their commits.
fn later(known: Option<Gtid>, heard: Gtid) -> Gtid {
    known.filter(|known| known.domain == heard.domain && known.sequence > heard.sequence).unwrap_or(heard)
}

/// What an answer does not tell, where it may matter: the status behind an error, for a transaction may be open; the
/// transaction's id behind rows that end in an EOF, for a function in a SELECT may have written. False: the connection broke.
pub(super) async fn ask_after(connection: &mut Connection, heard: &mut Heard, target: &Target) -> bool {
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
