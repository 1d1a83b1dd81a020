//! Keys of entries.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::sample::Value;

/// The type of a table's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    Ip,
    Ipv6,
    Integer,
    /// Bytes kept at most; by default 31 of a declared 32, as in HAProxy a zero ends them.
    String(usize),
    /// Bytes of every key: longer ones are cut, shorter ones filled with zeros.
    Binary(usize),
}

/// The key of an entry; it sorts as `show table` lists.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    Integer(u32),
    Text(Box<[u8]>),
    Binary(Box<[u8]>),
}

impl KeyType {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ipv6 => "ipv6",
            Self::Integer => "integer",
            Self::String(_) => "string",
            Self::Binary(_) => "binary",
        }
    }

    /// The key that a sample makes in a table of this type; none if it cannot be converted.
    pub fn key(self, value: &Value<'_>) -> Option<Key> {
        Some(match self {
            Self::Ip => match value.as_ip()?.to_canonical() {
                IpAddr::V4(address) => Key::V4(address),
                IpAddr::V6(_) => return None,
            },
            Self::Ipv6 => Key::V6(match value.as_ip()? {
                IpAddr::V4(address) => address.to_ipv6_mapped(),
                IpAddr::V6(address) => address,
            }),
            Self::Integer => Key::Integer(value.as_int()? as u32),
            Self::String(len) => {
                let text = value.as_bytes();
                let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
                Key::Text(text[..text.len().min(len)].into())
            }
            Self::Binary(len) => {
                let mut bytes = match value {
                    Value::Int(number) => number.to_be_bytes().to_vec(),
                    Value::Ip(IpAddr::V4(address)) => address.octets().to_vec(),
                    Value::Ip(IpAddr::V6(address)) => address.octets().to_vec(),
                    other => other.as_bytes().into_owned(),
                };
                bytes.resize(len, 0);
                Key::Binary(bytes.into())
            }
        })
    }

    /// A key typed by a person.
    pub fn parse(self, word: &str) -> Option<Key> {
        match self {
            Self::Ip => word.parse().ok().map(Key::V4),
            Self::Ipv6 => word.parse().ok().map(Key::V6),
            Self::Integer => word.parse().ok().map(Key::Integer),
            Self::String(len) => Some(Key::Text(word.as_bytes()[..word.len().min(len)].into())),
            Self::Binary(_) => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => address.fmt(f),
            Self::Integer(number) => number.fmt(f),
            // As HAProxy writes text of strangers: blanks and what is not printable in hexadecimal.
            Self::Text(bytes) => bytes.iter().try_for_each(|byte| match byte {
                b'=' | b':' | b'\\' => write!(f, "\\{}", char::from(*byte)),
                0x20..=0x7e => write!(f, "{}", char::from(*byte)),
                _ => write!(f, "\\x{byte:02x}"),
            }),
            Self::Binary(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02X}")),
        }
    }
}
