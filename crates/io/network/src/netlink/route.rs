//! Links, addresses, routes and neighbours as requests.

use super::codec::{CREATE, EXCLUSIVE, Message, REPLACE};
use super::{Reader, Request, Socket};
use netplan::{Cidr, Mac};
use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::io::Errno;
use std::io;
use std::net::Ipv4Addr;

pub(super) const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
pub(super) const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
pub(super) const RTM_NEWROUTE: u16 = 24;
pub(super) const RTM_GETROUTE: u16 = 26;
pub(super) const RTM_NEWNEIGH: u16 = 28;

pub(super) const IFLA_ADDRESS: u16 = 1;
pub(super) const IFLA_IFNAME: u16 = 3;
pub(super) const IFLA_MTU: u16 = 4;
const IFLA_MASTER: u16 = 10;
pub(super) const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
pub(super) const INFO_KIND: u16 = 1;
pub(super) const INFO_DATA: u16 = 2;
const INFO_SLAVE_KIND: u16 = 4;
const INFO_SLAVE_DATA: u16 = 5;
const VETH_PEER: u16 = 1;
const BRIDGE_SNOOPING: u16 = 23;
const BRIDGE_PORT_HAIRPIN: u16 = 4;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
pub(super) const RTA_DST: u16 = 1;
pub(super) const RTA_OIF: u16 = 4;
pub(super) const RTA_GATEWAY: u16 = 5;
pub(super) const RTA_PREFSRC: u16 = 7;
pub(super) const NDA_DST: u16 = 1;
pub(super) const NDA_LLADDR: u16 = 2;

pub(super) const AF_INET: u8 = 2;
pub(super) const IFF_UP: u32 = 1;
pub(super) const NUD_PERMANENT: u16 = 0x80;
pub(super) const TABLE_MAIN: u8 = 254;
pub(super) const PROTOCOL_STATIC: u8 = 4;
pub(super) const SCOPE_UNIVERSE: u8 = 0;
pub(super) const SCOPE_LINK: u8 = 253;
pub(super) const UNICAST: u8 = 1;

/// A link as a dump shows it.
#[derive(Debug, Clone)]
pub struct Link {
    pub index: u32,
    pub name: String,
    pub mtu: u32,
    pub is_bridge: bool,
    /// Index of the bridge it is a port of.
    pub master: Option<u32>,
}

pub(super) fn request(what: String, message: Message) -> Request {
    Request { what, message, fine: None }
}

impl Request {
    /// Takes this refusal for success.
    pub fn or(mut self, fine: Errno) -> Self {
        self.fine = Some(fine);
        self
    }
}

pub(super) fn link_head(index: u32, flags: u32, change: u32) -> Vec<u8> {
    let mut head = vec![0; 4];
    for word in [index, flags, change] {
        head.extend_from_slice(&word.to_ne_bytes());
    }
    head
}

pub fn create_bridge(name: &str, mac: Mac, mtu: u32) -> Request {
    let message = Message::new(RTM_NEWLINK, CREATE | EXCLUSIVE, &link_head(0, IFF_UP, IFF_UP))
        .text(IFLA_IFNAME, name)
        .bytes(IFLA_ADDRESS, &mac.0)
        .u32(IFLA_MTU, mtu)
        .nest(IFLA_LINKINFO, &[], |m| {
            // Pods are reached by route; learning multicast groups would only cost memory and start-up queries.
            m.text(INFO_KIND, "bridge").nest(INFO_DATA, &[], |m| m.u8(BRIDGE_SNOOPING, 0))
        });
    request(format!("create bridge {name}"), message)
}

/// A pair: `host` becomes a port of the bridge and is up at once; `eth0` appears in the pod's
/// namespace, down (the kernel refuses to open one end before the other exists).
pub struct VethPair<'a> {
    pub host: &'a str,
    pub bridge: u32,
    pub mac: Mac,
    pub mtu: u32,
    pub netns: BorrowedFd<'a>,
}

