//! Encrypted ways to other nodes: WireGuard in this process, over a TUN device.
//!
//! The protocol is a crate's; the kernel's own WireGuard is not needed. The device stays while this process is dead, and
//! all of the cluster's range leads to it: packets wait or are lost, but none goes out unencrypted.

mod engine;
mod key;
mod table;
#[cfg(test)]
mod tests;
mod tun;

pub use key::Key;

use crate::netlink::route::{self, Link};
use crate::netlink::{Socket, vxlan};
use crate::{Config, NetworkError, host, sysctl};
use engine::Engine;
use netplan::overlay::{Peer, WIREGUARD_PORT};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Mutex, PoisonError};

/// The node's end of all encrypted ways.
pub struct Tunnels {
    key: Key,
    running: Mutex<Option<Engine>>,
}

impl Tunnels {
    pub fn new(key: Key) -> Self {
        Self { key, running: Mutex::new(None) }
    }

    /// Makes device and thread where they are missing; returns the device's index.
    pub fn open(&self, socket: &mut Socket, name: &str, mtu: u32, address: Ipv4Addr) -> Result<u32, NetworkError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if !running.as_ref().is_some_and(Engine::is_alive) {
            *running = None;
            let tun = open(socket, name)?;
            let bind = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, WIREGUARD_PORT));
            let udp = bind.map_err(|source| NetworkError::WireGuardBind { port: WIREGUARD_PORT, source })?;
            let started = Engine::start(self.key.clone(), tun, udp);
            *running = Some(started.map_err(NetworkError::kernel("start the thread that encrypts"))?);
        }
        set_up(socket, name, mtu, address)
    }

    pub fn set_peers(&self, peers: &BTreeSet<Peer>) {
        if let Some(engine) = &*self.running.lock().unwrap_or_else(PoisonError::into_inner) {
            engine.set_peers(peers);
        }
    }
}

/// Before the first pod starts: what goes to other nodes' pods has a way into the device, if not further.
pub fn prepare(config: &Config, socket: &mut Socket, links: &[Link], mtu: u32) -> Result<(), NetworkError> {
    let name = &config.wireguard_device;
    if !links.iter().any(|link| link.name == *name) {
        drop(open(socket, name)?);
    }
    let link = set_up(socket, name, mtu, config.pod_cidr.base())?;
    host::run(socket, &[vxlan::to_device(link, config.cluster_cidr, config.pod_cidr.gateway())])
}

fn open(socket: &mut Socket, name: &str) -> Result<rustix::fd::OwnedFd, NetworkError> {
    let opened = match tun::open(name) {
        // An interface of another kind has our name.
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
            host::run(socket, &[route::delete_link(name)])?;
            tun::open(name)
        }
        opened => opened,
    };
    opened.map_err(|source| NetworkError::Tun { name: name.to_owned(), source })
}

fn set_up(socket: &mut Socket, name: &str, mtu: u32, address: Ipv4Addr) -> Result<u32, NetworkError> {
    let failed = || NetworkError::kernel(format!("look at device {name}"));
    let found = vxlan::find(socket, name).map_err(failed())?;
    let (link, _) = found.ok_or_else(|| failed()(std::io::ErrorKind::NotFound.into()))?;
    let path = format!("ipv4/conf/{name}/rp_filter");
    sysctl::set(&path, "2").map_err(NetworkError::kernel(format!("set net.{} to 2", path.replace('/', "."))))?;
    host::run(socket, &[route::set_mtu(name, mtu), route::set_up(name), route::add_address(link, address, 32)])?;
    Ok(link)
}
