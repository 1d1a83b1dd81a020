//! Addresses in their forms (manual, section 11): families, sockets of the system, ports, ranges and offsets.

use super::{Env, Files};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A word that names an endpoint, read but not looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Ip {
        host: IpAddr,
        port: Ports,
    },
    /// A name that is none of an address.
    Name {
        name: String,
        port: Ports,
    },
    Unix(String),
    Abstract(String),
    Fd(i32),
}

/// What follows the last colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    None,
    /// First and last; equal for one port.
    Fixed(u16, u16),
    /// `+n`, `-n`.
    Offset(i32),
}

/// What a directive takes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allowed {
    pub port: bool,
    /// The port must be there.
    pub port_required: bool,
    pub range: bool,
    pub offset: bool,
    pub fd: bool,
    /// Names are asked for now, and it is an error when there is no answer.
    pub resolve: bool,
}

/// Reads a word. Variables are expanded here, too, outside quotes, as HAProxy does for addresses alone.
///
/// # Errors
/// HAProxy's text, without the place.
pub fn parse(word: &str, allowed: Allowed, env: &Env, files: &dyn Files) -> Result<Address, String> {
    let expanded = expand(word, env);
    let (family, rest) = family(strip_socket_type(&expanded, word)?);
    match family {
        Family::Unix => Ok(Address::Unix(rest.to_owned())),
        Family::Abstract => Ok(Address::Abstract(rest.to_owned())),
        Family::Fd if allowed.fd => descriptor(rest, word).map(Address::Fd),
        Family::Fd => Err(format!("socket file descriptor not permitted in '{word}'")),
        Family::Unsupported(name) => Err(format!("address family '{name}' is not supported here in '{word}'")),
        Family::Ip(version) => {
            let (host, port) = split_port(rest);
            let port = ports(port, word, allowed)?;
            match ip(host, version) {
                Some(host) => Ok(Address::Ip { host, port }),
                None if allowed.resolve => match files.resolve(host) {
                    Some(host) => Ok(Address::Ip { host, port }),
                    None => Err(format!("invalid address: '{host}' in '{word}'")),
                },
                None if is_name(host) => Ok(Address::Name { name: host.to_owned(), port }),
                None => Err(format!("invalid address: '{host}' in '{word}'")),
            }
        }
    }
}

enum Family<'a> {
    /// The version wanted, if any.
    Ip(Option<u8>),
    Unix,
    Abstract,
    Fd,
    Unsupported(&'a str),
}

fn strip_socket_type<'a>(word: &'a str, shown: &str) -> Result<&'a str, String> {
    if word.starts_with("dgram+") {
        return Err(format!("datagram sockets are not supported here in '{shown}'"));
    }
    Ok(word.strip_prefix("stream+").unwrap_or(word))
}

fn family(word: &str) -> (Family<'_>, &str) {
    let Some((prefix, rest)) = word.split_once('@') else {
        return (if word.starts_with('/') { Family::Unix } else { Family::Ip(None) }, word);
    };
    let family = match prefix {
        "unix" | "uxst" => Family::Unix,
        "abns" => Family::Abstract,
        "ip" | "tcp" | "udp" => Family::Ip(None),
        "ipv4" | "tcp4" | "udp4" => Family::Ip(Some(4)),
        "ipv6" | "tcp6" | "udp6" => Family::Ip(Some(6)),
        "fd" => Family::Fd,
        "uxdg" | "quic4" | "quic6" | "sockpair" | "rhttp" => Family::Unsupported(prefix),
        _ => return (if word.starts_with('/') { Family::Unix } else { Family::Ip(None) }, word),
    };
    (family, rest)
}

fn descriptor(text: &str, shown: &str) -> Result<i32, String> {
    text.parse().map_err(|_| format!("file descriptor '{text}' is not a valid integer in '{shown}'"))
}

/// At the last colon, unless a bracket closes after it.
fn split_port(text: &str) -> (&str, &str) {
    match text.rfind([':', ']']) {
        Some(at) if text.as_bytes()[at] == b':' => (&text[..at], &text[at + 1..]),
        _ => (text, ""),
    }
}

fn ports(text: &str, shown: &str, allowed: Allowed) -> Result<Ports, String> {
    match text.as_bytes().first() {
        None if allowed.port_required => Err(format!("missing port specification in '{shown}'")),
        None => Ok(Ports::None),
        Some(_) if !allowed.port => Err(format!("port specification not permitted here in '{shown}'")),
        Some(b'0'..=b'9') => fixed(text, shown, allowed),
        Some(b'+' | b'-') if allowed.offset => text
            .parse()
            .map(Ports::Offset)
            .map_err(|_| format!("invalid character '{}' in port number '{text}' in '{shown}'", odd(&text[1..]))),
        Some(b'+' | b'-') => Err(format!("port offset not permitted here in '{shown}'")),
        Some(_) => Err(format!("invalid character '{}' in port number '{text}' in '{shown}'", odd(text))),
    }
}

