//! `option` lines of a proxy, and the few keywords that are switches, too.

use std::net::IpAddr;

/// Each is off unless said; `no option` and `default option` are resolved.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    pub abortonclose: bool,
    pub accept_invalid_http_request: bool,
    pub accept_invalid_http_response: bool,
    pub allbackups: bool,
    /// A response that sets a cookie and that caches would keep is refused.
    pub checkcache: bool,
    pub clitcpka: bool,
    pub srvtcpka: bool,
    pub disable_h2_upgrade: bool,
    pub dontlog_normal: bool,
    pub dontlognull: bool,
    pub forwardfor: Option<Forwarded>,
    /// Names are written as `h1-case-adjust` says, for clients, for servers.
    pub h1_case_adjust_bogus_client: bool,
    pub h1_case_adjust_bogus_server: bool,
    pub http_buffer_request: bool,
    pub http_ignore_probes: bool,
    pub http_close: HttpClose,
    pub http_pretend_keepalive: bool,
    /// `preserve`, `delete`, `reject` of `http-restrict-req-hdr-names`; absent: preserve.
    pub http_restrict_req_hdr_names: Option<String>,
    pub http_use_proxy_header: bool,
    pub httplog: bool,
    pub httplog_clf: bool,
    pub httpslog: bool,
    /// Idle connections outlast the begin of a soft stop.
    pub idle_close_on_response: bool,
    pub log_health_checks: bool,
    pub log_separate_errors: bool,
    pub logasap: bool,
    pub originalto: Option<Forwarded>,
    pub persist: bool,
    pub prefer_last_server: bool,
    /// `Some(n)`: retries go to another server each n-th time; -1 (the default of `option redispatch`) only the last.
    pub redispatch: Option<i32>,
    pub socket_stats: bool,
    pub tcplog: bool,
}

/// `option forwardfor` and `option originalto`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded {
    /// Clients in this network do not get the header.
    pub except: Option<(IpAddr, u8)>,
    /// Default `X-Forwarded-For`, `X-Original-To`.
    pub header: String,
    pub if_none: bool,
}

/// What becomes of connections after a response. The last of the three options wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpClose {
    /// `option http-keep-alive`, the default.
    #[default]
    KeepAlive,
    /// The server's is closed, the client's kept.
    ServerClose,
    /// `httpclose`: both are closed.
    Close,
}

/// `http-reuse`: which idle connections to a server may carry another client's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpReuse {
    Never,
    #[default]
    Safe,
    Aggressive,
    Always,
}

/// `retry-on`: after which failures a request is sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryOn {
    pub conn_failure: bool,
    pub empty_response: bool,
    pub junk_response: bool,
    pub response_timeout: bool,
    pub zero_rtt_rejected: bool,
    /// Statuses from the server: 401 403 404 408 425 500 501 502 503 504.
    pub statuses: Vec<u16>,
}

/// Default: conn-failure only.
impl Default for RetryOn {
    fn default() -> Self {
        Self {
            conn_failure: true,
            empty_response: false,
            junk_response: false,
            response_timeout: false,
            zero_rtt_rejected: false,
            statuses: vec![],
        }
    }
}
