//! What a server says of itself.

use super::super::Millis;
use super::super::gtid::Position;
use super::{Address, Server};

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Seen(Observation),
    /// No connection, or no answer in time.
    Unreachable,
    /// It is there, but did not answer the question: a wrong password (1045), an unknown variable (1193). The text says
    /// which.
    Refused(String),
}

/// One answer, of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observation {
    /// By the group's `check_type`; `None` if not asked.
    pub read_only: Option<bool>,
    pub slave: SlaveStatus,
    /// `@@server_id`.
    pub server_id: Option<u32>,
    /// `@@gtid_binlog_pos`.
    pub gtid_binlog_pos: Option<Position>,
}

/// `SHOW SLAVE STATUS`, or `SHOW REPLICA STATUS`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SlaveStatus {
    /// Not asked, or not understood.
    #[default]
    Unknown,
    /// An empty result.
    NotReplica,
    /// Error 1227.
    MissingPrivilege,
    Replica(ReplicaOf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaOf {
    /// `Master_Host`, `Master_Port`.
    pub master: Address,
    /// `Master_Server_Id`; 0 until it was connected once.
    pub master_server_id: Option<u32>,
    pub io: Io,
    /// `Slave_SQL_Running`.
    pub sql_running: bool,
    /// `Seconds_Behind_Master`, or by the heartbeat table; `None` for NULL.
    pub seconds_behind: Option<u64>,
    /// `gtid_slave_pos`, or `gtid_current_pos`.
    pub gtid_pos: Option<Position>,
    /// `Last_IO_Error` or `Last_SQL_Error`; may be empty.
    pub last_error: String,
}

/// `Slave_IO_Running`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Io {
    /// `Yes`
    Running,
    /// `Connecting`, `Preparing`: it wants to, but its master is not there.
    Connecting,
    /// `No`: somebody or an error stopped it.
    Stopped,
}

impl Io {
    /// From the words of `Slave_IO_Running`.
    pub fn parse(text: &str) -> Self {
        match text {
            "Yes" => Self::Running,
            "Connecting" | "Preparing" => Self::Connecting,
            _ => Self::Stopped,
        }
    }
}

impl Server {
    pub(super) fn note_lag(&mut self, now: Millis, seen: &Observation) {
        match &seen.slave {
            SlaveStatus::Replica(replica) => {
                if let Some(seconds) = replica.seconds_behind {
                    self.lag_known = Some((now, seconds));
                } else {
                    // Of a replica that was never seen running nothing is known from now on either.
                    self.lag_known.get_or_insert((now, 0));
                }
            }
            _ => self.lag_known = None,
        }
    }

    /// Seconds that it can be behind at most, where it does not say so itself.
    pub(super) fn most_behind(&self, now: Millis) -> Option<u64> {
        let (at, seconds) = self.lag_known?;
        Some(seconds + now.saturating_sub(at) / 1000)
    }
}
