//! What a log line says of a session beyond what samples say: times, counters, how it ended.

use crate::sample::Now;

/// Who ended the session: the first letter of the termination state (manual section 8.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cause {
    /// Normal end: `-`.
    #[default]
    None,
    /// `C`: the client aborted.
    ClientAbort,
    /// `S`: the server aborted or refused.
    ServerAbort,
    /// `P`: the proxy refused it, by rule, limit or protocol.
    Proxy,
    /// `L`: the proxy answered itself.
    Local,
    /// `R`: a resource was exhausted.
    Resource,
    /// `I`: an internal error.
    Internal,
    /// `D`: the server went down (`on-marked-down shutdown-sessions`).
    Down,
    /// `U`: a better server came up (`on-marked-up shutdown-backup-sessions`).
    Up,
    /// `K`: killed by the administrator.
    Killed,
    /// `c`: the client's timeout.
    ClientTimeout,
    /// `s`: the server's timeout.
    ServerTimeout,
}

/// What the session was doing when it ended: the second letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// `-`: nothing was left to do.
    #[default]
    None,
    /// `R`: waiting for the request.
    Request,
    /// `Q`: in a queue.
    Queue,
    /// `C`: connecting to the server.
    Connect,
    /// `H`: waiting for the response's head.
    Headers,
    /// `D`: data.
    Data,
    /// `L`: sending the last data to a client that is slow.
    Last,
    /// `T`: held in a tarpit.
    Tarpit,
}

/// The persistence cookie that the client sent: the third letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CookieRequest {
    /// `-`: no cookie is used.
    #[default]
    Unused,
    /// `N`: none was sent.
    None,
    /// `I`: it names no server.
    Invalid,
    /// `D`: its server is down.
    Down,
    /// `V`: valid.
    Valid,
    /// `E`: it was too old (`maxidle`).
    Expired,
    /// `O`: too old (`maxlife`).
    Old,
    /// `U`: valid, but not used (`use-server`, `force-persist`).
    Unset,
}

/// What was done with the cookie in the response: the fourth letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CookieResponse {
    /// `-`: no cookie is used.
    #[default]
    Unused,
    /// `N`: the server sent none and none was inserted.
    None,
    /// `I`: inserted.
    Inserted,
    /// `U`: updated.
    Updated,
    /// `P`: the server's own passed.
    Passed,
    /// `R`: the server's rewritten.
    Rewritten,
    /// `D`: the server's deleted.
    Deleted,
}

impl Cause {
    pub fn letter(self) -> char {
        match self {
            Self::None => '-',
            Self::ClientAbort => 'C',
            Self::ServerAbort => 'S',
            Self::Proxy => 'P',
            Self::Local => 'L',
            Self::Resource => 'R',
            Self::Internal => 'I',
            Self::Down => 'D',
            Self::Up => 'U',
            Self::Killed => 'K',
            Self::ClientTimeout => 'c',
            Self::ServerTimeout => 's',
        }
    }
}

impl Phase {
    pub fn letter(self) -> char {
        match self {
            Self::None => '-',
            Self::Request => 'R',
            Self::Queue => 'Q',
            Self::Connect => 'C',
            Self::Headers => 'H',
            Self::Data => 'D',
            Self::Last => 'L',
            Self::Tarpit => 'T',
        }
    }
}

impl CookieRequest {
    pub fn letter(self) -> char {
        match self {
            Self::Unused => '-',
            Self::None => 'N',
            Self::Invalid => 'I',
            Self::Down => 'D',
            Self::Valid => 'V',
            Self::Expired => 'E',
            Self::Old => 'O',
            Self::Unset => 'U',
        }
    }
}

impl CookieResponse {
    pub fn letter(self) -> char {
        match self {
            Self::Unused => '-',
            Self::None => 'N',
            Self::Inserted => 'I',
            Self::Updated => 'U',
            Self::Passed => 'P',
            Self::Rewritten => 'R',
            Self::Deleted => 'D',
        }
    }
}

/// How a session ended (manual section 8.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Termination {
    pub cause: Cause,
    pub phase: Phase,
    pub cookie: CookieRequest,
    pub set_cookie: CookieResponse,
}

/// What a log line says of a session beyond what samples say. Times are milliseconds, -1 where a phase was not reached.
#[derive(Debug, Clone)]
pub struct Record {
    /// When the connection was accepted.
    pub accepted: Now,
    /// When the first byte of the request came; for TCP as `accepted`.
    pub requested: Now,
    /// `%Th`: handshakes (PROXY, TLS).
    pub handshake_ms: i64,
    /// `%Ti`: idle before the request.
    pub idle_ms: i64,
    /// `%TR`: receiving the request's head.
    pub request_ms: i64,
    /// `%Tw`: in queues.
    pub queue_ms: i64,
    /// `%Tc`: connecting.
    pub connect_ms: i64,
    /// `%Tr`: waiting for the response's head.
    pub response_ms: i64,
    /// `%Td`: data after the response's head.
    pub data_ms: i64,
    /// `%Ta`: the request from its first byte to the end.
    pub active_ms: i64,
    /// `%Tt`: the session from accept to the end.
    pub total_ms: i64,
    /// Written before the end (`option logasap`): `+` before times and bytes.
    pub asap: bool,
    /// `%B`: bytes to the client.
    pub bytes_out: u64,
    /// `%U`: bytes from the client.
    pub bytes_in: u64,
    pub termination: Termination,
    /// `%ac`, `%fc`, `%bc`, `%sc`: sessions of process, frontend, backend, server.
    pub active_connections: u32,
    pub frontend_connections: u32,
    pub backend_connections: u32,
    pub server_connections: u32,
    /// `%rc`: with `+` where the last attempt went to another server.
    pub retries: u32,
    pub redispatched: bool,
    /// `%sq`, `%bq`: sessions before it in the queues.
    pub server_queue: u32,
    pub backend_queue: u32,
    /// `%lc`: number of lines the frontend logged.
    pub log_count: u64,
    /// `%rt`: number of the request since the process began.
    pub request_count: u64,
    /// `%CC`, `%CS`: captured cookies.
    pub request_cookie: Option<Vec<u8>>,
    pub response_cookie: Option<Vec<u8>>,
    /// `%pid`.
    pub pid: u32,
    /// The client spoke TLS: `~` behind the frontend's name.
    pub tls: bool,
}

impl Record {
    /// `%Tq`: until the request was here; -1 where it never was.
    pub fn queried_ms(&self) -> i64 {
        let parts = [self.handshake_ms, self.idle_ms, self.request_ms];
        if parts.contains(&-1) { -1 } else { parts.iter().sum() }
    }
}

impl Default for Record {
    fn default() -> Self {
        Self {
            accepted: Now::default(),
            requested: Now::default(),
            handshake_ms: 0,
            idle_ms: 0,
            request_ms: -1,
            queue_ms: -1,
            connect_ms: -1,
            response_ms: -1,
            data_ms: -1,
            active_ms: -1,
            total_ms: 0,
            asap: false,
            bytes_out: 0,
            bytes_in: 0,
            termination: Termination::default(),
            active_connections: 0,
            frontend_connections: 0,
            backend_connections: 0,
            server_connections: 0,
            retries: 0,
            redispatched: false,
            server_queue: 0,
            backend_queue: 0,
            log_count: 0,
            request_count: 0,
            request_cookie: None,
            response_cookie: None,
            pid: 0,
            tls: false,
        }
    }
}
