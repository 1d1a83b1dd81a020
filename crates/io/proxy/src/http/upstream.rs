//! A connection to a server for one request: an idle one, or a new one.

use super::pool::{self, Kept};
use super::wire::{NoHead, Wire};
use crate::backend::Backend;
use crate::dispatch::{Dispatch, Failure, Place, Wanted};
use crate::server::Server;
use crate::worker::Worker;
use balance::config::model::HttpReuse;
use balance::http::ResponseHead;
use balance::http::framing::Facts;
use balance::http::parse::{self, Limits};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A server's side of an exchange.
pub struct Upstream {
    pub place: Place,
    pub line: Kept,
    /// It was idle before: the server may have closed it while our request was on its way.
    pub reused: bool,
}

/// What the client's connection has to do with the choice.
pub struct Claim<'a> {
    /// The client's first request goes over a new connection, unless the mode is bolder than `safe`.
    pub first: bool,
    /// With `http-reuse never`: the connection of this client's last request.
    pub private: &'a mut Option<Box<(Arc<Server>, Kept)>>,
}

impl Upstream {
    /// Gets a place at a server and a connection to it.
    ///
    /// # Errors
    /// [`Failure`] of the last attempt.
    pub async fn get(
        dispatch: &mut Dispatch<'_>,
        wanted: &Wanted<'_>,
        mut claim: Claim<'_>,
        fresh: bool,
    ) -> Result<Self, Failure> {
        let place = dispatch.place(wanted, None).await?;
        if !fresh && let Some(line) = idle(dispatch.worker, dispatch.backend, &place.server, &mut claim) {
            dispatch.tries.connected = Some(dispatch.worker.now());
            for counters in [&place.server.counters, &dispatch.backend.counters] {
                counters.reuses.inc();
            }
            return Ok(Self { place, line, reused: true });
        }
        let (stream, place) = dispatch.connect_from(place, wanted).await?;
        Ok(Self { place, line: Kept { wire: Wire::new(stream, Vec::new()), requests: 0 }, reused: false })
    }

    pub fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        limits: &Limits,
        head: &mut ResponseHead,
    ) -> Poll<Result<Facts, NoHead>> {
        let mut buffer = worker.buffer.borrow_mut();
        self.line.wire.poll_head(cx, &mut buffer, limits.bytes, |bytes| {
            Ok(parse::response(bytes, limits, head)?.map(|parsed| (parsed.used, parsed.facts)))
        })
    }

    /// Keeps the connection for another request.
    pub fn keep(self, worker: &Rc<Worker>, backend: &Backend, private: &mut Option<Box<(Arc<Server>, Kept)>>) {
        let Self { place, line, .. } = self;
        if !line.wire.unread().is_empty() || line.wire.has_ended() {
            return;
        }
        match backend.config.load().http_reuse {
            HttpReuse::Never => *private = Some(Box::new((place.server.clone(), line))),
            _ => pool::give(worker, &place.server, line),
        }
    }
}

fn idle(worker: &Worker, backend: &Backend, server: &Arc<Server>, claim: &mut Claim<'_>) -> Option<Kept> {
    let proven = match backend.config.load().http_reuse {
        HttpReuse::Never => {
            let (owner, mut line) = *claim.private.take()?;
            return (Arc::ptr_eq(&owner, server) && line.wire.is_quiet()).then_some(line);
        }
        HttpReuse::Safe if claim.first => return None,
        HttpReuse::Aggressive if claim.first => true,
        _ => false,
    };
    worker.pool.take(server, proven)
}
