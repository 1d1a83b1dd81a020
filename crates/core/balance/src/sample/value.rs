//! What a fetch finds and a converter changes.

use std::borrow::Cow;
use std::net::IpAddr;

/// A type of sample (manual section 7.1). Addresses of both families are one type with two faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// What any type may be converted to: the type is known only when a value is there.
    Any,
    Bool,
    Int,
    Addr,
    Ipv4,
    Ipv6,
    Str,
    Bin,
    Method,
}

impl Type {
    /// HAProxy's name, as in its messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Bool => "bool",
            Self::Int => "sint",
            Self::Addr => "addr",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Str => "str",
            Self::Bin => "bin",
            Self::Method => "meth",
        }
    }

    /// Whether a sample of this type can be made one of the other; single values may still fail.
    pub fn casts_to(self, to: Self) -> bool {
        use Type::{Addr, Any, Bin, Bool, Int, Ipv4, Ipv6, Method, Str};
        matches!(
            (self, to),
            (Any | Str, _)
                | (_, Any | Str | Bin)
                | (Bool | Int | Addr | Ipv4, Bool | Int)
                | (Int | Addr | Ipv4 | Ipv6, Addr | Ipv4 | Ipv6)
                | (Bin | Method, Method)
        )
    }
}

/// A sample. Text and bytes are borrowed from the stream where nothing changed them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    Bool(bool),
    Int(i64),
    Ip(IpAddr),
    Str(Cow<'a, [u8]>),
    Bin(Cow<'a, [u8]>),
    /// An HTTP method.
    Method(Cow<'a, [u8]>),
}

impl<'a> Value<'a> {
    pub fn str(text: impl Into<Cow<'a, [u8]>>) -> Self {
        Self::Str(text.into())
    }

    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Str(match text.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        })
    }

    pub fn bin(bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        Self::Bin(bytes.into())
    }

    pub fn kind(&self) -> Type {
        match self {
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Ip(IpAddr::V4(_)) => Type::Ipv4,
            Self::Ip(IpAddr::V6(_)) => Type::Ipv6,
            Self::Str(_) => Type::Str,
            Self::Bin(_) => Type::Bin,
            Self::Method(_) => Type::Method,
        }
    }

    /// As a string: how logs, headers and variables in text show it. Bytes of `Bin` come unchanged.
    pub fn as_bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Bool(value) => Cow::Borrowed(if *value { b"1" } else { b"0" }),
            Self::Int(value) => Cow::Owned(value.to_string().into_bytes()),
            Self::Ip(address) => Cow::Owned(address.to_string().into_bytes()),
            Self::Str(bytes) | Self::Bin(bytes) | Self::Method(bytes) => Cow::Borrowed(bytes),
        }
    }

    /// As [`Value::as_bytes`], with the text given away where the value owns it.
    pub fn into_bytes(self) -> Cow<'a, [u8]> {
        match self {
            Self::Str(bytes) | Self::Bin(bytes) | Self::Method(bytes) => bytes,
            Self::Bool(value) => Cow::Borrowed(if value { b"1" } else { b"0" }),
            other => Cow::Owned(other.as_bytes().into_owned()),
        }
    }

    /// As a number. A string must begin with one; what follows it is not looked at.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Bool(value) => Some(i64::from(*value)),
            Self::Int(value) => Some(*value),
            Self::Ip(IpAddr::V4(address)) => Some(i64::from(u32::from(*address))),
            Self::Ip(IpAddr::V6(_)) => None,
            Self::Str(bytes) | Self::Bin(bytes) | Self::Method(bytes) => Some(leading_int(bytes)),
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            other => other.as_int().map(|value| value != 0),
        }
    }

    /// As an address; text must be one.
    pub fn as_ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Int(value) => Some(IpAddr::V4((*value as u32).into())),
            Self::Bool(value) => Some(IpAddr::V4(u32::from(*value).into())),
            Self::Str(bytes) => std::str::from_utf8(bytes).ok()?.trim().parse().ok(),
            Self::Bin(_) | Self::Method(_) => None,
        }
    }

    /// As raw bytes: numbers in 8 bytes, addresses in 4 or 16, all in network order.
    pub fn into_raw(self) -> Cow<'a, [u8]> {
        match self {
            Self::Bool(value) => Cow::Owned(i64::from(value).to_be_bytes().to_vec()),
            Self::Int(value) => Cow::Owned(value.to_be_bytes().to_vec()),
            Self::Ip(IpAddr::V4(address)) => Cow::Owned(address.octets().to_vec()),
            Self::Ip(IpAddr::V6(address)) => Cow::Owned(address.octets().to_vec()),
            Self::Str(bytes) | Self::Bin(bytes) | Self::Method(bytes) => bytes,
        }
    }

    /// As another type, where there is a way. `Any` and `Addr` leave what fits as it is.
    pub fn cast(self, to: Type) -> Option<Self> {
        if !self.kind().casts_to(to) {
            return None;
        }
        Some(match to {
            Type::Any => self,
            Type::Bool => Self::Bool(self.as_bool()?),
            Type::Int => Self::Int(self.as_int()?),
            Type::Addr => Self::Ip(self.as_ip()?),
            Type::Ipv4 => Self::Ip(IpAddr::V4(match self.as_ip()? {
                IpAddr::V4(address) => address,
                IpAddr::V6(address) => address.to_ipv4()?,
            })),
            Type::Ipv6 => Self::Ip(IpAddr::V6(match self.as_ip()? {
                IpAddr::V4(address) => address.to_ipv6_mapped(),
                IpAddr::V6(address) => address,
            })),
            Type::Str => match self {
                // A string ends at the first zero byte.
                Self::Bin(bytes) => Self::Str(until_zero(bytes)),
                other => Self::Str(other.into_bytes()),
            },
            Type::Bin => Self::Bin(self.into_raw()),
            Type::Method => Self::Method(self.into_bytes()),
        })
    }

    /// Nothing borrowed: what a variable keeps.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Ip(address) => Value::Ip(address),
            Self::Str(bytes) => Value::Str(Cow::Owned(bytes.into_owned())),
            Self::Bin(bytes) => Value::Bin(Cow::Owned(bytes.into_owned())),
            Self::Method(bytes) => Value::Method(Cow::Owned(bytes.into_owned())),
        }
    }
}

