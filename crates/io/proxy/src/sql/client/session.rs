//! One client's session, from its log-in to its end.
//!
//! Invariants
//! - A connection is held only while something of the session is on it ([`Pins`]); it comes back to the pool clean, or not
//!   at all.
//! - A client that is told of an error can go on, unless something it cannot see was lost: then its connection ends.

use super::handshake::{LoggedIn, NoSession, Peer, log_in};
use super::prepared::{Counts, Prepared};
use super::trace::Trace;
use crate::sql::budget;
use crate::sql::latency::bump;
use crate::sql::server::connect::Credentials;
use crate::sql::server::connection::{Connection, Key};
use crate::sql::sessions;
use crate::sql::shared::UserEntry;
use crate::sql::stats::count;
use crate::sql::stream::Stream;
use crate::sql::wire::Wire;
use crate::sql::worker::{Lingering, Worker};
use mysql::monitor::gtid::Gtid;
use mysql::protocol::capability::{COMPRESS, SHAPES_ANSWERS};
use mysql::protocol::packet::{self, frame_with};
use mysql::protocol::reply::{self, ServerError, status};
use mysql::session::{Pins, State};
use std::collections::{HashMap, HashSet};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub struct Session {
    pub worker: Rc<Worker>,
    pub wire: Wire,
    /// The command at hand.
    pub payload: Vec<u8>,
    /// Room for it, where it is long.
    pub room: Option<budget::Taken>,
    /// Of the next packet to the client.
    pub sequence: u8,
    pub id: u32,
    pub peer: Peer,
    /// Address and port it came to; empty and 0 on a unix socket.
    pub proxy_addr: (Box<str>, u16),
    pub capabilities: u32,
    pub user: Arc<UserEntry>,
    pub credentials: Credentials,
    pub state: Rc<State>,
    pub pins: Pins,
    /// Where something of this session is.
    pub held: Option<Connection>,
    /// What its last statement left on a connection that others may take.
    pub lingering: Rc<Lingering>,
    /// As last told by a server: autocommit, sql_mode's bits.
    pub status: u16,
    /// When its open transaction was first waited in.
    transaction_since: Option<Instant>,
    pub last_insert_id: u64,
    /// Its last write.
    pub written: Option<Gtid>,
    /// When it may last have changed data, by `Shared::micros`; 0: never.
    pub wrote_at: u64,
    /// Scratch for the query cache.
    pub cache_key: Vec<u8>,
    pub prepared: HashMap<u32, Prepared>,
    pub next_statement: u32,
    pub counts: Counts,
    /// Statements with parts of parameters sent ahead, or with a cursor: they are on the connection that is held.
    pub open: HashSet<u32>,
    pub next_flag_in: i64,
    /// The text that a COM_STMT_PREPARE under way prepares.
    pub preparing: Option<Rc<[u8]>>,
    pub digest_text: String,
    /// When the command at hand had come.
    pub started: Instant,
    /// How long a server's answer to it took, from then on.
    pub took: Option<Duration>,
    /// Bytes of its client that are counted.
    counted: (u64, u64),
    pub trace: Trace,
    pub public: Arc<sessions::Session>,
}

/// Of the space for commands, between them.
const KEPT: usize = 16 * 1024;

/// What becomes of a session after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Command,
    End,
}

/// Serves a client from its first byte to its last.
pub async fn serve(worker: Rc<Worker>, stream: Stream, peer: Peer) {
    let shared = worker.shared.clone();
    let id = shared.next_id();
    let limit = shared.tuning.load().connect_timeout_client;
    let all = shared.sessions.connected.fetch_add(1, Relaxed) + 1;
    let _counted = Counted(shared.clone());
    if all > shared.tuning.load().max_connections.min(shared.room_for_clients.load(Relaxed)) {
        shared.sessions.refused.fetch_add(1, Relaxed);
        count(&shared.stats.too_many_connections);
        // It may have gone already.
        _ = refuse(stream).await;
        return;
    }
    let proxy_addr = address_of(&stream);
    let attempt = Box::pin(tokio::time::timeout(limit, log_in(&*shared, stream, id, peer))).await;
    let logged_in = match attempt {
        Ok(Ok(logged_in)) => logged_in,
        failed => {
            shared.sessions.refused.fetch_add(1, Relaxed);
            if matches!(failed, Ok(Err(NoSession::Refused(_)))) {
                count(&shared.stats.wrong_passwords);
            }
            return;
        }
    };
    // It may have been taken out since it was found.
    let Some(user) = shared.plan.load().users.get(&logged_in.user).cloned() else { return };
    let mut session = Box::new(Session::new(worker, logged_in, user, id));
    session.proxy_addr = proxy_addr;
    if session.enter().await.is_ok() {
        session.run().await;
    }
    if shared.stopping.load(Relaxed) {
        session.let_go();
        Box::pin(part(&mut session.wire.stream)).await;
    }
}

