//! What a sample may look at. Whoever holds a stream implements [`Context`]; what it leaves out is "not found".

use super::Value;
use crate::http::{RequestHead, ResponseHead};
use crate::log::Record;
use std::borrow::Cow;
use std::net::SocketAddr;

/// One of the two ends of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The connection a client opened; requests come from it.
    Client,
    /// The connection to a server; responses come from it.
    Server,
}

/// An end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    Ip(SocketAddr),
    Unix,
}

impl Endpoint {
    /// The address; a unix socket has none.
    pub fn ip(self) -> Option<std::net::IpAddr> {
        match self {
            Self::Ip(address) => Some(address.ip().to_canonical()),
            Self::Unix => None,
        }
    }

    pub fn port(self) -> Option<u16> {
        match self {
            Self::Ip(address) => Some(address.port()),
            Self::Unix => None,
        }
    }
}

/// What one connection tells of itself (`fc_*`, `bc_*`).
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// Where it comes from, after a PROXY header or `set-src`.
    pub source: Option<Endpoint>,
    /// Where it goes to, after a PROXY header or `set-dst`.
    pub destination: Option<Endpoint>,
    /// The same as the kernel says it.
    pub kernel_source: Option<Endpoint>,
    pub kernel_destination: Option<Endpoint>,
    /// 1 for HTTP/1.x and anything not HTTP, 2 for HTTP/2.
    pub http_major: u8,
    /// A PROXY header was read.
    pub proxied: bool,
    /// PP2_TYPE_AUTHORITY of that header.
    pub authority: Option<Vec<u8>>,
    /// PP2_TYPE_UNIQUE_ID of that header.
    pub unique_id: Option<Vec<u8>>,
    /// Why it could not be used, as `fc_err` counts and names it.
    pub error: Option<(i64, &'static str)>,
}

/// What TLS tells of a connection (`ssl_fc*`, `ssl_bc*`, `ssl_c_*`, `ssl_f_*`).
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// `TLSv1.3`.
    pub version: &'static str,
    /// OpenSSL's name of the cipher: `TLS_AES_256_GCM_SHA384`.
    pub cipher: &'static str,
    /// Bits of the symmetric key.
    pub key_bits: u32,
    pub sni: Option<String>,
    pub alpn: Option<String>,
    pub resumed: bool,
    pub session_id: Vec<u8>,
    /// The handshake is over.
    pub established: bool,
    /// The certificate the other end showed.
    pub peer: Option<Certificate>,
    /// Our own certificate.
    pub own: Option<std::sync::Arc<Certificate>>,
    /// Result of the verification in OpenSSL's numbers; 0 is good.
    pub verify: i64,
}

/// A certificate, as far as samples ask for it.
#[derive(Debug, Clone, Default)]
pub struct Certificate {
    pub der: Vec<u8>,
    /// Relative names in order: short name (`CN`) and value.
    pub subject: Vec<(String, String)>,
    pub issuer: Vec<(String, String)>,
    pub serial: Vec<u8>,
    /// `YYMMDDhhmmss` followed by `Z`.
    pub not_before: String,
    pub not_after: String,
    /// 3 for X.509v3.
    pub version: i64,
    /// OpenSSL's name of the signature: `RSA-SHA256`.
    pub signature: String,
    /// OpenSSL's name of the key: `rsaEncryption`.
    pub key: String,
    /// Kind and bits of the key, as PROXY headers tell: `RSA2048`. Empty for kinds that have no such name.
    pub key_kind: String,
}

/// Bytes that have come from one side and were not forwarded yet.
#[derive(Debug, Clone, Copy)]
pub struct Buffer<'a> {
    pub bytes: &'a [u8],
    /// No more will come: the side closed, or the buffer is full.
    pub complete: bool,
}

/// A message's body, as far as it is here.
#[derive(Debug, Clone, Copy)]
pub struct Body<'a> {
    pub bytes: &'a [u8],
    /// The whole body is in `bytes`.
    pub complete: bool,
    /// What `Content-Length` promises.
    pub length: Option<u64>,
}

