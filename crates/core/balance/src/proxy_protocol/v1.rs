//! Version 1: one line of text, section 2.1.

use super::{Endpoints, Header, Reason, Stop};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub const START: &[u8] = b"PROXY ";

/// `PROXY UNKNOWN` and the end of the line: no header is shorter.
pub const SHORTEST: usize = 15;

/// With the end of the line: no header is longer.
const LONGEST: usize = 107;

pub fn parse(bytes: &[u8]) -> Result<(usize, Header), Stop> {
    let window = &bytes[..bytes.len().min(LONGEST)];
    let Some(end) = memchr::memchr2(b'\r', b'\n', window) else {
        return Err(missing(bytes.len(), 2));
    };
    match window.get(end..end + 2) {
        Some(b"\r\n") => {}
        None if bytes[end] == b'\r' => return Err(missing(bytes.len(), 1)),
        _ => return Err(Reason::BadHeader.into()),
    }
    let line = std::str::from_utf8(&bytes[START.len()..end]).map_err(|_| Reason::BadHeader)?;
    let (protocol, rest) = line.split_once(' ').unwrap_or((line, ""));
    let endpoints = match protocol {
        "UNKNOWN" => None,
        "TCP4" => Some(endpoints::<Ipv4Addr>(rest)?),
        "TCP6" => Some(endpoints::<Ipv6Addr>(rest)?),
        _ => return Err(Reason::UnhandledProtocol.into()),
    };
    Ok((end + 2, Header { endpoints, ..Header::default() }))
}

/// The line goes on: at least to the shortest one, and `rest` bytes in any case.
fn missing(have: usize, rest: usize) -> Stop {
    if have + rest > LONGEST {
        return Stop::Invalid(Reason::BadHeader);
    }
    Stop::NeedMore(SHORTEST.saturating_sub(have).max(rest))
}

/// Two addresses of one family and two ports, one space between each.
fn endpoints<A: std::str::FromStr + Into<IpAddr>>(text: &str) -> Result<Endpoints, Reason> {
    let words: Vec<&str> = text.split(' ').collect();
    let [source, destination, source_port, destination_port] = words[..] else { return Err(Reason::BadHeader) };
    let address = |text: &str| text.parse::<A>().map(Into::into).map_err(|_| Reason::BadHeader);
    Ok(Endpoints {
        source: SocketAddr::new(address(source)?, port(source_port)?),
        destination: SocketAddr::new(address(destination)?, port(destination_port)?),
    })
}

/// Decimal, without sign and leading zeros.
fn port(text: &str) -> Result<u16, Reason> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain).ok_or(Reason::BadHeader)
}

pub fn format(endpoints: Option<Endpoints>) -> Vec<u8> {
    let Some(Endpoints { source, destination }) = endpoints else { return b"PROXY UNKNOWN\r\n".to_vec() };
    let (protocol, from, to) = match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => ("TCP4", from.to_string(), to.to_string()),
        (from, to) => ("TCP6", v6(from).to_string(), v6(to).to_string()),
    };
    format!("PROXY {protocol} {from} {to} {} {}\r\n", source.port(), destination.port()).into_bytes()
}

/// An IPv4 address beside an IPv6 one is written as a mapped one: a header has one family.
pub fn v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}
