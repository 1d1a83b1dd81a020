//! The last questions to each server, for ProxySQL's `monitor.mysql_server_*_log`.

use super::probe::{Facts, ProbeError, Replication};
use mysql::monitor::replication::Address;
use mysql::tables::{Row, Value};
use std::collections::{BTreeMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

/// Questions that are kept, of all servers together: ten minutes of two servers asked twice a second.
const KEPT: usize = 2_400;

/// All four are of the same questions.
const TABLES: [&str; 4] = [
    "mysql_server_connect_log",
    "mysql_server_ping_log",
    "mysql_server_read_only_log",
    "mysql_server_replication_lag_log",
];

#[derive(Default)]
pub struct Log {
    entries: VecDeque<Entry>,
    pub checks: Checks,
    latest: BTreeMap<Address, Seen>,
}

/// Questions since the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Checks {
    pub good: u64,
    pub bad: u64,
    /// Those whose answer told how far behind a replica is.
    pub lag_good: u64,
}

/// What a server said last.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub read_only: Option<bool>,
    /// `Some(None)`: it replicates, and does not say how far behind.
    pub lag: Option<Option<u64>>,
    /// Why it could not be asked.
    pub error: Option<String>,
}

struct Entry {
    address: Address,
    at_us: i64,
    /// Microseconds; `None`: it failed.
    took_us: Option<i64>,
    read_only: Option<bool>,
    /// `Some(None)`: it replicates, and does not say how far behind.
    lag: Option<Option<u64>>,
    error: Option<String>,
}

impl Log {
    pub fn note(&mut self, address: &Address, asked: &Result<Facts, ProbeError>) {
        let at_us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64);
        let mut entry =
            Entry { address: address.clone(), at_us, took_us: None, read_only: None, lag: None, error: None };
        match asked {
            Ok(facts) => {
                entry.took_us = Some(facts.took.as_micros() as i64);
                entry.read_only = Some(facts.read_only);
                entry.lag = match &facts.replication {
                    Replication::Follows(of) => Some(of.seconds_behind),
                    Replication::None | Replication::Forbidden => None,
                };
            }
            Err(error) => entry.error = Some(error.to_string()),
        }
        let counter = if entry.error.is_none() { &mut self.checks.good } else { &mut self.checks.bad };
        *counter += 1;
        self.checks.lag_good += u64::from(entry.lag.flatten().is_some());
        let seen = Seen { read_only: entry.read_only, lag: entry.lag, error: entry.error.clone() };
        self.latest.insert(address.clone(), seen);
        if self.entries.len() >= KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// Of every server that was ever asked.
    pub fn latest(&self) -> BTreeMap<Address, Seen> {
        self.latest.clone()
    }

    /// Of `mysql_server_connect_log`, `_ping_log`, `_read_only_log`, `_replication_lag_log`.
    pub fn rows_of(&self, table: &str) -> Vec<Row> {
        if !TABLES.contains(&table) {
            return Vec::new();
        }
        let replicas = table == "mysql_server_replication_lag_log";
        let entries = self.entries.iter().filter(|entry| !replicas || entry.lag.is_some() || entry.error.is_some());
        entries.map(|entry| entry.row(table)).collect()
    }
}

impl Entry {
    fn row(&self, table: &str) -> Row {
        let number = |value: Option<i64>| value.map_or(Value::Null, Value::Integer);
        let mut row = vec![
            Value::Text(self.address.hostname.clone()),
            Value::Integer(self.address.port.into()),
            Value::Integer(self.at_us),
            Value::Integer(self.took_us.unwrap_or_default()),
        ];
        match table {
            "mysql_server_read_only_log" => row.push(number(self.read_only.map(i64::from))),
            "mysql_server_replication_lag_log" => {
                row.push(number(self.lag.flatten().and_then(|seconds| i64::try_from(seconds).ok())));
            }
            _ => {}
        }
        row.push(self.error.clone().map_or(Value::Null, Value::Text));
        row
    }
}