/// A frontend, backend or server: what messages call it, and its number (`id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    pub name: &'a str,
    pub id: u32,
}

/// A place in time, and where we are: logs show local time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Now {
    /// Microseconds since 1970.
    pub micros: i64,
    /// Seconds that local time is ahead of UTC.
    pub offset: i32,
}

impl Now {
    pub fn seconds(self) -> i64 {
        self.micros.div_euclid(1_000_000)
    }
}

/// How long a variable lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    Proc,
    Sess,
    Txn,
    Req,
    Res,
    Check,
}

/// A variable: `txn.name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Var {
    pub scope: Scope,
    /// Without the scope.
    pub name: std::sync::Arc<str>,
}

/// Live numbers of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendNumber {
    AvgQueue,
    Conn,
    ConnFree,
    SessRate,
    Connslots,
    Nbsrv,
    Queue,
    /// `be_server_timeout`, `be_tunnel_timeout`: milliseconds.
    ServerTimeout,
    TunnelTimeout,
}

/// Live numbers of a frontend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontendNumber {
    Conn,
    ReqRate,
    SessRate,
    /// `fe_client_timeout`: milliseconds.
    ClientTimeout,
}

/// Live numbers of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerNumber {
    Conn,
    ConnFree,
    IsUp,
    Queue,
    SessRate,
    Uweight,
    Weight,
    Iweight,
}

/// Live numbers of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessNumber {
    Nbthread,
    /// Number of the thread that runs the stream, from 0.
    Thread,
    /// 1 while the process is stopping.
    Stopping,
    Pid,
}

/// What rules set for one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamNumber {
    /// `set-timeout server` and `set-timeout tunnel`: milliseconds. Not set, the backend's count.
    ServerTimeout,
    TunnelTimeout,
    /// `set-priority-class` and `set-priority-offset`; default 0.
    PriorityClass,
    PriorityOffset,
}

/// Live numbers of a stick table itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableNumber {
    /// Entries that may still be added.
    Avail,
    /// Entries in use.
    Count,
}

/// Which entry of a stick table is meant.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'a> {
    /// The entry `track-scN` tracks (`sc0_*`).
    Tracked(u8),
    /// The entry of the connection's source address (`src_*`).
    Source,
    /// The entry of this key (`table_*`, `in_table`).
    Key(&'a Value<'a>),
}

/// A number an entry of a stick table stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    ServerId,
    /// 1 where the entry exists (`in_table`, `sc_tracked`).
    Exists,
    ConnCnt,
    ConnCur,
    ConnRate,
    SessCnt,
    SessRate,
    HttpReqCnt,
    HttpReqRate,
    HttpErrCnt,
    HttpErrRate,
    HttpFailCnt,
    HttpFailRate,
    BytesIn,
    BytesInRate,
    BytesOut,
    BytesOutRate,
    Gpt0,
    Gpc0,
    Gpc0Rate,
    Gpc1,
    Gpc1Rate,
    /// Elements of the arrays `gpt`, `gpc`, `gpc_rate`.
    Gpt(u8),
    Gpc(u8),
    GpcRate(u8),
    /// Streams that track the entry.
    Trackers,
    /// Milliseconds until the entry expires, and since it was touched.
    Expire,
    Idle,
}

/// What to do with the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    Read,
    /// Adds one, making the entry where the key is known; the new value.
    Increment,
    /// Sets to zero; the value before.
    Clear,
}

/// What a sample may look at. Every method has an answer for a context that does not know.
#[allow(unused_variables)]
pub trait Context {
    fn now(&self) -> Now {
        Now::default()
    }

    /// A random number below `range`.
    fn random(&self, range: u32) -> u32 {
        0
    }

    fn hostname(&self) -> Option<&str> {
        None
    }

