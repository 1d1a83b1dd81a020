//! Pods' interfaces: plug, unplug, list, reconcile.
//!
//! Order of a plug: lease on disk, namespace, interface, addresses. Whatever the instant we die at, the lease names
//! what may exist, and [`Pods::reconcile`] or the next plug of the pod removes or completes it.

mod farewell;
mod lease;
mod netns;

use crate::host::{self, Host};
use crate::netlink::route::{self, Link, VethPair, Via};
use crate::netlink::{Request, Socket, conntrack};
use crate::{Config, NetworkError};
use lease::{Lease, Leases};
use netplan::{Cidr, HostPort, Mac, PodKey};
use rustix::fd::AsFd;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a plugged pod has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodNetwork {
    pub ip: Ipv4Addr,
    /// Open or bind-mount this to enter the pod's network namespace.
    pub netns: PathBuf,
    pub gateway: Ipv4Addr,
    /// Bytes.
    pub mtu: u32,
    pub host_ports: Vec<HostPort>,
}

/// All pods of this node that have a network of their own.
pub struct Pods {
    config: Config,
    host: Host,
    leases: Mutex<Leases>,
}

impl Pods {
    /// Prepares the host and takes over what an earlier process left. Needs root; blocks for some milliseconds.
    pub fn open(config: Config) -> Result<Arc<Self>, NetworkError> {
        netns::prepare(&config.netns_dir)?;
        let host = host::prepare(&config)?;
        let leases = Leases::open(config.state_dir.join("leases"), config.pod_cidr)?;
        let pods = Self { config, host, leases: Mutex::new(leases) };
        pods.restore_neighbours()?;
        Ok(Arc::new(pods))
    }

    /// Gives the pod an address and a namespace with `lo` and `eth0`. A pod that is plugged keeps what it has.
    /// Blocks for some milliseconds.
    pub fn plug(&self, pod: &PodKey, host_ports: &[HostPort]) -> Result<PodNetwork, NetworkError> {
        let known = self.leases().of(&pod.uid).cloned();
        if let Some(lease) = known {
            if netns::is_mounted(&self.netns_path(pod)) {
                return Ok(self.shown(&lease));
            }
            self.unplug(&lease.pod)?;
        }
        let path = self.netns_path(pod);
        if !netns::is_file_name(&pod.uid) {
            return Err(NetworkError::BadUid { pod: pod.clone() });
        }
        let lease = self.leases().take(pod, host_ports)?;
        match self.connect(lease.ip, path) {
            Ok(()) => Ok(self.shown(&lease)),
            Err(error) => {
                _ = self.unplug(pod);
                Err(error)
            }
        }
    }

    /// Takes everything from the pod. One that is not plugged is no error.
    pub fn unplug(&self, pod: &PodKey) -> Result<(), NetworkError> {
        let Some(lease) = self.leases().of(&pod.uid).cloned() else { return Ok(()) };
        farewell::wait(&self.netns_path(pod));
        // Both wait for the kernel to see nobody use the thing any more; together that takes half the time.
        let (unmounted, deleted) = std::thread::scope(|scope| {
            let unmounting = scope.spawn(|| netns::remove(&self.netns_path(pod)));
            let deleted = delete_veth(lease.ip);
            forget_connections(lease.ip);
            let panicked = || NetworkError::kernel("remove a namespace")(std::io::Error::other("the thread panicked"));
            (unmounting.join().unwrap_or_else(|_| Err(panicked())), deleted)
        });
        deleted.and(unmounted)?;
        self.leases().release(&lease)
    }

    /// Every plugged pod.
    pub fn list(&self) -> Vec<(PodKey, PodNetwork)> {
        self.leases().all().map(|lease| (lease.pod.clone(), self.shown(lease))).collect()
    }

    /// Every host port of a plugged pod, with the pod's address.
    pub fn host_ports(&self) -> Vec<(Ipv4Addr, HostPort)> {
        let leases = self.leases();
        leases.all().flat_map(|lease| lease.host_ports.iter().map(|port| (lease.ip, port.clone()))).collect()
    }

    /// Unplugs every pod that is not in `live`, and removes namespaces and interfaces that no lease names. Returns the
    /// pods that were unplugged. To be called when nobody plugs, as at start.
    pub fn reconcile(&self, live: &[PodKey]) -> Result<Vec<PodKey>, NetworkError> {
        let leaked: Vec<PodKey> =
            self.leases().all().map(|lease| lease.pod.clone()).filter(|pod| !live.contains(pod)).collect();
        for pod in &leaked {
            self.unplug(pod)?;
        }
        let known: Vec<Lease> = self.leases().all().cloned().collect();
        for path in netns::all(&self.config.netns_dir)? {
            if !known.iter().any(|lease| self.netns_path(&lease.pod) == path) {
                netns::remove(&path)?;
            }
        }
        delete_veths(|address, _| {
            self.config.pod_cidr.contains(address) && !known.iter().any(|lease| lease.ip == address)
        })?;
        Ok(leaked)
    }