/// What stands before the first zero byte.
fn until_zero(bytes: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match memchr::memchr(0, &bytes) {
        None => bytes,
        Some(end) => match bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[..end]),
            Cow::Owned(mut bytes) => {
                bytes.truncate(end);
                Cow::Owned(bytes)
            }
        },
    }
}

/// The number a text begins with, 0 where it begins with none. Too large numbers end at the limits.
pub(crate) fn leading_int(bytes: &[u8]) -> i64 {
    let (negative, digits) = match bytes.first() {
        Some(b'-') => (true, &bytes[1..]),
        Some(b'+') => (false, &bytes[1..]),
        _ => (false, bytes),
    };
    let magnitude = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0_i64, |sum, byte| sum.saturating_mul(10).saturating_add(i64::from(byte - b'0')));
    if negative { -magnitude } else { magnitude }
}

/// What a fetch says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched<'a> {
    Found(Value<'a>),
    /// There, but more bytes may make it another (`req.len`).
    Changing(Value<'a>),
    Missing,
    /// Not there yet: more bytes are needed to say.
    NotYet,
}

impl<'a> Fetched<'a> {
    pub fn value(self) -> Option<Value<'a>> {
        match self {
            Self::Found(value) | Self::Changing(value) => Some(value),
            Self::Missing | Self::NotYet => None,
        }
    }
}

impl<'a> From<Option<Value<'a>>> for Fetched<'a> {
    fn from(value: Option<Value<'a>>) -> Self {
        value.map_or(Self::Missing, Self::Found)
    }
}
