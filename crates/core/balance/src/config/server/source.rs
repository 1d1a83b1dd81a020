//! `source`: where connections to servers come from, of a proxy and of one server.

use crate::config::address::{self, Address, Allowed, Ports};
use crate::config::line::Ctx;
use crate::config::model::{Global, Source};
use crate::config::params::Params;
use std::net::SocketAddr;

/// Reads the words after a server's `source`.
pub(super) fn of_server(params: &mut Params) -> Result<Source, String> {
    let word = params.value();
    if word.is_empty() {
        return Err(
            "'source' expects <addr>[:<port>[-<port>]], and optionally 'usesrc' <addr>, and 'interface' <name> \
                    as argument."
                .into(),
        );
    }
    let mut source = address(params, word, true).map_err(|error| format!("'source {word}' : {error}\n"))?;
    loop {
        match params.peek() {
            "usesrc" => {
                params.value();
                usesrc(params)?;
            }
            "interface" => {
                params.value();
                match params.value() {
                    "" => return Err("'interface' : missing interface name.".into()),
                    name => source.interface = Some(name.to_owned()),
                }
            }
            _ => return Ok(source),
        }
    }
}

/// Reads a proxy's `source` line.
pub(in crate::config) fn read(ctx: &mut Ctx, global: &Global) -> Option<Source> {
    let word = ctx.word(1);
    if word.is_empty() {
        ctx.alert("'source' expects <addr>[:<port>], and optionally 'usesrc' <addr>, and 'interface' <name>.");
        return None;
    }
    let mut params = Params::new(ctx, 2, global);
    let source = address(&params, word, false).map_err(|error| format!("'source {word}' : {error}\n"));
    let source = source.and_then(|mut source| {
        loop {
            match params.value() {
                "" => return Ok(source),
                "usesrc" => usesrc(&mut params)?,
                "interface" => source.interface = Some(interface(&mut params)?),
                _ => return Err("'source' only supports optional keywords 'interface' and 'usesrc'.".into()),
            }
        }
    });
    source.map_err(|error| ctx.alert(error)).ok()
}

fn address(params: &Params, word: &str, range: bool) -> Result<Source, String> {
    let allowed = Allowed { port: true, range, resolve: true, ..Allowed::default() };
    let (host, first, last) = match address::parse(word, allowed, params.env, params.files)? {
        Address::Ip { host, port: Ports::Fixed(first, last) } => (host, first, last),
        Address::Ip { host, .. } => (host, 0, 0),
        _ => return Err(format!("invalid address: '{word}' in '{word}'")),
    };
    Ok(Source { address: SocketAddr::new(host, first), last_port: last, interface: None })
}

fn interface(params: &mut Params) -> Result<String, String> {
    match params.value() {
        "" => Err("'source' : missing interface name.".into()),
        name => Ok(name.to_owned()),
    }
}

/// Foreign source addresses need routes and rights that a balancer seldom has.
fn usesrc(params: &mut Params) -> Result<(), String> {
    let word = params.value();
    if word.is_empty() {
        return Err("'usesrc' expects <addr>[:<port>], 'client', or 'clientip' as argument.".into());
    }
    Err(format!(
        "'usesrc {word}' is not supported: connections have addresses of this machine; use 'send-proxy' or \
         'option forwardfor'"
    ))
}
