//! A client's side of an exchange: a connection of HTTP/1, or a stream of HTTP/2.

use super::pool::Kept;
use super::relay::Stop;
use super::transfer::{Sink, Source};
use super::wire::Wire;
use crate::server::Server;
use crate::worker::Worker;
use balance::http::framing::Body;
use balance::http::{ResponseHead, Version, connection, serialize};
use bytes::Bytes;
use std::sync::Arc;
use std::task::{Context, Poll};

/// `http-reuse never`: the connection to a server that goes with the client's.
pub type Private = Option<Box<(Arc<Server>, Kept)>>;

pub enum Client<'a> {
    H1 { wire: &'a mut Wire, private: &'a mut Private },
    H2 { body: Option<h2::RecvStream>, respond: h2::server::SendResponse<Bytes> },
}

impl Client<'_> {
    pub fn wire(&mut self) -> Option<&mut Wire> {
        match self {
            Self::H1 { wire, .. } => Some(wire),
            Self::H2 { .. } => None,
        }
    }

    /// The server's connection that goes with the client's; to be given back with [`Client::give_private`].
    pub fn take_private(&mut self) -> Private {
        match self {
            Self::H1 { private, .. } => private.take(),
            Self::H2 { .. } => None,
        }
    }

    pub fn give_private(&mut self, line: Private) {
        if let Self::H1 { private, .. } = self
            && line.is_some()
        {
            **private = line;
        }
    }

    /// The server of the last request, where its connection is kept for this client alone.
    pub fn last_server(&self) -> Option<&Arc<Server>> {
        match self {
            Self::H1 { private, .. } => private.as_ref().map(|private| &private.0),
            Self::H2 { .. } => None,
        }
    }

    /// Where the request's body comes from.
    pub fn source(&mut self, body: Body) -> Source {
        match self {
            Self::H1 { .. } => body.into(),
            Self::H2 { body: stream, .. } => match (body, stream.take()) {
                (Body::None, _) | (_, None) => Source::None,
                (_, Some(stream)) => Source::Stream(stream),
            },
        }
    }

    /// A head before the final one; it goes out while that is waited for.
    pub fn send_interim(&mut self, head: &ResponseHead, version: Version) {
        match self {
            Self::H1 { wire, .. } if version >= Version::Http11 => {
                serialize::response(head, false, None, wire.out());
            }
            // Clients of 1.0 do not know them.
            Self::H1 { .. } => {}
            // A stream that cannot take it is gone, which the final head will find out.
            Self::H2 { respond, .. } => _ = respond.send_informational(super::h2::response(head)),
        }
    }

    /// Sends the head, or puts it where it goes out with the first of the body. `version`: the request's; `keep`: the
    /// connection goes on.
    ///
    /// # Errors
    /// The client is gone.
    pub fn send_head(
        &mut self,
        head: &mut ResponseHead,
        version: Version,
        body: Body,
        keep: bool,
    ) -> Result<Sink, Stop> {
        match self {
            Self::H1 { wire, .. } => {
                let old = version < Version::Http11;
                let is_unsaid = !old && body == Body::Chunked && !head.headers.contains(b"transfer-encoding");
                if old && body == Body::Chunked {
                    head.headers.remove(b"transfer-encoding");
                }
                let both = head.version >= Version::Http11 && !old;
                let token = connection::token(keep, head.version, both);
                serialize::response(head, is_unsaid, token, wire.out());
                Ok(if body == Body::Chunked && !old { Sink::Chunked } else { Sink::Raw })
            }
            Self::H2 { respond, .. } => {
                let ended = body == Body::None;
                let sent = respond.send_response(super::h2::response(head), ended);
                let stream = sent.map_err(|_| Stop::ClientGone)?;
                Ok(if ended { Sink::Nowhere } else { Sink::Stream(stream) })
            }
        }
    }

    /// Whether the client has gone. With HTTP/1 that cannot always be known without taking what it sends: `look` says
    /// that it may be.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>, worker: &Worker, look: bool) -> bool {
        match self {
            // What came instead of the end is kept: the next request, and not more than one read of it.
            Self::H1 { wire, .. } => {
                look && wire.unread().is_empty()
                    && matches!(wire.poll_stirs(cx, &mut worker.buffer.borrow_mut()), Poll::Ready(Ok(false) | Err(_)))
            }
            Self::H2 { respond, .. } => respond.poll_reset(cx).is_ready(),
        }
    }
}