    /// Removes all pods' interfaces and namespaces, the bridge, and the folders, whether they are whole or not.
    pub fn purge(config: &Config) -> Result<(), NetworkError> {
        // The node's range may have been another: what is plugged into our bridge is ours, too.
        let bridge = host::bridge_index(config)?;
        let is_plugged = |veth: &Link| bridge.is_some_and(|bridge| veth.master == Some(bridge));
        delete_veths(|address, veth| config.pod_cidr.contains(address) || is_plugged(veth))?;
        host::remove(config)?;
        netns::purge(&config.netns_dir)?;
        let folder = config.state_dir.join("leases");
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(NetworkError::file("remove", folder)(error))
            }
            _ => Ok(()),
        }
    }

    pub fn host(&self) -> Host {
        self.host
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        // Every change of the leases is one assignment; a panic elsewhere leaves them whole.
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn netns_path(&self, pod: &PodKey) -> PathBuf {
        self.config.netns_dir.join(&pod.uid)
    }

    fn shown(&self, lease: &Lease) -> PodNetwork {
        PodNetwork {
            ip: lease.ip,
            netns: self.netns_path(&lease.pod),
            gateway: self.host.gateway,
            mtu: self.host.mtu,
            host_ports: lease.host_ports.clone(),
        }
    }

    fn connect(&self, ip: Ipv4Addr, path: PathBuf) -> Result<(), NetworkError> {
        let mut outside = host::open()?;
        let host = self.host;
        netns::create(path, move |netns| {
            let name = veth_name(ip);
            let mac = Mac::of(ip);
            let pair = VethPair { host: &name, bridge: host.bridge, mac, mtu: host.mtu, netns: netns.as_fd() };
            host::run(
                &mut outside,
                &[
                    route::delete_link(&name),
                    route::create_veth(&pair),
                    route::hairpin_on(&name),
                    route::add_neighbour(host.bridge, ip, mac),
                ],
            )?;
            inside(ip, &host)?;
            wait_until_forwarding(&mut outside, &name)
        })
    }

    /// A bridge that was deleted by hand has lost its permanent neighbours.
    fn restore_neighbours(&self) -> Result<(), NetworkError> {
        let bridge = self.host.bridge;
        let requests: Vec<Request> =
            self.leases().all().map(|lease| route::add_neighbour(bridge, lease.ip, Mac::of(lease.ip))).collect();
        host::run(&mut host::open()?, &requests)
    }
}

/// Sets up the namespace the calling thread is in.
fn inside(ip: Ipv4Addr, host: &Host) -> Result<(), NetworkError> {
    let mut socket = host::open()?;
    let links = route::links(&mut socket).map_err(NetworkError::kernel("list the pod's interfaces"))?;
    let eth0 = links.iter().find(|link| link.name == "eth0").map(|link| link.index).unwrap_or_default();
    let everywhere = Cidr::new(Ipv4Addr::UNSPECIFIED, 0);
    host::run(
        &mut socket,
        &[
            route::set_up("lo"),
            route::set_up("eth0"),
            route::add_address(eth0, ip, 32),
            route::add_neighbour(eth0, host.gateway, Mac::of(host.gateway)),
            route::add_route(host::only(host.gateway), eth0, Via::Link { source: None }),
            route::add_route(everywhere, eth0, Via::Gateway(host.gateway)),
        ],
    )?;
    settings_inside().map_err(NetworkError::kernel("set the pod's network settings"))
}

/// The kernel turns the bridge port on from a work queue, without telling; what a pod sends before that is lost.
fn wait_until_forwarding(outside: &mut Socket, name: &str) -> Result<(), NetworkError> {
    const STEP: Duration = Duration::from_millis(1);
    const STEPS: usize = 200;
    for _ in 0..STEPS {
        let failed = NetworkError::kernel(format!("see the state of {name}"));
        if route::is_forwarding(outside, name).map_err(failed)? {
            return Ok(());
        }
        std::thread::sleep(STEP);
    }
    tracing::warn!(interface = name, "the bridge does not pass packets yet; the pod starts all the same");
    Ok(())
}

/// Unprivileged servers on low ports, and ping for everybody, as other runtimes allow in a pod.
fn settings_inside() -> std::io::Result<()> {
    crate::sysctl::set_where_present("ipv4/ip_unprivileged_port_start", "0")?;
    crate::sysctl::set_where_present("ipv4/ping_group_range", "0\t2147483647")
}

fn veth_name(address: Ipv4Addr) -> String {
    format!("veth{:08x}", address.to_bits())
}

fn address_of_veth(name: &str) -> Option<Ipv4Addr> {
    let bits = name.strip_prefix("veth").filter(|digits| digits.len() == 8)?;
    u32::from_str_radix(bits, 16).ok().map(Ipv4Addr::from_bits)
}

fn delete_veth(ip: Ipv4Addr) -> Result<(), NetworkError> {
    host::run(&mut host::open()?, &[route::delete_link(&veth_name(ip))])
}

fn delete_veths(which: impl Fn(Ipv4Addr, &Link) -> bool) -> Result<(), NetworkError> {
    let mut socket = host::open()?;
    let links = route::links(&mut socket).map_err(NetworkError::kernel("list interfaces"))?;
    let picked = links.iter().filter(|link| address_of_veth(&link.name).is_some_and(|address| which(address, link)));
    let requests: Vec<Request> = picked.map(|link| route::delete_link(&link.name)).collect();
    host::run(&mut socket, &requests)
}

/// Connections of a pod that is gone: the address will soon belong to another. Failure costs those connections a timeout.
fn forget_connections(ip: Ipv4Addr) {
    let gone = Socket::netfilter().and_then(|mut socket| {
        conntrack::delete_where(&mut socket, |flow| flow.original.source.0 == ip || flow.reply.source.0 == ip)
    });
    if let Err(error) = gone {
        tracing::debug!(%ip, %error, "tracked connections of a deleted pod stay until they expire");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_veths_name_tells_its_address() {
        let address = Ipv4Addr::new(10, 42, 0, 5);
        assert_eq!(veth_name(address), "veth0a2a0005");
        assert_eq!(address_of_veth("veth0a2a0005"), Some(address));
        assert_eq!(address_of_veth("veth0"), None);
        assert_eq!(address_of_veth("veth12345+78"), None);
    }
}
