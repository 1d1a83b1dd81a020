//! Servers: names, what they track, addresses.

use crate::config::Files;
use crate::config::model::{Config, InitAddr, Mode, Port, Proxy, Server, ServerHost, Verify};
use crate::config::problem::Level;
use crate::config::report::Report;
use crate::rules::cookie::dynamic_value;
use std::net::SocketAddr;
use std::sync::Arc;

/// What is said together with the proxy.
pub(super) fn early(report: &mut Report, proxy: &Proxy, all: &[Proxy], config: &Config) {
    twins(report, proxy);
    same_ids(report, proxy);
    for server in &proxy.servers {
        track(report, proxy, server, all);
    }
    for server in &proxy.servers {
        authorities(report, proxy, server, config);
    }
    if proxy.mode == Mode::Tcp {
        cookies(report, proxy);
    }
    for line in &proxy.use_server {
        let name = &line.words[1];
        if !name.contains('%') && !proxy.servers.iter().any(|server| server.name == *name) {
            let backend = &proxy.name;
            let text =
                format!("backend '{backend}' : unable to find server '{name}' referenced in a 'use-server' rule.");
            report.push(Level::Alert, text);
        }
    }
}

fn twins(report: &mut Report, proxy: &Proxy) {
    for (index, server) in proxy.servers.iter().enumerate() {
        if let Some(first) = proxy.servers[..index].iter().find(|other| other.name == server.name) {
            report.push(
                Level::Alert,
                format!(
                    "parsing [{}] : backend '{}', another server named '{}' was already defined at line {}, please use \
                     distinct names.",
                    server.place, proxy.name, server.name, first.place.line
                ),
            );
        }
    }
}

/// Numbers that two `id`s say; those without one are numbered later.
fn same_ids(report: &mut Report, proxy: &Proxy) {
    for (index, server) in proxy.servers.iter().enumerate().filter(|(_, server)| server.id > 0) {
        if let Some(first) = proxy.servers[..index].iter().find(|other| other.id == server.id) {
            report.push(
                Level::Alert,
                format!(
                    "[{}] : 'server {}/{}' : 'id' : custom id {} already used at {} ('server {}').",
                    server.place, proxy.name, server.name, server.id, first.place, first.name
                ),
            );
        }
    }
}

fn track(report: &mut Report, proxy: &Proxy, server: &Server, all: &[Proxy]) {
    let Some((backend, name)) = &server.track else { return };
    let mut say = |text: String| {
        let shown = format!("[{}] : 'server {}/{}'", server.place, proxy.name, server.name);
        report.push(Level::Alert, format!("{shown} : {text}"));
    };
    let other = match backend {
        None => Some(proxy),
        Some(name) => all.iter().find(|other| other.name == *name && other.capability.backend()),
    };
    let Some(other) = other else {
        let name = backend.as_deref().unwrap_or_default();
        return say(format!("unable to find required proxy '{name}' for tracking."));
    };
    let Some(tracked) = other.servers.iter().find(|server| server.name == *name) else {
        return say(format!("unable to find required server '{name}' for tracking."));
    };
    if !tracked.checked && !tracked.agent.enabled && tracked.track.is_none() {
        return say(format!(
            "unable to use {}/{} for tracking as it does not have any check nor agent enabled.",
            other.name, tracked.name
        ));
    }
    if loops(other, tracked, all) {
        say(format!(
            "unable to track {}/{} as it belongs to a tracking chain looping back to itself.",
            other.name, tracked.name
        ));
    }
}

/// Whether following what a server tracks never ends.
fn loops(proxy: &Proxy, server: &Server, all: &[Proxy]) -> bool {
    let total: usize = all.iter().map(|proxy| proxy.servers.len()).sum();
    let (mut proxy, mut server) = (proxy, server);
    for _ in 0..=total {
        let Some((backend, name)) = &server.track else { return false };
        let next = match backend {
            None => Some(proxy),
            Some(name) => all.iter().find(|other| other.name == *name && other.capability.backend()),
        };
        let found = next.and_then(|next| Some((next, next.servers.iter().find(|other| other.name == *name)?)));
        let Some((next, found)) = found else { return false };
        (proxy, server) = (next, &**found);
    }
    true
}

