//! Logging in at a server.

use super::connection::{Connection, Key, Place, Statements};
use super::groups::Server;
use crate::sql::stream::Stream;
use crate::sql::wire::Wire;
use mysql::protocol::auth::Secret;
use mysql::protocol::greeting::Greeting;
use mysql::protocol::login::Login;
use mysql::protocol::reply::{ERR, OK, ServerError};
use mysql::protocol::{Malformed, capability};
use mysql::session::State;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpStream, UnixStream};

/// Longer than any packet of a log-in.
const LOGIN_PACKET: usize = 64 * 1024;

/// Has MariaDB and MySQL tell what changes in a session. `*`: all variables.
pub const TRACK: &str = "SET session_track_system_variables='*',session_track_schema=1,session_track_state_change=1";

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("{address}: {source}")]
    Io { address: String, source: io::Error },
    /// It answered with an error of its own.
    #[error("{address} refused: {source}")]
    Refused { address: String, source: ServerError },
    #[error("{address} wants the plugin {plugin}, which needs the password in clear in mysql_users")]
    Plugin { address: String, plugin: String },
    #[error("{address} wants the plugin {plugin}, which is not known here")]
    NoPlugin { address: String, plugin: String },
    #[error("{address} wants the plugin {plugin}, which is for TLS only: set use_ssl=1 in mysql_servers")]
    Exposed { address: String, plugin: &'static str },
    /// Nothing was said of who logs in.
    #[error("{address}: TLS: {reason}")]
    Tls { address: String, reason: String },
    #[error("{address} does not speak the protocol: {source}")]
    Malformed { address: String, source: Malformed },
    #[error("{address} did not answer within {} ms (mysql-connect_timeout_server)", limit.as_millis())]
    Late { address: String, limit: Duration },
    /// Too many new connections in this second.
    #[error(
        "{address}: its hostgroup has had as many new connections in this second as it may (throttle_connections_per_sec)"
    )]
    Throttled { address: String },
    /// What each connection begins with failed.
    #[error("{address}: init_connect: {source}")]
    Begin { address: String, source: Box<super::query::QueryError> },
    /// Its share of connections is taken.
    #[error("{address} has all the connections it may have (mysql_servers.max_connections)")]
    Full { address: String },
}

/// What to log in with.
#[derive(Clone)]
pub struct Credentials {
    pub key: Key,
    pub secret: Secret,
    pub schema: Vec<u8>,
}

/// Connects and logs in, with session tracking on.
///
/// # Errors
/// [`ConnectError`], all but `Full`.
pub async fn connect(
    server: &Arc<Server>,
    credentials: &Credentials,
    place: Place,
    limit: Duration,
) -> Result<Connection, ConnectError> {
    match tokio::time::timeout(limit, attempt(server, credentials, place)).await {
        Ok(result) => result,
        Err(_) => Err(ConnectError::Late { address: server.address(), limit }),
    }
}

async fn attempt(server: &Arc<Server>, credentials: &Credentials, place: Place) -> Result<Connection, ConnectError> {
    let mut dialogue = open(server).await?;
    let greeting = dialogue.greeting().await?;
    dialogue.log_in(&greeting, credentials).await?;
    let capabilities = dialogue.capabilities;
    if capabilities & capability::COMPRESS != 0 {
        dialogue.wire.compress_to_server();
    }
    if !server.host.version.load().as_slice().eq(&greeting.server_version) {
        server.host.version.store(Arc::new(greeting.server_version.clone()));
    }
    if capabilities & capability::SESSION_TRACK != 0 {
        dialogue.track().await?;
    } else {
        dialogue.tracks = false;
    }
    let mut state = State::default();
    if names_schema(credentials) {
        state.set_schema(&credentials.schema);
    }
    Ok(Connection {
        wire: dialogue.wire,
        server: server.clone(),
        key: credentials.key.clone(),
        capabilities,
        tracks: dialogue.tracks,
        thread_id: greeting.connection_id,
        state: Rc::new(state),
        statements: Statements::default(),
        opened: Instant::now(),
        idle_since: Instant::now(),
        lingers_for: 0,
        insert_id: 0,
        warned_last: false,
        warned: false,
        generation: 0,
        place,
    })
}

async fn open(server: &Arc<Server>) -> Result<Dialogue<'_>, ConnectError> {
    let stream = if server.port == 0 {
        UnixStream::connect(&server.hostname).await.map(Stream::Unix)
    } else {
        TcpStream::connect((server.hostname.as_str(), server.port)).await.and_then(|stream| {
            stream.set_nodelay(true)?;
            Ok(Stream::Tcp(stream))
        })
    };
    let stream = stream.map_err(|source| ConnectError::Io { address: server.address(), source })?;
    Ok(Dialogue { wire: Wire::new(stream), server, sequence: 0, capabilities: 0, tracks: true, packet: Vec::new() })
}

/// The schema is told with the log-in; one that is not the same in each character set is told later.
fn names_schema(credentials: &Credentials) -> bool {
    !credentials.schema.is_empty() && super::query::is_same_in_any_charset(&credentials.schema)
}

