//! Who is read from.

use super::super::Millis;
use super::{Address, Group, Io, Server, SlaveStatus};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReaderState {
    Usable,
    /// So many seconds behind, which is too many: no new statements, running ones finish.
    Draining(u64),
    Out(OutReason),
}

/// Why a member is not read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutReason {
    /// It has not answered yet.
    NotSeen,
    Dead,
    IoStopped,
    SqlStopped,
    /// It does not find its master, though we do, for longer than it may be behind.
    Connecting,
    /// It runs, but has not said how far behind it is for longer than it may be.
    LagUnknown,
    /// It replicates from nobody, though its lag is limited or it was the writer.
    NotReplica,
    /// Its master is a member that is not the writer.
    OtherMaster,
}

/// Seconds that a replica without `max_replication_lag` may be without its master before it is out.
const PATIENCE: u64 = 10;

impl Group {
    pub(super) fn readers(&self, now: Millis) -> Vec<(Address, ReaderState)> {
        let is_reader = |index: usize, server: &Server| {
            Some(index) != self.incumbent || self.config.writer_is_also_reader && server.member.reader_row
        };
        let members = self.servers.iter().enumerate().filter(|(index, server)| is_reader(*index, server));
        members.map(|(index, server)| (server.member.address.clone(), self.reader_state(now, index))).collect()
    }

    pub(super) fn reader_state(&self, now: Millis, index: usize) -> ReaderState {
        let server = &self.servers[index];
        let reason = match &server.seen {
            _ if self.is_dead(server) => OutReason::Dead,
            None => OutReason::NotSeen,
            // Lag and threads are a replica's, not the writer's.
            Some(_) if Some(index) == self.incumbent => return ReaderState::Usable,
            Some(seen) => match &seen.slave {
                SlaveStatus::Replica(_) => return self.replica_state(now, index),
                SlaveStatus::NotReplica if server.retired.is_some() || server.member.max_replication_lag > 0 => {
                    OutReason::NotReplica
                }
                SlaveStatus::NotReplica | SlaveStatus::MissingPrivilege | SlaveStatus::Unknown => {
                    return ReaderState::Usable;
                }
            },
        };
        ReaderState::Out(reason)
    }

    fn replica_state(&self, now: Millis, index: usize) -> ReaderState {
        let server = &self.servers[index];
        let Some(replica) = server.replica_of() else { return ReaderState::Usable };
        let limit = u64::from(server.member.max_replication_lag);
        if !self.is_on_the_writers_line(index) {
            return ReaderState::Out(OutReason::OtherMaster);
        }
        if !replica.sql_running {
            return ReaderState::Out(OutReason::SqlStopped);
        }
        // Nobody has newer data than a replica whose writer is gone: it is read from until there is a new one.
        if replica.io != Io::Running && self.incumbent.is_some_and(|writer| self.servers[writer].missed > 0) {
            return ReaderState::Usable;
        }
        if replica.io == Io::Stopped {
            return ReaderState::Out(OutReason::IoStopped);
        }
        match replica.seconds_behind {
            Some(seconds) if limit > 0 && seconds > limit => ReaderState::Draining(seconds),
            Some(_) => ReaderState::Usable,
            None => {
                let patience = if limit > 0 { limit } else { PATIENCE };
                let reason = if replica.io == Io::Connecting { OutReason::Connecting } else { OutReason::LagUnknown };
                match server.most_behind(now).is_some_and(|seconds| seconds <= patience) {
                    true => ReaderState::Usable,
                    false => ReaderState::Out(reason),
                }
            }
        }
    }

    /// Its chain of masters ends at the writer, or outside of the group, where we cannot see.
    pub(super) fn is_on_the_writers_line(&self, index: usize) -> bool {
        match (self.incumbent, self.root_of(index)) {
            (Some(writer), Some(root)) => root == writer || root == index || self.passes(index, writer),
            // No writer yet; or a ring, which the writer may be part of.
            _ => true,
        }
    }

    /// The chain goes through the writer, which itself still has a master configured.
    fn passes(&self, index: usize, writer: usize) -> bool {
        let mut at = index;
        for _ in 0..self.servers.len() {
            match self.master_of(at) {
                Some(master) if master == writer => return true,
                Some(master) => at = master,
                None => return false,
            }
        }
        false
    }
}
