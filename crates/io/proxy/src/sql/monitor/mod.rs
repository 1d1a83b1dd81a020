//! Watches servers, and puts in force what their answers mean.
//!
//! One task a server asks; one place decides, by `mysql::monitor`, and replaces the hostgroups when something changed.

pub mod log;
pub mod memory;
pub mod probe;

use super::placing::{Placed, place};
use super::server::connect::{ConnectError, Credentials};
use super::server::connection::Key;
use super::server::groups::{Host, Server, Standing};
use super::shared::Shared;
use log::Log;
use memory::Memories;
use mysql::monitor::replication::{
    Address, Answer, Config, Event, Group, Member, OnMultipleWriters, OutReason, ReaderState, View, WriterState,
};
use mysql::protocol::auth::Secret;
use mysql::protocol::capability;
use mysql::settings::{self, Hostgroup, ReplicationHostgroup, ServerStatus};
use probe::{Facts, Probe, ProbeError};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

/// What `LOAD MYSQL SERVERS TO RUNTIME` and variables ask for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub servers: Vec<settings::Server>,
    pub pairs: Vec<ReplicationHostgroup>,
    pub options: Options,
}

impl Wanted {
    /// Of the replication hostgroup that a server is in; of the first, where it is in several.
    fn check_type(&self, address: &Address) -> String {
        let is_in =
            |hostgroup| self.servers.iter().any(|row| row.hostgroup_id == hostgroup && address_of(row) == *address);
        let pair = self.pairs.iter().find(|pair| is_in(pair.writer_hostgroup) || is_in(pair.reader_hostgroup));
        pair.map_or_else(|| "read_only".to_owned(), |pair| pair.check_type.clone())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub enabled: bool,
    pub username: String,
    pub password: String,
    /// `mysql-monitor_read_only_interval`.
    pub interval: Duration,
    /// `mysql-monitor_read_only_timeout`.
    pub timeout: Duration,
    /// `mysql-monitor_ping_max_failures`.
    pub dead_after: u32,
    pub writer_is_also_reader: bool,
    pub on_multiple_writers: OnMultipleWriters,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            enabled: true,
            username: "monitor".to_owned(),
            password: "monitor".to_owned(),
            interval: Duration::from_millis(500),
            timeout: Duration::from_millis(800),
            dead_after: 3,
            writer_is_also_reader: true,
            on_multiple_writers: OnMultipleWriters::Keep,
        }
    }
}

