//! A VXLAN device, and the entries of one that leads to other nodes: as requests, and as the kernel shows them.
//!
//! Sources: `linux/if_link.h` (`IFLA_VXLAN_*`), `linux/neighbour.h`, `linux/rtnetlink.h`.

use super::codec::{CREATE, EXCLUSIVE, Message, REPLACE};
use super::route::{
    AF_INET, IFF_UP, IFLA_ADDRESS, IFLA_IFNAME, IFLA_LINKINFO, IFLA_MTU, INFO_DATA, INFO_KIND, NDA_DST, NDA_LLADDR,
    NUD_PERMANENT, PROTOCOL_STATIC, RTA_DST, RTA_GATEWAY, RTA_OIF, RTA_PREFSRC, RTM_GETLINK, RTM_GETROUTE, RTM_NEWLINK,
    RTM_NEWNEIGH, RTM_NEWROUTE, SCOPE_LINK, SCOPE_UNIVERSE, TABLE_MAIN, UNICAST, link_head, request, text, word,
};
use super::{Reader, Request, Socket};
use netplan::overlay::{Change, Entries};
use netplan::{Cidr, Mac};
use rustix::io::Errno;
use std::io;
use std::net::Ipv4Addr;

const RTM_DELROUTE: u16 = 25;
const RTM_DELNEIGH: u16 = 29;
const RTM_GETNEIGH: u16 = 30;

const VXLAN_ID: u16 = 1;
const VXLAN_LOCAL: u16 = 4;
const VXLAN_LEARNING: u16 = 7;
const VXLAN_PORT: u16 = 15;

const AF_BRIDGE: u8 = 7;
const NTF_SELF: u8 = 2;
/// The gateway is on the link although no range of the link says so.
const ONLINK: u32 = 4;
const SCOPE_NOWHERE: u8 = 255;
const NEIGHBOUR_HEAD: usize = 12;
const ROUTE_HEAD: usize = 12;

/// A device that nothing is learned on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    pub vni: u32,
    /// UDP port of other nodes.
    pub port: u16,
    pub mac: Mac,
    /// Bytes of a packet inside.
    pub mtu: u32,
    /// Source of the packets outside.
    pub local: Option<Ipv4Addr>,
}

pub fn create(name: &str, device: &Device) -> Request {
    let message = Message::new(RTM_NEWLINK, CREATE | EXCLUSIVE, &link_head(0, IFF_UP, IFF_UP))
        .text(IFLA_IFNAME, name)
        .bytes(IFLA_ADDRESS, &device.mac.0)
        .u32(IFLA_MTU, device.mtu)
        .nest(IFLA_LINKINFO, &[], |m| {
            m.text(INFO_KIND, "vxlan").nest(INFO_DATA, &[], |m| {
                let m = m.u32(VXLAN_ID, device.vni).bytes(VXLAN_PORT, &device.port.to_be_bytes()).u8(VXLAN_LEARNING, 0);
                device.local.map_or(m.clone(), |local| m.bytes(VXLAN_LOCAL, &local.octets()))
            })
        });
    request(format!("create VXLAN device {name}"), message)
}

/// The index of the interface of this name, and what it is; None inside if it is none that [`create`] could have made.
pub fn find(socket: &mut Socket, name: &str) -> io::Result<Option<(u32, Option<Device>)>> {
    let payload = match socket.get(&Message::new(RTM_GETLINK, 0, &link_head(0, 0, 0)).text(IFLA_IFNAME, name)) {
        Err(error) if error.raw_os_error() == Some(Errno::NODEV.raw_os_error()) => return Ok(None),
        payload => payload?,
    };
    let index = payload.get(4..8).and_then(word);
    Ok(index.map(|index| (index, read(&payload))))
}

fn read(payload: &[u8]) -> Option<Device> {
    const LINK_HEAD: usize = 16;
    let attribute = |kind| Reader::after(payload, LINK_HEAD).find(kind);
    let info = attribute(IFLA_LINKINFO)?;
    Reader(info).find(INFO_KIND).filter(|kind| text(kind) == "vxlan")?;
    let own = |kind| Reader(info).find(INFO_DATA).and_then(|data| Reader(data).find(kind));
    own(VXLAN_LEARNING).filter(|learning| *learning == [0])?;
    Some(Device {
        vni: word(own(VXLAN_ID)?)?,
        port: u16::from_be_bytes(own(VXLAN_PORT)?.try_into().ok()?),
        mac: mac(attribute(IFLA_ADDRESS)?)?,
        mtu: word(attribute(IFLA_MTU)?)?,
        local: own(VXLAN_LOCAL).and_then(address).filter(|local| !local.is_unspecified()),
    })
}

/// What the kernel holds for the device in the main table, among neighbours that stay, and in its forwarding table.
pub fn entries(socket: &mut Socket, link: u32) -> io::Result<Entries> {
    let mut found = Entries::default();
    socket.dump(&Message::new(RTM_GETNEIGH, 0, &neighbour_head(AF_BRIDGE, 0, 0, 0)), |payload| {
        if let Some((mac, to)) = neighbour(payload, link, AF_BRIDGE) {
            found.forwarding.insert((mac, to));
        }
    })?;
    socket.dump(&Message::new(RTM_GETNEIGH, 0, &neighbour_head(AF_INET, 0, 0, 0)), |payload| {
        if let Some((mac, ip)) = neighbour(payload, link, AF_INET) {
            found.neighbours.insert((ip, mac));
        }
    })?;
    socket.dump(&Message::new(RTM_GETROUTE, 0, &route_head(0, [0; 3], 0)), |payload| {
        found.routes.extend(route(payload, link))
    })?;
    Ok(found)
}

