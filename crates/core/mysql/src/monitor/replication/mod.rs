//! Which server of a replication hostgroup is written to, and which are read from.
//!
//! ProxySQL asks each server for `read_only` and believes it. Here the servers are compared: who replicates from whom,
//! who has gone further, who was the writer before. Failing over stays the work of others (a tool, a person); what they
//! did is noticed with the first answer that shows it.
//!
//! Invariants
//! - There is at most one writer, unless [`OnMultipleWriters::Proxysql`] is asked for.
//! - A writer that answers and is writable stays the writer, unless it replicates from the one that follows it.
//! - A server that replicates from a member that answers and is writable does not become the writer.
//! - A server that was the writer does not become it again before it has followed the new one.
//! - The writer never changes without an [`Event`] that tells why.

mod alarm;
mod election;
mod memory;
mod observation;
mod readers;
#[cfg(test)]
mod tests;

use std::fmt;

pub use alarm::{Alarm, History};
pub use election::{Event, Reason};
pub use memory::Memory;
pub use observation::{Answer, Io, Observation, ReplicaOf, SlaveStatus};
pub use readers::{OutReason, ReaderState};

use super::Millis;
use super::gtid::Position;
use crate::settings::Hostgroup;

/// A server, by what `mysql_servers` calls it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    pub hostname: String,
    pub port: u16,
}

#[derive(Debug, Clone)]
pub struct Config {
    pub writer_hostgroup: Hostgroup,
    pub reader_hostgroup: Hostgroup,
    /// `mysql-monitor_writer_is_also_reader`: a writer that has a row in the reader hostgroup is read from too.
    /// Default true.
    pub writer_is_also_reader: bool,
    /// Answers missed in a row until a server counts as dead, at least 1;
    /// `mysql-monitor_read_only_max_timeout_count`, default 3.
    pub dead_after: u32,
    pub on_multiple_writers: OnMultipleWriters,
    /// `mysql-monitor_username`, for what alarms advise.
    pub monitor_username: String,
    pub members: Vec<Member>,
}

/// A server of the group: its rows of `mysql_servers`, taken together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub address: Address,
    /// It has a row in the writer hostgroup.
    pub writer_row: bool,
    /// It has a row in the reader hostgroup.
    pub reader_row: bool,
    /// Seconds behind that are borne; 0: not looked at.
    pub max_replication_lag: u32,
}

/// What is done when a second server could be the writer as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnMultipleWriters {
    /// The one that was the writer stays it.
    #[default]
    Keep,
    /// Nobody is written to until it is settled.
    Stop,
    /// All that are writable are written to, as ProxySQL does.
    Proxysql,
}

/// What holds now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The writer, dead or alive. `None` before every member has answered or failed once, and where there never was one.
    pub writer: Option<Address>,
    pub writer_state: WriterState,
    /// Further writers; only by [`OnMultipleWriters::Proxysql`].
    pub more_writers: Vec<Address>,
    /// Members of the reader hostgroup, in the order of [`Config::members`].
    pub readers: Vec<(Address, ReaderState)>,
    /// What a person has to know, as long as it is so.
    pub alarms: Vec<Alarm>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WriterState {
    /// There is none.
    #[default]
    None,
    Usable,
    /// It does not answer; statements for it fail at once. It is the writer again as soon as it answers.
    Dead,
    /// It answers that it is read-only: a switchover has begun, or was forgotten to be ended. Statements may wait.
    ReadOnly,
    /// [`OnMultipleWriters::Stop`] has stopped it.
    Stopped,
}

/// A replication hostgroup under watch.
#[derive(Debug, Clone)]
pub struct Group {
    config: Config,
    servers: Vec<Server>,
    /// Index of the writer.
    incumbent: Option<usize>,
    /// Each member has answered or failed once, and the first writer was chosen.
    settled: bool,
    /// The writer before this process; until then.
    remembered: Option<Address>,
}

/// What is known of a member.
#[derive(Debug, Clone)]
struct Server {
    member: Member,
    /// Answers missed since the last one; reset by any answer.
    missed: u32,
    asked: bool,
    /// The last answer that had one; kept while it fails.
    seen: Option<Observation>,
    /// Time of the last answer that told how far it is behind, and the seconds.
    lag_known: Option<(Millis, u64)>,
    /// Why the last check was refused, though the server is there.
    refused: Option<String>,
    /// It was the writer, and where its successor was when it took over.
    retired: Option<Retirement>,
    /// It was writable while the writer was there: it being so proves no promotion.
    rival: bool,
}

#[derive(Debug, Clone, Default)]
struct Retirement {
    /// Position of its successor when it was first seen writable.
    at: Option<Position>,
}

impl Server {
    fn new(member: Member) -> Self {
        Self {
            member,
            missed: 0,
            asked: false,
            seen: None,
            lag_known: None,
            refused: None,
            retired: None,
            rival: false,
        }
    }

    /// It answered the last time it was asked.
    fn answers(&self) -> bool {
        self.missed == 0 && self.seen.is_some()
    }

    fn writable(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.read_only == Some(false))
    }

    fn read_only(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.read_only == Some(true))
    }

    fn replica_of(&self) -> Option<&ReplicaOf> {
        match &self.seen.as_ref()?.slave {
            SlaveStatus::Replica(replica) => Some(replica),
            _ => None,
        }
    }

    fn position(&self) -> Option<&Position> {
        let seen = self.seen.as_ref()?;
        let applied = self.replica_of().and_then(|replica| replica.gtid_pos.as_ref());
        applied.or(seen.gtid_binlog_pos.as_ref()).filter(|position| !position.is_empty())
    }
}

