//! A node's door to the cluster's API servers: the engine with a built-in configuration, fed by a live list.

use crate::cli::{self, Doors};
use crate::engine::{Engine, StartError};
use crate::live::Signal;
use crate::logs::{Logs, Sender};
use crate::process::stop;
use crate::setup::Setup;
use balance::config::Level;
use balance::profile::{self, BACKEND};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How it is made.
pub struct LocalApi {
    /// The members in it are replaced by the first of `members`.
    pub profile: profile::LocalApi,
    /// API servers as the cluster knows them now. An empty list is not followed: a door to nowhere helps nobody.
    pub members: watch::Receiver<Vec<SocketAddr>>,
    /// How often one session may be ended so that its client comes to a server that has fewer. Absent: never.
    /// Default [`REBALANCE`]; clients of the API begin their watches anew when one ends.
    pub rebalance: Option<Duration>,
}

/// A server with a hundred sessions more than another is even with it after a quarter of an hour: nobody notices.
pub const REBALANCE: Duration = Duration::from_secs(10);

/// It works until [`Door::close`].
pub struct Door {
    pub engine: Arc<Engine>,
    closing: Arc<Notify>,
    control: JoinHandle<()>,
    sender: Sender,
}

impl LocalApi {
    /// Listens, then checks and serves on threads of its own.
    ///
    /// # Errors
    /// What cannot be read or listened on; nothing runs then.
    pub fn open(mut self) -> Result<Door, StartError> {
        let failed = |what: &str, error: std::io::Error| StartError(vec![format!("{what}: {error}")]);
        let (logs, sender) = Logs::start().map_err(|error| failed("cannot start a thread for logs", error))?;
        self.profile.members = self.members.borrow_and_update().clone();
        let setup = self.setup(&logs, None).map_err(StartError)?;
        let sockets = cli::open(&setup.config).map_err(StartError)?;
        let engine = Engine::start(setup, logs)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| failed("cannot watch the API servers", error))?;
        let closing = Arc::new(Notify::new());
        let (served, closed) = (engine.clone(), closing.clone());
        let control = move || {
            let local = tokio::task::LocalSet::new();
            local.spawn_local(crate::checks::run(served.clone()));
            local.block_on(&runtime, async {
                // They are served as long as this lives.
                let _statistics = Doors::new(served.clone(), sockets);
                self.follow(&served, &closed).await;
            });
        };
        let thread = std::thread::Builder::new().name("local api".to_owned()).spawn(control);
        let control = thread.map_err(|error| failed("cannot watch the API servers", error))?;
        Ok(Door { engine, closing, control, sender })
    }

    fn setup(&self, logs: &Logs, before: Option<&Engine>) -> Result<Setup, Vec<String>> {
        let config = Arc::new(self.profile.config().map_err(|problems| vec![problems.to_string()])?);
        let running = before.map(Engine::running);
        Setup::load(config, &self.profile, logs, running.as_ref().map(|running| &*running.tls.store))
    }

    /// Puts changes of the members in force, and moves sessions, until it is closed.
    async fn follow(mut self, engine: &Arc<Engine>, closing: &Notify) {
        let mut followed = true;
        loop {
            tokio::select! {
                () = closing.notified() => break,
                changed = self.members.changed(), if followed => match changed {
                    Ok(()) => self.change(engine),
                    // Nobody is left who could say more.
                    Err(_) => followed = false,
                },
                () = turn(self.rebalance) => move_one(engine),
            }
        }
        stop::gracefully(engine).await;
    }

    fn change(&mut self, engine: &Arc<Engine>) {
        let members = self.members.borrow_and_update().clone();
        if members.is_empty() || members == self.profile.members {
            return;
        }
        let before = std::mem::replace(&mut self.profile.members, members);
        let applied = self.setup(&engine.logs, Some(engine)).map_err(StartError).and_then(|setup| engine.apply(setup));
        if let Err(error) = applied {
            self.profile.members = before;
            engine.logs.notice(Level::Alert, format!("the API servers stay as they were: {error}"));
        }
    }
}

impl Door {
    /// Closes the door and waits until those who are in have left.
    pub fn close(self) {
        self.closing.notify_one();
        // Its panic was printed already.
        _ = self.control.join();
        self.engine.logs.stop(self.sender);
    }
}

async fn turn(every: Option<Duration>) {
    match every {
        Some(every) => tokio::time::sleep(every).await,
        None => std::future::pending().await,
    }
}

/// One of those that share the sessions.
fn is_member(server: &Arc<crate::server::Server>) -> bool {
    server.is_usable() && !server.config.load().backup
}

/// Ends the oldest session of a server that has too many: it has had most of its use.
fn move_one(engine: &Arc<Engine>) {
    let running = engine.running();
    let Some(backend) = running.backend(BACKEND) else { return };
    let usable: Vec<_> = backend.servers.load().iter().filter(|server| is_member(server)).cloned().collect();
    let sessions: Vec<u64> = usable.iter().map(|server| server.counters.sessions.get()).collect();
    let Some(server) = profile::overloaded(&sessions).map(|place| usable[place].clone()) else { return };
    // Sessions are with their workers; the first that has one of this server does it.
    let done = Arc::new(AtomicBool::new(false));
    for worker in engine.workers() {
        let (server, done) = (server.clone(), done.clone());
        worker.run(move |worker| {
            let at_server = |of: &Option<Arc<_>>| of.as_ref().is_some_and(|of| Arc::ptr_eq(of, &server));
            let sessions = worker.sessions().into_iter().filter(|live| at_server(&live.server.borrow()));
            if let Some(oldest) = sessions.min_by_key(|live| live.accepted)
                && !done.swap(true, Relaxed)
            {
                oldest.signal(Signal::ServerUp);
            }
        });
    }
}
