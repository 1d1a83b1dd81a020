//! Version 2: a binary block, section 2.2.

use super::v1::v6;
use super::{Endpoints, Header, MAX_HEADER, Reason, Stop, Tlvs, tlv};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family and transport, length of the rest.
pub const FIXED: usize = 16;

/// The upper half of the 13th byte.
const VERSION: u8 = 0x20;
/// The lower half of the 13th byte: the sender's own connection, or one it relays.
const LOCAL: u8 = 0x0;
const PROXY: u8 = 0x1;

const UNSPEC: u8 = 0x00;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

/// Bytes of addresses and ports in front of the TLVs.
const TCP4_LENGTH: usize = 12;
const TCP6_LENGTH: usize = 36;

pub fn parse(bytes: &[u8]) -> Result<(usize, Header), Stop> {
    if bytes.get(12).is_some_and(|byte| byte & 0xF0 != VERSION) {
        return Err(Reason::NotAHeader.into());
    }
    let Some(length) = bytes.get(14..FIXED) else { return Err(Stop::NeedMore(FIXED - bytes.len())) };
    let whole = FIXED + usize::from(u16::from_be_bytes([length[0], length[1]]));
    if whole > MAX_HEADER {
        return Err(Reason::Truncated.into());
    }
    let Some(header) = bytes.get(..whole) else { return Err(Stop::NeedMore(whole - bytes.len())) };
    let header = match header[12] & 0x0F {
        LOCAL => Header::default(),
        PROXY => relayed(header)?,
        _ => return Err(Reason::BadHeader.into()),
    };
    Ok((whole, header))
}

fn relayed(header: &[u8]) -> Result<Header, Reason> {
    let block = &header[FIXED..];
    let (length, endpoints) = match header[13] {
        TCP4 => (TCP4_LENGTH, tcp4(block)),
        TCP6 => (TCP6_LENGTH, tcp6(block)),
        _ => return Err(Reason::BadHeader),
    };
    let endpoints = endpoints.ok_or(Reason::BadHeader)?;
    let tlvs = tlv::read(header, FIXED + length).ok_or(Reason::BadHeader)?;
    Ok(Header { endpoints: Some(endpoints), tlvs })
}

fn tcp4(block: &[u8]) -> Option<Endpoints> {
    let address = |at: usize| Some(Ipv4Addr::from(*block.get(at..)?.first_chunk::<4>()?));
    endpoints(address(0)?, address(4)?, block.get(8..)?)
}

fn tcp6(block: &[u8]) -> Option<Endpoints> {
    let address = |at: usize| Some(Ipv6Addr::from(*block.get(at..)?.first_chunk::<16>()?));
    endpoints(address(0)?, address(16)?, block.get(32..)?)
}

fn endpoints(source: impl Into<IpAddr>, destination: impl Into<IpAddr>, ports: &[u8]) -> Option<Endpoints> {
    let [a, b, c, d] = *ports.first_chunk::<4>()?;
    Some(Endpoints {
        source: SocketAddr::new(source.into(), u16::from_be_bytes([a, b])),
        destination: SocketAddr::new(destination.into(), u16::from_be_bytes([c, d])),
    })
}

/// Without endpoints it is a LOCAL header: the sender's own connection, or one that has no addresses to tell.
pub fn format(endpoints: Option<Endpoints>, tlvs: &Tlvs, checksum: bool) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    let command = if endpoints.is_some() { PROXY } else { LOCAL };
    header.extend([VERSION | command, UNSPEC, 0, 0]);
    if let Some(endpoints) = endpoints {
        header[13] = addresses(&mut header, endpoints);
    }
    let checksum_at = checksum.then(|| tlv::write(&mut header, tlv::CRC32C, &[0; 4]));
    tlvs.write(&mut header);
    let length = (header.len() - FIXED) as u16;
    header[14..FIXED].copy_from_slice(&length.to_be_bytes());
    if let Some(at) = checksum_at {
        let sum = super::crc32c::checksum(&[&header]);
        header[at..at + 4].copy_from_slice(&sum.to_be_bytes());
    }
    header
}

/// Returns the byte for family and transport.
fn addresses(header: &mut Vec<u8>, Endpoints { source, destination }: Endpoints) -> u8 {
    let family = match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            header.extend(from.octets());
            header.extend(to.octets());
            TCP4
        }
        (from, to) => {
            header.extend(v6(from).octets());
            header.extend(v6(to).octets());
            TCP6
        }
    };
    header.extend(source.port().to_be_bytes());
    header.extend(destination.port().to_be_bytes());
    family
}
