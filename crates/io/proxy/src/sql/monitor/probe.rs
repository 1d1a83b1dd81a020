//! One server's questions: is it there, may it be written, whom does it follow, how far is it.

use crate::sql::server::connect::{ConnectError, Credentials, connect};
use crate::sql::server::connection::{Connection, Place};
use crate::sql::server::groups::Server;
use crate::sql::server::query::{QueryError, Table, query};
use mysql::session::gtid::Position;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// What a server said of itself.
#[derive(Debug, Clone)]
pub struct Facts {
    pub took: Duration,
    pub read_only: bool,
    pub server_id: u64,
    /// `gtid_binlog_pos`; empty at servers that have none.
    pub binlog: Position,
    /// `gtid_current_pos`: all that it has, its own and its master's.
    pub current: Position,
    pub replication: Replication,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replication {
    /// It follows nobody.
    None,
    Follows {
        host: String,
        port: u16,
        io_running: bool,
        sql_running: bool,
        seconds_behind: Option<u64>,
        error: String,
    },
    /// The monitor's user may not ask (1227).
    Forbidden(String),
}

#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("{0}")]
    Query(#[from] QueryError),
    #[error("did not answer within {} ms", .0.as_millis())]
    Late(Duration),
}

impl ProbeError {
    /// It is there: it said no.
    pub fn is_an_answer(&self) -> bool {
        matches!(self, Self::Connect(ConnectError::Refused { .. }) | Self::Query(QueryError::Server(_)))
    }
}

/// A server, and the connection its questions go over.
pub struct Probe {
    server: Arc<Server>,
    credentials: Credentials,
    connection: Option<Connection>,
}

impl Probe {
    pub fn new(server: Arc<Server>, credentials: Credentials) -> Self {
        Self { server, credentials, connection: None }
    }

    /// Asks, over the connection it has or a new one.
    ///
    /// # Errors
    /// [`ProbeError`]; the connection is given up then.
    pub async fn ask(&mut self, limit: Duration) -> Result<Facts, ProbeError> {
        let asked = timeout(limit, self.attempt(limit)).await.unwrap_or(Err(ProbeError::Late(limit)));
        if asked.is_err() {
            self.connection = None;
        }
        asked
    }

    async fn attempt(&mut self, limit: Duration) -> Result<Facts, ProbeError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(connect(&self.server, &self.credentials, Place::beside(), limit).await?),
        };
        let started = Instant::now();
        let mariadb = memchr::memmem::find(&self.server.host.version.load(), b"MariaDB").is_some();
        let itself = query(connection, if mariadb { OF_MARIADB } else { OF_MYSQL }).await?;
        let took = started.elapsed();
        let replication = replication(connection).await?;
        let position = |column| Position::parse(itself.value(column).unwrap_or_default());
        Ok(Facts {
            took,
            read_only: itself.value("read_only").is_some_and(|value| value != "0"),
            server_id: itself.value("server_id").and_then(|value| value.parse().ok()).unwrap_or_default(),
            binlog: position("binlog_pos"),
            current: position("current_pos"),
            replication,
        })
    }
}

const OF_MARIADB: &str = "SELECT @@global.read_only read_only,@@server_id server_id,\
                          @@gtid_binlog_pos binlog_pos,@@gtid_current_pos current_pos";

const OF_MYSQL: &str = "SELECT @@global.read_only|@@global.super_read_only read_only,@@server_id server_id,\
                        '' binlog_pos,'' current_pos";

/// ER_SPECIFIC_ACCESS_DENIED_ERROR.
const FORBIDDEN: u16 = 1227;

/// ER_PARSE_ERROR: MySQL from 8.4 on knows only the newer words.
const SYNTAX: u16 = 1064;

async fn replication(connection: &mut Connection) -> Result<Replication, QueryError> {
    let status = match query(connection, "SHOW SLAVE STATUS").await {
        Err(QueryError::Server(error)) if error.code == SYNTAX => query(connection, "SHOW REPLICA STATUS").await,
        other => other,
    };
    match status {
        Ok(status) => Ok(read_status(&status)),
        Err(QueryError::Server(error)) if error.code == FORBIDDEN => Ok(Replication::Forbidden(error.message)),
        Err(error) => Err(error),
    }
}

fn read_status(status: &Table) -> Replication {
    if status.rows.is_empty() {
        return Replication::None;
    }
    let value = |old, new| status.value(old).or_else(|| status.value(new)).unwrap_or_default();
    let running = |old, new| value(old, new) == "Yes";
    let errors = [value("Last_IO_Error", ""), value("Last_SQL_Error", "")];
    Replication::Follows {
        host: value("Master_Host", "Source_Host").to_owned(),
        port: value("Master_Port", "Source_Port").parse().unwrap_or_default(),
        io_running: running("Slave_IO_Running", "Replica_IO_Running"),
        sql_running: running("Slave_SQL_Running", "Replica_SQL_Running"),
        seconds_behind: value("Seconds_Behind_Master", "Seconds_Behind_Source").parse().ok(),
        error: errors.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; "),
    }
}