pub fn create_veth(pair: &VethPair<'_>) -> Request {
    let up = link_head(0, IFF_UP, IFF_UP);
    let message = Message::new(RTM_NEWLINK, CREATE | EXCLUSIVE, &up)
        .text(IFLA_IFNAME, pair.host)
        .u32(IFLA_MTU, pair.mtu)
        .u32(IFLA_MASTER, pair.bridge)
        .nest(IFLA_LINKINFO, &[], |m| {
            m.text(INFO_KIND, "veth").nest(INFO_DATA, &[], |m| {
                m.nest(VETH_PEER, &link_head(0, 0, 0), |m| {
                    m.text(IFLA_IFNAME, "eth0")
                        .bytes(IFLA_ADDRESS, &pair.mac.0)
                        .u32(IFLA_MTU, pair.mtu)
                        .u32(IFLA_NET_NS_FD, pair.netns.as_raw_fd() as u32)
                })
            })
        });
    request(format!("create the interface pair {}", pair.host), message)
}

pub fn hairpin_on(name: &str) -> Request {
    let message =
        Message::new(RTM_NEWLINK, 0, &link_head(0, 0, 0)).text(IFLA_IFNAME, name).nest(IFLA_LINKINFO, &[], |m| {
            m.text(INFO_SLAVE_KIND, "bridge").nest(INFO_SLAVE_DATA, &[], |m| m.u8(BRIDGE_PORT_HAIRPIN, 1))
        });
    request(format!("turn on hairpin mode of {name}"), message)
}

pub fn set_up(name: &str) -> Request {
    request(
        format!("bring up {name}"),
        Message::new(RTM_NEWLINK, 0, &link_head(0, IFF_UP, IFF_UP)).text(IFLA_IFNAME, name),
    )
}

pub fn set_mtu(name: &str, mtu: u32) -> Request {
    request(
        format!("set the MTU of {name} to {mtu}"),
        Message::new(RTM_NEWLINK, 0, &link_head(0, 0, 0)).text(IFLA_IFNAME, name).u32(IFLA_MTU, mtu),
    )
}

pub fn delete_link(name: &str) -> Request {
    request(
        format!("delete interface {name}"),
        Message::new(RTM_DELLINK, 0, &link_head(0, 0, 0)).text(IFLA_IFNAME, name),
    )
    .or(Errno::NODEV)
}

pub fn add_address(link: u32, address: Ipv4Addr, prefix: u8) -> Request {
    let mut head = vec![AF_INET, prefix, 0, SCOPE_UNIVERSE];
    head.extend_from_slice(&link.to_ne_bytes());
    let message = Message::new(RTM_NEWADDR, CREATE | REPLACE, &head)
        .bytes(IFA_LOCAL, &address.octets())
        .bytes(IFA_ADDRESS, &address.octets());
    request(format!("add address {address}/{prefix}"), message)
}

/// How a destination is reached.
#[derive(Debug, Clone, Copy)]
pub enum Via {
    /// It is on the link itself; packets of our own get this source.
    Link {
        source: Option<Ipv4Addr>,
    },
    Gateway(Ipv4Addr),
}

pub fn add_route(to: Cidr, link: u32, via: Via) -> Request {
    let scope = if matches!(via, Via::Link { .. }) { SCOPE_LINK } else { SCOPE_UNIVERSE };
    let mut head = vec![AF_INET, to.prefix(), 0, 0, TABLE_MAIN, PROTOCOL_STATIC, scope, UNICAST];
    head.extend_from_slice(&0u32.to_ne_bytes());
    let mut message = Message::new(RTM_NEWROUTE, CREATE | REPLACE, &head).u32(RTA_OIF, link);
    if to.prefix() > 0 {
        message = message.bytes(RTA_DST, &to.base().octets());
    }
    message = match via {
        Via::Link { source: Some(source) } => message.bytes(RTA_PREFSRC, &source.octets()),
        Via::Link { source: None } => message,
        Via::Gateway(gateway) => message.bytes(RTA_GATEWAY, &gateway.octets()),
    };
    request(format!("add route to {to}"), message)
}

