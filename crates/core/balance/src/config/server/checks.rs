//! How a server is checked and what follows.

use crate::config::address::{self, Address, Allowed, Ports};
use crate::config::bind::proto;
use crate::config::keyword::{ANY, Keyword, done, refused};
use crate::config::model::{MarkedDown, MarkedUp, Observe, OnError, Server, ServerHost};
use crate::config::params::{Params, Read};
use crate::config::tls_params as tls;
use crate::config::values::{TIME_MAX_TEXT, Wrong};
use std::time::Duration;

macro_rules! set {
    ($($field:ident).+, $value:expr) => {
        |_, server| {
            server.$($field).+ = $value;
            Ok(())
        }
    };
}

pub(super) const KEYWORDS: &[Keyword<Read<Server>>] = &[
    done("check", ANY, set!(checked, true)),
    done("no-check", ANY, set!(checked, false)),
    done("addr", ANY, addr),
    done("port", ANY, port),
    done("check-alpn", ANY, |params, server| {
        server.check.alpn = Some(tls::protocols(params, "ALPN")?);
        Ok(())
    }),
    done("check-proto", ANY, |params, server| {
        server.check.proto = Some(proto(params)?);
        Ok(())
    }),
    done("check-reuse-pool", ANY, set!(check.reuse, true)),
    done("no-check-reuse-pool", ANY, set!(check.reuse, false)),
    done("check-send-proxy", ANY, set!(check.send_proxy, true)),
    done("no-check-send-proxy", ANY, set!(check.send_proxy, false)),
    done("check-sni", ANY, |params, server| {
        server.check.sni = Some(params.required("SNI")?.to_owned());
        Ok(())
    }),
    done("check-ssl", ANY, set!(check.ssl, Some(true))),
    done("no-check-ssl", ANY, set!(check.ssl, Some(false))),
    refused("check-via-socks4", ANY, "proxies of SOCKS are not spoken to", "check an address that is reached directly"),
    done("inter", ANY, |params, server| {
        server.check.inter = delay(params, &server.name, "inter")?;
        Ok(())
    }),
    done("fastinter", ANY, |params, server| {
        server.check.fastinter = Some(delay(params, &server.name, "fastinter")?);
        Ok(())
    }),
    done("downinter", ANY, |params, server| {
        server.check.downinter = Some(delay(params, &server.name, "downinter")?);
        Ok(())
    }),
    done("rise", ANY, |params, server| count(params, &mut server.check.rise, "'rise'")),
    done("fall", ANY, |params, server| count(params, &mut server.check.fall, "'fall'")),
    done("agent-check", ANY, set!(agent.enabled, true)),
    done("no-agent-check", ANY, set!(agent.enabled, false)),
    done("agent-addr", ANY, agent_addr),
    done("agent-inter", ANY, |params, server| {
        server.agent.inter = Some(delay(params, &server.name, "agent-inter")?);
        Ok(())
    }),
    done("agent-port", ANY, |params, server| {
        server.agent.port = u16::try_from(params.lax_number()).ok().filter(|port| *port > 0);
        Ok(())
    }),
    done("agent-send", ANY, agent_send),
    done("error-limit", ANY, |params, server| count(params, &mut server.error_limit, "error-limit")),
    done("observe", ANY, observe),
    done("on-error", ANY, on_error),
    done("on-marked-down", ANY, |params, server| match params.value() {
        "shutdown-sessions" => {
            server.on_marked_down = Some(MarkedDown::ShutdownSessions);
            Ok(())
        }
        word => Err(format!("'on-marked-down' expects 'shutdown-sessions' but got '{word}'")),
    }),
    done("on-marked-up", ANY, |params, server| match params.value() {
        "shutdown-backup-sessions" => {
            server.on_marked_up = Some(MarkedUp::ShutdownBackupSessions);
            Ok(())
        }
        word => Err(format!("'on-marked-up' expects 'shutdown-backup-sessions' but got '{word}'")),
    }),
];

