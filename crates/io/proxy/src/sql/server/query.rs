//! Statements of the proxy's own on a connection: answers are small and are read whole.

use super::connection::Connection;
use crate::sql::wire::Wire;
use mysql::protocol::command::Command;
use mysql::protocol::packet::{self, Reader};
use mysql::protocol::reply::{self, EOF, ERR, OK, ServerError};
use mysql::protocol::{Malformed, capability};
use std::io;

/// The longest packet of an answer to the proxy itself.
const LIMIT: usize = 1 << 20;

/// The most rows of an answer to the proxy itself: `SHOW COLLATION` has some hundreds.
const ROWS: usize = 10_000;

#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Server(ServerError),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// Rows by column's name.
#[derive(Debug, Default)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Option<String>>>,
}

impl Table {
    /// Of the first row.
    pub fn value(&self, column: &str) -> Option<&str> {
        let index = self.columns.iter().position(|name| name.eq_ignore_ascii_case(column))?;
        self.rows.first()?.get(index)?.as_deref()
    }

    pub fn first(&self) -> Option<&str> {
        self.rows.first()?.first()?.as_deref()
    }
}

/// # Errors
/// [`QueryError`]; after all but `Server` the connection is of no more use.
pub async fn query(connection: &mut Connection, sql: &str) -> Result<Table, QueryError> {
    send(&mut connection.wire, Command::Query, sql.as_bytes()).await?;
    read(&mut connection.wire, connection.capabilities).await
}

/// COM_INIT_DB.
///
/// # Errors
/// As [`query`].
pub async fn init_db(connection: &mut Connection, schema: &[u8]) -> Result<(), QueryError> {
    if is_same_in_any_charset(schema) {
        return send_init_db(connection, schema).await;
    }
    let table = query(connection, "SELECT @@character_set_client").await?;
    let charset = table.first().unwrap_or_default().to_owned();
    query(connection, "SET character_set_client=utf8mb4").await?;
    let result = send_init_db(connection, schema).await;
    query(connection, &format!("SET character_set_client={charset}")).await?;
    result
}

async fn send_init_db(connection: &mut Connection, schema: &[u8]) -> Result<(), QueryError> {
    send(&mut connection.wire, Command::InitDb, schema).await?;
    read(&mut connection.wire, connection.capabilities).await.map(drop)
}

/// A server tells schemas in UTF-8, and takes them in the connection's character set, which need not be that.
pub fn is_same_in_any_charset(schema: &[u8]) -> bool {
    schema.is_ascii() || std::str::from_utf8(schema).is_err()
}

/// COM_PING: the status, as a statement that failed does not tell it.
///
/// # Errors
/// As [`query`].
pub async fn ping(connection: &mut Connection) -> Result<u16, QueryError> {
    send(&mut connection.wire, Command::Ping, b"").await?;
    let mut payload = Vec::new();
    next(&mut connection.wire, &mut payload).await?;
    Ok(reply::Ok::read(&payload, connection.capabilities)?.status)
}

async fn send(wire: &mut Wire, command: Command, argument: &[u8]) -> io::Result<()> {
    let mut payload = Vec::with_capacity(1 + argument.len());
    payload.push(command as u8);
    payload.extend_from_slice(argument);
    packet::frame(wire.outbox(), 0, &payload);
    wire.flush().await
}

async fn read(wire: &mut Wire, capabilities: u32) -> Result<Table, QueryError> {
    let mut payload = Vec::new();
    let mut table = Table::default();
    next(wire, &mut payload).await?;
    match payload.first().copied() {
        Some(OK) => return Ok(table),
        Some(ERR) => return Err(QueryError::Server(ServerError::read(&payload)?)),
        _ => {}
    }
    let columns = Reader::new(&payload).lenenc("number of columns")?;
    for _ in 0..columns {
        next(wire, &mut payload).await?;
        table.columns.push(column_name(&payload)?);
    }
    if capabilities & capability::DEPRECATE_EOF == 0 {
        next(wire, &mut payload).await?;
    }
    while table.rows.len() < ROWS {
        next(wire, &mut payload).await?;
        match payload.first().copied() {
            Some(ERR) => return Err(QueryError::Server(ServerError::read(&payload)?)),
            Some(EOF) if payload.len() < packet::MAX_FRAME => return Ok(table),
            _ => table.rows.push(row(&payload, columns)?),
        }
    }
    Err(io::Error::other(format!("an answer of more than {ROWS} rows")).into())
}

async fn next(wire: &mut Wire, payload: &mut Vec<u8>) -> io::Result<()> {
    let read = wire.read_packet(payload, LIMIT).await?;
    read.map(drop).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn column_name(payload: &[u8]) -> Result<String, Malformed> {
    let mut reader = Reader::new(payload);
    for _ in 0..4 {
        reader.lenenc_bytes("column")?;
    }
    Ok(String::from_utf8_lossy(reader.lenenc_bytes("column's name")?).into_owned())
}

fn row(payload: &[u8], columns: u64) -> Result<Vec<Option<String>>, Malformed> {
    let mut reader = Reader::new(payload);
    let mut values = Vec::new();
    for _ in 0..columns {
        let value = match reader.lenenc_or_null("value")? {
            None => None,
            Some(length) => {
                let length = usize::try_from(length).map_err(|_| Malformed::Short("value"))?;
                Some(String::from_utf8_lossy(reader.bytes(length, "value")?).into_owned())
            }
        };
        values.push(value);
    }
    Ok(values)
}

/// COM_STMT_PREPARE whose answer nobody but the proxy sees. Returns the server's id.
///
/// # Errors
/// As [`query`].
pub async fn prepare(connection: &mut Connection, text: &[u8]) -> Result<u32, QueryError> {
    send(&mut connection.wire, Command::StmtPrepare, text).await?;
    let mut relay = super::relay::Relay::new(mysql::protocol::answer::Expect::Prepared, connection);
    match relay.run(connection, &mut None).await {
        Ok(_) => {}
        Err(super::relay::Broken::Malformed(error)) => return Err(error.into()),
        Err(super::relay::Broken::Server { source, .. } | super::relay::Broken::Client(source)) => {
            return Err(source.into());
        }
    }
    match (relay.heard.error, relay.heard.prepared) {
        (Some(error), _) => Err(QueryError::Server(error)),
        (None, Some(prepared)) => Ok(prepared.id),
        (None, None) => Err(Malformed::Short("answer to a preparation").into()),
    }
}

/// COM_STMT_CLOSE has no answer: it goes with the next packet.
pub fn close_statement(connection: &mut Connection, id: u32) {
    let mut payload = vec![Command::StmtClose as u8];
    payload.extend_from_slice(&id.to_le_bytes());
    packet::frame(connection.wire.outbox(), 0, &payload);
}
