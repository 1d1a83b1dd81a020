//! The PROXY protocol, versions 1 and 2: reading and writing its header.
//!
//! Source: `proxy-protocol.txt` of HAProxy 2.6. A receiver reads with [`parse`], again and again until it has a whole
//! header; a sender's settings are [`SendProxy`].
//!
//! Where the text leaves a choice, HAProxy's is taken: a version 2 header for anything but TCP is refused, LOCAL ones
//! are skipped unseen, and TLVs of wrong lengths end the connection. Two differences: numbers of version 1 that the
//! text forbids (leading zeros, 256, port 70000) are refused, where HAProxy takes them modulo something; what follows
//! `UNKNOWN` is ignored as the text demands, where HAProxy refuses it.

pub(crate) mod crc32c;
mod send;
mod tlv;
mod v1;
mod v2;

pub use send::{SendProxy, V2Options};
pub use tlv::{Ssl, Tlvs};

use std::fmt;
use std::net::SocketAddr;

/// The longest header read: version 1 has 107 bytes by definition, version 2 must fit HAProxy's buffer (`tune.bufsize`).
/// The text asks senders to stay below 536 bytes, but their TLVs may be of any number.
pub const MAX_HEADER: usize = 16 * 1024;

/// What the bytes at hand are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// At least so many more bytes are missing. Who reads no more than these never reads past the header.
    NeedMore(usize),
    /// A header, and how many bytes it took.
    Done { used: usize, header: Header },
    /// The connection is to be closed.
    Invalid(Reason),
}

/// What a sender said about the connection it relays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// Where the connection came from and where it went. Absent means that the real connection's ends count:
    /// `UNKNOWN` of version 1, `LOCAL` of version 2.
    pub endpoints: Option<Endpoints>,
    pub tlvs: Tlvs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoints {
    pub source: SocketAddr,
    pub destination: SocketAddr,
}

/// Why there is no header. The texts are HAProxy's, scripts look for them in logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Closed,
    Failed,
    Timeout,
    Truncated,
    NotAHeader,
    BadHeader,
    UnhandledProtocol,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "Connection closed while waiting for PROXY protocol header",
            Self::Failed => "Connection error while waiting for PROXY protocol header",
            Self::Timeout => "Timeout while waiting for PROXY protocol header",
            Self::Truncated => "Truncated PROXY protocol header received",
            Self::NotAHeader => "Received something which does not look like a PROXY protocol header",
            Self::BadHeader => "Received an invalid PROXY protocol header",
            Self::UnhandledProtocol => "Received an unhandled protocol in the PROXY protocol header",
        })
    }
}

/// Reads a header of either version from the first bytes of a connection.
pub fn parse(bytes: &[u8]) -> Parsed {
    let result = if bytes.starts_with(v1::START) {
        v1::parse(bytes)
    } else if bytes.starts_with(&v2::SIGNATURE) {
        v2::parse(bytes)
    } else if v1::START.starts_with(bytes) {
        return Parsed::NeedMore(v1::SHORTEST - bytes.len());
    } else if v2::SIGNATURE.starts_with(bytes) {
        return Parsed::NeedMore(v2::FIXED - bytes.len());
    } else {
        Err(Stop::Invalid(Reason::NotAHeader))
    };
    match result {
        Ok((used, header)) => Parsed::Done { used, header },
        Err(Stop::NeedMore(bytes)) => Parsed::NeedMore(bytes),
        Err(Stop::Invalid(reason)) => Parsed::Invalid(reason),
    }
}

/// Why a version's parser has no header to give.
enum Stop {
    NeedMore(usize),
    Invalid(Reason),
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Invalid(reason)
    }
}

#[cfg(test)]
mod tests;