fn delay(params: &mut Params, server: &str, name: &str) -> Result<Duration, String> {
    let word = params.peek();
    if word.is_empty() {
        return Err(format!("'{name}' expects a delay as argument."));
    }
    // HAProxy names 'agent-inter' when a character is wrong, whichever delay it is.
    match params.time() {
        Ok(time) if time.is_zero() => Err(format!("invalid value 0 for argument '{name}' of server {server}.")),
        Ok(time) => Ok(time),
        Err(Wrong::Overflow) => {
            Err(format!("timer overflow in argument '{word}' to '{name}' of server {server} ({TIME_MAX_TEXT})."))
        }
        Err(wrong) => Err(format!("unexpected character '{wrong}' in 'agent-inter' argument of server {server}.")),
    }
}

fn count(params: &mut Params, value: &mut u32, shown: &str) -> Result<(), String> {
    let name = params.name();
    if params.peek().is_empty() {
        return Err(format!("'{name}' expects an integer argument."));
    }
    match params.lax_number() {
        number @ 1.. => *value = number as u32,
        _ => return Err(format!("{shown} has to be > 0.")),
    }
    Ok(())
}

fn addr(params: &mut Params, server: &mut Server) -> Result<(), String> {
    let word = params.value();
    if word.is_empty() {
        return Err("'addr' expects <ipv4|ipv6> as argument.".into());
    }
    let allowed = Allowed { port: true, resolve: true, ..Allowed::default() };
    let (host, port) = match address::parse(word, allowed, params.env, params.files) {
        Ok(Address::Ip { host, port: Ports::Fixed(port, _) }) => (ServerHost::Ip(host), Some(port)),
        Ok(Address::Ip { host, .. }) => (ServerHost::Ip(host), None),
        Ok(Address::Unix(path)) => (ServerHost::Unix(path.into()), None),
        Ok(Address::Abstract(name)) => (ServerHost::Abstract(name), None),
        Ok(_) => return Err("'addr' expects <ipv4|ipv6> as argument.".into()),
        Err(error) => return Err(format!("'addr' : {error}")),
    };
    server.check.addr = Some(host);
    server.check.port = port.filter(|port| *port > 0).or(server.check.port);
    Ok(())
}

fn port(params: &mut Params, server: &mut Server) -> Result<(), String> {
    server.check.port = u16::try_from(params.lax_number()).ok().filter(|port| *port > 0);
    Ok(())
}

fn agent_addr(params: &mut Params, server: &mut Server) -> Result<(), String> {
    let word = params.value();
    let found = word.parse().ok().or_else(|| params.files.resolve(word));
    let wrong = || format!("parsing agent-addr failed. Check if '{word}' is correct address.");
    server.agent.addr = Some(found.ok_or_else(wrong)?);
    Ok(())
}

fn agent_send(params: &mut Params, server: &mut Server) -> Result<(), String> {
    match params.value() {
        "" => Err("'agent-send' expects a string as argument.".into()),
        text => {
            server.agent.send = Some(text.to_owned());
            Ok(())
        }
    }
}

fn observe(params: &mut Params, server: &mut Server) -> Result<(), String> {
    server.observe = match params.value() {
        "none" => Observe::None,
        "layer4" => Observe::Layer4,
        "layer7" => Observe::Layer7,
        word => return Err(format!("'observe' expects one of 'none', 'layer4', 'layer7' but got '{word}'")),
    };
    Ok(())
}

fn on_error(params: &mut Params, server: &mut Server) -> Result<(), String> {
    server.on_error = match params.value() {
        "fastinter" => OnError::Fastinter,
        "fail-check" => OnError::FailCheck,
        "sudden-death" => OnError::SuddenDeath,
        "mark-down" => OnError::MarkDown,
        word => {
            let known = "'fastinter', 'fail-check', 'sudden-death' or 'mark-down'";
            return Err(format!("'on-error' expects one of {known} but got '{word}'"));
        }
    };
    Ok(())
}
