//! What the load is sent to.

use super::process;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use testbed::{MariaDb, SqlProxy, run};

pub struct Target {
    /// `direct_`, `other_`, or nothing for Barque.
    prefix: &'static str,
    pub port: u16,
    /// The proxy's processes; none where there is no proxy.
    pids: Vec<u32>,
    /// Ends with the target.
    _proxy: Option<SqlProxy>,
}

impl Target {
    /// The master itself.
    pub fn direct(port: u16) -> Self {
        Self { prefix: "direct_", port, pids: Vec::new(), _proxy: None }
    }

    /// None if the binary has no such command.
    pub fn barque(folder: &Path, primary: &MariaDb, replica: &MariaDb) -> Option<Self> {
        if !run::run(Command::new(testbed::barque()).args(["sql", "--help"])).ok {
            return None;
        }
        let proxy = SqlProxy::start(folder, primary, replica);
        Some(Self { prefix: "", port: proxy.port, pids: vec![proxy.pid()], _proxy: Some(proxy) })
    }

    /// Whatever listens on this port.
    pub fn other(port: u16) -> Self {
        let pids = listeners(port);
        assert!(!pids.is_empty(), "no process of this machine listens on port {port}");
        Self { prefix: "other_", port, pids, _proxy: None }
    }

    pub fn is_proxy(&self) -> bool {
        !self.pids.is_empty()
    }

    /// `direct_sql_qps_8`
    pub fn figure(&self, name: &str) -> String {
        format!("{}sql_{name}", self.prefix)
    }

    /// Processor time of the proxy so far.
    pub fn cpu(&self) -> Duration {
        self.pids.iter().map(|pid| process::cpu(*pid)).sum()
    }

    pub fn rss_mb(&self) -> f64 {
        self.pids.iter().map(|pid| process::rss_mb(*pid)).sum()
    }
}

/// Processes that hold a listening socket of this TCP port (IPv4), by `/proc/net/tcp` and their descriptors.
fn listeners(port: u16) -> Vec<u32> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let sockets: BTreeSet<String> = table.lines().filter_map(|line| listening(line, port)).collect();
    let holds = |pid: &u32| {
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let mut targets = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok());
        targets.any(|target| sockets.contains(target.to_string_lossy().as_ref()))
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(holds).collect()
}

/// `socket:[inode]` of a line of the table, if it is one that listens (state 0A) on this port.
fn listening(line: &str, port: u16) -> Option<String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let ours = fields.get(1)?.ends_with(&format!(":{port:04X}")) && *fields.get(3)? == "0A";
    ours.then(|| format!("socket:[{}]", fields[9]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_who_listens() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(listeners(listener.local_addr().unwrap().port()), [std::process::id()]);
    }
}
