//! The kernel's table of connections: walk it, delete from it.

use super::codec::Message;
use super::{Reader, Request, Socket};
use netplan::Protocol;
use rustix::io::Errno;
use std::io;
use std::net::Ipv4Addr;

const SUBSYSTEM: u16 = 1 << 8;
const GET: u16 = SUBSYSTEM | 1;
const DELETE: u16 = SUBSYSTEM | 2;
/// Family AF_INET, version 0, resource 0.
const HEAD: [u8; 4] = [2, 0, 0, 0];

const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const TUPLE_IP: u16 = 1;
const TUPLE_PROTOCOL: u16 = 2;
const IP_SOURCE: u16 = 1;
const IP_DESTINATION: u16 = 2;
const PROTOCOL_NUMBER: u16 = 1;
const PROTOCOL_SOURCE: u16 = 2;
const PROTOCOL_DESTINATION: u16 = 3;

/// One direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuple {
    pub protocol: Protocol,
    pub source: (Ipv4Addr, u16),
    pub destination: (Ipv4Addr, u16),
}

/// A connection: what the client sent, and where the answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    pub original: Tuple,
    pub reply: Tuple,
}

/// Deletes every TCP, UDP and SCTP connection that `stale` picks; returns how many.
///
/// # Errors
/// If the table cannot be read, or an entry not deleted. An entry that is gone meanwhile is no error.
pub fn delete_where(socket: &mut Socket, stale: impl Fn(&Flow) -> bool) -> io::Result<usize> {
    let mut picked = Vec::new();
    socket.dump(&Message::new(GET, 0, &HEAD), |payload| {
        if let Some(flow) = flow(payload).filter(|flow| stale(flow)) {
            picked.push(flow.original);
        }
    })?;
    let requests: Vec<Request> = picked.iter().map(delete).collect();
    socket.run(&requests).map_err(|(_, error)| error)?;
    Ok(requests.len())
}

fn delete(original: &Tuple) -> Request {
    let message = Message::new(DELETE, 0, &HEAD).nest(TUPLE_ORIGINAL, &[], |m| {
        m.nest(TUPLE_IP, &[], |m| {
            m.bytes(IP_SOURCE, &original.source.0.octets()).bytes(IP_DESTINATION, &original.destination.0.octets())
        })
        .nest(TUPLE_PROTOCOL, &[], |m| {
            m.u8(PROTOCOL_NUMBER, original.protocol.number())
                .bytes(PROTOCOL_SOURCE, &original.source.1.to_be_bytes())
                .bytes(PROTOCOL_DESTINATION, &original.destination.1.to_be_bytes())
        })
    });
    Request { what: "delete a tracked connection".to_owned(), message, fine: Some(Errno::NOENT) }
}

fn flow(payload: &[u8]) -> Option<Flow> {
    let part = |attribute| tuple(Reader::after(payload, HEAD.len()).find(attribute)?);
    Some(Flow { original: part(TUPLE_ORIGINAL)?, reply: part(TUPLE_REPLY)? })
}

fn tuple(bytes: &[u8]) -> Option<Tuple> {
    let ip = Reader(bytes).find(TUPLE_IP)?;
    let protocol = Reader(bytes).find(TUPLE_PROTOCOL)?;
    let address = |attribute| Some(Ipv4Addr::from(<[u8; 4]>::try_from(Reader(ip).find(attribute)?).ok()?));
    let port = |attribute| Some(u16::from_be_bytes(Reader(protocol).find(attribute)?.try_into().ok()?));
    let number = *Reader(protocol).find(PROTOCOL_NUMBER)?.first()?;
    Some(Tuple {
        protocol: [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].into_iter().find(|p| p.number() == number)?,
        source: (address(IP_SOURCE)?, port(PROTOCOL_SOURCE)?),
        destination: (address(IP_DESTINATION)?, port(PROTOCOL_DESTINATION)?),
    })
}