/// Ends a client's connection in order, though its next statement may be here already: unread it would be answered with a
/// reset, and the way to this process would be known to the kernel of a Service for whoever takes the client's port next.
async fn part(stream: &mut Stream) {
    const PATIENCE: Duration = Duration::from_secs(1);
    let parting = async {
        stream.shutdown().await?;
        let mut rest = [0; 4096];
        while stream.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    // A client that is gone already needs none of it.
    _ = tokio::time::timeout(PATIENCE, parting).await;
}

/// Where a client came to, as rules have it in `proxy_addr` and `proxy_port`.
fn address_of(stream: &Stream) -> (Box<str>, u16) {
    let address = if let Stream::Tcp(stream) = stream { stream.local_addr().ok() } else { None };
    address.map(|address| (address.ip().to_canonical().to_string().into(), address.port())).unwrap_or_default()
}

/// In the greeting's place, as a server does that is full.
async fn refuse(stream: Stream) -> io::Result<()> {
    let mut payload = Vec::new();
    ServerError::new(1040, b"08004", "Too many connections").write(&mut payload);
    Wire::new(stream).send(0, &payload).await.map(drop)
}

/// A client on the port, logged in or not.
struct Counted(Arc<crate::sql::shared::Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.sessions.connected.fetch_sub(1, Relaxed);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Session {
    fn new(worker: Rc<Worker>, logged_in: LoggedIn, user: Arc<UserEntry>, id: u32) -> Self {
        let LoggedIn { wire, login, user: _, secret, peer, sequence } = logged_in;
        let secret = user.secret_for_servers(secret);
        let key = Key {
            user: user.name.clone(),
            capabilities: login.capabilities & SHAPES_ANSWERS,
            collation: login.collation,
        };
        let public = Arc::new(sessions::Session::new(id, user.name.clone(), peer.to_string()));
        let mut session = Self {
            worker,
            wire,
            payload: Vec::new(),
            room: None,
            sequence,
            id,
            peer,
            proxy_addr: Default::default(),
            capabilities: login.capabilities,
            credentials: Credentials { key, secret, schema: Vec::new() },
            user,
            state: Rc::default(),
            pins: Pins::default(),
            held: None,
            lingering: Rc::default(),
            status: status::AUTOCOMMIT,
            transaction_since: None,
            last_insert_id: 0,
            written: None,
            wrote_at: 0,
            cache_key: Vec::new(),
            prepared: HashMap::new(),
            next_statement: 1,
            counts: Counts::default(),
            open: HashSet::new(),
            next_flag_in: 0,
            preparing: None,
            digest_text: String::new(),
            started: Instant::now(),
            took: None,
            counted: (0, 0),
            trace: Trace::default(),
            public,
        };
        session.begin_with_schema(login.schema);
        session
    }

    /// The schema it named, or its user's.
    pub fn begin_with_schema(&mut self, named: Option<Vec<u8>>) {
        let schema = named.or_else(|| self.user.settings.default_schema.clone().map(String::into_bytes));
        let mut state = State::default();
        if let Some(schema) = schema.filter(|schema| !schema.is_empty()) {
            state.set_schema(&schema);
        }
        self.set_state(state);
    }

    pub fn set_state(&mut self, state: State) {
        self.public.now().schema = String::from_utf8_lossy(&state.schema).into_owned();
        self.credentials.schema.clone_from(&state.schema);
        self.state = Rc::new(state);
    }

    /// Counts it, and tells it that it is in, or that there are too many.
    async fn enter(&mut self) -> io::Result<()> {
        let shared = self.worker.shared.clone();
        shared.sessions.insert(self.public.clone());
        shared.sessions.total.fetch_add(1, Relaxed);
        let own = self.user.connections.fetch_add(1, Relaxed) + 1;
        let refusal = if own > self.user.settings.max_connections { Some(self.too_many(&self.user)) } else { None };
        if let Some(error) = refusal {
            shared.sessions.refused.fetch_add(1, Relaxed);
            count(&shared.stats.too_many_of_user);
            self.error(&error).await?;
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        self.ok(&reply::Ok { status: self.status, ..Default::default() }).await?;
        if self.capabilities & COMPRESS != 0 && shared.tuning.load().have_compress {
            self.wire.compress();
        }
        Ok(())
    }

    /// Of connections of this user.
    pub fn too_many(&self, user: &UserEntry) -> ServerError {
        let text = format!(
            "User '{}' has exceeded the 'max_user_connections' resource (current value: {})",
            user.name, user.settings.max_connections
        );
        ServerError::new(1226, b"42000", text)
    }

    async fn run(&mut self) {
        loop {
            match self.command().await {
                Ok(Next::Command) => {}
                Ok(Next::End) => return,
                Err(error) => {
                    if error.kind() == io::ErrorKind::InvalidData {
                        // The stream cannot be read on, so this is the last it hears.
                        let error = ServerError::new(1153, b"08S01", format!("Got {error}"));
                        _ = self.error(&error).await;
                    }
                    return;
                }
            }
        }
    }

    async fn command(&mut self) -> io::Result<Next> {
        let shared = self.worker.shared.clone();
        let tuning = shared.tuning.load();
        let largest = tuning.max_allowed_packet;
        let idle = if self.pins.contains(Pins::TRANSACTION) {
            let since = *self.transaction_since.get_or_insert_with(Instant::now);
            let left = tuning.max_transaction_time.saturating_sub(since.elapsed());
            left.min(tuning.max_transaction_idle_time).min(tuning.wait_timeout)
        } else {
            self.transaction_since = None;
            tuning.wait_timeout
        };
        drop(tuning);
        let public = self.public.clone();
        let stop = shared.stop.notified();
        if public.killed.load(Relaxed) || (self.pins.is_empty() && shared.stopping.load(Relaxed)) {
            return Ok(Next::End);
        }
        let read = tokio::select! {
            biased;
            read = self.read(largest) => read?,
            () = public.kill.notified() => return Ok(Next::End),
            () = stop, if self.pins.is_empty() => return Ok(Next::End),
            () = tokio::time::sleep(idle) => return Ok(Next::End),
        };
        let Some(sequence) = read else { return Ok(Next::End) };
        self.sequence = sequence;
        self.started = Instant::now();
        // What a command needs is not kept by a session that waits for its client.
        Box::pin(super::commands::perform(self)).await
    }

    /// The next command; a long one when there is room for it.
    async fn read(&mut self, largest: usize) -> io::Result<Option<u8>> {
        self.room = None;
        if self.payload.capacity() > KEPT {
            self.payload = Vec::new();
        }
        let read = self.wire.read_packet(&mut self.payload, largest.min(budget::LONG)).await;
        let announced = self.wire.announced();
        let is_long = budget::LONG < announced && announced <= largest;
        if !is_long || !read.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::InvalidData) {
            return read;
        }
        // The first of several frames does not tell how long the whole is.
        let bytes = if announced == packet::MAX_FRAME { largest } else { announced };
        let room = self.worker.shared.room_for_statements.clone();
        // Others may wait for what is open here, and have the room.
        self.room = if self.pins.is_empty() { room.take(bytes).await } else { room.take_at_once(bytes) };
        self.wire.read_packet(&mut self.payload, largest).await
    }

    pub async fn ok(&mut self, ok: &reply::Ok<'_>) -> io::Result<()> {
        let capabilities = self.capabilities;
        self.sequence = frame_with(self.wire.outbox(), self.sequence, |out| ok.write(out, reply::OK, capabilities));
        self.wire.flush().await
    }

    /// An OK that says nothing but that it went well.
    pub async fn done(&mut self) -> io::Result<Next> {
        self.ok(&reply::Ok { status: self.status, ..Default::default() }).await?;
        Ok(Next::Command)
    }

    pub async fn error(&mut self, error: &ServerError) -> io::Result<()> {
        self.sequence = frame_with(self.wire.outbox(), self.sequence, |out| error.write(out));
        self.wire.flush().await
    }

    pub async fn fail(&mut self, error: &ServerError) -> io::Result<Next> {
        self.error(error).await?;
        Ok(Next::Command)
    }

    /// Others see it by its user's name: a session that became another user's is listed anew.
    pub fn introduce(&mut self) {
        self.public = Arc::new(sessions::Session::new(self.id, self.user.name.clone(), self.peer.to_string()));
        self.worker.shared.sessions.insert(self.public.clone());
    }

    /// Back to what it was after its log-in: COM_RESET_CONNECTION, COM_CHANGE_USER.
    pub fn reset(&mut self) {
        self.let_go();
        self.prepared.clear();
        self.counts = Counts::default();
        self.open.clear();
        self.status = status::AUTOCOMMIT;
        self.last_insert_id = 0;
        self.next_flag_in = 0;
    }

    /// Gives up its connections: what is pinned is lost with them.
    pub fn let_go(&mut self) {
        if let Some(connection) = self.held.take() {
            let server = connection.server.clone();
            if self.pins.is_empty() {
                self.worker.pool.put(connection);
            } else {
                drop(connection);
                self.worker.pool.ended(&server);
            }
        }
        if let Some(connection) = self.lingering.take() {
            self.worker.pool.put(connection);
        }
        self.pins = Pins::default();
    }

    fn leave(&mut self) {
        self.let_go();
        let shared = &self.worker.shared;
        shared.sessions.remove(self.id);
        self.user.connections.fetch_sub(1, Relaxed);
        self.count_bytes();
    }

    /// Those of its client since the last time.
    pub fn count_bytes(&mut self) {
        let now = (self.wire.received_bytes, self.wire.sent_bytes);
        let counters = &self.worker.tally.counters;
        bump(&counters.client_bytes_in, now.0.saturating_sub(self.counted.0));
        bump(&counters.client_bytes_out, now.1.saturating_sub(self.counted.1));
        self.counted = now;
    }
}
