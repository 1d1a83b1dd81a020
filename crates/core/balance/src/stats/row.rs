//! A line of `show stat`, and the table of its columns.

use super::AsValue as _;
use super::column::{Column, Tags};

type Str = Option<String>;
type S32 = Option<i32>;
type U32 = Option<u32>;
type U64 = Option<u64>;

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Kind {
    #[default]
    Frontend,
    Backend,
    Server,
    Listener,
}

impl Kind {
    /// The number in the column `type`.
    pub fn number(self) -> u32 {
        match self {
            Kind::Frontend => 0,
            Kind::Backend => 1,
            Kind::Server => 2,
            Kind::Listener => 3,
        }
    }

    /// The letter in front of a typed line.
    pub fn letter(self) -> char {
        match self {
            Kind::Frontend => 'F',
            Kind::Backend => 'B',
            Kind::Server => 'S',
            Kind::Listener => 'L',
        }
    }

    /// The word in JSON's `objType`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Frontend => "Frontend",
            Kind::Backend => "Backend",
            Kind::Server => "Server",
            Kind::Listener => "Listener",
        }
    }
}

/// A column's name: the field's, unless another one is given.
macro_rules! name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}

/// A column's tags on servers, where they differ.
macro_rules! on {
    () => {
        None
    };
    ($kind:ident $tags:literal) => {
        Some((Kind::$kind, Tags($tags)))
    };
}

/// Defines [`Row`] and [`COLUMNS`] from one table: field, type, tags, description.
macro_rules! columns {
    ($($field:ident $(as $name:literal)?: $type:ty, $tags:literal $([$kind:ident $other:literal])?, $about:literal;)*) => {
        /// One line of `show stat`. A `None` is a column that says nothing about this kind of object.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct Row {
            $(#[doc = $about] pub $field: $type,)*
        }

        /// All columns in the order of HAProxy 2.6. The first [`STATIC`] never move; the others belong to modules.
        pub const COLUMNS: &[Column] = &[
            $(Column {
                name: name!($field $($name)?),
                get: |row| row.$field.as_value(),
                tags: Tags($tags),
                tags_on: on!($($kind $other)?),
                about: $about,
            },)*
        ];
    };
}

/// How many columns stand in front of the column `-`.
pub const STATIC: usize = 103;

