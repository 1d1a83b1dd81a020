//! Who has which address, on disk: one file per address, named by it.
//!
//! Invariants
//! - A file is there before the address is used and goes after it is no longer used; two processes cannot both make it.
//! - Files appear whole (written under another name, then linked), so a kill at any instant leaves no half one.
//! - Nothing is synced: a power cut ends the namespaces too, and what is then unreadable is free.

use super::netns::is_file_name;
use crate::NetworkError;
use netplan::{Cidr, HostPort, PodKey, addresses};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

const HALF_WRITTEN: &str = ".new";

/// An address in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub ip: Ipv4Addr,
    pub pod: PodKey,
    pub host_ports: Vec<HostPort>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    pod: PodKey,
    #[serde(default)]
    host_ports: Vec<HostPort>,
}

pub struct Leases {
    folder: PathBuf,
    range: Cidr,
    by_address: BTreeMap<Ipv4Addr, Lease>,
    /// Addresses whose files another process made; they are that one's until we are started anew.
    foreign: BTreeSet<Ipv4Addr>,
    last: Option<Ipv4Addr>,
}

impl Leases {
    pub fn open(folder: PathBuf, range: Cidr) -> Result<Self, NetworkError> {
        std::fs::create_dir_all(&folder).map_err(NetworkError::file("create", &folder))?;
        let mut leases = Self { folder, range, by_address: BTreeMap::new(), foreign: BTreeSet::new(), last: None };
        leases.load().map_err(NetworkError::file("read", &leases.folder))?;
        Ok(leases)
    }

    fn load(&mut self) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let address = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
            let content = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<File>(&bytes).ok());
            match (address, content) {
                (Some(ip), Some(File { pod, host_ports })) if is_file_name(&pod.uid) => {
                    self.by_address.insert(ip, Lease { ip, pod, host_ports });
                }
                _ => std::fs::remove_file(&path)?,
            }
        }
        self.last = self.by_address.keys().next_back().copied();
        Ok(())
    }

    pub fn all(&self) -> impl Iterator<Item = &Lease> {
        self.by_address.values()
    }

    pub fn of(&self, uid: &str) -> Option<&Lease> {
        self.by_address.values().find(|lease| lease.pod.uid == uid)
    }

    /// Leases the next free address. The pod has none yet.
    pub fn take(&mut self, pod: &PodKey, host_ports: &[HostPort]) -> Result<Lease, NetworkError> {
        loop {
            let taken = |address| self.by_address.contains_key(&address) || self.foreign.contains(&address);
            let ip = addresses::next_free(self.range, self.last, taken)
                .ok_or(NetworkError::NoAddress { range: self.range, used: self.by_address.len() })?;
            self.last = Some(ip);
            let lease = Lease { ip, pod: pod.clone(), host_ports: host_ports.to_vec() };
            if self.write(&lease).map_err(NetworkError::file("write", self.path(ip)))? {
                self.by_address.insert(ip, lease.clone());
                return Ok(lease);
            }
            self.foreign.insert(ip);
        }
    }

    pub fn release(&mut self, lease: &Lease) -> Result<(), NetworkError> {
        let path = self.path(lease.ip);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(NetworkError::file("remove", path)(error)),
            _ => {
                self.by_address.remove(&lease.ip);
                Ok(())
            }
        }
    }

    /// False if somebody else holds the address.
    fn write(&self, lease: &Lease) -> io::Result<bool> {
        let half = self.folder.join(HALF_WRITTEN);
        let file = File { pod: lease.pod.clone(), host_ports: lease.host_ports.clone() };
        std::fs::write(&half, serde_json::to_vec(&file)?)?;
        let linked = std::fs::hard_link(&half, self.path(lease.ip));
        std::fs::remove_file(&half)?;
        match linked {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn path(&self, ip: Ipv4Addr) -> PathBuf {
        self.folder.join(ip.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(test: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("network-lease-{test}-{}", std::process::id()));
        _ = std::fs::remove_dir_all(&folder);
        folder
    }

    fn pod(uid: &str) -> PodKey {
        PodKey { namespace: "default".into(), name: "web".into(), uid: uid.into() }
    }

    fn open(folder: &std::path::Path) -> Leases {
        Leases::open(folder.to_owned(), "10.0.0.0/29".parse().unwrap()).unwrap()
    }

    #[test]
    fn survives_restart_and_half_written_files() {
        let folder = folder("restart");
        let port = HostPort { host_ip: None, host_port: 80, container_port: 8080, protocol: Default::default() };
        let lease = open(&folder).take(&pod("a"), &[port]).unwrap();
        std::fs::write(folder.join(HALF_WRITTEN), "{").unwrap();
        std::fs::write(folder.join("10.0.0.6"), "").unwrap();
        let mut again = open(&folder);
        assert_eq!(again.of("a"), Some(&lease));
        assert_eq!(again.all().count(), 1);
        assert_eq!(again.take(&pod("b"), &[]).unwrap().ip.to_string(), "10.0.0.3");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn never_gives_an_address_twice() {
        let folder = folder("twice");
        let (mut one, mut other) = (open(&folder), open(&folder));
        let mut given = Vec::new();
        while let Ok(lease) = one.take(&pod("x"), &[]) {
            given.push(lease.ip);
            given.extend(other.take(&pod("y"), &[]).ok().map(|lease| lease.ip));
        }
        given.sort();
        let count = given.len();
        given.dedup();
        assert_eq!((given.len(), count), (5, 5));
        let error = one.take(&pod("z"), &[]).unwrap_err().to_string();
        assert!(error.contains("no free address"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
