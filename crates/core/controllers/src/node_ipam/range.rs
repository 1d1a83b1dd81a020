//! IPv4 ranges by their first and last address, and the search for a free one.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// Addresses in a node's range: a /24. Upstream: `--node-cidr-mask-size`, default 24.
const NODE_SIZE: u64 = 256;

/// Ordered by the first address. Numbers are of 64 bits, so that the end of the address space needs no care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    first: u64,
    last: u64,
}

impl Range {
    pub fn new(base: Ipv4Addr, prefix: u8) -> Self {
        let size = 1u64 << (32 - u32::from(prefix.min(32)));
        let first = u64::from(base.to_bits()) / size * size;
        Self { first, last: first + size - 1 }
    }

    fn of_node(first: u64) -> Self {
        Self { first, last: first + NODE_SIZE - 1 }
    }
}

/// The lowest range for a node inside `cluster` that touches none of `taken`, whatever their sizes.
pub fn lowest_free(cluster: Range, mut taken: Vec<Range>) -> Option<Range> {
    taken.sort();
    let mut candidate = Range::of_node(cluster.first);
    for range in taken {
        if range.first > candidate.last {
            break;
        }
        if range.last >= candidate.first {
            candidate = Range::of_node((range.last / NODE_SIZE + 1) * NODE_SIZE);
        }
    }
    (candidate.last <= cluster.last).then_some(candidate)
}

impl FromStr for Range {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (base, prefix) = text.split_once('/').ok_or(())?;
        let prefix = prefix.parse().ok().filter(|prefix| *prefix <= 32).ok_or(())?;
        Ok(Self::new(base.parse().map_err(drop)?, prefix))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Both ends lie in the address space: ranges are made from addresses, or found inside of such.
        let base = Ipv4Addr::from_bits(u32::try_from(self.first).unwrap_or(u32::MAX));
        write!(f, "{base}/{}", 32 - (self.last - self.first + 1).trailing_zeros())
    }
}
