//! What a person has to know: each alarm says what is, why that matters, and what to do.

use std::fmt;

use super::super::gtid::Relation;
use super::readers::{OutReason, ReaderState};
use super::{Address, Group, Server, SlaveStatus, WriterState};

/// A state that does not mend itself. It holds as long as [`super::View::alarms`] has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// Writable beside the writer, and a replica of a member.
    WritableReplica {
        server: Address,
        master: Address,
    },
    /// Writable beside the writer, by itself.
    SecondWriter {
        server: Address,
        writer: Address,
    },
    /// It was the writer and has not followed the new one yet.
    OldWriter {
        server: Address,
        writer: Address,
        history: History,
    },
    /// Read from, but nobody's replica.
    NotReplica {
        server: Address,
    },
    OtherMaster {
        server: Address,
        master: Address,
        writer: Address,
    },
    /// `thread` is `IO` or `SQL`; `error` may be empty.
    ReplicationStopped {
        server: Address,
        thread: &'static str,
        error: String,
    },
    /// Error 1227 for `SHOW SLAVE STATUS`.
    MissingPrivilege {
        server: Address,
        user: String,
    },
    /// The server is there, but refuses the check.
    Refused {
        server: Address,
        error: String,
    },
    WriterDead {
        server: Address,
    },
    WriterReadOnly {
        server: Address,
    },
    /// No member is writable, and no row says who was the writer.
    NoWriter,
    /// No reader can be used; the writer is read from.
    NoReader,
}

/// What an old writer's transactions are to those of the new one, when that took over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// It has none that the new writer lacks.
    Older,
    /// It has transactions that the new writer never got.
    Diverged,
    /// One of them has no GTID.
    Unknown,
}

impl Alarm {
    /// For metrics and tables: stable, in lower case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WritableReplica { .. } => "writable_replica",
            Self::SecondWriter { .. } => "second_writer",
            Self::OldWriter { .. } => "old_writer",
            Self::NotReplica { .. } => "not_a_replica",
            Self::OtherMaster { .. } => "other_master",
            Self::ReplicationStopped { .. } => "replication_stopped",
            Self::MissingPrivilege { .. } => "missing_privilege",
            Self::Refused { .. } => "check_refused",
            Self::WriterDead { .. } => "writer_dead",
            Self::WriterReadOnly { .. } => "writer_read_only",
            Self::NoWriter => "no_writer",
            Self::NoReader => "no_reader",
        }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WritableReplica { server, master } => write!(
                f,
                "{server} replicates from {master} but has read_only=0. Nothing is written to it through the proxy; \
                 others could. Run SET GLOBAL read_only=1 on it"
            ),
            Self::SecondWriter { server, writer } => write!(
                f,
                "{server} has read_only=0 beside the writer {writer}. Nothing is written to it through the proxy. Run \
                 SET GLOBAL read_only=1 on it and let it replicate from {writer}; to make it the writer, run SET GLOBAL \
                 read_only=1 on {writer}"
            ),
            Self::OldWriter { server, writer, history } => {
                let history = match history {
                    History::Older => "it lacks what was written since",
                    History::Diverged => "it has transactions that the new writer never got, and lacks newer ones",
                    History::Unknown => "its data may differ, which cannot be told without GTIDs",
                };
                write!(
                    f,
                    "{server} was the writer before {writer} and does not follow it: {history}. It is not written to. \
                     Let it replicate from {writer} (CHANGE MASTER TO ... MASTER_USE_GTID=slave_pos), or set it up anew \
                     from a dump of {writer}"
                )
            }
            Self::NotReplica { server } => write!(
                f,
                "{server} is read from but replicates from nobody, so its data grow old. Run CHANGE MASTER TO and START \
                 SLAVE on it, or take it out of the reader hostgroup"
            ),
            Self::OtherMaster { server, master, writer } => write!(
                f,
                "{server} replicates from {master}, but the writer is {writer}. It is not read from. Run CHANGE MASTER \
                 TO with {writer} on it"
            ),
            Self::ReplicationStopped { server, thread, error } => {
                write!(f, "{server}: the replication's {thread} thread has stopped")?;
                if !error.is_empty() {
                    write!(f, " ({error})")?;
                }
                f.write_str(". It is not read from. Mend the cause, then run START SLAVE on it")
            }
            Self::MissingPrivilege { server, user } => write!(
                f,
                "{server} does not tell how far behind it is: the monitor's user may not ask (error 1227). Run GRANT \
                 SLAVE MONITOR ON *.* TO {user}@'%' on the writer (before MariaDB 10.5: GRANT REPLICATION CLIENT)"
            ),
            Self::Refused { server, error } => write!(
                f,
                "{server} is there but refuses the monitor's check: {error}. What it was before still counts. Mend \
                 mysql-monitor_username, mysql-monitor_password, or check_type of mysql_replication_hostgroups"
            ),
            Self::WriterDead { server } => write!(
                f,
                "the writer {server} does not answer. Writes fail until it is back, or until another member is made \
                 writable (STOP SLAVE; SET GLOBAL read_only=0)"
            ),
            Self::WriterReadOnly { server } => write!(
                f,
                "the writer {server} has read_only=1, and no other member is writable. Run SET GLOBAL read_only=0 on \
                 the one to be written to"
            ),
            Self::NoWriter => f.write_str(
                "no member is writable, and mysql_servers has none in the writer hostgroup. Run SET GLOBAL read_only=0 \
                 on the one to be written to",
            ),
            Self::NoReader => f.write_str("no reader can be used; the writer is read from until one is back"),
        }
    }
}

