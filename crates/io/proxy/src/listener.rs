//! Listeners: an address of a `bind` line, its sockets, and the loops that accept from them.

use crate::counters::Counters;
use crate::frontend::Frontend;
use crate::sockets::Fresh;
use crate::stream::{Nagle, Stream};
use crate::tls::Acceptor;
use crate::worker::Worker;
use crate::{session, sockets};
use arc_swap::{ArcSwap, ArcSwapOption};
use balance::config::model::{Bind, Listen};
use futures_util::FutureExt;
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

/// Connections accepted in a row before others get their turn.
const TURN: usize = 64;

/// After an error such as "too many open files": what is missing needs time to come back.
const PAUSE: Duration = Duration::from_millis(100);

/// Whether a listener accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepting {
    Yes,
    /// The kernel goes on taking connections in, up to the backlog.
    Paused,
    /// Sockets are closed.
    Ended,
}

/// One address of a `bind` line.
pub struct Listening {
    pub listen: Listen,
    pub bind: ArcSwap<Bind>,
    /// As `bind ... name` says, else `sock-` and its number.
    pub name: String,
    /// Its number among its frontend's listeners, from 1.
    pub id: u32,
    /// One for each worker, or one for all. Kept so that a successor of this process can take them over.
    sockets: Mutex<Vec<OwnedFd>>,
    /// Of a unix socket that nobody can find yet.
    fresh: Mutex<Option<Fresh>>,
    pub counters: Counters,
    /// Of a `bind ... ssl`.
    pub acceptor: ArcSwapOption<Acceptor>,
    accepting: watch::Sender<Accepting>,
}

impl Listening {
    /// Opens the sockets.
    ///
    /// # Errors
    /// The system's.
    pub fn open(
        listen: Listen,
        (bind, id): (Arc<Bind>, u32),
        backlog: Option<u32>,
        workers: usize,
    ) -> io::Result<Self> {
        let opened = sockets::listen(&listen, &bind, backlog, workers)?;
        let fresh = Mutex::new(opened.fresh);
        Ok(Self { fresh, ..Self::with(listen, (bind, id), opened.sockets) })
    }

    /// Puts a unix socket at its path, unless it is there.
    ///
    /// # Errors
    /// The system's.
    pub fn take_place(&self) -> io::Result<()> {
        let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner).take();
        fresh.map_or(Ok(()), Fresh::take_place)
    }

    /// With sockets that another process opened.
    pub fn with(listen: Listen, (bind, id): (Arc<Bind>, u32), sockets: Vec<OwnedFd>) -> Self {
        let accepting = watch::Sender::new(Accepting::Yes);
        let (counters, acceptor) = (Counters::default(), ArcSwapOption::empty());
        let place = bind.listen.iter().position(|other| *other == listen);
        let id = place.and_then(|place| bind.ids.get(place)).copied().unwrap_or(id);
        let name = bind.name.clone().unwrap_or_else(|| format!("sock-{id}"));
        let sockets = Mutex::new(sockets);
        let (bind, fresh) = (ArcSwap::new(bind), Mutex::default());
        Self { listen, bind, name, id, sockets, fresh, counters, acceptor, accepting }
    }

    pub fn accepting(&self) -> Accepting {
        *self.accepting.borrow()
    }

    pub fn set_accepting(&self, accepting: Accepting) {
        self.accepting.send_if_modified(|now| {
            let changed = *now != accepting && *now != Accepting::Ended;
            if changed {
                *now = accepting;
            }
            changed
        });
        if accepting == Accepting::Ended {
            // While one is open the kernel takes connections in, and nobody would accept them.
            self.sockets().clear();
        }
    }

    /// Whether no worker has it open any more.
    pub fn is_closed(&self) -> bool {
        self.accepting.receiver_count() == 0
    }

    /// Empty once it has ended.
    pub fn sockets(&self) -> MutexGuard<'_, Vec<OwnedFd>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a worker accept from it. Sockets are dealt out in turn; a worker without one of its own shares.
    ///
    /// # Errors
    /// The system's, where it has no descriptor left.
    pub fn serve_on(self: &Arc<Self>, worker: &Rc<Worker>, frontend: &Arc<Frontend>) -> io::Result<()> {
        let sockets = self.sockets();
        let (count, workers) = (sockets.len(), worker.engine.worker_count());
        let own: Vec<&OwnedFd> = match count > workers {
            true => sockets.iter().skip(worker.id).step_by(workers).collect(),
            // None, if it has ended before this worker knew of it.
            false => sockets.get(worker.id % count.max(1)).into_iter().collect(),
        };
        for socket in own {
            let door = Door::open(&self.listen, socket.try_clone()?)?;
            let accepting = self.accepting.subscribe();
            let (worker, frontend, listening) = (worker.clone(), frontend.clone(), self.clone());
            tokio::task::spawn_local(accept(worker, frontend, listening, accepting, door));
        }
        Ok(())
    }
}

