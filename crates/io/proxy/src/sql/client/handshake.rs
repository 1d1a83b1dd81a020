//! A client's log-in: greeting, TLS if it wants, proof of its password.

use crate::sql::shared::Shared;
use crate::sql::stream::Stream;
use crate::sql::tls::Acceptor;
use crate::sql::wire::Wire;
use mysql::protocol::auth::{self, SCRAMBLE, Secret};
use mysql::protocol::greeting::Greeting;
use mysql::protocol::login::{FirstPacket, Login};
use mysql::protocol::packet::{self, frame_with, put_zero_ended};
use mysql::protocol::reply::{self, ServerError, status};
use mysql::protocol::{Malformed, capability};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

/// Longer than any packet of a log-in.
const LOGIN_PACKET: usize = 16 * 1024;

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum NoSession {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The client was told.
    #[error(transparent)]
    Refused(ServerError),
    /// It left without a word: a port check.
    #[error("left before it logged in")]
    Left,
}

/// Who may come in, and how the proxy introduces itself: differs between clients and administrators.
pub trait Gate {
    fn server_version(&self) -> Vec<u8>;
    fn collation(&self) -> u8;
    fn tls(&self) -> Option<Arc<Acceptor>>;
    /// The compressed protocol is offered.
    fn compresses(&self) -> bool;
    /// Result sets that end by an OK packet are offered.
    fn deprecates_eof(&self) -> bool {
        true
    }
    /// `None`: nobody of that name may come in.
    fn find(&self, name: &str) -> Option<Known>;
}

/// What is known of a user.
pub struct Known {
    pub password: auth::Password,
    /// TLS is demanded.
    pub use_ssl: bool,
}

impl Gate for Shared {
    fn server_version(&self) -> Vec<u8> {
        self.version()
    }

    fn collation(&self) -> u8 {
        self.collation()
    }

    fn tls(&self) -> Option<Arc<Acceptor>> {
        self.tls.load_full()
    }

    fn compresses(&self) -> bool {
        self.tuning.load().have_compress
    }

    fn deprecates_eof(&self) -> bool {
        self.tuning.load().deprecate_eof
    }

    fn find(&self, name: &str) -> Option<Known> {
        let plan = self.plan.load();
        let user = plan.users.get(name).filter(|user| user.settings.active)?;
        Some(Known { password: user.password.clone(), use_ssl: user.settings.use_ssl })
    }
}

/// A client that has proved who it is.
pub struct LoggedIn {
    pub wire: Wire,
    pub login: Login,
    pub user: String,
    pub secret: Secret,
    /// Of the OK that is still to be sent.
    pub sequence: u8,
}

/// Where the client comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    Ip(IpAddr, u16),
    Unix,
}

impl std::fmt::Display for Peer {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Ip(address, _) => write!(out, "{address}"),
            Self::Unix => out.write_str("localhost"),
        }
    }
}

/// # Errors
/// [`NoSession`].
pub async fn log_in(gate: &impl Gate, stream: Stream, id: u32, peer: Peer) -> Result<LoggedIn, NoSession> {
    let mut dialogue = Dialogue::new(gate, stream, id);
    let mut login = dialogue.first_packets().await?;
    // What was not offered is not had, whatever it says.
    login.capabilities &= dialogue.greeting.capabilities;
    let plugin = dialogue.settle_plugin(&mut login).await?;
    match dialogue.prove(&login, &plugin).await {
        Ok((user, secret)) => Ok(LoggedIn { wire: dialogue.wire, login, user, secret, sequence: dialogue.sequence }),
        Err(NoSession::Refused(mut error)) => {
            if error.message.is_empty() {
                error.message = denied(&login, peer);
            }
            dialogue.refuse(&error).await?;
            Err(NoSession::Refused(error))
        }
        Err(other) => Err(other),
    }
}

/// The server's own words.
fn denied(login: &Login, peer: Peer) -> String {
    let using = if login.auth_response.is_empty() { "NO" } else { "YES" };
    format!("Access denied for user '{}'@'{peer}' (using password: {using})", String::from_utf8_lossy(&login.user))
}

struct Dialogue<'a, G> {
    gate: &'a G,
    wire: Wire,
    greeting: Greeting,
    sequence: u8,
    packet: Vec<u8>,
}

impl<'a, G: Gate> Dialogue<'a, G> {
    fn new(gate: &'a G, stream: Stream, id: u32) -> Self {
        let mut capabilities = capability::OFFERED;
        if !gate.deprecates_eof() {
            capabilities &= !capability::DEPRECATE_EOF;
        }
        if gate.compresses() {
            capabilities |= capability::COMPRESS;
        }
        if gate.tls().is_some() {
            capabilities |= capability::SSL;
        }
        let greeting = Greeting {
            server_version: gate.server_version(),
            connection_id: id,
            scramble: scramble(),
            capabilities,
            collation: gate.collation(),
            status: status::AUTOCOMMIT,
            auth_plugin: auth::NATIVE.as_bytes().to_vec(),
        };
        Self { gate, wire: Wire::new(stream), greeting, sequence: 0, packet: Vec::new() }
    }