/// The packets of a log-in, one after the other.
pub(super) struct Dialogue<'a> {
    pub(super) wire: Wire,
    pub(super) server: &'a Arc<Server>,
    sequence: u8,
    capabilities: u32,
    tracks: bool,
    pub(super) packet: Vec<u8>,
}

impl Dialogue<'_> {
    pub(super) async fn next(&mut self) -> Result<(), ConnectError> {
        let read =
            self.wire.read_packet(&mut self.packet, LOGIN_PACKET).await.and_then(|next| {
                next.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "closed the connection"))
            });
        self.sequence = read.map_err(|source| self.io(source))?;
        Ok(())
    }

    pub(super) async fn send(&mut self, payload: &[u8]) -> Result<(), ConnectError> {
        self.sequence = self.wire.send(self.sequence, payload).await.map_err(|source| self.io(source))?;
        Ok(())
    }

    async fn greeting(&mut self) -> Result<Greeting, ConnectError> {
        self.next().await?;
        if self.packet.first() == Some(&ERR) {
            return Err(self.refused());
        }
        Greeting::read(&self.packet).map_err(|source| self.malformed(source))
    }

    async fn log_in(&mut self, greeting: &Greeting, credentials: &Credentials) -> Result<(), ConnectError> {
        let mut capabilities = capability::to_server(credentials.key.capabilities, greeting.capabilities);
        let schema = if names_schema(credentials) { credentials.schema.clone() } else { Vec::new() };
        if !schema.is_empty() {
            capabilities |= capability::CONNECT_WITH_DB;
        }
        if self.server.compression {
            capabilities |= capability::COMPRESS & greeting.capabilities;
        }
        if self.server.use_ssl && !matches!(self.wire.stream, Stream::Unix(_)) {
            capabilities |= capability::SSL;
            self.encrypt(capabilities, greeting, credentials).await?;
        }
        self.capabilities = capabilities;
        let answer = self.first_answer(greeting, credentials);
        let login = Login {
            capabilities,
            max_packet: 1 << 30,
            collation: credentials.key.collation,
            user: credentials.key.user.as_bytes().to_vec(),
            auth_response: answer,
            schema: Some(schema),
            auth_plugin: Some(greeting.auth_plugin.clone()),
            attributes: Vec::new(),
        };
        let mut payload = Vec::new();
        login.write(&mut payload);
        self.send(&payload).await?;
        self.verdict(credentials, greeting).await
    }

    /// Asks for TLS, and goes on inside of it.
    async fn encrypt(
        &mut self,
        capabilities: u32,
        greeting: &Greeting,
        credentials: &Credentials,
    ) -> Result<(), ConnectError> {
        let Server { hostname, port, host, .. } = &**self.server;
        if greeting.capabilities & capability::SSL == 0 {
            let reason = "the server has none, and mysql_servers.use_ssl demands it";
            return Err(self.tls(reason.to_owned()));
        }
        let connector =
            host.tls.connector(hostname, *port, &credentials.key.user).map_err(|reason| self.tls(reason))?;
        let mut payload = Vec::new();
        let request =
            Login { capabilities, max_packet: 1 << 30, collation: credentials.key.collation, ..Login::default() };
        request.write_ssl_request(&mut payload);
        self.send(&payload).await?;
        let (stream, early) = std::mem::replace(&mut self.wire, Wire::new(Stream::Taken)).into_parts();
        if !early.is_empty() {
            return Err(self.tls("it sent more before TLS had begun".to_owned()));
        }
        let stream = connector.connect(stream, hostname).await.map_err(|error| self.tls(error.to_string()))?;
        self.wire = Wire::new(Stream::TlsClient(Box::new(stream)));
        Ok(())
    }

    async fn track(&mut self) -> Result<(), ConnectError> {
        self.sequence = 0;
        let mut payload = vec![mysql::protocol::command::Command::Query as u8];
        payload.extend_from_slice(TRACK.as_bytes());
        self.send(&payload).await?;
        self.next().await?;
        if self.packet.first() == Some(&OK) {
            return Ok(());
        }
        // A server that does not know these variables: MySQL before 5.7, MariaDB before 10.2.
        self.tracks = false;
        Ok(())
    }

    pub(super) fn refused(&self) -> ConnectError {
        match ServerError::read(&self.packet) {
            Ok(source) => ConnectError::Refused { address: self.server.address(), source },
            Err(source) => self.malformed(source),
        }
    }

    pub(super) fn malformed(&self, source: Malformed) -> ConnectError {
        ConnectError::Malformed { address: self.server.address(), source }
    }

    pub(super) fn tls(&self, reason: String) -> ConnectError {
        let hint = if reason.contains("not valid for name") { " (mysql-ssl_p2s_verify_name)" } else { "" };
        ConnectError::Tls { address: self.server.address(), reason: format!("{reason}{hint}") }
    }

    fn io(&self, source: io::Error) -> ConnectError {
        ConnectError::Io { address: self.server.address(), source }
    }
}
