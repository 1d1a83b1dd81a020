//! The node's name servers, as of the latest change of its resolv.conf.

use crate::Config;
use netplan::dns::name_servers;
use netplan::resolv::{self, Resolv};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// What systemd-resolved's stub asks; written by systemd.
const BEHIND_STUB: &str = "/run/systemd/resolve/resolv.conf";

pub struct Servers {
    file: PathBuf,
    /// Addresses that lead back to us.
    ours: [IpAddr; 2],
    read: Mutex<Option<Read>>,
}

struct Read {
    stamps: [Option<SystemTime>; 2],
    servers: Vec<IpAddr>,
}

impl Servers {
    pub fn new(config: &Config) -> Self {
        let ours = [config.dns_ip.into(), config.pod_cidr.gateway().into()];
        Self { file: config.resolv_conf.clone(), ours, read: Mutex::new(None) }
    }

    /// The servers to ask, in order. Reads the files again if they changed since the last call.
    pub fn list(&self) -> Vec<IpAddr> {
        let stamps = [&self.file, Path::new(BEHIND_STUB)].map(stamp);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match &*read {
            Some(read) if read.stamps == stamps => read.servers.clone(),
            _ => {
                let servers = name_servers(&file(&self.file), behind_stub().as_ref(), &self.ours);
                *read = Some(Read { stamps, servers: servers.clone() });
                servers
            }
        }
    }
}

/// The node's resolv.conf for pods that use the node's name servers: these pods cannot reach a server that listens on
/// the node's loopback alone, so a local stub is replaced by what is behind it.
pub fn node_resolv(path: &Path, cluster_dns: IpAddr) -> Resolv {
    for_pods(file(path), behind_stub().as_ref(), cluster_dns)
}

fn for_pods(mut node: Resolv, behind_stub: Option<&Resolv>, cluster_dns: IpAddr) -> Resolv {
    let servers = name_servers(&node, behind_stub, &[cluster_dns]);
    node.nameservers = servers.iter().map(IpAddr::to_string).collect();
    node
}

/// A file that is missing says nothing; the C library sees it so too.
fn file(path: &Path) -> Resolv {
    std::fs::read_to_string(path).map(|text| resolv::parse(&text)).unwrap_or_default()
}

fn behind_stub() -> Option<Resolv> {
    std::fs::read_to_string(BEHIND_STUB).ok().map(|text| resolv::parse(&text))
}

fn stamp(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|found| found.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_ask_the_servers_behind_the_stub() {
        let node = resolv::parse("nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch home.arpa\n");
        let behind = resolv::parse("nameserver 192.0.2.1\nsearch home.arpa\n");
        let cluster = IpAddr::from([10, 96, 0, 10]);
        let seen = for_pods(node.clone(), Some(&behind), cluster);
        assert_eq!(seen.nameservers, ["192.0.2.1"]);
        assert_eq!((&seen.searches, &seen.options), (&node.searches, &node.options));
        assert_eq!(for_pods(node, None, cluster).nameservers, ["127.0.0.53"]);
    }
}
