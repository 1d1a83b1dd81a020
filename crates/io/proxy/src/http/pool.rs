//! Connections to servers that wait for another request (`http-reuse`): each worker has its own.
//!
//! The one used last is used first, so that the others become superfluous: each `pool-purge-delay` half of a server's
//! idle connections is closed (manual section 5.2). A server that closes one is noticed then, or when it is taken.

use super::h2::client::{Mux, Slot};
use super::wire::Wire;
use crate::server::Server;
use crate::worker::Worker;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Without `pool-purge-delay`.
const PURGE_DELAY: Duration = Duration::from_secs(5);

/// A connection to a server, between requests or in one.
pub struct Kept {
    pub wire: Wire,
    /// Requests it has carried.
    pub requests: u32,
    /// Our end and the server's, where it is TCP.
    pub ends: Option<(SocketAddr, SocketAddr)>,
    /// The server's, when the connection was made.
    pub epoch: u32,
}

#[derive(Default)]
pub struct Pool {
    shelves: RefCell<HashMap<usize, Shelf>>,
}

/// The idle connections of one server. It keeps the server alive, so that no other one has its address.
struct Shelf {
    server: Arc<Server>,
    idle: Vec<Kept>,
    /// Connections of HTTP/2, with and without streams.
    muxes: Vec<Rc<Mux>>,
    /// A task looks after it.
    purged: bool,
}

impl Pool {
    /// Takes a connection that can be used. `proven`: only one that was used again before.
    pub fn take(&self, server: &Arc<Server>, proven: bool) -> Option<Kept> {
        let mut shelves = self.shelves.borrow_mut();
        let idle = &mut shelves.get_mut(&key(server))?.idle;
        while let Some(place) = idle.iter().rposition(|kept| !proven || kept.requests > 1) {
            let mut kept = idle.remove(place);
            server.counters.idle.leave();
            if kept.epoch == server.epoch() && kept.wire.is_quiet() {
                return Some(kept);
            }
        }
        None
    }

    /// A place for a stream on a connection of HTTP/2.
    pub fn slot(&self, server: &Arc<Server>) -> Option<Slot> {
        let (shelves, epoch) = (self.shelves.borrow(), server.epoch());
        // Without idle connections only one that others use now is shared.
        let rests = server.config.load().pool_max_conn != 0;
        let fits = |mux: &&Rc<Mux>| mux.epoch == epoch && mux.has_room() && (rests || !mux.is_idle());
        shelves.get(&key(server))?.muxes.iter().find(fits).map(Mux::take)
    }

    fn purge(&self, server: &Arc<Server>) -> bool {
        let mut shelves = self.shelves.borrow_mut();
        let Some(shelf) = shelves.get_mut(&key(server)) else { return false };
        let (before, epoch) = (shelf.idle.len(), server.epoch());
        shelf.idle.retain_mut(|kept| kept.epoch == epoch && kept.wire.is_quiet());
        let low = server.config.load().pool_low_conn as usize;
        let surplus = (shelf.idle.len().saturating_sub(low)).div_ceil(2);
        // The ones used longest ago are first.
        shelf.idle.drain(..surplus);
        (shelf.idle.len()..before).for_each(|_| _ = server.counters.idle.leave());
        shelf.muxes.retain(|mux| mux.epoch == epoch && !mux.is_closed());
        let resting = shelf.muxes.iter().filter(|mux| mux.is_idle()).count();
        let mut superfluous = resting.saturating_sub(low).div_ceil(2);
        shelf.muxes.retain(|mux| {
            let goes = mux.is_idle() && superfluous > 0;
            superfluous -= usize::from(goes);
            !goes
        });
        if shelf.idle.is_empty() && shelf.muxes.is_empty() {
            shelves.remove(&key(server));
            return false;
        }
        true
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for shelf in self.shelves.borrow().values() {
            shelf.idle.iter().for_each(|_| _ = shelf.server.counters.idle.leave());
        }
    }
}

fn key(server: &Arc<Server>) -> usize {
    Arc::as_ptr(server) as usize
}

/// Keeps a connection for the next request, if the server's limits allow it.
pub fn give(worker: &Rc<Worker>, server: &Arc<Server>, mut kept: Kept) {
    let config = server.config.load();
    let delay = config.pool_purge_delay.unwrap_or(PURGE_DELAY);
    let full = config.pool_max_conn >= 0 && server.counters.idle.get() >= config.pool_max_conn as u64;
    let worn = config.max_reuse >= 0 && i64::from(kept.requests) > i64::from(config.max_reuse);
    let stale = kept.epoch != server.epoch();
    if full || worn || stale || delay.is_zero() || !server.is_usable() {
        return;
    }
    kept.wire.rest();
    server.counters.idle.enter();
    on_shelf(worker, server, delay, |shelf| shelf.idle.push(kept));
}

/// Lets other requests use a connection of HTTP/2. Of those that rest, no more than `pool-max-conn` stay beside it.
pub fn share(worker: &Rc<Worker>, server: &Arc<Server>, mux: &Rc<Mux>) {
    let config = server.config.load();
    let delay = config.pool_purge_delay.unwrap_or(PURGE_DELAY);
    if delay.is_zero() {
        return;
    }
    let most = u64::try_from(config.pool_max_conn).unwrap_or(u64::MAX);
    let mut room = most.saturating_sub(server.counters.idle.get());
    on_shelf(worker, server, delay, |shelf| {
        shelf.muxes.retain(|mux| {
            let rests = mux.is_idle();
            let stays = !rests || room > 0;
            room = room.saturating_sub(u64::from(rests));
            stays
        });
        shelf.muxes.push(mux.clone());
    });
}

fn on_shelf(worker: &Rc<Worker>, server: &Arc<Server>, delay: Duration, put: impl FnOnce(&mut Shelf)) {
    let mut shelves = worker.pool.shelves.borrow_mut();
    let new = || Shelf { server: server.clone(), idle: Vec::new(), muxes: Vec::new(), purged: false };
    let shelf = shelves.entry(key(server)).or_insert_with(new);
    put(shelf);
    if !std::mem::replace(&mut shelf.purged, true) {
        tokio::task::spawn_local(purge(worker.clone(), server.clone(), delay));
    }
}

/// Ends with the last connection.
async fn purge(worker: Rc<Worker>, server: Arc<Server>, delay: Duration) {
    loop {
        tokio::time::sleep(delay).await;
        if !worker.pool.purge(&server) {
            return;
        }
    }
}