/// What others see of the monitor.
#[derive(Default)]
pub struct Watch {
    pub log: Mutex<Log>,
    /// What a person has to know, as long as it is so: code and words.
    pub alarms: Mutex<Vec<(&'static str, String)>>,
    /// Rung when the first verdict about all servers is in force.
    pub settled: Notify,
}

/// One question's result.
struct Heard {
    address: Address,
    asked: Result<Facts, ProbeError>,
}

/// Runs until the channel closes.
pub async fn run(
    shared: Arc<Shared>,
    watch: Arc<Watch>,
    memories: Memories,
    mut wanted: mpsc::UnboundedReceiver<Wanted>,
) {
    let (answers, mut heard) = mpsc::unbounded_channel();
    let mut monitor = Monitor::new(shared, watch, memories);
    loop {
        tokio::select! {
            next = wanted.recv() => match next {
                Some(next) => monitor.reconfigure(next, &answers),
                None => return,
            },
            Some(answer) = heard.recv() => monitor.hear(answer),
        }
    }
}

struct Monitor {
    shared: Arc<Shared>,
    watch: Arc<Watch>,
    wanted: Wanted,
    groups: Vec<Group>,
    memories: Memories,
    probes: HashMap<Address, AbortHandle>,
    /// Of servers in no replication hostgroup: answers missed in a row.
    missed: BTreeMap<Address, u32>,
    placed: Vec<Placed>,
    alarms: BTreeSet<String>,
    began: Instant,
}

impl Monitor {
    fn new(shared: Arc<Shared>, watch: Arc<Watch>, memories: Memories) -> Self {
        Self {
            shared,
            watch,
            wanted: Wanted::default(),
            groups: Vec::new(),
            memories,
            probes: HashMap::new(),
            missed: BTreeMap::new(),
            placed: Vec::new(),
            alarms: BTreeSet::new(),
            began: Instant::now(),
        }
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    fn reconfigure(&mut self, wanted: Wanted, answers: &mpsc::UnboundedSender<Heard>) {
        let asks_anew = wanted.options != self.wanted.options || wanted.pairs != self.wanted.pairs;
        self.wanted = wanted;
        self.regroup();
        let addresses: BTreeSet<Address> = self.wanted.servers.iter().map(address_of).collect();
        self.probes.retain(|address, task| {
            let stays = addresses.contains(address) && !asks_anew;
            if !stays {
                task.abort();
            }
            stays
        });
        self.missed.retain(|address, _| addresses.contains(address));
        if self.wanted.options.enabled {
            for address in addresses {
                if !self.probes.contains_key(&address) {
                    let task = self.watch_one(address.clone(), answers.clone());
                    self.probes.insert(address, task);
                }
            }
        } else {
            self.groups.clear();
        }
        self.apply();
    }

    /// Groups of before go on: who is the writer, and who was, is not in the rows.
    fn regroup(&mut self) {
        let mut before = std::mem::take(&mut self.groups);
        for pair in &self.wanted.pairs {
            let config = self.group_config(pair);
            let is_same = |group: &Group| {
                let config = group.config();
                (config.writer_hostgroup, config.reader_hostgroup) == (pair.writer_hostgroup, pair.reader_hostgroup)
            };
            self.groups.push(match before.iter().position(is_same) {
                Some(at) => {
                    let mut group = before.swap_remove(at);
                    group.reconfigure(config).iter().for_each(tell);
                    group
                }
                None => {
                    let mut group = Group::new(config);
                    if let Some(memory) = self.memories.of((pair.writer_hostgroup, pair.reader_hostgroup)) {
                        group.recall(memory);
                    }
                    group
                }
            });
        }
        self.memories.note(&self.groups);
    }

    fn group_config(&self, pair: &ReplicationHostgroup) -> Config {
        let options = &self.wanted.options;
        let mut members: Vec<Member> = Vec::new();
        for row in &self.wanted.servers {
            let (writer_row, reader_row) =
                (row.hostgroup_id == pair.writer_hostgroup, row.hostgroup_id == pair.reader_hostgroup);
            if !writer_row && !reader_row {
                continue;
            }
            let address = address_of(row);
            match members.iter_mut().find(|member| member.address == address) {
                Some(member) => {
                    member.writer_row |= writer_row;
                    member.reader_row |= reader_row;
                    member.max_replication_lag = member.max_replication_lag.max(row.max_replication_lag);
                }
                None => {
                    let max_replication_lag = row.max_replication_lag;
                    members.push(Member { address, writer_row, reader_row, max_replication_lag });
                }
            }
        }
        Config {
            writer_hostgroup: pair.writer_hostgroup,
            reader_hostgroup: pair.reader_hostgroup,
            writer_is_also_reader: options.writer_is_also_reader,
            dead_after: options.dead_after,
            on_multiple_writers: options.on_multiple_writers,
            monitor_username: options.username.clone(),
            members,
        }
    }

    fn watch_one(&self, address: Address, answers: mpsc::UnboundedSender<Heard>) -> AbortHandle {
        let options = self.wanted.options.clone();
        let shared = self.shared.clone();
        let rows = || self.wanted.servers.iter().filter(|row| address_of(row) == address);
        let use_ssl = rows().any(|row| row.use_ssl);
        let check_type = self.wanted.check_type(&address);
        tokio::task::spawn_local(async move {
            let mut probe = Probe::new(stand_in(&shared, &address, use_ssl), credentials(&options), check_type);
            loop {
                let looked = shared.look.notified();
                let began = Instant::now();
                let asked = probe.ask(options.timeout).await;
                if answers.send(Heard { address: address.clone(), asked }).is_err() {
                    return;
                }
                // Not more often than ten times a second, however many statements fail meanwhile.
                tokio::time::sleep(Duration::from_millis(100)).await;
                let rest = options.interval.saturating_sub(began.elapsed());
                _ = tokio::time::timeout(rest, looked).await;
            }
        })
        .abort_handle()
    }

    fn hear(&mut self, heard: Heard) {
        let Heard { address, asked } = heard;
        let host = self.shared.host(&address.hostname, address.port);
        if let Ok(facts) = &asked {
            let before = host.latency_us.swap(facts.took.as_micros() as u64, Relaxed);
            self.note_latency(&host, facts.took.min(Duration::from_micros(before)));
            // Also back: a server restored from a backup has less than it had.
            host.position.store(Arc::new(facts.current.clone()));
        }
        note_trouble(&host, &address, asked.as_ref().err());
        lock(&self.watch.log).note(&address, &asked);
        let answer = probe::answer(&asked);
        let missed = self.missed.entry(address.clone()).or_default();
        *missed = if answer == Answer::Unreachable { *missed + 1 } else { 0 };
        let now = self.now();
        let mut events = Vec::new();
        for group in self.groups.iter_mut().filter(|group| has(group, &address)) {
            events.extend(group.handle_answer(now, &address, answer.clone()));
        }
        events.iter().for_each(tell);
        if !events.is_empty() {
            // Before anything is written there that the next process would have to know of.
            self.memories.note(&self.groups);
        }
        self.apply();
    }

    /// Twice in a row longer than its rows bear: others of its hostgroup go first until it is faster.
    fn note_latency(&self, host: &Arc<Host>, took: Duration) {
        let default = self.shared.tuning.load().default_max_latency;
        for server in self.shared.live.groups.load().all().filter(|server| Arc::ptr_eq(&server.host, host)) {
            let own = Duration::from_millis(server.max_latency_ms.into());
            let limit = if own.is_zero() { default } else { own };
            let slow = !limit.is_zero() && took > limit;
            if server.slow.swap(slow, Relaxed) != slow {
                let (address, hostgroup) = (server.address(), server.hostgroup);
                let text = if slow { "is slow: others go first" } else { "is fast enough again" };
                super::log::info(&format!(
                    "{address} in hostgroup {hostgroup} {text} ({} ms, max_latency_ms {})",
                    took.as_millis(),
                    limit.as_millis()
                ));
            }
        }
    }

    /// Works out where each server is, and puts it in force where that changed.
    fn apply(&mut self) {
        let now = self.now();
        let views: Vec<(ReplicationHostgroup, View)> =
            self.wanted.pairs.iter().cloned().zip(self.groups.iter().map(|group| group.view(now))).collect();
        let mut placed = Vec::new();
        for (pair, view) in &views {
            placed.extend(self.by_view(pair, view));
        }
        let paired: BTreeSet<Hostgroup> =
            views.iter().flat_map(|(pair, _)| [pair.writer_hostgroup, pair.reader_hostgroup]).collect();
        for row in self.wanted.servers.iter().filter(|row| !paired.contains(&row.hostgroup_id)) {
            let missed = self.missed.get(&address_of(row)).copied().unwrap_or_default();
            let gone = self.wanted.options.enabled && missed >= self.wanted.options.dead_after;
            let seen = if gone { Standing::Shunned } else { Standing::Online };
            placed.push(Placed { row: row.clone(), standing: by_row(row, seen) });
        }
        self.tell_alarms(&views);
        if placed != self.placed {
            self.placed.clone_from(&placed);
            let pairs = self.wanted.pairs.iter().map(|pair| (pair.writer_hostgroup, pair.reader_hostgroup));
            place(&self.shared, placed, pairs);
        }
        let asked = self.missed.len() >= self.probes.len();
        if asked {
            self.watch.settled.notify_one();
        }
    }

    fn by_view(&self, pair: &ReplicationHostgroup, view: &View) -> Vec<Placed> {
        if view.writer.is_none() && view.writer_state == WriterState::None && self.missed.is_empty() {
            // Nobody was asked yet.
            let of = |row: &&settings::Server| {
                row.hostgroup_id == pair.writer_hostgroup || row.hostgroup_id == pair.reader_hostgroup
            };
            let rows = self.wanted.servers.iter().filter(of);
            return rows.map(|row| Placed { row: row.clone(), standing: by_row(row, Standing::Online) }).collect();
        }
        let mut placed = Vec::new();
        let writer_standing =
            if view.writer_state == WriterState::Usable { Standing::Online } else { Standing::Shunned };
        for (address, standing) in view
            .writer
            .iter()
            .map(|address| (address, writer_standing))
            .chain(view.more_writers.iter().map(|address| (address, Standing::Online)))
        {
            placed.extend(self.row(address, pair.writer_hostgroup, standing));
        }
        for (address, state) in &view.readers {
            placed.extend(self.row(address, pair.reader_hostgroup, standing_of(*state)));
        }
        placed
    }

    /// The server's row for that hostgroup, or its other one in it.
    fn row(&self, address: &Address, hostgroup: Hostgroup, seen: Standing) -> Option<Placed> {
        let rows = || self.wanted.servers.iter().filter(|row| address_of(row) == *address);
        let row = rows().find(|row| row.hostgroup_id == hostgroup).or_else(|| rows().next())?;
        let row = settings::Server { hostgroup_id: hostgroup, ..row.clone() };
        Some(Placed { standing: by_row(&row, seen), row })
    }

    fn tell_alarms(&mut self, views: &[(ReplicationHostgroup, View)]) {
        let alarms: Vec<(&'static str, String)> = views
            .iter()
            .flat_map(|(_, view)| view.alarms.iter().map(|alarm| (alarm.code(), alarm.to_string())))
            .collect();
        let texts: BTreeSet<String> = alarms.iter().map(|(_, text)| text.clone()).collect();
        for (code, text) in alarms.iter().filter(|(_, text)| !self.alarms.contains(text)) {
            super::log::warn(&format!("ALARM {code}: {text}"));
        }
        self.alarms = texts;
        *lock(&self.watch.alarms) = alarms;
    }
}

/// Why a server cannot be asked: clients that wait for it are told, and the log once.
fn note_trouble(host: &Host, address: &Address, error: Option<&ProbeError>) {
    let text = error.map(ToString::to_string);
    let before = host.trouble.load();
    if before.as_deref().map(String::as_str) == text.as_deref() {
        return;
    }
    if let Some(ProbeError::Connect(
        error @ (ConnectError::Tls { .. } | ConnectError::NoPlugin { .. } | ConnectError::Exposed { .. }),
    )) = error
    {
        super::log::warn(&format!("the monitor cannot log in at {address}: {error}"));
    }
    host.trouble.store(text.map(Arc::new));
}

fn has(group: &Group, address: &Address) -> bool {
    group.config().members.iter().any(|member| member.address == *address)
}

fn address_of(row: &settings::Server) -> Address {
    Address { hostname: row.hostname.clone(), port: row.port }
}

/// What a person has set goes before what was seen.
fn by_row(row: &settings::Server, seen: Standing) -> Standing {
    match row.status {
        ServerStatus::Online => seen,
        other => other.into(),
    }
}

fn standing_of(state: ReaderState) -> Standing {
    match state {
        ReaderState::Usable => Standing::Online,
        ReaderState::Out(OutReason::Dead | OutReason::NotSeen) => Standing::Shunned,
        // Nothing new; what runs may finish.
        ReaderState::Draining(_) | ReaderState::Out(_) => Standing::Lagging,
    }
}

fn tell(event: &Event) {
    let name = |address: &Option<Address>| address.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
    match event {
        Event::Writer { from, to, reason } => {
            super::log::info(&format!("{} is the writer in place of {}: {}", name(to), name(from), reason.words()))
        }
        Event::Dead { server } => super::log::warn(&format!("{server} does not answer")),
        Event::Alive { server } => super::log::info(&format!("{server} answers again")),
        Event::Rejoined { server } => super::log::info(&format!("{server} follows the writer")),
    }
}

fn credentials(options: &Options) -> Credentials {
    let secret = if options.password.is_empty() { Secret::Empty } else { Secret::Clear(options.password.clone()) };
    let key = Key { user: options.username.as_str().into(), capabilities: capability::DEPRECATE_EOF, collation: 45 };
    Credentials { key, secret, schema: Vec::new() }
}

/// A server of no hostgroup, whose counters nobody reads.
fn stand_in(shared: &Shared, address: &Address, use_ssl: bool) -> Arc<Server> {
    Arc::new(Server {
        hostgroup: 0,
        hostname: address.hostname.clone(),
        port: address.port,
        host: shared.host(&address.hostname, address.port),
        weight: 1,
        max_connections: 1,
        max_replication_lag: 0,
        max_latency_ms: 0,
        use_ssl,
        // Its answers are short.
        compression: false,
        comment: String::new(),
        status: 0.into(),
        slow: false.into(),
        waiting: 0.into(),
        freed: Default::default(),
        counters: Default::default(),
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