    async fn first_packets(&mut self) -> Result<Login, NoSession> {
        let mut payload = Vec::new();
        self.greeting.write(&mut payload);
        self.send(&payload).await?;
        if !self.receive().await? {
            return Err(NoSession::Left);
        }
        match self.read_first().await? {
            FirstPacket::Login(login) => Ok(login),
            FirstPacket::Ssl { .. } => {
                self.encrypt().await?;
                self.receive_whole().await?;
                match self.read_first().await? {
                    FirstPacket::Login(login) => Ok(login),
                    FirstPacket::Ssl { .. } => {
                        Err(Malformed::Unknown { what: "second request for TLS", value: 2 }.into())
                    }
                }
            }
        }
    }

    async fn read_first(&mut self) -> Result<FirstPacket, NoSession> {
        match FirstPacket::read(&self.packet) {
            Ok(first) => Ok(first),
            Err(malformed) => {
                let error = ServerError::new(1043, b"08S01", format!("Bad handshake: {malformed}"));
                self.refuse(&error).await?;
                Err(malformed.into())
            }
        }
    }

    async fn encrypt(&mut self) -> Result<(), NoSession> {
        let Some(tls) = self.gate.tls() else {
            return Err(io::Error::other("asked for TLS, which mysql-have_ssl switches off").into());
        };
        let (stream, early) = std::mem::replace(&mut self.wire, Wire::new(Stream::Taken)).into_parts();
        if !early.is_empty() {
            return Err(io::Error::other("sent more before TLS had begun").into());
        }
        let stream = tls.accept(stream).await?;
        self.wire = Wire::new(Stream::TlsServer(Box::new(stream)));
        Ok(())
    }

    /// A client that proves by a plugin that is not ours is asked to use one that is.
    async fn settle_plugin(&mut self, login: &mut Login) -> Result<Vec<u8>, NoSession> {
        let offered = login.auth_plugin.clone().unwrap_or_else(|| auth::NATIVE.as_bytes().to_vec());
        let known = [auth::NATIVE, auth::CACHING_SHA2].iter().any(|name| name.as_bytes() == offered);
        // A client that began with another plugin than the greeting's had no scramble for it.
        if known && (offered == self.greeting.auth_plugin || !login.auth_response.is_empty()) {
            return Ok(offered);
        }
        let plugin = auth::NATIVE.as_bytes().to_vec();
        if !login.has(capability::PLUGIN_AUTH) {
            return Ok(plugin);
        }
        let mut payload = vec![reply::EOF];
        put_zero_ended(&mut payload, &plugin);
        put_zero_ended(&mut payload, &self.greeting.scramble);
        self.send(&payload).await?;
        self.receive_whole().await?;
        login.auth_response = self.packet.clone();
        Ok(plugin)
    }

    async fn prove(&mut self, login: &Login, plugin: &[u8]) -> Result<(String, Secret), NoSession> {
        let refused = || NoSession::Refused(ServerError::new(1045, b"28000", ""));
        let name = std::str::from_utf8(&login.user).map_err(|_| refused())?;
        let name = name.to_owned();
        let known = self.gate.find(&name);
        // An unknown name takes as long as a wrong password.
        let password = known.as_ref().map_or_else(auth::Password::unknown, |known| known.password.clone());
        let scramble = self.greeting.scramble;
        let secret = if plugin == auth::CACHING_SHA2.as_bytes() {
            match password.check_sha2(&scramble, &login.auth_response) {
                Some(secret) => {
                    if !login.auth_response.is_empty() {
                        self.send(&[1, auth::SHA2_FAST_OK]).await?;
                    }
                    Some(secret)
                }
                None if self.wire.stream.is_private() => self.full_sha2(&password).await?,
                None => None,
            }
        } else {
            password.check_native(&scramble, &login.auth_response)
        };
        let known = known.ok_or_else(refused)?;
        let secret = secret.ok_or_else(refused)?;
        if known.use_ssl && self.wire.stream.cipher().is_none() {
            return Err(NoSession::Refused(ServerError::new(
                1045,
                b"28000",
                format!("Access denied for user '{name}': it has to use TLS (mysql_users.use_ssl)"),
            )));
        }
        Ok((name, secret))
    }

    /// The password in clear, inside of TLS or a unix socket.
    async fn full_sha2(&mut self, password: &auth::Password) -> Result<Option<Secret>, NoSession> {
        self.send(&[1, auth::SHA2_FULL]).await?;
        self.receive_whole().await?;
        let given = self.packet.strip_suffix(&[0]).unwrap_or(&self.packet);
        Ok(std::str::from_utf8(given).ok().and_then(|given| password.check_clear(given)))
    }

    async fn refuse(&mut self, error: &ServerError) -> io::Result<()> {
        self.sequence = frame_with(self.wire.outbox(), self.sequence, |out| error.write(out));
        self.wire.flush().await
    }

    async fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        self.sequence = packet::frame(self.wire.outbox(), self.sequence, payload);
        self.wire.flush().await
    }

    /// False: it ended before anything came.
    async fn receive(&mut self) -> io::Result<bool> {
        match self.wire.read_packet(&mut self.packet, LOGIN_PACKET).await? {
            Some(next) => {
                self.sequence = next;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    async fn receive_whole(&mut self) -> io::Result<()> {
        if self.receive().await? { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// Never a zero byte: it would end the scramble.
pub fn scramble() -> [u8; SCRAMBLE] {
    let mut bytes = [0; SCRAMBLE];
    rand::fill(&mut bytes[..]);
    bytes.map(|byte| byte % 94 + 33)
}