fn neighbour(payload: &[u8], link: u32, family: u8) -> Option<(Mac, Ipv4Addr)> {
    let state = payload.get(8..10).map(|state| u16::from_ne_bytes([state[0], state[1]]))?;
    let is_ours = payload.first() == Some(&family) && payload.get(4..8).and_then(word) == Some(link);
    if !is_ours || state & NUD_PERMANENT == 0 {
        return None;
    }
    let attribute = |kind| Reader::after(payload, NEIGHBOUR_HEAD).find(kind);
    Some((mac(attribute(NDA_LLADDR)?)?, address(attribute(NDA_DST)?)?))
}

/// A route without a gateway is shown with an unspecified one.
fn route(payload: &[u8], link: u32) -> Option<(Cidr, Ipv4Addr)> {
    let attribute = |kind| Reader::after(payload, ROUTE_HEAD).find(kind);
    let in_main = payload.first() == Some(&AF_INET) && payload.get(4) == Some(&TABLE_MAIN);
    if !in_main || attribute(RTA_OIF).and_then(word) != Some(link) {
        return None;
    }
    let to = attribute(RTA_DST).map_or(Some(Ipv4Addr::UNSPECIFIED), address)?;
    let via = attribute(RTA_GATEWAY).map_or(Some(Ipv4Addr::UNSPECIFIED), address)?;
    Some((Cidr::new(to, *payload.get(1)?), via))
}

/// `source`: the address of what this node itself sends to pods of others.
pub fn change(link: u32, change: &Change, source: Ipv4Addr) -> Request {
    match *change {
        Change::AddForwarding(mac, to) => request(
            format!("add the way to {mac} by {to}"),
            message(RTM_NEWNEIGH, CREATE | REPLACE, AF_BRIDGE, link)
                .bytes(NDA_DST, &to.octets())
                .bytes(NDA_LLADDR, &mac.0),
        ),
        Change::RemoveForwarding(mac, to) => request(
            format!("remove the way to {mac} by {to}"),
            message(RTM_DELNEIGH, 0, AF_BRIDGE, link).bytes(NDA_DST, &to.octets()).bytes(NDA_LLADDR, &mac.0),
        )
        .or(Errno::NOENT),
        Change::AddNeighbour(ip, mac) => request(
            format!("add neighbour {ip}"),
            message(RTM_NEWNEIGH, CREATE | REPLACE, AF_INET, link)
                .bytes(NDA_DST, &ip.octets())
                .bytes(NDA_LLADDR, &mac.0),
        ),
        Change::RemoveNeighbour(ip) => request(
            format!("remove neighbour {ip}"),
            message(RTM_DELNEIGH, 0, AF_INET, link).bytes(NDA_DST, &ip.octets()),
        )
        .or(Errno::NOENT),
        Change::AddRoute(to, via) => request(
            format!("add route to {to} via {via}"),
            between(new_route(to.prefix(), via), to, via, link).bytes(RTA_PREFSRC, &source.octets()),
        ),
        Change::RemoveRoute(to, via) => {
            request(format!("remove route to {to} via {via}"), between(old_route(to.prefix()), to, via, link))
                .or(Errno::SRCH)
        }
    }
}

fn message(kind: u16, flags: u16, family: u8, link: u32) -> Message {
    let own_table = if family == AF_BRIDGE { NTF_SELF } else { 0 };
    Message::new(kind, flags, &neighbour_head(family, link, NUD_PERMANENT, own_table))
}

/// Routes a range to the device itself.
pub fn to_device(link: u32, to: Cidr, source: Ipv4Addr) -> Request {
    change(link, &Change::AddRoute(to, Ipv4Addr::UNSPECIFIED), source)
}

/// What adds a route.
fn new_route(prefix: u8, via: Ipv4Addr) -> Message {
    let (scope, flags) = if via.is_unspecified() { (SCOPE_LINK, 0) } else { (SCOPE_UNIVERSE, ONLINK) };
    let head = route_head(prefix, [PROTOCOL_STATIC, scope, UNICAST], flags);
    Message::new(RTM_NEWROUTE, CREATE | REPLACE, &head)
}

/// What removes one, whoever made it: it may have another protocol, scope and type.
fn old_route(prefix: u8) -> Message {
    Message::new(RTM_DELROUTE, 0, &route_head(prefix, [0, SCOPE_NOWHERE, 0], 0))
}

fn between(message: Message, to: Cidr, via: Ipv4Addr, link: u32) -> Message {
    let message = if to.prefix() > 0 { message.bytes(RTA_DST, &to.base().octets()) } else { message };
    let message = message.u32(RTA_OIF, link);
    if via.is_unspecified() { message } else { message.bytes(RTA_GATEWAY, &via.octets()) }
}

fn neighbour_head(family: u8, link: u32, state: u16, flags: u8) -> Vec<u8> {
    let mut head = vec![family, 0, 0, 0];
    head.extend_from_slice(&link.to_ne_bytes());
    head.extend_from_slice(&state.to_ne_bytes());
    head.extend_from_slice(&[flags, 0]);
    head
}

/// `of`: protocol, scope, type.
fn route_head(prefix: u8, of: [u8; 3], flags: u32) -> Vec<u8> {
    let mut head = vec![AF_INET, prefix, 0, 0, TABLE_MAIN];
    head.extend_from_slice(&of);
    head.extend_from_slice(&flags.to_ne_bytes());
    head
}

fn mac(bytes: &[u8]) -> Option<Mac> {
    bytes.try_into().ok().map(Mac)
}

fn address(bytes: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(bytes).ok().map(Ipv4Addr::from)
}
