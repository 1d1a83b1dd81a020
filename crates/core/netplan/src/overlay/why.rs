//! Why another node's pods cannot be reached.

use super::VNI;
use super::annotation::BACKEND_DATA;
use crate::Cidr;
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    NoRange,
    NoAddress,
    NoKey,
    BadKey(String),
    SameKey,
    OtherBackend { speaks: String, needed: &'static str },
    OtherNetwork(String),
    Outside { range: Cidr, cluster: Cidr },
    Overlap { range: Cidr, of: String },
}

impl Why {
    /// Whether somebody must do something about it; else it is a node that has only just joined. One without a key is
    /// that for a moment only: the key comes with the range.
    pub fn is_wrong(&self) -> bool {
        !matches!(self, Self::NoRange | Self::NoAddress | Self::NoKey)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRange => write!(f, "it has no pod range yet"),
            Self::NoAddress => write!(f, "it tells no address yet"),
            Self::NoKey => write!(f, "it tells no WireGuard key"),
            Self::BadKey(data) => write!(f, "its {BACKEND_DATA} {data:?} has no WireGuard key"),
            Self::SameKey => write!(f, "its WireGuard key is another node's too"),
            Self::OtherBackend { speaks, needed } => write!(f, "it speaks {speaks}, not {needed}"),
            Self::OtherNetwork(data) => write!(f, "its {BACKEND_DATA} {data:?} is not of network {VNI}"),
            Self::Outside { range, cluster } => write!(f, "its pod range {range} is not inside {cluster}"),
            Self::Overlap { range, of } => write!(f, "its pod range {range} overlaps that of {of}"),
        }
    }
}
