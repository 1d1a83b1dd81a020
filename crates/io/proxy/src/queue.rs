//! Who waits for a place at a server: in the order of their coming, some for one server, others for any of a backend.

use crate::counters::Counters;
use crate::server::Server;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

#[cfg(test)]
mod tests;

/// The queue of a backend and of each of its servers. As long as the frontends' `maxconn` lets sessions in.
#[derive(Default)]
pub struct Queue {
    waiting: Mutex<VecDeque<Arc<Waiter>>>,
    /// How many there are, to be asked without the lock.
    length: AtomicUsize,
}

/// A session that waits.
pub struct Waiter {
    /// The only server it wants; any, if none.
    wants: Option<Arc<Server>>,
    state: Mutex<State>,
    /// How many stood before it, in the same queue, when it came.
    pub position: u32,
}

#[derive(Default)]
struct State {
    outcome: Option<Outcome>,
    waker: Option<Waker>,
}

/// What becomes of a wait.
#[derive(Clone)]
pub enum Outcome {
    /// A place at this server, where the session is counted now.
    Server(Arc<Server>),
    /// The server it waited for is not usable any more: choose again.
    Again,
}

impl Queue {
    pub fn is_empty(&self) -> bool {
        self.length.load(Relaxed) == 0
    }

    pub(crate) fn join(&self, wants: Option<&Arc<Server>>, backend: &Counters) -> Arc<Waiter> {
        let counters = wants.map_or(backend, |server| &server.counters);
        let position = counters.queued.get() as u32;
        counters.queued.enter();
        let waiter = Arc::new(Waiter { wants: wants.cloned(), state: Mutex::default(), position });
        self.lock().push_back(waiter.clone());
        self.length.fetch_add(1, Relaxed);
        waiter
    }

    /// Gives a place at this server to the first who may have it, and counts it there. Whether there was one. All under
    /// the lock that leaving takes first: who leaves has either left or finds the place.
    pub(crate) fn serve(&self, server: &Arc<Server>) -> bool {
        if self.is_empty() {
            return false;
        }
        let mut waiting = self.lock();
        let Some(place) = waiting.iter().position(|waiter| waiter.may_have(server)) else { return false };
        let waiter = waiting.remove(place).expect("it has just been found there");
        self.length.fetch_sub(1, Relaxed);
        server.counters.sessions.enter();
        waiter.end(Outcome::Server(server.clone()));
        true
    }

    /// Sends those who wait for a server that is not usable to choose again; how many they are.
    pub(crate) fn moved(&self, is_usable: impl Fn(&Server) -> bool) -> u32 {
        if self.is_empty() {
            return 0;
        }
        let mut waiting = self.lock();
        let before = waiting.len();
        waiting.retain(|waiter| match &waiter.wants {
            Some(server) if !is_usable(server) => {
                waiter.end(Outcome::Again);
                false
            }
            _ => true,
        });
        let moved = before - waiting.len();
        self.length.fetch_sub(moved, Relaxed);
        moved as u32
    }

    /// Leaves the queue; a place that was given meanwhile comes back.
    pub(crate) fn leave(&self, waiter: &Arc<Waiter>, backend: &Counters) -> Option<Arc<Server>> {
        waiter.wants.as_ref().map_or(backend, |server| &server.counters).queued.leave();
        let mut waiting = self.lock();
        if let Some(place) = waiting.iter().position(|other| Arc::ptr_eq(other, waiter)) {
            waiting.remove(place);
            self.length.fetch_sub(1, Relaxed);
        }
        match waiter.lock().outcome.take() {
            Some(Outcome::Server(server)) => Some(server),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Waiter>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    fn may_have(&self, server: &Arc<Server>) -> bool {
        self.wants.as_ref().is_none_or(|wanted| Arc::ptr_eq(wanted, server))
    }

    /// The server it waits for, if it is not any.
    pub fn wants(&self) -> Option<&Arc<Server>> {
        self.wants.as_ref()
    }

    fn end(&self, outcome: Outcome) {
        let mut state = self.lock();
        state.outcome = Some(outcome);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    pub(crate) async fn wait(&self) -> Outcome {
        poll_fn(|cx| {
            let mut state = self.lock();
            // Left in place: whoever drops the wait between two polls must still give the place back.
            if let Some(outcome) = &state.outcome {
                return Poll::Ready(outcome.clone());
            }
            state.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