fn odd(text: &str) -> String {
    text.chars().find(|character| !character.is_ascii_digit()).map(String::from).unwrap_or_default()
}

fn fixed(text: &str, shown: &str, allowed: Allowed) -> Result<Ports, String> {
    let least = u32::from(allowed.port_required);
    let number =
        |text: &str| text.parse::<u32>().ok().filter(|port| (least..=65535).contains(port)).map(|port| port as u16);
    let Some((first, last)) = text.split_once('-') else {
        if let Some(bad) = text.chars().find(|character| !character.is_ascii_digit()) {
            return Err(format!("invalid character '{bad}' in port number '{text}' in '{shown}'"));
        }
        return number(text).map(|port| Ports::Fixed(port, port)).ok_or_else(|| format!("invalid port '{text}'"));
    };
    if !allowed.range {
        return Err(format!("port range not permitted here in '{shown}'"));
    }
    let first = number(first).ok_or_else(|| format!("invalid port '{first}'"))?;
    let last = number(last).ok_or_else(|| format!("invalid port '{last}'"))?;
    if first > last { Err(format!("invalid port range '{text}'")) } else { Ok(Ports::Fixed(first, last)) }
}

/// An address of the wanted version. `*` and nothing are IPv4's any; brackets are taken off.
fn ip(host: &str, version: Option<u8>) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match version {
        Some(6) if matches!(bare, "" | "*") => Some(Ipv6Addr::UNSPECIFIED.into()),
        Some(6) => bare.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        Some(_) if matches!(bare, "" | "*") => Some(Ipv4Addr::UNSPECIFIED.into()),
        Some(_) => bare.parse::<Ipv4Addr>().ok().map(IpAddr::from),
        None if matches!(bare, "" | "*") => Some(Ipv4Addr::UNSPECIFIED.into()),
        None => bare.parse().ok(),
    }
}

fn is_name(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// `$NAME` and `${NAME}` in an address.
fn expand(word: &str, env: &Env) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let braced = rest.starts_with('{');
        let name = &rest[usize::from(braced)..];
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
        out.push_str(env.get(&name[..end]).map_or("", String::as_str));
        rest = &name[end..];
        rest = if braced { rest.strip_prefix('}').unwrap_or(rest) } else { rest };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NoFiles;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn check(word: &str, expected: Expect) {
        let env = [("HOST".to_owned(), "10.0.0.1".to_owned())].into();
        let allowed = Allowed { port: true, port_required: true, range: true, fd: true, ..Allowed::default() };
        expected.assert_eq(&match parse(word, allowed, &env, &NoFiles) {
            Ok(address) => format!("{address:?}"),
            Err(error) => error,
        });
    }

    #[test]
    fn families() {
        check("*:80", expect!["Ip { host: 0.0.0.0, port: Fixed(80, 80) }"]);
        check(":80-82", expect!["Ip { host: 0.0.0.0, port: Fixed(80, 82) }"]);
        check("[::1]:80", expect!["Ip { host: ::1, port: Fixed(80, 80) }"]);
        check(":::80", expect!["Ip { host: ::, port: Fixed(80, 80) }"]);
        check("ipv6@:80", expect!["Ip { host: ::, port: Fixed(80, 80) }"]);
        check("ipv4@10.1.2.3:80", expect!["Ip { host: 10.1.2.3, port: Fixed(80, 80) }"]);
        check("$HOST:80", expect!["Ip { host: 10.0.0.1, port: Fixed(80, 80) }"]);
        check("${HOST}:80", expect!["Ip { host: 10.0.0.1, port: Fixed(80, 80) }"]);
        check("/run/a.sock", expect![[r#"Unix("/run/a.sock")"#]]);
        check("unix@a.sock", expect![[r#"Unix("a.sock")"#]]);
        check("abns@name", expect![[r#"Abstract("name")"#]]);
        check("fd@3", expect!["Fd(3)"]);
        check("host.example:80", expect![[r#"Name { name: "host.example", port: Fixed(80, 80) }"#]]);
    }

    #[test]
    fn refusals() {
        check("foo", expect!["missing port specification in 'foo'"]);
        check("1.2.3.4", expect!["missing port specification in '1.2.3.4'"]);
        check(":99999", expect!["invalid port '99999'"]);
        check(":0", expect!["invalid port '0'"]);
        check(":80-70", expect!["invalid port range '80-70'"]);
        check(":+3", expect!["port offset not permitted here in ':+3'"]);
        check(":8x", expect!["invalid character 'x' in port number '8x' in ':8x'"]);
        check("a!b:80", expect!["invalid address: 'a!b' in 'a!b:80'"]);
        check("fd@x", expect!["file descriptor 'x' is not a valid integer in 'fd@x'"]);
        check("quic4@:443", expect!["address family 'quic4' is not supported here in 'quic4@:443'"]);
    }
}