    /// A variable of the process's environment.
    fn environment(&self, name: &str) -> Option<Cow<'_, str>> {
        None
    }

    fn connection(&self, side: Side) -> Option<&Connection> {
        None
    }

    fn tls(&self, side: Side) -> Option<&Tls> {
        None
    }

    /// Whether an address belongs to this machine.
    fn is_local(&self, address: std::net::IpAddr) -> bool {
        address.is_loopback()
    }

    /// The request's head, once it is complete. A TCP proxy that inspects contents gives it when the bytes that have
    /// come are the head of an HTTP/1 request.
    fn request(&self) -> Option<&RequestHead> {
        None
    }

    /// The request is the first one of its connection.
    fn first_request(&self) -> bool {
        true
    }

    fn response(&self) -> Option<&ResponseHead> {
        None
    }

    /// The status the client got, also where no server answered.
    fn status(&self) -> Option<u16> {
        self.response().map(|head| head.status)
    }

    /// Whether response rules run, or the session is over: what `hdr`, `cook` and `ver` alone do not say.
    fn in_response(&self) -> bool {
        false
    }

    fn body(&self, side: Side) -> Option<Body<'_>> {
        None
    }

    /// Bytes as they came: what layer 6 looks at.
    fn buffer(&self, side: Side) -> Option<Buffer<'_>> {
        None
    }

    /// Nobody waits for more bytes: an inspection's time is over, or the rules do not wait at all.
    fn is_final(&self) -> bool {
        true
    }

    fn frontend(&self) -> Option<Named<'_>> {
        None
    }

    /// What the frontend's `default_backend` names.
    fn default_backend(&self) -> Option<&str> {
        None
    }

    /// The backend, once chosen; before that the frontend's own name where it is one.
    fn backend(&self) -> Option<Named<'_>> {
        None
    }

    fn server(&self) -> Option<Named<'_>> {
        None
    }

    /// The listening socket: number, and the name `bind ... name` gives it.
    fn listener(&self) -> Option<Named<'_>> {
        None
    }

    /// Connections that the listening socket has.
    fn listener_connections(&self) -> Option<i64> {
        None
    }

    /// Of the named backend, or the current one.
    fn backend_number(&self, what: BackendNumber, backend: Option<&str>) -> Option<i64> {
        None
    }

    fn frontend_number(&self, what: FrontendNumber, frontend: Option<&str>) -> Option<i64> {
        None
    }

    /// Of a server of the named backend, or of the current one.
    fn server_number(&self, what: ServerNumber, backend: Option<&str>, server: &str) -> Option<i64> {
        None
    }

    fn process_number(&self, what: ProcessNumber) -> Option<i64> {
        None
    }

    fn stream_number(&self, what: StreamNumber) -> Option<i64> {
        None
    }

    /// Of the named stick table, or of the current proxy's.
    fn table_number(&self, what: TableNumber, table: Option<&str>) -> Option<i64> {
        None
    }

    /// A number of a table's entry; `None` where the table does not store it or the entry is not there.
    fn counter(&self, entry: Entry<'_>, table: Option<&str>, what: Counter, touch: Touch) -> Option<i64> {
        None
    }

    fn var(&self, var: &Var) -> Option<Value<'static>> {
        None
    }

    /// Sets, or removes with `None`.
    fn set_var(&self, var: &Var, value: Option<Value<'static>>) {}

    /// Whether the userlist has this user with this password, in this group where one is named.
    fn check_user(&self, userlist: &str, user: &str, password: &str, group: Option<&str>) -> bool {
        false
    }

    /// The algorithm that compresses the response, if one does.
    fn compression(&self) -> Option<&str> {
        None
    }

    /// File and line of the rule that ended the evaluation of its rule set.
    fn last_rule(&self) -> Option<(&str, u32)> {
        None
    }

    fn unique_id(&self) -> Option<Cow<'_, [u8]>> {
        None
    }

    /// What `capture request header` or `http-request capture` kept in this slot.
    fn capture(&self, side: Side, slot: usize) -> Option<&[u8]> {
        None
    }

    /// Keeps a text in a slot, cut to the slot's length.
    fn set_capture(&self, side: Side, slot: usize, value: &[u8]) {}

    /// Number of slots.
    fn captures(&self, side: Side) -> usize {
        0
    }

    /// What a log line says beyond what samples say. Built when a format asks for it.
    fn record(&self) -> Cow<'_, Record> {
        Cow::Owned(Record::default())
    }
}

/// A context that knows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Context for Nothing {}
