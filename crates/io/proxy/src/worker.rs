//! A thread that serves connections: one current-thread runtime, its sessions, their deadlines, buffers and pipes.

use crate::engine::Engine;
use crate::live::{Live, Signal};
use crate::pipes::Pipes;
use crate::wheel::{Ms, Wheel};
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::LocalOptions;
use tokio::sync::{Notify, mpsc};

/// What another thread wants a worker to do: to look at its sessions, to take a listener.
pub type Command = Box<dyn FnOnce(&Rc<Worker>) + Send>;

/// Tasks that run before the kernel is asked for more of them: HAProxy's `tune.runqueue-depth`.
const EVENT_INTERVAL: u32 = 200;

/// Bytes read at once. As large as a socket's buffer usually has; a worker has one.
const BUFFER: usize = 64 * 1024;

pub struct Worker {
    /// 0 for the first.
    pub id: usize,
    pub engine: Arc<Engine>,
    pub pipes: Pipes,
    /// Idle connections to servers.
    pub pool: crate::http::pool::Pool,
    /// For reading in one poll; what is left to be sent is copied out of it, so that idle sessions own no buffer.
    pub buffer: RefCell<Box<[u8]>>,
    sessions: RefCell<Slab<Rc<Live>>>,
    wheel: Wheel,
    earlier: Notify,
    next_id: Cell<u64>,
    recent: Cell<Ms>,
    /// The thread has slept since.
    slept: Arc<AtomicBool>,
}

/// How others reach a worker.
#[derive(Clone)]
pub struct Handle {
    commands: mpsc::UnboundedSender<Command>,
}

impl Handle {
    /// Has the worker run this, soon. Dropped where the worker has ended.
    pub fn run(&self, command: impl FnOnce(&Rc<Worker>) + Send + 'static) {
        // A worker that ended has no session and no listener left to act on.
        _ = self.commands.send(Box::new(command));
    }
}

/// Lets whoever else of this turn has something to read do so first. Then all send in a row, and those they send to are
/// woken once and stay awake, which is a twentieth of what a request costs.
pub async fn read_all_first() {
    let mut waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A channel to a worker that is yet to be started. Unbounded: only the control thread writes, a few at a time.
pub fn channel() -> (Handle, mpsc::UnboundedReceiver<Command>) {
    let (commands, receiver) = mpsc::unbounded_channel();
    (Handle { commands }, receiver)
}

impl Worker {
    /// Runs on the calling thread until the other end of `commands` is gone.
    pub fn run(id: usize, engine: Arc<Engine>, mut commands: mpsc::UnboundedReceiver<Command>) {
        // Not a `LocalSet`, whose tasks are woken through the runtime's eventfd: two system calls more each turn.
        let slept = Arc::new(AtomicBool::new(true));
        let wakes = slept.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .event_interval(EVENT_INTERVAL)
            .on_thread_unpark(move || wakes.store(true, Relaxed))
            .build_local(LocalOptions::default());
        let runtime = runtime.expect("a runtime needs three descriptors, which the process has when it starts");
        let worker = Rc::new(Self {
            id,
            pipes: Pipes::new(engine.max_pipes()),
            pool: Default::default(),
            engine,
            buffer: RefCell::new(vec![0; BUFFER].into_boxed_slice()),
            sessions: RefCell::default(),
            wheel: Wheel::default(),
            earlier: Notify::new(),
            next_id: Cell::new(0),
            recent: Cell::new(0),
            slept,
        });
        runtime.spawn_local(worker.clone().keep_time());
        runtime.block_on(async {
            while let Some(command) = commands.recv().await {
                command(&worker);
            }
        });
    }

    /// The engine's time: milliseconds since it started.
    pub fn now(&self) -> Ms {
        let now = self.engine.now();
        self.recent.set(now);
        self.slept.store(false, Relaxed);
        now
    }

    /// The time when it was asked for last, in this turn: since the thread has slept.
    pub fn recent(&self) -> Ms {
        if self.slept.load(Relaxed) { self.now() } else { self.recent.get() }
    }

    /// Its sessions, for those who list or end them.
    pub fn sessions(&self) -> Vec<Rc<Live>> {
        self.sessions.borrow().iter().map(|(_, live)| live.clone()).collect()
    }

    /// Signals the sessions that are meant; how many they were.
    pub fn signal_sessions(&self, signal: Signal, is_meant: impl Fn(&Live) -> bool) -> usize {
        let meant: Vec<_> = self.sessions().into_iter().filter(|live| is_meant(live)).collect();
        meant.iter().for_each(|live| live.signal(signal));
        meant.len()
    }

    /// The next number for a session, unique in the process: workers count in turns.
    pub fn next_id(&self) -> u64 {
        let count = self.next_id.get();
        self.next_id.set(count + 1);
        count * self.engine.worker_count() as u64 + self.id as u64
    }

    pub(crate) fn register(&self, live: &Rc<Live>) {
        live.key.set(self.sessions.borrow_mut().insert(live.clone()));
    }

    pub(crate) fn forget(&self, live: &Live) {
        self.wheel.remove(live.key.get(), &live.timer);
        self.sessions.borrow_mut().remove(live.key.get());
    }

    pub(crate) fn set_deadline(&self, live: &Live, deadline: Ms) {
        // Nearly always it moves to later, for which nobody has to know what time it is.
        if live.timer.postpone(deadline) {
            return;
        }
        if self.wheel.set(live.key.get(), &live.timer, deadline, self.now()) {
            self.earlier.notify_one();
        }
    }

    /// Signals whose deadline has passed. Sleeps until the next one; with none, until there is one.
    async fn keep_time(self: Rc<Self>) {
        loop {
            match self.wheel.next() {
                None => self.earlier.notified().await,
                Some(next) => {
                    let rest = Duration::from_millis(next.saturating_sub(self.now()));
                    // Either way the queue is looked at again.
                    _ = tokio::time::timeout(rest, self.earlier.notified()).await;
                }
            }
            self.expire();
        }
    }

    fn expire(&self) {
        let now = self.now();
        while let Some(key) = self.wheel.take(now) {
            let live = self.sessions.borrow().get(key).cloned();
            if let Some(live) = live
                && self.wheel.recheck(key, &live.timer, now)
            {
                live.signal(Signal::Expired);
            }
        }
    }
}
