//! The node's side of the pod network: bridge, addresses, routes, kernel settings.
//!
//! Pods have a /32 and a route to everything through the bridge's address, so all their traffic is routed, that between
//! pods of one node included. Answers therefore always pass the translation that the request passed, whatever
//! `bridge-nf-call-iptables` says. Neighbour entries are permanent on both sides: nobody ever waits for ARP.
//!
//! Where the overlay is on, `overlay` adds the device to other nodes; its entries follow the Node objects.
//!
//! Sysctls changed: `ipv4.ip_forward`=1, `conf.all.send_redirects`=0 (with a routed /32 every packet would cause one, and
//! the kernel then holds back the refusals it owes the pod; interfaces of others keep their own value, which counts as
//! much), and of the overlay's device `rp_filter`=2, and of the bridge alone `rp_filter`=2, `send_redirects`=0 and `route_localnet`=1 (node ports on 127.0.0.1; the rules drop what pods send
//! there). `bridge-nf-call-iptables`=0 only where ours is the sole bridge: others may count on it.

use crate::netlink::route::{self, Link, Via};
use crate::netlink::{Request, Socket};
use crate::overlay::wireguard;
use crate::{Config, NetworkError, sysctl};
use netplan::{Cidr, Mac, overlay};
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
    /// Bytes; that of the link of the default route, or what the overlay leaves of it.
    pub mtu: u32,
}

/// Makes all that is missing; what is there stays as it is. Needs root.
pub fn prepare(config: &Config) -> Result<Host, NetworkError> {
    let mut socket = open()?;
    let links = route::links(&mut socket).map_err(NetworkError::kernel("list interfaces"))?;
    let mtu = mtu(config, &mut socket, &links)?;
    let gateway = config.pod_cidr.gateway();
    match links.iter().find(|link| link.name == config.bridge) {
        None => run(&mut socket, &[route::create_bridge(&config.bridge, Mac::of(gateway), mtu).or(Errno::EXIST)])?,
        // Never larger: to pods that know the smaller size the bridge would drop packets without a word.
        Some(bridge) if bridge.mtu > mtu => run(&mut socket, &[route::set_mtu(&config.bridge, mtu)])?,
        Some(_) => {}
    }
    let unused: Vec<Request> = unused(config).into_iter().map(route::delete_link).collect();
    run(&mut socket, &unused)?;
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
    if config.is_encrypted() {
        wireguard::prepare(config, &mut socket, &links, mtu)?;
    }
    Ok(Host { bridge, gateway, mtu })
}

/// Devices that an earlier start with another configuration may have left.
fn unused(config: &Config) -> Vec<&str> {
    let devices = [(&config.overlay_device, !config.is_encrypted()), (&config.wireguard_device, config.is_encrypted())];
    devices.into_iter().filter(|(_, used)| !(config.overlay && *used)).map(|(name, _)| name.as_str()).collect()
}

/// Bytes that fit from pod to pod: as much as the link to other nodes carries, less what the overlay adds.
fn mtu(config: &Config, socket: &mut Socket, links: &[Link]) -> Result<u32, NetworkError> {
    let of_default = route::uplink(socket).map_err(NetworkError::kernel("list routes"))?;
    if !config.overlay {
        return Ok(mtu_of(links, of_default));
    }
    let overhead = if config.is_encrypted() { overlay::WIREGUARD_OVERHEAD } else { overlay::OVERHEAD };
    let addresses = route::addresses(socket).map_err(NetworkError::kernel("list addresses"))?;
    let of_node = addresses.iter().find(|(_, address)| Some(*address) == config.node_ip).map(|(link, _)| *link);
    Ok(mtu_of(links, of_node.or(of_default)).saturating_sub(overhead))
}

fn mtu_of(links: &[Link], index: Option<u32>) -> u32 {
    links.iter().find(|link| Some(link.index) == index).map_or(DEFAULT_MTU, |link| link.mtu)
}

/// Deletes bridge and devices to other nodes, and with them their addresses, routes and entries.
pub fn remove(config: &Config) -> Result<(), NetworkError> {
    let ours = [&config.overlay_device, &config.wireguard_device, &config.bridge];
    run(&mut open()?, &ours.map(|name| route::delete_link(name)))
}

/// None if there is no bridge.
pub fn bridge_index(config: &Config) -> Result<Option<u32>, NetworkError> {
    let links = route::links(&mut open()?).map_err(NetworkError::kernel("list interfaces"))?;
    Ok(links.into_iter().find(|link| link.name == config.bridge).map(|link| link.index))
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