impl Group {
    pub(super) fn alarms(&self, state: WriterState, readers: &[(Address, ReaderState)]) -> Vec<Alarm> {
        let mut alarms = Vec::new();
        let writer = self.incumbent.map(|index| self.servers[index].member.address.clone());
        match (state, &writer) {
            (WriterState::Dead, Some(server)) => alarms.push(Alarm::WriterDead { server: server.clone() }),
            (WriterState::ReadOnly, Some(server)) => alarms.push(Alarm::WriterReadOnly { server: server.clone() }),
            (WriterState::None, None) if self.servers.iter().all(|server| server.asked) => alarms.push(Alarm::NoWriter),
            _ => {}
        }
        for (index, server) in self.servers.iter().enumerate() {
            self.server_alarms(index, server, writer.as_ref(), &mut alarms);
        }
        let usable = |(_, state): &(Address, ReaderState)| *state == ReaderState::Usable;
        if self.settled && !readers.is_empty() && !readers.iter().any(usable) {
            alarms.push(Alarm::NoReader);
        }
        alarms
    }

    fn server_alarms(&self, index: usize, server: &Server, writer: Option<&Address>, alarms: &mut Vec<Alarm>) {
        let address = &server.member.address;
        if let Some(error) = &server.refused {
            alarms.push(Alarm::Refused { server: address.clone(), error: error.clone() });
        }
        let Some(seen) = server.seen.as_ref().filter(|_| server.missed == 0) else { return };
        if seen.slave == SlaveStatus::MissingPrivilege {
            let user = self.config.monitor_username.clone();
            alarms.push(Alarm::MissingPrivilege { server: address.clone(), user });
        }
        let Some(writer) = writer.filter(|_| Some(index) != self.incumbent) else { return };
        if let Some(alarm) = self.writable_alarm(index, server, writer) {
            alarms.push(alarm);
        } else if seen.slave == SlaveStatus::NotReplica {
            alarms.push(Alarm::NotReplica { server: address.clone() });
        }
        self.replica_alarms(index, server, writer, alarms);
    }

    /// Of the alarms about a member that should not be written to, the one that tells most.
    fn writable_alarm(&self, index: usize, server: &Server, writer: &Address) -> Option<Alarm> {
        let (address, writer) = (server.member.address.clone(), writer.clone());
        if server.retired.is_some() {
            return Some(Alarm::OldWriter { history: self.history(server), server: address, writer });
        }
        if !server.writable() {
            return None;
        }
        Some(match self.master_of(index) {
            Some(master) => {
                Alarm::WritableReplica { server: address, master: self.servers[master].member.address.clone() }
            }
            None => Alarm::SecondWriter { server: address, writer },
        })
    }

    fn history(&self, server: &Server) -> History {
        let promotion = server.retired.as_ref().and_then(|retired| retired.at.as_ref());
        match (server.position(), promotion) {
            (Some(position), Some(promotion)) => match position.compare(promotion) {
                Relation::Equal | Relation::Behind => History::Older,
                Relation::Ahead | Relation::Diverged => History::Diverged,
            },
            _ => History::Unknown,
        }
    }

    fn replica_alarms(&self, index: usize, server: &Server, writer: &Address, alarms: &mut Vec<Alarm>) {
        let Some(replica) = server.replica_of() else { return };
        let address = server.member.address.clone();
        let stopped =
            |thread| Alarm::ReplicationStopped { server: address.clone(), thread, error: replica.last_error.clone() };
        match self.reader_state(0, index) {
            ReaderState::Out(OutReason::OtherMaster) => {
                let (master, writer) = (replica.master.clone(), writer.clone());
                alarms.push(Alarm::OtherMaster { server: address.clone(), master, writer });
            }
            ReaderState::Out(OutReason::IoStopped) => alarms.push(stopped("IO")),
            ReaderState::Out(OutReason::SqlStopped) => alarms.push(stopped("SQL")),
            _ => {}
        }
    }
}
