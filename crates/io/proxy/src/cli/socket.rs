//! Sockets of the statistics language: opened with the configuration, served on the control thread.

use super::connection::{self, Access};
use crate::engine::Engine;
use crate::sockets::{self, Fresh};
use balance::cli::{Level, SocketFacts};
use balance::config::model::{Bind, Config, Listen, StatsSocket, UnixOwner};
use balance::config::{self, Source};
use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// `stats timeout`, where nothing is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// `stats maxconn`, where nothing is said. Also on the master's socket.
const CONNECTIONS: u32 = 10;

/// Rights of a socket file where nothing is said: only our own user may talk to it.
const MODE: u32 = 0o600;

/// After an error such as "too many open files".
const PAUSE: Duration = Duration::from_millis(100);

/// What a socket was opened for: the same again needs no other socket.
#[derive(Debug, Clone, PartialEq)]
struct Purpose {
    listen: Listen,
    socket: StatsSocket,
    timeout: Duration,
    /// Bytes of a line with its payload.
    limit: usize,
    master: bool,
}

/// An open socket, not yet served.
pub struct Door {
    socket: OwnedFd,
    /// Of a unix socket that nobody can find yet.
    fresh: Option<Fresh>,
    purpose: Purpose,
}

impl Door {
    /// Puts a unix socket at its path, unless it is there. Before rights to its folder are given up.
    ///
    /// # Errors
    /// In HAProxy's words.
    pub fn take_place(&mut self) -> Result<(), String> {
        let placed = self.fresh.take().map_or(Ok(()), Fresh::take_place);
        placed.map_err(|error| cannot_bind(&self.purpose, &error))
    }
}

/// Opens what `stats socket` lines ask for.
///
/// # Errors
/// All sockets that cannot be opened, in HAProxy's words.
pub fn open(config: &Config) -> Result<Vec<Door>, Vec<String>> {
    open_all(purposes(config).into_iter())
}

/// Opens the master's socket (`-S <address>[,<word>]*`): commands about the process, and with `@1` all others.
///
/// # Errors
/// What is wrong with the words, or why it cannot be opened.
pub fn open_master(words: &str, config: &Config) -> Result<Vec<Door>, Vec<String>> {
    let text = format!("global\n stats socket {}\n", words.replace(',', " "));
    let source = Source { name: "-S".into(), text: text.into_bytes() };
    let parsed = config::parse(&[source], &config::Env::new(), &crate::disk::Disk);
    let parsed = parsed.map_err(|problems| problems.0.into_iter().map(|problem| problem.text).collect::<Vec<_>>())?;
    let master = |mut purpose: Purpose| {
        purpose.timeout = config.global.stats_timeout.unwrap_or(TIMEOUT);
        purpose.socket.bind.level = Level::Admin;
        purpose.master = true;
        purpose
    };
    open_all(purposes(&parsed.config).into_iter().map(master))
}

fn purposes(config: &Config) -> Vec<Purpose> {
    let global = &config.global;
    let of = |socket: &StatsSocket| {
        let purpose = |listen: &Listen| Purpose {
            listen: listen.clone(),
            socket: socket.clone(),
            timeout: global.stats_timeout.unwrap_or(TIMEOUT),
            limit: global.tune.bufsize,
            master: false,
        };
        socket.bind.listen.iter().map(purpose).collect::<Vec<_>>()
    };
    global.stats_sockets.iter().flat_map(of).collect()
}

fn open_all(purposes: impl Iterator<Item = Purpose>) -> Result<Vec<Door>, Vec<String>> {
    let (mut doors, mut wrong) = (Vec::new(), Vec::new());
    for purpose in purposes {
        match listen(&purpose.listen, &purpose.socket.bind) {
            Ok((socket, fresh)) => doors.push(Door { socket, fresh, purpose }),
            Err(error) => wrong.push(cannot_bind(&purpose, &error)),
        }
    }
    if wrong.is_empty() { Ok(doors) } else { Err(wrong) }
}

fn listen(listen: &Listen, bind: &Bind) -> io::Result<(OwnedFd, Option<Fresh>)> {
    let owner = UnixOwner { mode: bind.owner.mode.or(Some(MODE)), ..bind.owner.clone() };
    let bind = Bind { owner, ..bind.clone() };
    let mut opened = sockets::listen(listen, &bind, None, 1)?;
    let socket = opened.sockets.pop().ok_or_else(|| io::Error::other("no socket was opened"))?;
    Ok((socket, opened.fresh))
}