fn cookies(report: &mut Report, proxy: &Proxy) {
    for server in &proxy.servers {
        if server.redir.is_some() {
            let text =
                format!("backend '{}' : server cannot have cookie or redirect prefix in non-HTTP mode.", proxy.name);
            report.push(Level::Alert, text);
        }
        if server.cookie.is_some() {
            report.push(
                Level::Warning,
                format!(
                    "backend '{}' : ignoring cookie for server '{}' as HTTP mode is disabled.",
                    proxy.name, server.name
                ),
            );
        }
    }
}

/// `cookie ... dynamic`: servers without a value get one from their address and the key.
pub(super) fn dynamic_cookies(proxy: &mut Proxy) {
    let is_dynamic = proxy.cookie.as_ref().is_some_and(|line| line.words.iter().any(|word| word == "dynamic"));
    let Some(key) = proxy.dynamic_cookie_key.clone().filter(|_| is_dynamic) else { return };
    for server in proxy.servers.iter_mut().filter(|server| server.cookie.is_none()) {
        let ip = match server.host {
            ServerHost::Ip(ip) => Some(ip),
            _ => server.address,
        };
        if let (Some(ip), Port::Fixed(port)) = (ip, server.port) {
            Arc::make_mut(server).cookie = Some(dynamic_value(&key, SocketAddr::new(ip, port)));
        }
    }
}

/// What is said after all proxies.
pub(super) fn late(report: &mut Report, proxy: &Proxy, config: &Config) {
    let has_kind = proxy.check.iter().any(|line| line.words[0] == "option");
    for server in &proxy.servers {
        let known = |name: &&String| config.resolvers.iter().any(|resolvers| resolvers.name == **name);
        if let Some(name) = server.resolvers.as_ref().filter(|name| !known(name)) {
            let (proxy, server) = (&proxy.name, &server.name);
            let text = format!("backend '{proxy}', server '{server}': unable to find required resolvers '{name}'");
            report.push(Level::Alert, text);
        }
        let no_port = matches!(server.port, Port::Client(_)) && server.check.port.is_none();
        if server.checked && no_port && !proxy.check.iter().any(|line| line.words.iter().any(|word| word == "port")) {
            let (proxy, server) = (&proxy.name, &server.name);
            let more = if has_kind { " nor tcp_check rule 'connect' with port information" } else { "" };
            let text =
                format!("config: backend '{proxy}': server '{server}' has neither service port nor check port{more}.");
            report.push(Level::Alert, text);
        }
    }
}

/// A server's certificate can be checked only against somebody's word.
fn authorities(report: &mut Report, proxy: &Proxy, server: &Server, config: &Config) {
    let verifies = match server.tls.verify {
        Some(verify) => verify != Verify::None,
        None => !config.global.ssl_server_verify_none,
    };
    let encrypted = server.ssl || server.check.ssl == Some(true) && server.checked;
    if encrypted && verifies && server.tls.ca_file.is_none() {
        let shown = format!("[{}] : 'server {}/{}'", server.place, proxy.name, server.name);
        let text = if server.tls.verify.is_some() {
            "verify is enabled but no CA file specified.".to_owned()
        } else {
            "verify is enabled by default but no CA file specified. If you're running on a LAN where you're certain to \
             trust the server's certificate, please set an explicit 'verify none' statement on the 'server' line, or \
             use 'ssl-server-verify none' in the global section to disable server-side verifications by default."
                .to_owned()
        };
        report.push(Level::Alert, format!("{shown} : {text}"));
    }
}

/// Asks for the addresses of names, by the server's `init-addr`.
pub(super) fn resolve(report: &mut Report, proxy: &mut Proxy, files: &dyn Files) {
    for server in &mut proxy.servers {
        let ServerHost::Name(name) = server.host.clone() else { continue };
        let found = server.init_addr.iter().find_map(|method| match method {
            // States of an earlier run are read when servers are made.
            InitAddr::Last => None,
            InitAddr::Libc => files.resolve(&name).map(Some),
            InitAddr::None => Some(None),
            InitAddr::Ip(ip) => Some(Some(*ip)),
        });
        match found {
            Some(address) => Arc::make_mut(server).address = address,
            None => {
                let shown = format!("[{}] : 'server {}/{}'", server.place, proxy.name, server.name);
                report.push(Level::Alert, format!("{shown} : could not resolve address '{name}'."));
            }
        }
    }
}
