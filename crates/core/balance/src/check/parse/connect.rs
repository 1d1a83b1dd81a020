//! `tcp-check connect`, `http-check connect`.

use super::Flavour;
use super::words::Words;
use crate::check::rule::{Action, Connect, Rule};
use crate::sample::{Env, Expr};
use std::net::{IpAddr, SocketAddr};

pub fn parse(flavour: Flavour, mut words: Words, env: Env<'_>) -> Result<Rule, String> {
    let (mut connect, mut comment) = (Connect::default(), None);
    while let Some(word) = words.next() {
        match word {
            "default" => connect.server_options = true,
            "port" => port(&mut words, &mut connect, env)?,
            "addr" => connect.addr = Some(address(words.argument("addr", "expects <ipv4|ipv6> as argument.")?)?),
            "send-proxy" => connect.send_proxy = true,
            "via-socks4" => {
                return Err("'via-socks4' is refused: proxies of SOCKS are not spoken to; check an address that is \
                            reached directly"
                    .into());
            }
            "ssl" => connect.ssl = true,
            "sni" => connect.sni = Some(words.text("sni")?),
            "alpn" => {
                let list = words.argument("alpn", ": missing the comma-delimited ALPN protocol suite")?;
                connect.alpn = list.split(',').map(str::to_owned).collect();
            }
            "linger" => connect.linger = true,
            "proto" => connect.h2 = proto(flavour, words.argument("proto", "expects a MUX protocol as argument.")?)?,
            "comment" => comment = Some(words.text("comment")?),
            other => {
                return Err(format!(
                    "expects 'comment', 'port', 'addr', 'send-proxy', 'ssl', 'sni', 'alpn' or 'via-socks4', 'linger', \
                     'default' but got '{other}' as argument."
                ));
            }
        }
    }
    Ok(Rule { comment, ..Rule::new(Action::Connect(connect)) })
}

/// A number or an expression.
fn port(words: &mut Words, connect: &mut Connect, env: Env<'_>) -> Result<(), String> {
    let rest = words.rest();
    let word = words.argument("port", "expects a port number or a sample expression as argument.")?;
    if let Ok(number) = word.parse::<i64>() {
        let port = u16::try_from(number).ok().filter(|port| *port > 0);
        connect.port = Some(port.ok_or_else(|| {
            format!("expects a valid TCP port (from range 1 to 65535) or a sample expression, got {word}.")
        })?);
        return Ok(());
    }
    let (expr, used) = Expr::parse(rest, env)
        .map_err(|problem| format!("error detected while parsing port expression : {problem}"))?;
    connect.port_expr = Some(Box::new(expr));
    words.skip(used - 1);
    Ok(())
}

fn address(text: &str) -> Result<IpAddr, String> {
    let bare = text.trim_start_matches("ipv4@").trim_start_matches("ipv6@");
    let address = bare.parse().ok().or_else(|| bare.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.ok_or_else(|| format!("'addr' : invalid address: '{text}' in '{text}'."))
}

/// Whether it is HTTP/2.
fn proto(flavour: Flavour, name: &str) -> Result<bool, String> {
    match (flavour, name) {
        (Flavour::Http, "h2") => Ok(true),
        (Flavour::Http, "h1") | (Flavour::Tcp, "none") => Ok(false),
        (_, "h1" | "h2" | "none" | "fcgi") => {
            Err(format!("'proto' : invalid MUX protocol '{name}' for {}", flavour.keyword()))
        }
        _ => Err(format!("'proto' : unknown MUX protocol '{name}'.")),
    }
}
