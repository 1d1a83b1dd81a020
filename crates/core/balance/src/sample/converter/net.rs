//! Addresses and the `Host` field.

use super::bytes::slice;
use crate::sample::args::{Arg, Kind, NONE, spec};
use crate::sample::keyword::{Converter, converter};
use crate::sample::value::leading_int;
use crate::sample::{Type, Value};
use std::net::IpAddr;

pub const CONVERTERS: &[Converter] = &[
    converter("ipmask", spec(1, &[Kind::Mask4, Kind::Mask6]), Type::Addr, Type::Addr, |value, call| {
        Some(Value::Ip(match (value.as_ip()?, call.args.first()?, call.args.get(1)) {
            (IpAddr::V4(address), Arg::Mask4(mask), _) => IpAddr::V4((u32::from(address) & mask).into()),
            (IpAddr::V6(address), _, Some(Arg::Mask6(mask))) => IpAddr::V6((u128::from(address) & mask).into()),
            _ => return None,
        }))
    }),
    converter("host_only", NONE, Type::Str, Type::Str, |value, _| {
        let text = value.into_bytes();
        let end = colon(&text).unwrap_or(text.len());
        let mut host = slice(text, 0..end);
        if host.iter().any(u8::is_ascii_uppercase) {
            host.to_mut().make_ascii_lowercase();
        }
        Some(Value::Str(host))
    }),
    converter("port_only", NONE, Type::Str, Type::Int, |value, _| {
        let text = value.into_bytes();
        Some(Value::Int(colon(&text).map_or(0, |colon| leading_int(&text[colon + 1..]))))
    }),
];

/// The colon before the port; those in brackets belong to an IPv6 address.
fn colon(host: &[u8]) -> Option<usize> {
    let colon = memchr::memrchr(b':', host)?;
    (memchr::memchr(b']', &host[colon..]).is_none()).then_some(colon)
}
