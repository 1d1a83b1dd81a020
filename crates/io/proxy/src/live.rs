//! A session as others see it: who, from where, to where, since when; and the means to end it from outside.
//!
//! It belongs to one worker and never leaves its thread. Other threads ask the worker.

use crate::backend::Backend;
use crate::frontend::Frontend;
use crate::server::Server;
use crate::wheel::{Entry, Ms, NEVER};
use crate::worker::Worker;
use pin_project_lite::pin_project;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Why a session has to look up from what it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Its deadline has passed.
    Expired,
    /// Somebody ends it: `shutdown session` (log code `K`).
    Killed,
    /// Its server went down (`on-marked-down shutdown-sessions`, log code `D`).
    ServerDown,
    /// A better server came up (`on-marked-up shutdown-backup-sessions`, log code `U`).
    ServerUp,
    /// The process stops for good (`hard-stop-after`).
    Stopping,
}

/// What a session waits for now; for `show sess`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// For the client: handshake, PROXY header, request.
    #[default]
    Request,
    /// For a place at a server.
    Queue,
    /// For a connection to the server.
    Connect,
    /// For the server's answer.
    Response,
    /// For data of either side.
    Data,
    /// For the next request on the connection.
    Idle,
}

/// One client connection, or one HTTP/2 stream of it.
pub struct Live {
    /// Its place among the worker's sessions.
    pub(crate) key: Cell<usize>,
    /// Never used twice in a process.
    pub id: u64,
    pub frontend: Arc<Frontend>,
    pub backend: RefCell<Option<Arc<Backend>>>,
    pub server: RefCell<Option<Arc<Server>>>,
    /// None for unix sockets.
    pub source: Cell<Option<SocketAddr>>,
    pub destination: Cell<Option<SocketAddr>>,
    /// Engine's time.
    pub accepted: Ms,
    pub phase: Cell<Phase>,
    pub bytes_in: Cell<u64>,
    pub bytes_out: Cell<u64>,
    signal: Cell<Option<Signal>>,
    waker: RefCell<Option<Waker>>,
    pub(crate) timer: Entry,
}

impl Live {
    pub fn new(id: u64, frontend: Arc<Frontend>, accepted: Ms) -> Self {
        Self {
            key: Cell::new(usize::MAX),
            id,
            frontend,
            backend: RefCell::default(),
            server: RefCell::default(),
            source: Cell::default(),
            destination: Cell::default(),
            accepted,
            phase: Cell::default(),
            bytes_in: Cell::default(),
            bytes_out: Cell::default(),
            signal: Cell::default(),
            waker: RefCell::default(),
            timer: Entry::default(),
        }
    }

    /// Ends what it waits for. A kill is not undone by a later expiry.
    pub fn signal(&self, signal: Signal) {
        if self.signal.get().is_none_or(|before| before == Signal::Expired) {
            self.signal.set(Some(signal));
        }
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// What has been signalled. To be asked in each poll of a hand-made future, which then is woken by a signal.
    pub fn poll_signal(&self, cx: &Context<'_>) -> Option<Signal> {
        let mut waker = self.waker.borrow_mut();
        if waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        self.signal.get()
    }

    /// Runs a future until it is done or something is signalled. No deadline of before counts; `deadline` does.
    pub fn until<'a, F: Future>(&'a self, worker: &'a Worker, deadline: Ms, future: F) -> Until<'a, F> {
        Until { live: self, worker, deadline, waits: false, future }
    }

    /// Moves the deadline. An expiry that nobody has seen yet is void.
    pub fn deadline(&self, worker: &Worker, deadline: Ms) {
        if self.signal.get() == Some(Signal::Expired) {
            self.signal.set(None);
        }
        worker.set_deadline(self, deadline);
    }

    /// When it ends if nothing happens; [`NEVER`] without a deadline.
    pub fn expires(&self) -> Ms {
        self.timer.deadline()
    }
}

pin_project! {
    /// A future that a session's signals end. Made by hand: an `async fn` would hold the future's room twice.
    #[must_use = "it does nothing unless it is awaited"]
    pub struct Until<'a, F> {
        live: &'a Live,
        worker: &'a Worker,
        deadline: Ms,
        waits: bool,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Until<'_, F> {
    type Output = Result<F::Output, Signal>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if !std::mem::replace(this.waits, true) {
            this.live.deadline(this.worker, *this.deadline);
        }
        let result = match (this.future.poll(cx), this.live.poll_signal(cx)) {
            (Poll::Ready(output), _) => Ok(output),
            (Poll::Pending, Some(signal)) => Err(signal),
            (Poll::Pending, None) => return Poll::Pending,
        };
        this.live.deadline(this.worker, NEVER);
        Poll::Ready(result)
    }
}

/// Keeps a session in its worker's list for as long as it lives.
pub struct Registered {
    live: Rc<Live>,
    worker: Rc<Worker>,
}

impl Registered {
    pub fn new(worker: &Rc<Worker>, live: Live) -> Self {
        let live = Rc::new(live);
        worker.register(&live);
        Self { live, worker: worker.clone() }
    }

    pub fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }
}

impl std::ops::Deref for Registered {
    type Target = Rc<Live>;

    fn deref(&self) -> &Rc<Live> {
        &self.live
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.worker.forget(&self.live);
    }
}