columns! {
    pxname: String, "KNS", "Name of the proxy";
    svname: String, "KNS", "Name of the server or listener, or FRONTEND or BACKEND";
    qcur: U32, "MGP", "Requests waiting in the queue";
    qmax: U32, "MMP", "Most requests that ever waited in the queue";
    scur: U32, "MGP", "Current sessions";
    smax: U32, "MMP", "Most sessions at one time";
    slim: U32, "CLP", "Limit of sessions: maxconn, of a backend fullconn";
    stot: U64, "MCP", "Sessions so far";
    bin: U64, "MCP", "Bytes of requests";
    bout: U64, "MCP", "Bytes of responses";
    dreq: U64, "MCP", "Requests denied by rules";
    dresp: U64, "MCP", "Responses denied by rules";
    ereq: U64, "MCP", "Requests that were invalid or broke off";
    econ: U64, "MCP", "Connections to a server that failed";
    eresp: U64, "MCP", "Responses that were invalid or broke off";
    wretr: U64, "MCP", "Connection attempts that were repeated";
    wredis: U64, "MCP", "Requests sent to another server because the first failed";
    status: String, "SGP", "State: OPEN, FULL, STOP; UP, DOWN, MAINT, DRAIN, NOLB";
    weight: U32, "MaP", "Effective weight, of a backend the sum of its usable servers";
    act: U32, "MGP" [Server "SGP"], "Usable active servers; 1 for a server that is not a backup";
    bck: U32, "MGP" [Server "SGP"], "Usable backup servers; 1 for a server that is a backup";
    chkfail: U64, "MCP", "Health checks that failed while the server was up";
    chkdown: U64, "MCP", "Changes from UP to DOWN";
    lastchg: U32, "MAP", "Seconds since the last change of state";
    downtime: U32, "MCP", "Seconds spent DOWN";
    qlimit: U32, "CGS", "Limit of the server's queue: maxqueue";
    pid: u32, "KGP", "Number of the process, always 1";
    iid: u32, "KGS", "Number of the proxy";
    sid: u32, "KGS", "Number of the server or listener in its proxy";
    throttle: U32, "MaP", "Percent of the weight given during slowstart";
    lbtot: U64, "MCP", "Times the algorithm chose this server";
    tracked: Str, "CNS", "Server whose state this one follows";
    kind as "type": Kind, "CGS", "Kind: 0 frontend, 1 backend, 2 server, 3 listener";
    rate: U32, "MRP" [Backend "MGP"], "Sessions in the last second";
    rate_lim: U32, "CLP", "Limit of new sessions in a second";
    rate_max: U32, "MMP" [Backend "MGP"], "Most new sessions in a second";
    check_status: Str, "MOP", "Result of the last health check, after a star while one runs";
    check_code: U32, "MOP", "Status code of the last health check";
    check_duration: U64, "MDP", "Milliseconds the last health check took";
    hrsp_1xx: U64, "MCP", "Responses with status 1xx";
    hrsp_2xx: U64, "MCP", "Responses with status 2xx";
    hrsp_3xx: U64, "MCP", "Responses with status 3xx";
    hrsp_4xx: U64, "MCP", "Responses with status 4xx";
    hrsp_5xx: U64, "MCP", "Responses with status 5xx";
    hrsp_other: U64, "MCP", "Responses with any other status";
    hanafail: U64, "MCP", "Failures seen in traffic by observe";
    req_rate: U32, "MRP", "Requests in the last second";
    req_rate_max: U32, "MMP", "Most requests in a second";
    req_tot: U64, "MCP", "Requests so far";
    cli_abrt: U64, "MCP", "Transfers the client broke off";
    srv_abrt: U64, "MCP", "Transfers the server broke off";
    comp_in: U64, "MCP", "Bytes given to the compressor";
    comp_out: U64, "MCP", "Bytes got from the compressor";
    comp_byp: U64, "MCP", "Bytes that passed the compressor by";
    comp_rsp: U64, "MCP", "Responses compressed";
    lastsess: S32, "MAP", "Seconds since the last session, -1 before the first";
    last_chk: Str, "MOP", "Text of the last health check";
    last_agt: Str, "MOP", "Text of the last agent check";
    qtime: U32, "MaP", "Milliseconds in the queue, average of 1024 requests";
    ctime: U32, "MaP", "Milliseconds to connect, average of 1024 requests";
    rtime: U32, "MaP", "Milliseconds to the response, average of 1024 requests";
    ttime: U32, "MaP", "Milliseconds altogether, average of 1024 requests";
    agent_status: Str, "MOP", "Result of the last agent check, after a star while one runs";
    agent_code: U32, "MOP", "Status code of the last agent check";
    agent_duration: U64, "MDP", "Milliseconds the last agent check took";
    check_desc: Str, "MOP", "Result of the last health check in words";
    agent_desc: Str, "MOP", "Result of the last agent check in words";
    check_rise: U32, "CGS", "Successful health checks needed to be UP";
    check_fall: U32, "CGS", "Failed health checks needed to be DOWN";
    check_health: U32, "CGS", "Health from 0 to rise+fall-1; UP from rise on";
    agent_rise: U32, "CGS", "Successful agent checks needed to be UP";
    agent_fall: U32, "CGS", "Failed agent checks needed to be DOWN";
    agent_health: U32, "CGS", "Health by the agent from 0 to rise+fall-1";
    addr: Str, "CGS", "Address and port; only at level operator and up";
    cookie: Str, "CNS", "Name or value of the cookie; only at level operator and up";
    mode: Str, "CGS", "Mode of the proxy: tcp or http";
    algo: Str, "CGS", "Balancing algorithm; only at level operator and up";
    conn_rate: U32, "MRP", "Connections in the last second";
    conn_rate_max: U32, "MMP", "Most connections in a second";
    conn_tot: U64, "MCP", "Connections so far";
    intercepted: U64, "MCP", "Requests answered by ourselves";
    dcon: U64, "MCP", "Connections denied by tcp-request connection rules";
    dses: U64, "MCP", "Sessions denied by tcp-request session rules";
    wrew: U64, "MCP", "Headers that could not be rewritten";
    connect: U64, "MCP", "Attempts to connect to a server";
    reuse: U64, "MCP", "Requests sent over an existing connection";
    cache_lookups: U64, "MCP", "Requests looked for in the cache";
    cache_hits: U64, "MCP", "Requests answered from the cache";
    srv_icur: U32, "MGP", "Idle connections that can be used again";
    src_ilim: U32, "CLP", "Limit of idle connections";
    qtime_max: U32, "MMP", "Most milliseconds in the queue";
    ctime_max: U32, "MMP", "Most milliseconds to connect";
    rtime_max: U32, "MMP", "Most milliseconds to the response";
    ttime_max: U32, "MMP", "Most milliseconds altogether";
    eint: U64, "MCP", "Internal errors";
    idle_conn_cur: U32, "MGP", "Idle connections that are not safe to reuse for a first request";
    safe_conn_cur: U32, "MGP", "Idle connections that are safe to reuse";
    used_conn_cur: U32, "MGP", "Connections in use";
    need_conn_est: U32, "MGP", "Estimate of the connections needed";
    uweight: U32, "MaP", "Weight set by the user, of a backend the sum of its usable servers";
    agg_server_status: U32, "MGP", "Place of the servers counted by state; 0 here, in full for Prometheus";
    agg_server_check_status: U32, "MGP", "Place of the servers counted by state; 0 here, in full for Prometheus";
    agg_check_status: U32, "MGP", "Place of the servers counted by check result; 0 here, in full for Prometheus";
    ssl_sess: U64, "MCP", "TLS sessions";
    ssl_reused_sess: U64, "MCP", "TLS sessions resumed";
    ssl_failed_handshake: U64, "MCP", "TLS handshakes that failed";
    h2_headers_rcvd: U64, "MCP", "HTTP/2 HEADERS frames received";
    h2_data_rcvd: U64, "MCP", "HTTP/2 DATA frames received";
    h2_settings_rcvd: U64, "MCP", "HTTP/2 SETTINGS frames received";
    h2_rst_stream_rcvd: U64, "MCP", "HTTP/2 RST_STREAM frames received";
    h2_goaway_rcvd: U64, "MCP", "HTTP/2 GOAWAY frames received";
    h2_detected_conn_protocol_errors: U64, "MCP", "HTTP/2 errors of connections";
    h2_detected_strm_protocol_errors: U64, "MCP", "HTTP/2 errors of streams";
    h2_rst_stream_resp: U64, "MCP", "HTTP/2 RST_STREAM frames sent because of an error";
    h2_goaway_resp: U64, "MCP", "HTTP/2 GOAWAY frames sent because of an error";
    h2_open_connections: U64, "MGP", "HTTP/2 connections now";
    h2_backend_open_streams: U64, "MGP", "HTTP/2 streams now";
    h2_total_connections: U64, "MCP", "HTTP/2 connections so far";
    h2_backend_total_streams: U64, "MCP", "HTTP/2 streams so far";
    h1_open_connections: U64, "MGP", "HTTP/1 connections now";
    h1_open_streams: U64, "MGP", "HTTP/1 exchanges now";
    h1_total_connections: U64, "MCP", "HTTP/1 connections so far";
    h1_total_streams: U64, "MCP", "HTTP/1 exchanges so far";
    h1_bytes_in: U64, "MCP", "HTTP/1 bytes received";
    h1_bytes_out: U64, "MCP", "HTTP/1 bytes sent";
    h1_spliced_bytes_in: U64, "MCP", "HTTP/1 bytes received through a pipe in the kernel";
    h1_spliced_bytes_out: U64, "MCP", "HTTP/1 bytes sent through a pipe in the kernel";
}
