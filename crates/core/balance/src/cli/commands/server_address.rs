//! `set server b/s addr` and the addresses of its checks.

use super::server::change;
use crate::cli::answer::Answer;
use crate::cli::call::{Call, leading_number};
use crate::cli::{ServerChange, ServerFacts, WhichAddress};
use std::net::IpAddr;

const BY: &str = "by 'stats socket command'\n";

/// What became of one half of an address, and the text that tells of it.
type Half<T> = (Option<T>, String);

/// `set server b/s addr <ip> [port <port>]`.
pub fn addr(call: &Call<'_>, server: &ServerFacts) -> Answer {
    let (word, port_word) = (call.word(2), call.word(3));
    if word.is_empty() {
        return Answer::error("set server <b>/<s> addr requires an address and optionally a port.\n");
    }
    let Ok(address) = word.parse::<IpAddr>() else {
        return Answer::warning(format!("Invalid addr '{word}' {BY}"));
    };
    let (new_address, mut text) = address_half(server, address);
    let new_port = match port_word {
        "port" => match port_half(server, call.word(4)) {
            Ok((port, said)) => {
                text += &format!(", {said}");
                port
            }
            Err(why) => return Answer::warning(format!("{text}, {why} {BY}")),
        },
        _ => None,
    };
    if new_address.is_some() || new_port.is_some() {
        let wanted = ServerChange::Address(new_address, new_port);
        if let Err(why) = call.subject.change_server(server.id, wanted) {
            return Answer::error(format!("{why}\n"));
        }
    }
    Answer::warning(format!("{text} {BY}"))
}

fn address_half(server: &ServerFacts, address: IpAddr) -> Half<IpAddr> {
    if server.address == Some(address) {
        return (None, "no need to change the addr".to_owned());
    }
    let old = server.address.map_or(String::new(), |old| old.to_string());
    (Some(address), format!("IP changed from '{old}' to '{address}'"))
}

/// A port, or with a sign one to be added to the client's.
fn port_half(server: &ServerFacts, word: &str) -> Result<Half<(u16, bool)>, String> {
    let mapped = word.starts_with(['+', '-']);
    let digits = word.trim_start_matches(['+', '-']);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("problem converting port '{word}' to an int"));
    }
    // HAProxy wants that of servers without checks too.
    if mapped && !server.port_mapped && server.check.port.is_none() {
        return Err("can't change <port> to port map because it is incompatible with current health check port \
                    configuration (use 'port' statement from the 'server' directive."
            .to_owned());
    }
    // As in HAProxy, a number too large loses its upper bits.
    let port = leading_number(word.trim_start_matches('+')) as u16;
    if port == server.port && mapped == server.port_mapped {
        return Ok((None, "no need to change the port".to_owned()));
    }
    let sign = |mapped: bool, port: u16| match mapped {
        true => format!("{:+}", port as i16),
        false => port.to_string(),
    };
    let (old, new) = (sign(server.port_mapped, server.port), sign(mapped, port));
    Ok((Some((port, mapped)), format!("port changed from '{old}' to '{new}'")))
}

/// Messages about a check that is not there.
fn absent(which: WhichAddress) -> Answer {
    Answer::error(match which {
        WhichAddress::Check => "health checks are not enabled on this server",
        WhichAddress::Agent => "agent checks are not enabled on this server",
    })
}

fn enabled(server: &ServerFacts, which: WhichAddress) -> bool {
    match which {
        WhichAddress::Check => server.check.enabled,
        WhichAddress::Agent => server.agent.enabled,
    }
}

fn name(which: WhichAddress) -> &'static str {
    match which {
        WhichAddress::Check => "check",
        WhichAddress::Agent => "agent",
    }
}

/// `check-addr` and `agent-addr`: `<ip> [port <port>]`.
pub fn check_addr(call: &Call<'_>, server: &ServerFacts, which: WhichAddress) -> Answer {
    let word = call.word(2);
    if word.is_empty() {
        let name = name(which);
        return Answer::error(format!("set server <b>/<s> {name}-addr requires an address and optionally a port.\n"));
    }
    if !enabled(server, which) {
        return absent(which);
    }
    let Ok(address) = word.parse::<IpAddr>() else {
        return Answer::error(format!("provided address '{word}' is not an IP address\n"));
    };
    let port = match call.word(3) {
        "port" => match port_number(call.word(4)) {
            Ok(port) => Some(port),
            Err(answer) => return answer,
        },
        _ => None,
    };
    change(call, server, ServerChange::CheckAddress(which, Some(address), port))
}

/// `check-port` and `agent-port`.
pub fn check_port(call: &Call<'_>, server: &ServerFacts, which: WhichAddress) -> Answer {
    let word = call.word(2);
    if word.is_empty() {
        return Answer::error(format!("set server <b>/<s> {}-port requires a port.\n", name(which)));
    }
    if !enabled(server, which) {
        return absent(which);
    }
    match port_number(word) {
        Ok(port) => change(call, server, ServerChange::CheckAddress(which, None, Some(port))),
        Err(answer) => answer,
    }
}

fn port_number(word: &str) -> Result<u16, Answer> {
    if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Answer::error("provided port is not an integer"));
    }
    match word.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(Answer::error("provided port is invalid")),
    }
}
