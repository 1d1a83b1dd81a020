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
