//! What comes before the first byte of traffic: a PROXY header, TLS.

use crate::conversation::Conversation;
use crate::dispatch::millis;
use crate::live::{Registered, Signal};
use crate::session::Admitted;
use crate::stream::Stream;
use balance::proxy_protocol::{self, Parsed, Reason};
use std::fmt;
use tokio::io::AsyncReadExt;

/// Why a connection did not become a session. The texts stand in logs.
#[derive(Debug)]
pub enum Refused {
    Proxy(Reason),
    Tls(crate::tls::HandshakeError),
    /// Ended from outside.
    Ended,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proxy(reason) => reason.fmt(f),
            Self::Tls(error) => error.fmt(f),
            Self::Ended => f.write_str("Connection closed"),
        }
    }
}

impl Refused {
    /// The client came and went without a byte: what `option dontlognull` does not log.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Proxy(Reason::Closed) | Self::Tls(crate::tls::HandshakeError::Closed))
    }
}

/// Does the handshakes that the `bind` line asks for, all of them within `timeout client`.
///
/// # Errors
/// [`Refused`].
pub async fn run(
    live: &Registered,
    admitted: &Admitted,
    mut stream: Stream,
    conversation: &mut Conversation,
) -> Result<Stream, Refused> {
    let begin = live.worker().now();
    let bind = admitted.listening.bind.load_full();
    let limit = begin.saturating_add(millis(admitted.frontend.config.load().timeouts.client));
    if bind.accept_proxy {
        read_proxy(live, limit, &mut stream, conversation).await.map_err(Refused::Proxy)?;
    }
    if let Some(acceptor) = admitted.listening.acceptor.load_full() {
        let shaken = live.until(live.worker(), limit, acceptor.accept(stream, None)).await;
        let (secured, tls) = match shaken {
            Ok(result) => result.map_err(Refused::Tls)?,
            Err(Signal::Expired) => return Err(Refused::Tls(crate::tls::HandshakeError::Timeout)),
            Err(_) => return Err(Refused::Ended),
        };
        live.worker().engine.totals.tls_total.inc();
        live.worker().engine.totals.tls_rate.count(live.worker().now());
        conversation.tls = Some(tls);
        stream = secured;
    }
    conversation.handshake_ms = (live.worker().now() - begin) as i64;
    Ok(stream)
}

/// Reads a PROXY header and not a byte more.
///
/// # Errors
/// Why there is none.
pub async fn read_proxy(
    live: &Registered,
    limit: u64,
    stream: &mut Stream,
    conversation: &mut Conversation,
) -> Result<(), Reason> {
    let mut bytes = Vec::new();
    let header = loop {
        match proxy_protocol::parse(&bytes) {
            Parsed::Done { header, .. } => break header,
            Parsed::Invalid(reason) => return Err(reason),
            Parsed::NeedMore(_) if bytes.len() > proxy_protocol::MAX_HEADER => return Err(Reason::BadHeader),
            Parsed::NeedMore(missing) => {
                let before = bytes.len();
                bytes.resize(before + missing, 0);
                let read = live.until(live.worker(), limit, stream.read(&mut bytes[before..])).await;
                match read {
                    Ok(Ok(0)) if before == 0 => return Err(Reason::Closed),
                    Ok(Ok(0)) => return Err(Reason::Truncated),
                    Ok(Ok(count)) => bytes.truncate(before + count),
                    Ok(Err(_)) | Err(Signal::Killed) => return Err(Reason::Failed),
                    Err(_) => return Err(Reason::Timeout),
                }
            }
        }
    };
    conversation.relayed(live, header);
    Ok(())
}
