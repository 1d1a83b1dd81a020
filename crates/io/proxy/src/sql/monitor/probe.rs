//! One server's questions: is it there, may it be written, whom does it follow, how far is it.

use crate::sql::server::connect::{ConnectError, Credentials, connect};
use crate::sql::server::connection::{Connection, Place};
use crate::sql::server::groups::Server;
use crate::sql::server::query::{QueryError, Table, query};
use mysql::monitor::check_type;
use mysql::monitor::gtid::Position;
use mysql::monitor::replication::{Address, Answer, Io, Observation, ReplicaOf, SlaveStatus};
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
    Follows(ReplicaOf),
    /// The monitor's user may not ask (1227).
    Forbidden,
}

impl Facts {
    /// As the group's decision takes it.
    pub fn observation(&self) -> Observation {
        let slave = match &self.replication {
            Replication::None => SlaveStatus::NotReplica,
            Replication::Follows(of) => {
                SlaveStatus::Replica(ReplicaOf { gtid_pos: Some(self.current.clone()), ..of.clone() })
            }
            Replication::Forbidden => SlaveStatus::MissingPrivilege,
        };
        Observation {
            read_only: Some(self.read_only),
            slave,
            server_id: u32::try_from(self.server_id).ok(),
            gtid_binlog_pos: Some(self.binlog.clone()),
        }
    }
}

/// What came of a question, as the group's decision takes it.
pub fn answer(asked: &Result<Facts, ProbeError>) -> Answer {
    match asked {
        Ok(facts) => Answer::Seen(facts.observation()),
        Err(error) if error.is_an_answer() => Answer::Refused(error.to_string()),
        Err(_) => Answer::Unreachable,
    }
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
    /// Of its replication hostgroup.
    check_type: String,
    connection: Option<Connection>,
}

impl Probe {
    pub fn new(server: Arc<Server>, credentials: Credentials, check_type: String) -> Self {
        Self { server, credentials, check_type, connection: None }
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
        let itself = query(connection, &question(&self.check_type, mariadb)).await?;
        let took = started.elapsed();
        let replication = replication(connection).await?;
        let position = |column| itself.value(column).unwrap_or_default().parse().unwrap_or_default();
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

fn question(check_type: &str, mariadb: bool) -> String {
    let read_only = check_type::expression(check_type, mariadb);
    let positions = if mariadb {
        "@@gtid_binlog_pos binlog_pos,@@gtid_current_pos current_pos"
    } else {
        "'' binlog_pos,'' current_pos"
    };
    format!("SELECT {read_only} read_only,@@server_id server_id,{positions}")
}

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
        Err(QueryError::Server(error)) if error.code == FORBIDDEN => Ok(Replication::Forbidden),
        Err(error) => Err(error),
    }
}

fn read_status(status: &Table) -> Replication {
    if status.rows.is_empty() {
        return Replication::None;
    }
    let value = |old, new| status.value(old).or_else(|| status.value(new)).unwrap_or_default();
    let errors = [value("Last_IO_Error", ""), value("Last_SQL_Error", "")];
    Replication::Follows(ReplicaOf {
        master: Address {
            hostname: value("Master_Host", "Source_Host").to_owned(),
            port: value("Master_Port", "Source_Port").parse().unwrap_or_default(),
        },
        master_server_id: value("Master_Server_Id", "Source_Server_Id").parse().ok(),
        io: Io::parse(value("Slave_IO_Running", "Replica_IO_Running")),
        sql_running: value("Slave_SQL_Running", "Replica_SQL_Running") == "Yes",
        seconds_behind: value("Seconds_Behind_Master", "Seconds_Behind_Source").parse().ok(),
        gtid_pos: None,
        last_error: errors.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; "),
    })
}
