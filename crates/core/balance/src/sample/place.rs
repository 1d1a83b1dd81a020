//! Where an expression stands, and what it can look at there (manual section 7.3, `-dKsmp`).

/// A rule set or another place that evaluates expressions, in HAProxy's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    FrontendConnection,
    FrontendSession,
    FrontendContent,
    FrontendHttpRequest,
    FrontendHttpRequestBody,
    UseBackend,
    BackendContent,
    BackendHttpRequest,
    BackendHttpRequestBody,
    UseServer,
    Source,
    BackendResponseContent,
    BackendHttpResponse,
    BackendHttpResponseBody,
    StoreResponse,
    FrontendResponseContent,
    FrontendHttpResponse,
    FrontendHttpResponseBody,
    Log,
    TcpCheck,
    ConfigParser,
    CliParser,
}

impl Place {
    /// The directive that warnings of TCP rules name besides.
    pub(crate) fn tcp_directive(self) -> Option<&'static str> {
        match self {
            Self::FrontendConnection => Some("tcp-request connection"),
            Self::FrontendSession => Some("tcp-request session"),
            Self::FrontendContent | Self::BackendContent => Some("tcp-request content"),
            Self::FrontendResponseContent | Self::BackendResponseContent => Some("tcp-response content"),
            _ => None,
        }
    }

    /// As warnings call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::FrontendConnection => "frontend tcp-request connection rule",
            Self::FrontendSession => "frontend tcp-request session rule",
            Self::FrontendContent => "frontend tcp-request content rule",
            Self::FrontendHttpRequest => "frontend http-request header rule",
            Self::FrontendHttpRequestBody => "frontend http-request body rule",
            Self::UseBackend => "frontend use-backend rule",
            Self::BackendContent => "backend tcp-request content rule",
            Self::BackendHttpRequest => "backend http-request header rule",
            Self::BackendHttpRequestBody => "backend http-request body rule",
            Self::UseServer => "backend use-server, balance or stick-match rule",
            Self::Source => "server source selection",
            Self::BackendResponseContent => "backend tcp-response content rule",
            Self::BackendHttpResponse => "backend http-response header rule",
            Self::BackendHttpResponseBody => "backend http-response body rule",
            Self::StoreResponse => "backend stick-store rule",
            Self::FrontendResponseContent => "frontend tcp-response content rule",
            Self::FrontendHttpResponse => "frontend http-response header rule",
            Self::FrontendHttpResponseBody => "frontend http-response body rule",
            Self::Log => "logs",
            Self::TcpCheck => "backend tcp-check rule",
            Self::ConfigParser => "configuration parser",
            Self::CliParser => "CLI parser",
        }
    }
}

/// What a fetch needs: where it comes from, and so where it can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Nothing but the configuration.
    Constant,
    Internal,
    Listener,
    Frontend,
    ClientAddress,
    ClientConnection,
    TrackCounters,
    RequestBuffer,
    /// Headers of the request.
    RequestHeaders,
    /// Parts of the request that outlive it.
    Request,
    RequestBody,
    Backend,
    Server,
    ServerAddress,
    ServerConnection,
    ResponseBuffer,
    ResponseHeaders,
    Response,
    ResponseBody,
    /// Headers of the request or the response, whichever is at hand (`hdr`).
    EitherHeaders,
    /// Bytes of the request or the response (`payload`).
    EitherBuffer,
}

/// Places as `-dKsmp` shows them: one column for each [`Place`].
impl Source {
    fn columns(self) -> &'static [u8; 22] {
        match self {
            Self::Constant => b"YYYYYYYYYYYYYYYYYYYYYY",
            Self::Internal => b"YYYYYYYYYYYYYYYYYYYY.Y",
            Self::Listener | Self::Frontend => b"YYYYYYYYYYYYYYYYYYY...",
            Self::ClientAddress => b"YYYYYYYYYYYYYYYYYYYY..",
            Self::ClientConnection => b".YYYYYYYYYYYYYYYYYY...",
            Self::TrackCounters => b"YYYYYYYYYYYYYYYYYYYY.Y",
            Self::RequestBuffer | Self::RequestHeaders | Self::RequestBody => b"..YYYYYYYYY...........",
            Self::Request => b"..YYYYYYYYYYYYYYYYY...",
            Self::Backend => b"......YYYYYYYYYYYYYY..",
            Self::Server => b"..........YYYYYYYYYY..",
            Self::ServerAddress | Self::ServerConnection | Self::Response => b"...........YYYYYYYYY..",
            Self::ResponseBuffer | Self::ResponseHeaders | Self::ResponseBody => b"...........YYYYYYY.Y..",
            Self::EitherHeaders | Self::EitherBuffer => b"..YYYYYYYYYYYYYYYY.Y..",
        }
    }

    pub fn reaches(self, place: Place) -> bool {
        self.columns()[place as usize] == b'Y'
    }

    /// As errors call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "internal state",
            Self::Internal => "internal state",
            Self::Listener => "listener",
            Self::Frontend => "frontend",
            Self::ClientAddress => "client address",
            Self::ClientConnection => "client-side connection",
            Self::TrackCounters => "track counters",
            Self::RequestBuffer => "request buffer",
            Self::RequestHeaders => "HTTP request headers",
            Self::Request => "HTTP request",
            Self::RequestBody => "HTTP request body",
            Self::Backend => "backend",
            Self::Server => "server",
            Self::ServerAddress => "server address",
            Self::ServerConnection => "server-side connection",
            Self::ResponseBuffer => "response buffer",
            Self::ResponseHeaders => "HTTP response headers",
            Self::Response => "HTTP response",
            Self::ResponseBody => "HTTP response body",
            Self::EitherHeaders => "HTTP request headers,HTTP response headers",
            Self::EitherBuffer => "request buffer,response buffer",
        }
    }
}