/// A neighbour that never has to be asked for.
pub fn add_neighbour(link: u32, address: Ipv4Addr, mac: Mac) -> Request {
    let mut head = vec![AF_INET, 0, 0, 0];
    head.extend_from_slice(&link.to_ne_bytes());
    head.extend_from_slice(&NUD_PERMANENT.to_ne_bytes());
    head.extend_from_slice(&[0, UNICAST]);
    let message =
        Message::new(RTM_NEWNEIGH, CREATE | REPLACE, &head).bytes(NDA_DST, &address.octets()).bytes(NDA_LLADDR, &mac.0);
    request(format!("add neighbour {address}"), message)
}

/// Whether a port of a bridge passes packets on; it begins to a moment after its other end came up.
pub fn is_forwarding(socket: &mut Socket, name: &str) -> io::Result<bool> {
    const BRIDGE_PORT_STATE: u16 = 1;
    const FORWARDING: u8 = 3;
    let payload = socket.get(&Message::new(RTM_GETLINK, 0, &link_head(0, 0, 0)).text(IFLA_IFNAME, name))?;
    let info = Reader::after(&payload, 16).find(IFLA_LINKINFO).unwrap_or_default();
    let port = Reader(info).find(INFO_SLAVE_DATA).unwrap_or_default();
    Ok(Reader(port).find(BRIDGE_PORT_STATE).is_some_and(|state| state == [FORWARDING]))
}

/// All links of the socket's namespace.
pub fn links(socket: &mut Socket) -> io::Result<Vec<Link>> {
    let mut found = Vec::new();
    socket.dump(&Message::new(RTM_GETLINK, 0, &link_head(0, 0, 0)), |payload| {
        let index = payload.get(4..8).and_then(|bytes| bytes.try_into().ok()).map(u32::from_ne_bytes);
        let name = Reader::after(payload, 16).find(IFLA_IFNAME).map(text);
        let mtu = Reader::after(payload, 16).find(IFLA_MTU).and_then(word);
        let master = Reader::after(payload, 16).find(IFLA_MASTER).and_then(word);
        let kind = Reader::after(payload, 16).find(IFLA_LINKINFO).and_then(|info| Reader(info).find(INFO_KIND));
        if let (Some(index), Some(name)) = (index, name) {
            let is_bridge = kind.is_some_and(|kind| text(kind) == "bridge");
            found.push(Link { index, name, mtu: mtu.unwrap_or(1500), is_bridge, master });
        }
    })?;
    Ok(found)
}

/// Every IPv4 address of the socket's namespace, with the index of its link.
pub fn addresses(socket: &mut Socket) -> io::Result<Vec<(u32, Ipv4Addr)>> {
    let mut found = Vec::new();
    socket.dump(&Message::new(RTM_GETADDR, 0, &[AF_INET, 0, 0, 0, 0, 0, 0, 0]), |payload| {
        let link = payload.get(4..8).and_then(word);
        let local = Reader::after(payload, 8).find(IFA_LOCAL).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
        found.extend(link.zip(local.map(Ipv4Addr::from)));
    })?;
    Ok(found)
}

/// The link of the default route with the lowest metric, if there is one.
pub fn uplink(socket: &mut Socket) -> io::Result<Option<u32>> {
    const RTA_PRIORITY: u16 = 6;
    let mut best: Option<(u32, u32)> = None;
    let head = [AF_INET, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    socket.dump(&Message::new(RTM_GETROUTE, 0, &head), |payload| {
        let is_default = payload.first() == Some(&AF_INET) && payload.get(1) == Some(&0);
        let in_main = payload.get(4) == Some(&TABLE_MAIN);
        let metric = Reader::after(payload, 12).find(RTA_PRIORITY).and_then(word).unwrap_or(0);
        let link = Reader::after(payload, 12).find(RTA_OIF).and_then(word);
        if let Some(link) = link.filter(|_| is_default && in_main && best.is_none_or(|(least, _)| metric < least)) {
            best = Some((metric, link));
        }
    })?;
    Ok(best.map(|(_, link)| link))
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.strip_suffix(&[0]).unwrap_or(bytes)).into_owned()
}

pub(super) fn word(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_ne_bytes)
}