/// A listening socket in a worker's runtime.
enum Door {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Door {
    fn open(listen: &Listen, socket: OwnedFd) -> io::Result<Self> {
        let is_unix = match listen {
            Listen::Ip(_) => false,
            Listen::Unix(_) | Listen::Abstract(_) => true,
            Listen::Fd(_) => SockRef::from(&socket).domain()? == socket2::Domain::UNIX,
        };
        match is_unix {
            true => Ok(Self::Unix(UnixListener::from_std(socket.into())?)),
            false => {
                // Connections inherit it, which saves a system call for each.
                SockRef::from(&socket).set_tcp_nodelay(true)?;
                Ok(Self::Tcp(TcpListener::from_std(socket.into())?))
            }
        }
    }

    async fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Stream::Tcp(stream, Nagle::Off), Some(peer)))
            }
            Self::Unix(listener) => Ok((Stream::Unix(listener.accept().await?.0), None)),
        }
    }
}

async fn accept(
    worker: Rc<Worker>,
    frontend: Arc<Frontend>,
    listening: Arc<Listening>,
    mut accepting: watch::Receiver<Accepting>,
    // Last, so that it is closed first: who has no receivers is closed.
    door: Door,
) {
    let mut in_a_row = 0;
    loop {
        let now = *accepting.borrow_and_update();
        match now {
            Accepting::Ended => {
                // Whom the kernel has taken in is not turned away.
                while let Some(Ok((stream, peer))) = door.accept().now_or_never() {
                    session::begin(&worker, &frontend, &listening, stream, peer);
                }
                return;
            }
            Accepting::Paused => {
                if accepting.changed().await.is_err() {
                    return;
                }
                continue;
            }
            Accepting::Yes => {}
        }
        if !has_room(&worker, &frontend, &listening) {
            tokio::select! {
                biased;
                _ = accepting.changed() => continue,
                () = wait_for_room(&worker, &frontend, &listening) => {}
            }
        }
        // While many come, none has to be waited for.
        let accepted = match door.accept().now_or_never() {
            Some(accepted) => accepted,
            None => tokio::select! {
                biased;
                // An error means that the listener is gone, which the next turn sees.
                _ = accepting.changed() => continue,
                accepted = door.accept() => accepted,
            },
        };
        match accepted {
            Ok((stream, peer)) => session::begin(&worker, &frontend, &listening, stream, peer),
            Err(error) if is_of_the_peer(&error) => {}
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
        in_a_row = (in_a_row + 1) % TURN;
        if in_a_row == 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// Whether the limits of listener, frontend and process allow one more.
fn has_room(worker: &Worker, frontend: &Frontend, listening: &Listening) -> bool {
    is_below_limits(worker, frontend, listening) && worker.engine.rate_wait(frontend).is_none()
}

fn is_below_limits(worker: &Worker, frontend: &Frontend, listening: &Listening) -> bool {
    let limit = listening.bind.load().maxconn.map_or(u64::MAX, u64::from);
    frontend.has_room() && worker.engine.has_room() && listening.counters.sessions.get() < limit
}

async fn wait_for_room(worker: &Worker, frontend: &Frontend, listening: &Listening) {
    let engine = &worker.engine;
    loop {
        let mut freed = pin!(frontend.room.notified());
        let mut freed_anywhere = pin!(engine.room.notified());
        freed.as_mut().enable();
        freed_anywhere.as_mut().enable();
        if !is_below_limits(worker, frontend, listening) {
            tokio::select! { () = freed => {}, () = freed_anywhere => {} }
            continue;
        }
        let Some(wait) = engine.rate_wait(frontend) else { return };
        tokio::time::sleep(wait).await;
    }
}

/// The connection ended before it was accepted: nothing is wrong with us.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
