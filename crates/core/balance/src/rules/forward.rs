//! `option forwardfor`, `option originalto`, `http-send-name-header`: fields that tell servers where they are.

use std::net::IpAddr;

use crate::{
    config::model::Forwarded,
    http::{Headers, RequestHead},
};

/// Adds the client's address (`option forwardfor`) or the address it connected to (`option originalto`), as the frontend
/// and the backend want it. The backend's header name wins; `if-none` counts only if all that are set say it.
pub fn add_address(
    headers: &mut Headers,
    frontend: Option<&Forwarded>,
    backend: Option<&Forwarded>,
    address: Option<IpAddr>,
) {
    let Some(address) = address.map(|address| address.to_canonical()) else { return };
    let set: Vec<_> = backend.into_iter().chain(frontend).collect();
    let Some(first) = set.first() else { return };
    let excepted =
        set.iter().any(|option| option.except.is_some_and(|(network, bits)| contains(network, bits, address)));
    let if_none = set.iter().all(|option| option.if_none);
    if excepted || (if_none && headers.contains(first.header.as_bytes())) {
        return;
    }
    headers.add(first.header.as_bytes(), address.to_string().as_bytes());
}

/// `http-send-name-header`: the server's name, in place of what the client sent. A `Host` field so changed is the
/// caller's to copy into an absolute URI.
pub fn set_server_name(head: &mut RequestHead, header: &str, server: &str) {
    head.headers.set(header.as_bytes(), server.as_bytes());
}

/// Reads the words of `http-send-name-header`.
pub fn parse_name_header(args: &[String]) -> Result<String, String> {
    let name = args.first().ok_or("'http-send-name-header' requires a header string.")?;
    const FORBIDDEN: [&str; 3] = ["transfer-encoding", "content-length", "connection"];
    if FORBIDDEN.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return Err(format!(
            "'transfer-encoding', 'content-length' and 'connection' are not permitted as header name (got '{name}')."
        ));
    }
    Ok(name.clone())
}

fn contains(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(except: &str, header: &str, if_none: bool) -> Forwarded {
        let except = except.split_once('/').map(|(network, bits)| (network.parse().unwrap(), bits.parse().unwrap()));
        Forwarded { except, header: header.into(), if_none }
    }

    #[track_caller]
    fn check(frontend: Option<Forwarded>, backend: Option<Forwarded>, address: &str, present: &str, expected: &str) {
        let mut headers = Headers::default();
        if !present.is_empty() {
            headers.add(present.as_bytes(), b"old");
        }
        add_address(&mut headers, frontend.as_ref(), backend.as_ref(), address.parse().ok());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let shown: Vec<_> = headers.iter().map(|(name, value)| format!("{}: {}", text(name), text(value))).collect();
        assert_eq!(shown.join(", "), expected);
    }

    #[test]
    fn addresses() {
        let plain = || Some(option("", "X-Forwarded-For", false));
        let quiet = |header| Some(option("", header, true));
        check(plain(), None, "10.1.2.3", "", "X-Forwarded-For: 10.1.2.3");
        check(plain(), Some(option("", "X-C", false)), "::1", "", "X-C: ::1");
        check(None, Some(option("10.0.0.0/8", "X", false)), "10.1.2.3", "", "");
        check(None, Some(option("10.0.0.0/8", "X", false)), "11.1.2.3", "", "X: 11.1.2.3");
        check(None, Some(option("fd00::/8", "X", false)), "fd12::1", "", "");
        check(None, Some(option("0.0.0.0/0", "X", false)), "11.1.2.3", "", "");
        check(quiet("X-A"), None, "10.1.2.3", "x-a", "x-a: old");
        check(quiet("X-A"), quiet("X-B"), "10.1.2.3", "x-a", "x-a: old, X-B: 10.1.2.3");
        check(quiet("X-A"), Some(option("", "X-A", false)), "10.1.2.3", "x-a", "x-a: old, X-A: 10.1.2.3");
        check(plain(), None, "::ffff:10.1.2.3", "", "X-Forwarded-For: 10.1.2.3");
        check(None, None, "10.1.2.3", "", "");
    }
}