fn cannot_bind(purpose: &Purpose, error: &io::Error) -> String {
    let (place, reason) = (&purpose.socket.bind.place, crate::text::reason(error));
    let address = crate::text::listen(&purpose.listen);
    let what = match purpose.listen {
        Listen::Unix(_) => format!("cannot bind UNIX socket ({reason}) [{address}]"),
        _ => format!("cannot bind socket ({reason}) for [{address}]"),
    };
    format!("Binding [{place}] for frontend GLOBAL: {what}")
}

impl Purpose {
    /// As `show cli sockets` has it.
    fn facts(&self) -> SocketFacts {
        let address = match &self.listen {
            Listen::Ip(address) if address.is_ipv4() => format!("ipv4@{address}"),
            Listen::Ip(address) => format!("ipv6@{address}"),
            Listen::Unix(path) => format!("unix@{}", path.display()),
            other => crate::text::listen(other),
        };
        SocketFacts { address, level: self.socket.bind.level }
    }

    fn access(&self) -> Access {
        Access {
            level: self.socket.bind.level,
            timeout: self.timeout,
            limit: self.limit,
            exposes_listeners: self.socket.expose_listeners,
            master: self.master,
        }
    }
}

/// The sockets that are served. On the control thread, in a runtime.
pub struct Doors {
    engine: Arc<Engine>,
    served: RefCell<Vec<(Purpose, JoinHandle<()>)>>,
    /// Connections to all of them at once.
    places: Arc<Semaphore>,
}

impl Doors {
    /// Serves the first ones.
    pub fn new(engine: Arc<Engine>, doors: Vec<Door>) -> Self {
        let places = engine.running().config.global.stats_maxconn.unwrap_or(CONNECTIONS).max(1);
        let places = Arc::new(Semaphore::new(places as usize));
        let all = Self { engine, served: RefCell::default(), places };
        all.serve(doors);
        all
    }

    /// Opens what another configuration has and this one has not. Nobody finds it before it is put in force.
    ///
    /// # Errors
    /// All sockets that cannot be opened.
    pub fn plan(&self, config: &Config) -> Result<Vec<Door>, Vec<String>> {
        let known = |purpose: &Purpose| self.served.borrow().iter().any(|(other, _)| other == purpose);
        open_all(purposes(config).into_iter().filter(|purpose| !known(purpose)))
    }

    /// Serves what was planned, and no longer what the configuration has no more. Connections go on.
    pub fn put(&self, config: &Config, mut doors: Vec<Door>) {
        for door in &mut doors {
            if let Err(text) = door.take_place() {
                self.engine.logs.notice(config::Level::Alert, text);
            }
        }
        let wanted = purposes(config);
        self.served.borrow_mut().retain(|(purpose, task)| {
            let keep = purpose.master || wanted.contains(purpose);
            if !keep {
                task.abort();
            }
            keep
        });
        self.serve(doors);
    }

    fn serve(&self, doors: Vec<Door>) {
        let mut served = self.served.borrow_mut();
        for Door { socket, purpose, .. } in doors {
            let access = purpose.access();
            let task = tokio::spawn(accept(self.engine.clone(), socket, access, self.places.clone()));
            served.push((purpose, task));
        }
        let facts = served.iter().filter(|(purpose, _)| !purpose.master).map(|(purpose, _)| purpose.facts()).collect();
        self.engine.desk.set_sockets(facts);
    }
}

/// A listening socket in this runtime.
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    fn open(socket: OwnedFd) -> io::Result<Self> {
        match socket2::SockRef::from(&socket).domain()? {
            socket2::Domain::UNIX => Ok(Self::Unix(UnixListener::from_std(socket.into())?)),
            _ => Ok(Self::Tcp(TcpListener::from_std(socket.into())?)),
        }
    }
}

async fn accept(engine: Arc<Engine>, socket: OwnedFd, access: Access, places: Arc<Semaphore>) {
    // Without a descriptor for epoll the process would not have come this far.
    let Ok(listener) = Listener::open(socket) else { return };
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let engine = engine.clone();
        let accepted = match &listener {
            Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                tokio::spawn(async move {
                    connection::unix(engine, stream, access).await;
                    drop(place);
                });
            }),
            Listener::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                tokio::spawn(async move {
                    connection::tcp(engine, stream, access).await;
                    drop(place);
                });
            }),
        };
        if accepted.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
