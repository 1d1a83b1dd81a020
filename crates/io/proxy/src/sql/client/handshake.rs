//! A client's log-in: greeting, TLS if it wants, proof of its password.

use super::proof::{Known, Link, Offer, prove};
use crate::sql::rsa::OwnKey;
use crate::sql::shared::Shared;
use crate::sql::stream::Stream;
use crate::sql::tls::Acceptor;
use crate::sql::wire::Wire;
use mysql::protocol::auth::{self, SCRAMBLE, Secret};
use mysql::protocol::greeting::Greeting;
use mysql::protocol::login::{FirstPacket, Login};
use mysql::protocol::packet::{self, frame_with};
use mysql::protocol::reply::{ServerError, status};
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

    /// The plugin that clients are greeted with, or asked for.
    fn plugin(&self) -> &'static str {
        auth::NATIVE
    }

    /// For passwords outside of TLS.
    fn rsa(&self) -> Option<&OwnKey> {
        None
    }

    /// It may say for whom it speaks, by a header of the PROXY protocol.
    fn may_speak_for_others(&self, _peer: IpAddr) -> bool {
        false
    }
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
        Some(user.known())
    }

    fn plugin(&self) -> &'static str {
        self.tuning.load().default_authentication_plugin
    }

    fn rsa(&self) -> Option<&OwnKey> {
        Some(&self.rsa)
    }

    fn may_speak_for_others(&self, peer: IpAddr) -> bool {
        self.tuning.load().proxy_protocol_networks.has(peer)
    }
}

/// A client that has proved who it is.
pub struct LoggedIn {
    pub wire: Wire,
    pub login: Login,
    pub user: String,
    pub secret: Secret,
    /// Where it comes from, as whoever speaks for it has said.
    pub peer: Peer,
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
    let mut dialogue = Dialogue::new(gate, stream, id, peer);
    let mut login = dialogue.first_packets().await?;
    // What was not offered is not had, whatever it says.
    login.capabilities &= dialogue.greeting.capabilities;
    match dialogue.prove(&login).await {
        Ok((user, secret)) => {
            let Dialogue { wire, peer, sequence, .. } = dialogue;
            Ok(LoggedIn { wire, login, user, secret, peer, sequence })
        }
        Err(NoSession::Refused(error)) => {
            dialogue.refuse(&error).await?;
            Err(NoSession::Refused(error))
        }
        Err(other) => Err(other),
    }
}

/// The server's own words, the same for a wrong password and a name that nobody has.
pub fn denied(user: &[u8], peer: Peer, gave_password: bool) -> ServerError {
    let using = if gave_password { "YES" } else { "NO" };
    let user = String::from_utf8_lossy(user);
    ServerError::new(1045, b"28000", format!("Access denied for user '{user}'@'{peer}' (using password: {using})"))
}

/// The proof was right, but for `mysql_users.use_ssl`. ProxySQL's words.
pub fn needs_tls(user: &[u8], peer: Peer) -> ServerError {
    let error = denied(user, peer, true);
    ServerError::new(1045, b"28000", format!("{}. SSL is required", error.message))
}

struct Dialogue<'a, G> {
    gate: &'a G,
    peer: Peer,
    wire: Wire,
    greeting: Greeting,
    sequence: u8,
    packet: Vec<u8>,
}

impl<'a, G: Gate> Dialogue<'a, G> {
    fn new(gate: &'a G, stream: Stream, id: u32, peer: Peer) -> Self {
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
            // Its challenge has 20 bytes: where clients are to sign 32, they are asked to afterwards.
            auth_plugin: match gate.plugin() {
                auth::ED25519 => auth::NATIVE.into(),
                plugin => plugin.into(),
            },
        };
        Self { gate, peer, wire: Wire::new(stream), greeting, sequence: 0, packet: Vec::new() }
    }

    async fn first_packets(&mut self) -> Result<Login, NoSession> {
        let mut payload = Vec::new();
        self.greeting.write(&mut payload);
        self.send(&payload).await?;
        self.hear_for_whom().await?;
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

    /// What balancers say that speak for others. Servers speak first in this protocol, so it comes behind the greeting.
    async fn hear_for_whom(&mut self) -> Result<(), NoSession> {
        let Peer::Ip(address, _) = self.peer else { return Ok(()) };
        if !self.gate.may_speak_for_others(address) {
            return Ok(());
        }
        let header = self.wire.proxy_header().await.map_err(|error| {
            crate::sql::log::warn(&format!("{address}: {error} (mysql-proxy_protocol_networks)"));
            error
        })?;
        if let Some(ends) = header.and_then(|header| header.endpoints) {
            self.peer = Peer::Ip(ends.source.ip().to_canonical(), ends.source.port());
        }
        Ok(())
    }

    async fn prove(&mut self, login: &Login) -> Result<(String, Secret), NoSession> {
        let name = String::from_utf8_lossy(&login.user).into_owned();
        let known = self.gate.find(&name);
        let plugin = login.auth_plugin.as_deref().unwrap_or(auth::NATIVE.as_bytes());
        // A client that began with another plugin than the greeting's, and gave no answer, had no challenge for it.
        let answered = plugin == self.greeting.auth_plugin || !login.auth_response.is_empty();
        let offer = Offer {
            plugin,
            scramble: answered.then_some(self.greeting.scramble),
            answer: login.auth_response.clone(),
            can_switch: login.has(capability::PLUGIN_AUTH),
        };
        let mut link = Link { wire: &mut self.wire, sequence: self.sequence };
        let proven = prove(&mut link, known.as_ref(), offer, self.gate.plugin(), self.gate.rsa()).await?;
        self.sequence = link.sequence;
        let (Some(known), Some(secret)) = (known, proven.secret) else {
            return Err(NoSession::Refused(denied(&login.user, self.peer, proven.gave_one)));
        };
        if known.use_ssl && self.wire.stream.cipher().is_none() {
            return Err(NoSession::Refused(needs_tls(&login.user, self.peer)));
        }
        Ok((name, secret))
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
