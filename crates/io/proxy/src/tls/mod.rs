//! TLS on both sides: certificates and their choice by name, verification of peers, handshakes, and what samples ask.
//!
//! Invariants
//! - A handshake that began ends, by success, error or timeout, and names its end as HAProxy does.
//! - Replacing a certificate takes effect for handshakes from then on and touches no connection.
//! - Keys are read when a configuration is put in force, by whoever may still read them; never later.

mod acceptor;
mod certificate;
mod connector;
mod facts;
mod material;
mod pem;
mod provider;
mod resolver;
mod store;
mod trust;
mod verify;

pub use acceptor::Acceptor;
pub use connector::Connector;
pub use material::Material;
pub use pem::Loaded;
pub use store::Store;

use std::fmt;
use std::future::Future;
use std::io;
use std::time::Duration;

/// How a handshake failed. The texts are HAProxy's, scripts look for them in logs and check results.
#[derive(Debug)]
pub enum HandshakeError {
    /// The other side closed the connection.
    Closed,
    /// It broke.
    Broken(io::Error),
    /// What it sent is no TLS we can or will speak, or a certificate was refused.
    Failed(rustls::Error),
    Timeout,
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "Connection closed during SSL handshake",
            Self::Broken(_) => "Connection error during SSL handshake",
            Self::Failed(_) => "SSL handshake failure",
            Self::Timeout => "Timeout during SSL handshake",
        })
    }
}

impl std::error::Error for HandshakeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Broken(error) => Some(error),
            Self::Failed(error) => Some(error),
            Self::Closed | Self::Timeout => None,
        }
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::Closed;
        }
        match error.downcast::<rustls::Error>() {
            Ok(error) => Self::Failed(error),
            Err(error) => Self::Broken(error),
        }
    }
}

/// A handshake within a time; absent: however long it takes.
async fn limited<T>(
    limit: Option<Duration>,
    handshake: impl Future<Output = Result<T, HandshakeError>>,
) -> Result<T, HandshakeError> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, handshake).await.unwrap_or(Err(HandshakeError::Timeout)),
        None => handshake.await,
    }
}

#[cfg(test)]
mod tests;
