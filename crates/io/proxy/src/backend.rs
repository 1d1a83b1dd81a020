//! A backend at work: its servers, whose turn it is, who waits.

use crate::counters::{Counter, Counters};
use crate::logs::Logger;
use crate::queue::{Queue, Waiter};
use crate::server::Server;
use crate::wheel::Ms;
use arc_swap::ArcSwap;
use balance::config::model;
use balance::pick::{Algorithm, HashType, Picker, Seed};
use balance::program::Program;
use balance::server::Limits;
use std::sync::atomic::{Ordering::SeqCst, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub struct Backend {
    pub id: u32,
    pub name: String,
    pub config: ArcSwap<model::Proxy>,
    pub counters: Counters,
    pub servers: ArcSwap<Vec<Arc<Server>>>,
    pub algorithm: ArcSwap<Algorithm>,
    picker: Mutex<Picker>,
    pub(crate) queue: Queue,
    /// For changes of its servers' state.
    pub log: ArcSwap<Logger>,
    pub program: ArcSwap<Program>,
    /// Connections at which servers reach their `maxconn`.
    pub fullconn: Counter,
    /// Engine's time of the last change between having a usable server and not.
    pub last_change: Counter,
    /// Times it lost its last usable server (`chkdown`).
    pub downs: Counter,
    /// Milliseconds it had none, up to the last change.
    pub down_millis: Counter,
}

/// What a choice led to.
pub enum Choice {
    /// It is counted there already.
    Server(Arc<Server>),
    /// All are full: wait.
    Wait(Arc<Waiter>),
    /// The queue is longer than `maxqueue` allows.
    QueueFull(Arc<Server>),
    /// No server is usable.
    None,
}

impl Backend {
    pub fn new(
        config: Arc<model::Proxy>,
        servers: Vec<Arc<Server>>,
        algorithm: Algorithm,
        hash: &HashType,
        (log, program): (Logger, Arc<Program>),
    ) -> Self {
        let picker = Picker::new(&algorithm, hash).with_all_backups(config.options.allbackups);
        let backend = Self {
            id: config.id,
            name: config.name.clone(),
            counters: Counters::default(),
            servers: ArcSwap::from_pointee(servers),
            algorithm: ArcSwap::from_pointee(algorithm),
            picker: Mutex::new(picker),
            queue: Queue::default(),
            log: ArcSwap::from_pointee(log),
            program: ArcSwap::new(program),
            fullconn: Counter::default(),
            last_change: Counter::default(),
            downs: Counter::default(),
            down_millis: Counter::default(),
            config: ArcSwap::new(config),
        };
        backend.refresh();
        backend
    }

    pub fn server(&self, name: &str) -> Option<Arc<Server>> {
        self.servers.load().iter().find(|server| server.name == name).cloned()
    }

    /// Takes in another configuration: algorithm, options and servers in their new order.
    pub fn reconfigure(
        &self,
        config: Arc<model::Proxy>,
        servers: Vec<Arc<Server>>,
        algorithm: Algorithm,
        hash: &HashType,
    ) {
        let before = self.config.load_full();
        let same = before.balance == config.balance
            && before.hash_type == config.hash_type
            && before.options.allbackups == config.options.allbackups;
        let fresh = (!same).then(|| Picker::new(&algorithm, hash).with_all_backups(config.options.allbackups));
        self.algorithm.store(Arc::new(algorithm));
        self.config.store(config);
        self.replace_servers(servers, fresh);
    }

    /// Takes in another list of servers: one was added or removed at run time.
    pub(crate) fn set_servers(&self, servers: Vec<Arc<Server>>) {
        self.replace_servers(servers, None);
    }

    /// Servers that are gone take nothing more, neither new sessions nor those that wait. Under the lock of choices: an
    /// index means the same server to the picker and to the list.
    fn replace_servers(&self, servers: Vec<Arc<Server>>, fresh: Option<Picker>) {
        let mut picker = self.picker();
        let before = self.servers.load_full();
        for (index, server) in servers.iter().enumerate() {
            server.index.store(index, std::sync::atomic::Ordering::Relaxed);
        }
        for gone in before.iter().filter(|old| !servers.iter().any(|server| Arc::ptr_eq(old, server))) {
            gone.retire();
        }
        self.servers.store(Arc::new(servers));
        if let Some(fresh) = fresh {
            *picker = fresh;
        }
        drop(picker);
        self.refresh();
    }

    /// Takes in how its servers stand now: after any of them changed. Wakes who waits for them; returns how many.
    pub fn refresh(&self) -> u32 {
        // Looked at under the lock: of two who refresh at once, the later one sees what both changed.
        let mut picker = self.picker();
        let servers = self.servers.load_full();
        let candidates: Vec<_> = servers.iter().map(|server| server.candidate()).collect();
        picker.rebuild(&candidates);
        drop(picker);
        let moved = self.queue.moved(|server| server.is_usable());
        moved + servers.iter().map(|server| self.serve_waiting(server)).sum::<u32>()
    }

    /// Whether something looks at a tcp session before it gets a server, or tells the server of it.
    pub fn asks_for_facts(&self) -> bool {
        let program = self.program.load();
        let rules = !program.tcp_content.is_empty()
            || !program.tcp_response.is_empty()
            || !program.stick.is_empty()
            || !program.use_server.is_empty()
            || program.hash.is_some();
        rules
            || self.servers.load().iter().any(|server| {
                let config = server.config.load();
                config.send_proxy.is_on() || config.sni.is_some()
            })
    }

    /// Servers that a choice can fall on.
    pub fn usable_servers(&self) -> usize {
        self.picker().usable()
    }

    /// Chooses by the algorithm, and counts the connection at the server chosen.
    pub fn choose(&self, seed: Seed<'_>, avoid: Option<usize>, now: Ms) -> Choice {
        let mut picker = self.picker();
        let servers = self.servers.load();
        let loads = |index: usize| servers.get(index).map_or_else(Default::default, |server| self.load(server));
        let choice = match picker.pick(seed, &loads, avoid).and_then(|index| servers.get(index)) {
            Some(server) => self.take(server, now),
            None if picker.usable() > 0 => Choice::Wait(self.queue.join(None, &self.counters)),
            None => Choice::None,
        };
        drop(picker);
        if matches!(choice, Choice::Wait(_)) {
            self.look_again();
        }
        choice
    }

    /// Takes this server, as persistence wants, and counts the connection there; waits for it if it is full.
    pub fn choose_this(&self, server: &Arc<Server>, now: Ms) -> Choice {
        let turn = self.picker();
        let choice = self.take(server, now);
        drop(turn);
        if matches!(choice, Choice::Wait(_)) {
            self.look_again();
        }
        choice
    }

    /// A place may have been given back after it was found taken and before the queue was joined: whoever gave it back
    /// saw nobody wait.
    fn look_again(&self) {
        fence(SeqCst);
        self.servers.load().iter().for_each(|server| _ = self.serve_waiting(server));
    }

    fn take(&self, server: &Arc<Server>, now: Ms) -> Choice {
        let load = self.load(server);
        if !load.is_full() {
            server.enter(now);
            self.counters.balanced.inc();
            return Choice::Server(server.clone());
        }
        let longest = server.config.load().maxqueue;
        if longest > 0 && load.queued >= longest {
            return Choice::QueueFull(server.clone());
        }
        Choice::Wait(self.queue.join(Some(server), &self.counters))
    }

    /// Gives a connection's place at a server back, to whoever waits for it.
    pub fn release(&self, server: &Arc<Server>) {
        server.counters.sessions.leave();
        // Against `look_again`: either we see who joined, or they see the place.
        fence(SeqCst);
        if self.queue.is_empty() {
            return;
        }
        self.serve_waiting(server);
    }

    /// Lets as many of those who wait go to this server as it has places.
    fn serve_waiting(&self, server: &Arc<Server>) -> u32 {
        let mut served = 0;
        if !server.is_usable() {
            return served;
        }
        let _turn = self.picker();
        loop {
            let maxconn = self.limit(server);
            if maxconn > 0 && server.served() >= maxconn {
                return served;
            }
            if !self.queue.serve(server) {
                return served;
            }
            served += 1;
        }
    }

    fn load(&self, server: &Server) -> balance::pick::Load {
        server.load(self.limit(server))
    }

    /// The server's limit now: between `minconn` and `maxconn` as the backend is loaded, less while it warms up.
    fn limit(&self, server: &Server) -> u32 {
        let limits = Limits::new(server.maxconn(), server.config.load().minconn, self.fullconn.get() as u32);
        limits.now(self.counters.sessions.get() as u32, server.warmth())
    }

    fn picker(&self) -> MutexGuard<'_, Picker> {
        // A choice changes numbers only: what a panic left is still a picker.
        self.picker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
