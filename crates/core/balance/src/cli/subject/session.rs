//! Sessions of clients.

/// A session at one instant. Sides that are not there are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionFacts {
    /// Unique as long as the process lives.
    pub id: u64,
    /// `tcpv4`, `tcpv6`, `unix_stream`.
    pub proto: String,
    pub source: String,
    pub frontend: String,
    pub frontend_id: u32,
    pub mode: String,
    pub listener: Option<(String, u32)>,
    pub listener_address: String,
    pub backend: Option<(String, u32)>,
    pub server: Option<(String, u32)>,
    pub server_address: String,
    /// Begun, as log lines write it.
    pub date: String,
    pub age_seconds: u64,
    pub retries: u32,
    /// Bytes from the client and from the server so far.
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// Seconds until it ends if nothing happens.
    pub expires: Option<u64>,
    pub http: bool,
}

pub trait Sessions {
    fn sessions(&self) -> Vec<SessionFacts>;
    /// Ends it with termination code `K`; false if it is not there any more.
    fn shutdown_session(&self, id: u64) -> bool;
}
