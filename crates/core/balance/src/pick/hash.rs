//! `hash-type`: the functions that make 32 bits of a key, and how these choose a server.

use std::net::IpAddr;

use super::Seed;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HashMethod {
    /// A table of all usable servers: even, but most keys move when their number changes.
    #[default]
    MapBased,
    /// A ring: only the keys of a server that leaves move.
    Consistent,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HashFunction {
    #[default]
    Sdbm,
    Djb2,
    Wt6,
    Crc32,
}

/// `hash-type` and `hash-balance-factor` of a backend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HashType {
    pub method: HashMethod,
    pub function: HashFunction,
    /// Mixes the result once more. Implied by `consistent` without a function.
    pub avalanche: bool,
    /// The most that a server may have, in per cent of the average; 0 (the default) is no limit, else above 100.
    pub balance_factor: u32,
}

impl HashType {
    /// Reads the words after `hash-type`. The balance factor is another directive's: the caller keeps it.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let word = |at: usize| words.get(at).map(String::as_str);
        let method = match word(0) {
            Some("consistent") => HashMethod::Consistent,
            Some("map-based") => HashMethod::MapBased,
            _ => return Err("'hash-type' only supports 'consistent' and 'map-based'.".into()),
        };
        let function = match word(1) {
            None | Some("sdbm") => HashFunction::Sdbm,
            Some("djb2") => HashFunction::Djb2,
            Some("wt6") => HashFunction::Wt6,
            Some("crc32") => HashFunction::Crc32,
            Some(_) => {
                return Err("'hash-type' only supports 'sdbm', 'djb2', 'crc32', or 'wt6' hash functions.".into());
            }
        };
        let avalanche = match word(2) {
            None => word(1).is_none() && method == HashMethod::Consistent,
            Some("avalanche") => true,
            Some(_) => {
                return Err("'hash-type' only supports 'avalanche' as a modifier for hash functions.".into());
            }
        };
        Ok(Self { method, function, avalanche, balance_factor: 0 })
    }

    /// Reads the words after `hash-balance-factor`.
    pub fn parse_balance_factor(words: &[String]) -> Result<u32, String> {
        let word = words.first().ok_or("'hash-balance-factor' expects an integer argument.")?;
        match word.parse() {
            Ok(factor @ (0 | 101..)) => Ok(factor),
            Ok(_) => Err("'hash-balance-factor' must be 0 or greater than 100.".into()),
            Err(_) => Err("'hash-balance-factor' expects an integer argument.".into()),
        }
    }

    pub(super) fn hash_of(&self, seed: Seed<'_>, by_source: bool) -> Option<u32> {
        let hash = if by_source { fold(seed.source?) } else { self.function.hash(seed.key?) };
        Some(if self.avalanche { avalanche(hash) } else { hash })
    }
}

impl HashFunction {
    pub fn hash(self, key: &[u8]) -> u32 {
        match self {
            Self::Sdbm => key.iter().fold(0, |hash: u32, byte| {
                u32::from(*byte).wrapping_add(hash << 6).wrapping_add(hash << 16).wrapping_sub(hash)
            }),
            Self::Djb2 => key.iter().fold(5381, |hash: u32, byte| hash.wrapping_mul(33).wrapping_add(u32::from(*byte))),
            Self::Wt6 => wt6(key),
            Self::Crc32 => crc32(key),
        }
    }
}

/// `source` takes an address itself, an IPv6 one as its four words added without carry.
fn fold(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(address) => address.to_bits(),
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            (bits >> 96) as u32 ^ (bits >> 64) as u32 ^ (bits >> 32) as u32 ^ bits as u32
        }
    }
}

/// Two words that the key's bytes flip, rotated by amounts that they themselves give.
fn wt6(key: &[u8]) -> u32 {
    let (mut a, mut b) = (0xa53c_965a_u32, 0x5ca6_953a_u32);
    let (mut left, mut right) = (6, 18);
    for byte in key {
        a = !(a ^ u32::from(*byte));
        b = !(b.wrapping_add(u32::from(*byte)));
        (a, b) = (b.rotate_left(left), a.rotate_left(right));
        let steps = ((a >> 16) ^ b) & 0xffff;
        (left, right) = (steps & 0x1f, steps >> 11);
    }
    a ^ b
}

/// The CRC of Ethernet, gzip and PNG.
fn crc32(key: &[u8]) -> u32 {
    !key.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// Bob Jenkins's integer hash of full avalanche, then spread by a prime near three quarters of the ring.
pub fn avalanche(number: u32) -> u32 {
    let mut a = number;
    a = a.wrapping_add(0x7ed5_5d16).wrapping_add(a << 12);
    a = (a ^ 0xc761_c23c) ^ (a >> 19);
    a = a.wrapping_add(0x1656_67b1).wrapping_add(a << 5);
    a = a.wrapping_add(0xd3a2_646c) ^ (a << 9);
    a = a.wrapping_add(0xfd70_46c5).wrapping_add(a << 3);
    a = (a ^ 0xb55a_4f09) ^ (a >> 16);
    a.wrapping_mul(3_221_225_473)
}