impl Group {
    /// Members' rows say who is the writer, until they have answered.
    pub fn new(config: Config) -> Self {
        let servers = config.members.iter().cloned().map(Server::new).collect();
        Self { config, servers, incumbent: None, settled: false, remembered: None }
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Takes new settings over and keeps what is known of members that stay. The writer stays as long as it is a member,
    /// and as long an old writer stays one: settings are loaded for many reasons. It is forgiven where the administrator
    /// has put it into the writer hostgroup anew.
    pub fn reconfigure(&mut self, config: Config) -> Vec<Event> {
        let writer = self.incumbent.map(|index| self.servers[index].member.address.clone());
        let mut known = std::mem::take(&mut self.servers);
        for member in &config.members {
            let at = known.iter().position(|server| server.member.address == member.address);
            let mut server = at.map_or_else(|| Server::new(member.clone()), |at| known.swap_remove(at));
            if member.writer_row && !server.member.writer_row {
                server.retired = None;
            }
            server.member = member.clone();
            self.servers.push(server);
        }
        self.config = config;
        self.incumbent = writer.as_ref().and_then(|writer| self.index_of(writer));
        if writer.is_some() && self.incumbent.is_none() {
            self.servers.iter_mut().for_each(|server| server.retired = None);
        }
        // Where the writer is gone, all is as at the start.
        self.settled &= self.incumbent.is_some();
        let mut events = Vec::new();
        if let (Some(from), None) = (writer, self.incumbent) {
            events.push(Event::Writer { from: Some(from), to: None, reason: Reason::Removed });
        }
        events.extend(self.elect());
        events
    }

    /// Takes in what a server answered. Servers that are no members are ignored.
    pub fn handle_answer(&mut self, now: Millis, address: &Address, answer: Answer) -> Vec<Event> {
        let Some(index) = self.index_of(address) else { return Vec::new() };
        let dead_after = self.config.dead_after.max(1);
        let server = &mut self.servers[index];
        let was_dead = server.missed >= dead_after;
        server.asked = true;
        server.refused = None;
        match answer {
            Answer::Seen(seen) => {
                server.missed = 0;
                server.note_lag(now, &seen);
                server.seen = Some(seen);
            }
            Answer::Unreachable => server.missed = server.missed.saturating_add(1),
            // It is there: neither dead nor otherwise than it was.
            Answer::Refused(why) => {
                server.missed = 0;
                server.refused = Some(why);
            }
        }
        let is_dead = server.missed >= dead_after;
        let mut events = Vec::new();
        if was_dead != is_dead {
            let server = address.clone();
            events.push(if is_dead { Event::Dead { server } } else { Event::Alive { server } });
        }
        events.extend(self.rejoin(index));
        events.extend(self.elect());
        events
    }

    /// What follows from all that is known.
    pub fn view(&self, now: Millis) -> View {
        let writer = self.incumbent.map(|index| &self.servers[index]);
        let writer_state = self.writer_state();
        let readers = self.readers(now);
        View {
            writer: writer.map(|server| server.member.address.clone()),
            writer_state,
            more_writers: self.more_writers(),
            alarms: self.alarms(writer_state, &readers),
            readers,
        }
    }

    fn writer_state(&self) -> WriterState {
        let Some(index) = self.incumbent else { return WriterState::None };
        let server = &self.servers[index];
        if self.is_dead(server) {
            WriterState::Dead
        } else if server.seen.is_none() {
            // It is there and refuses the monitor, whose account may not have been made yet: the rows count.
            if server.refused.is_some() { WriterState::Usable } else { WriterState::Dead }
        } else if server.read_only() {
            WriterState::ReadOnly
        } else if self.config.on_multiple_writers == OnMultipleWriters::Stop && self.has_rivals() {
            WriterState::Stopped
        } else {
            WriterState::Usable
        }
    }

    fn more_writers(&self) -> Vec<Address> {
        if self.config.on_multiple_writers != OnMultipleWriters::Proxysql {
            return Vec::new();
        }
        let others = self.servers.iter().enumerate().filter(|(index, _)| Some(*index) != self.incumbent);
        let writable = others.filter(|(_, server)| server.answers() && server.writable());
        writable.map(|(_, server)| server.member.address.clone()).collect()
    }

    fn is_dead(&self, server: &Server) -> bool {
        server.missed >= self.config.dead_after.max(1)
    }

    fn index_of(&self, address: &Address) -> Option<usize> {
        self.servers.iter().position(|server| server.member.address == *address)
    }

    /// The member that a server replicates from, by address or by `server_id`: names may differ (a replica may know its
    /// master by another network).
    fn master_of(&self, index: usize) -> Option<usize> {
        let replica = self.servers[index].replica_of()?;
        self.index_of(&replica.master).or_else(|| {
            let id = replica.master_server_id.filter(|id| *id != 0)?;
            let has_id = |server: &Server| server.seen.as_ref().is_some_and(|seen| seen.server_id == Some(id));
            self.servers.iter().position(has_id).filter(|master| *master != index)
        })
    }

    /// The end of the chain of masters: the server itself if it replicates from no member. `None` for a ring.
    fn root_of(&self, index: usize) -> Option<usize> {
        let mut root = index;
        for _ in 0..self.servers.len() {
            match self.master_of(root) {
                Some(master) => root = master,
                None => return Some(root),
            }
        }
        None
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Port 0: a socket's path.
        if self.port == 0 { f.write_str(&self.hostname) } else { write!(f, "{}:{}", self.hostname, self.port) }
    }
}
