//! Connections that are given up or never were, and what the client hears of it.

use super::execute::Outcome;
use super::session::{Next, Session};
use crate::sql::server::acquire::NoConnection;
use crate::sql::server::connect::ConnectError;
use crate::sql::server::connection::Connection;
use crate::sql::stats::{ErrorKey, count};
use mysql::protocol::reply::ServerError;
use mysql::session::Pins;
use mysql::settings::Hostgroup;
use std::io;

impl Session {
    pub(super) async fn without_connection(
        &mut self,
        error: NoConnection,
        hostgroup: Hostgroup,
    ) -> io::Result<Outcome> {
        let error = match error {
            NoConnection::Killed => return Err(io::ErrorKind::Interrupted.into()),
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
    pub(super) async fn lost(&mut self, error: &io::Error, pinned: bool, hostgroup: Hostgroup) -> io::Result<Outcome> {
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
    pub(super) fn give_up(&mut self, connection: Connection, pinned: bool) {
        if pinned {
            self.public.now().server = None;
            self.held = Some(connection);
        } else {
            self.drop_connection(connection);
        }
    }

    /// Nobody waits for what still runs there: it is ended at the server too.
    pub(super) fn abandon(&mut self, connection: Connection) {
        let (server, thread) = (connection.server.clone(), connection.thread_id);
        self.drop_connection(connection);
        let (shared, credentials) = (self.worker.shared.clone(), self.credentials.clone());
        count(&shared.stats.killed_connections);
        tokio::task::spawn_local(async move {
            crate::sql::server::aside::run(&shared, &server, &credentials, &format!("KILL CONNECTION {thread}")).await;
        });
    }

    pub(super) fn note_error(&self, connection: &Connection, error: &ServerError) {
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
}
