//! The overlay in the kernel: one device and its entries.

use super::wireguard::Tunnels;
use crate::netlink::vxlan::{self, Device};
use crate::netlink::{Request, Socket, route};
use crate::{Config, Encryption, NetworkError, host, sysctl};
use netplan::overlay::{Overlay, PORT, VNI};
use std::net::Ipv4Addr;

/// What the device is made with, besides the plan.
#[derive(Debug, Clone)]
pub struct Settings {
    pub name: String,
    pub mtu: u32,
    /// Source of what this node itself sends to pods of others: the address that its own pods know it by.
    pub gateway: Ipv4Addr,
}

impl Settings {
    pub fn new(config: &Config, host: host::Host) -> Self {
        let name = match config.encryption {
            Encryption::None => &config.overlay_device,
            Encryption::WireGuard => &config.wireguard_device,
        };
        Self { name: name.clone(), mtu: host.mtu, gateway: host.gateway }
    }
}

/// Makes the kernel hold what is planned, and `tunnels` where the cluster is encrypted; returns how many entries had to
/// change. Blocks for some milliseconds.
pub fn sync(settings: &Settings, tunnels: Option<&Tunnels>, wanted: &Overlay) -> Result<usize, NetworkError> {
    let mut socket = host::open()?;
    let link = match tunnels {
        None => device(&mut socket, settings, wanted)?,
        Some(tunnels) => {
            let link = tunnels.open(&mut socket, &settings.name, settings.mtu, wanted.device.address)?;
            tunnels.set_peers(&wanted.peers);
            link
        }
    };
    let found = vxlan::entries(&mut socket, link).map_err(NetworkError::kernel("list the ways to other nodes"))?;
    let changes = wanted.entries.changes_from(&found);
    let requests: Vec<Request> = changes.iter().map(|change| vxlan::change(link, change, settings.gateway)).collect();
    host::run(&mut socket, &requests)?;
    Ok(requests.len())
}

/// The index of the VXLAN device, made anew if it is another than planned: most of it cannot be changed.
fn device(socket: &mut Socket, settings: &Settings, wanted: &Overlay) -> Result<u32, NetworkError> {
    let name = &settings.name;
    let device = Device {
        vni: VNI,
        port: PORT,
        mac: wanted.device.mac,
        mtu: settings.mtu,
        local: source(socket, wanted.device.local)?,
    };
    let failed = || NetworkError::kernel(format!("look at VXLAN device {name}"));
    match vxlan::find(socket, name).map_err(failed())? {
        Some((_, Some(found))) if found == device => {}
        Some(_) => host::run(socket, &[route::delete_link(name), vxlan::create(name, &device)])?,
        None => host::run(socket, &[vxlan::create(name, &device)])?,
    }
    let found = vxlan::find(socket, name).map_err(failed())?;
    let (link, _) = found.ok_or_else(|| failed()(std::io::ErrorKind::NotFound.into()))?;
    let path = format!("ipv4/conf/{name}/rp_filter");
    sysctl::set(&path, "2").map_err(NetworkError::kernel(format!("set net.{} to 2", path.replace('/', "."))))?;
    host::run(socket, &[route::set_up(name), route::add_address(link, wanted.device.address, 32)])?;
    Ok(link)
}

/// An address that the node is known by but does not have (behind a translation) cannot be a source.
fn source(socket: &mut Socket, local: Option<Ipv4Addr>) -> Result<Option<Ipv4Addr>, NetworkError> {
    let all = route::addresses(socket).map_err(NetworkError::kernel("list addresses"))?;
    Ok(local.filter(|local| all.iter().any(|(_, address)| address == local)))
}
