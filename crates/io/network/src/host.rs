//! The node's side of the pod network: bridge, addresses, routes, kernel settings.
//!
//! Pods have a /32 and a route to everything through the bridge's address, so all their traffic is routed, that between
//! pods of one node included. Answers therefore always pass the translation that the request passed, whatever
//! `bridge-nf-call-iptables` says. Neighbour entries are permanent on both sides: nobody ever waits for ARP.
//!
//! Sysctls changed: `ipv4.ip_forward`=1, `conf.all.send_redirects`=0 (with a routed /32 every packet would cause one, and
//! the kernel then holds back the refusals it owes the pod; interfaces of others keep their own value, which counts as
//! much), and of the bridge alone `rp_filter`=2, `send_redirects`=0 and `route_localnet`=1 (node ports on 127.0.0.1; the rules drop what pods send
//! there). `bridge-nf-call-iptables`=0 only where ours is the sole bridge: others may count on it.

use crate::netlink::route::{self, Mac, Via};
use crate::netlink::{Request, Socket};
use crate::{Config, NetworkError, sysctl};
use netplan::Cidr;
use rustix::io::Errno;
use std::net::Ipv4Addr;

/// Used where the node has no default route.
const DEFAULT_MTU: u32 = 1500;

/// The node's end of the pod network, ready for pods.
#[derive(Debug, Clone, Copy)]
pub struct Host {
    /// Interface index of the bridge.
    pub bridge: u32,
    pub gateway: Ipv4Addr,
    /// Bytes; that of the link of the default route.
    pub mtu: u32,
}

/// Makes all that is missing; what is there stays as it is. Needs root.
pub fn prepare(config: &Config) -> Result<Host, NetworkError> {
    let mut socket = open()?;
    let links = route::links(&mut socket).map_err(NetworkError::kernel("list interfaces"))?;
    let uplink = route::uplink(&mut socket).map_err(NetworkError::kernel("list routes"))?;
    let mtu = links.iter().find(|link| Some(link.index) == uplink).map_or(DEFAULT_MTU, |link| link.mtu);
    let gateway = config.pod_cidr.gateway();
    let existed = links.iter().any(|link| link.name == config.bridge);
    if !existed {
        run(&mut socket, &[route::create_bridge(&config.bridge, mac_of(gateway), mtu).or(Errno::EXIST)])?;
    }
    let bridge = index_of(&mut socket, &config.bridge)?;
    let sole = !links.iter().any(|link| link.is_bridge && link.name != config.bridge);
    settings(config, sole)?;
    run(
        &mut socket,
        &[
            route::set_up("lo"),
            route::set_up(&config.bridge),
            route::add_address(bridge, gateway, 32),
            route::add_address(bridge, config.dns_ip, 32),
            route::add_route(config.pod_cidr, bridge, Via::Link { source: Some(gateway) }),
            // Connections to Services need a route before their address is translated.
            route::add_route(config.service_cidr, bridge, Via::Link { source: Some(gateway) }),
        ],
    )?;
    Ok(Host { bridge, gateway, mtu })
}

/// Deletes the bridge, and with it its addresses and routes.
pub fn remove(config: &Config) -> Result<(), NetworkError> {
    run(&mut open()?, &[route::delete_link(&config.bridge)])
}

/// A locally administered hardware address that an IPv4 address alone decides.
pub fn mac_of(address: Ipv4Addr) -> Mac {
    let [a, b, c, d] = address.octets();
    [0x0a, 0x58, a, b, c, d]
}

/// A pod's own address as a range.
pub fn only(address: Ipv4Addr) -> Cidr {
    Cidr::new(address, 32)
}

pub(crate) fn open() -> Result<Socket, NetworkError> {
    Socket::route().map_err(NetworkError::kernel("open a netlink socket"))
}

pub(crate) fn run(socket: &mut Socket, requests: &[Request]) -> Result<(), NetworkError> {
    socket.run(requests).map_err(|(what, source)| NetworkError::Kernel { what, source })
}

fn index_of(socket: &mut Socket, name: &str) -> Result<u32, NetworkError> {
    let links = route::links(socket).map_err(NetworkError::kernel("list interfaces"))?;
    let found = links.into_iter().find(|link| link.name == name);
    found.map(|link| link.index).ok_or_else(|| NetworkError::Kernel {
        what: format!("find bridge {name}"),
        source: std::io::ErrorKind::NotFound.into(),
    })
}

fn settings(config: &Config, sole_bridge: bool) -> Result<(), NetworkError> {
    let bridge = &config.bridge;
    let wanted = [
        ("ipv4/ip_forward".to_owned(), "1"),
        ("ipv4/conf/all/send_redirects".to_owned(), "0"),
        (format!("ipv4/conf/{bridge}/rp_filter"), "2"),
        (format!("ipv4/conf/{bridge}/send_redirects"), "0"),
        (format!("ipv4/conf/{bridge}/route_localnet"), "1"),
    ];
    for (path, value) in &wanted {
        sysctl::set(path, value).map_err(|source| setting_failed(path, value, source))?;
    }
    if sole_bridge {
        let path = "bridge/bridge-nf-call-iptables";
        sysctl::set_where_present(path, "0").map_err(|source| setting_failed(path, "0", source))?;
    }
    Ok(())
}

fn setting_failed(path: &str, value: &str, source: std::io::Error) -> NetworkError {
    NetworkError::Kernel { what: format!("set net.{} to {value}", path.replace('/', ".")), source }
}
