//! The admin interface's socket: the protocol around the engine.

use super::{Answer, Engine};
use crate::sql::client::handshake::{Gate, LoggedIn, Peer, log_in};
use crate::sql::client::proof::{Known, Learnt};
use crate::sql::stream::Stream;
use crate::sql::tls::Acceptor;
use crate::sql::wire::Wire;
use mysql::protocol::auth::Password;
use mysql::protocol::command::Command;
use mysql::protocol::packet::frame_with;
use mysql::protocol::reply::{self, ServerError, status};
use mysql::protocol::rows;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The longest statement people send here.
const LARGEST: usize = 1 << 20;

/// For the whole of a log-in.
const LOGIN: Duration = Duration::from_secs(10);

/// Of an administrator who says nothing.
const IDLE: Duration = Duration::from_secs(8 * 3600);

/// Who may administer, and who may only look.
pub struct AdminGate {
    pub tls: Option<Arc<Acceptor>>,
    /// Names and passwords of `admin-admin_credentials` and `admin-stats_credentials`.
    pub credentials: Vec<(String, String)>,
}

impl Gate for AdminGate {
    fn server_version(&self) -> Vec<u8> {
        format!("8.0.11-barque{} (ProxySQL admin)", env!("CARGO_PKG_VERSION")).into_bytes()
    }

    fn collation(&self) -> u8 {
        33
    }

    fn tls(&self) -> Option<Arc<Acceptor>> {
        self.tls.clone()
    }

    fn compresses(&self) -> bool {
        false
    }

    fn find(&self, name: &str) -> Option<Known> {
        let (_, password) = self.credentials.iter().find(|(user, _)| user == name)?;
        Some(Known { passwords: vec![Password::of(password)], use_ssl: false, learnt: Learnt::default() })
    }
}

/// Serves one administrator.
pub async fn serve<E: Engine>(engine: E, gate: &AdminGate, stream: Stream, id: u32, peer: Peer) {
    let Ok(Ok(logged_in)) = tokio::time::timeout(LOGIN, log_in(gate, stream, id, peer)).await else { return };
    let LoggedIn { wire, login, user, sequence, .. } = logged_in;
    let mut connection = Connection { wire, sequence, capabilities: login.capabilities };
    let mut session = engine.session(&user);
    if let Some(schema) = &login.schema {
        // One that is not there is no reason to refuse a log-in, as ProxySQL has it.
        let schema = String::from_utf8_lossy(schema).replace('`', "``");
        _ = engine.execute(&mut session, &format!("USE `{schema}`")).await;
    }
    // An administrator who leaves is none of the log's business.
    _ = connection.converse(&engine, &mut session).await;
}

struct Connection {
    wire: Wire,
    sequence: u8,
    capabilities: u32,
}

impl Connection {
    async fn converse<E: Engine>(&mut self, engine: &E, session: &mut E::Session) -> io::Result<()> {
        self.ok(&Answer::done()).await?;
        let mut payload = Vec::new();
        loop {
            let read = tokio::time::timeout(IDLE, self.wire.read_packet(&mut payload, LARGEST)).await;
            let Some(sequence) = read.map_err(|_| io::ErrorKind::TimedOut)?? else { return Ok(()) };
            self.sequence = sequence;
            match payload.first().and_then(|first| Command::of(*first)) {
                Some(Command::Quit) => return Ok(()),
                Some(Command::Query) => self.query(engine, session, &payload[1..]).await?,
                Some(Command::InitDb) => {
                    let name = String::from_utf8_lossy(&payload[1..]).into_owned();
                    self.query(engine, session, format!("USE {name}").as_bytes()).await?;
                }
                Some(Command::Ping | Command::ResetConnection | Command::SetOption) => self.ok(&Answer::done()).await?,
                Some(Command::FieldList) => self.no_fields().await?,
                _ => self.error(&ServerError::new(1047, b"08S01", "Unknown command")).await?,
            }
        }
    }

    async fn query<E: Engine>(&mut self, engine: &E, session: &mut E::Session, sql: &[u8]) -> io::Result<()> {
        let sql = String::from_utf8_lossy(sql).into_owned();
        match engine.execute(session, &sql).await {
            // Of several statements the last one answers, as ProxySQL has it.
            Ok(answers) => self.answer(&answers.into_iter().next_back().unwrap_or_else(Answer::done)).await,
            Err(error) => self.error(&error).await,
        }
    }

    async fn answer(&mut self, answer: &Answer) -> io::Result<()> {
        match answer {
            Answer::Ok { .. } => self.ok(answer).await,
            Answer::Rows { columns, rows } => {
                let rows = rows.iter().map(Vec::as_slice);
                rows::write(self.wire.outbox(), self.sequence, columns, rows, self.capabilities);
                self.wire.flush().await
            }
        }
    }

    async fn ok(&mut self, answer: &Answer) -> io::Result<()> {
        let Answer::Ok { affected, last_insert_id, info } = answer else { return Ok(()) };
        let ok = reply::Ok {
            affected_rows: *affected,
            last_insert_id: *last_insert_id,
            status: status::AUTOCOMMIT,
            info: info.as_bytes(),
            ..Default::default()
        };
        let capabilities = self.capabilities;
        self.sequence = frame_with(self.wire.outbox(), self.sequence, |out| ok.write(out, reply::OK, capabilities));
        self.wire.flush().await
    }

    async fn error(&mut self, error: &ServerError) -> io::Result<()> {
        self.sequence = frame_with(self.wire.outbox(), self.sequence, |out| error.write(out));
        self.wire.flush().await
    }

    /// Clients that complete names ask for columns: they get none.
    async fn no_fields(&mut self) -> io::Result<()> {
        self.sequence =
            frame_with(self.wire.outbox(), self.sequence, |out| reply::write_eof(out, 0, status::AUTOCOMMIT));
        self.wire.flush().await
    }
}
