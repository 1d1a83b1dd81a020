//! `server`, `default-server` and `server-template` lines (manual, section 5.2).

mod checks;
mod net;
mod settings;
mod source;

pub(super) use net::network;

pub(super) use source::read as source;

use super::address::{self, Address, Allowed, Ports};
use super::keyword::Keyword;
use super::line::Ctx;
use super::model::{Global, Port, Server, ServerHost};
use super::params::{Params, Read, Stop};
use super::problem::Level;

/// All settings of a server, by topic.
pub(super) const TABLES: [&[Keyword<Read<Server>>]; 3] = [settings::KEYWORDS, checks::KEYWORDS, net::KEYWORDS];

/// Reads `server <name> <address> [settings]`; `default` is what `default-server` lines said before.
pub(super) fn server(ctx: &mut Ctx, backend: &str, default: &Server, global: &Global) -> Option<Server> {
    let (name, address) = (ctx.word(1), ctx.word(2));
    if name.is_empty() || address.is_empty() {
        say(ctx, "'server' expects <name> and <addr>[:<port>] as arguments.");
        return None;
    }
    if let Some(bad) = bad_character(name) {
        say(ctx, format!("character '{bad}' is not permitted in server name '{name}'."));
        return None;
    }
    let mut server = Server { name: name.to_owned(), place: ctx.report.place.clone(), ..default.clone() };
    read(ctx, backend, address, 3, &mut server, global).then_some(server)
}

/// Reads `server-template <prefix> <n | first-last> <address> [settings]` into its servers.
pub(super) fn template(ctx: &mut Ctx, backend: &str, default: &Server, global: &Global) -> Vec<Server> {
    let (prefix, range, address) = (ctx.word(1), ctx.word(2), ctx.word(3));
    if prefix.is_empty() || range.is_empty() || address.is_empty() {
        say(ctx, "'server-template' expects <prefix> <nb | range> <addr>[:<port>] as arguments.");
        return vec![];
    }
    let Some((first, last)) = template_range(range) else {
        say(ctx, format!("Wrong server-template number or range arg '{range}'."));
        return vec![];
    };
    if let Some(bad) = bad_character(prefix) {
        say(ctx, format!("character '{bad}' is not permitted in server name '{prefix}'."));
        return vec![];
    }
    let mut pattern = Server { name: prefix.to_owned(), place: ctx.report.place.clone(), ..default.clone() };
    if !read(ctx, backend, address, 4, &mut pattern, global) {
        return vec![];
    }
    (first..=last).map(|number| Server { name: format!("{prefix}{number}"), ..pattern.clone() }).collect()
}

/// Reads the settings of a `default-server` line onto what earlier ones said.
pub(super) fn default_server(ctx: &mut Ctx, default: &mut Server, global: &Global) {
    settings(ctx, None, 1, default, global);
}

/// Servers of one template at most, so that a mistyped number does not fill the memory.
const MAX_TEMPLATE: u32 = 4095;

fn template_range(word: &str) -> Option<(u32, u32)> {
    let (first, last) = match word.split_once('-') {
        Some((first, last)) => (first.parse().ok()?, last.parse().ok()?),
        None => (1, word.parse().ok()?),
    };
    (first >= 1 && first <= last && last - first < MAX_TEMPLATE).then_some((first, last))
}

fn bad_character(name: &str) -> Option<char> {
    name.chars().find(|character| !character.is_ascii_alphanumeric() && !"-_.:".contains(*character))
}

/// Lines of servers name their place without `parsing`.
fn say(ctx: &mut Ctx, text: impl AsRef<str>) {
    let text = format!("[{}] : {}", ctx.report.place, text.as_ref());
    ctx.report.push(Level::Alert, text);
}

fn read(ctx: &mut Ctx, backend: &str, address: &str, at: usize, server: &mut Server, global: &Global) -> bool {
    let shown = format!("'server {backend}/{}'", server.name);
    match endpoint(ctx, address) {
        Ok((host, port)) => (server.host, server.port) = (host, port),
        Err(error) => {
            say(ctx, format!("{shown} : {error}"));
            return false;
        }
    }
    if !settings(ctx, Some(&shown), at, server, global) {
        return false;
    }
    if server.track.is_some() && (server.checked || server.agent.enabled) {
        say(ctx, format!("{shown} : unable to enable checks and tracking at the same time!"));
        return false;
    }
    if server.agent.enabled && server.agent.port.is_none() {
        say(ctx, format!("{shown} : server {} does not have agent port. Agent check has been disabled.", server.name));
        return false;
    }
    true
}

fn settings(ctx: &mut Ctx, shown: Option<&str>, at: usize, server: &mut Server, global: &Global) -> bool {
    let mut params = Params::new(ctx, at, global);
    let read = params.read(&TABLES, server);
    let (warnings, ignored) = (params.warnings, params.ignored);
    let begin = shown.map(|shown| format!("{shown} : ")).unwrap_or_default();
    for warning in warnings {
        let text = format!("[{}] : {begin}{warning}.", ctx.report.place);
        ctx.report.push(Level::Warning, text);
    }
    for (name, reason) in ignored {
        ctx.report.ignore(&format!("server {name}"), reason);
    }
    let Err(stop) = read else { return true };
    let hint = if shown.is_none() { " Hint: no address was expected for this server." } else { "" };
    let text = match stop {
        Stop::Unknown(word, Some(best)) => format!("unknown keyword '{word}'; did you mean '{best}' maybe ?{hint}"),
        Stop::Unknown(word, None) => format!("unknown keyword '{word}'.{hint}"),
        Stop::Wrong(error) => format!("{error}."),
        Stop::Refused(name, reason, cure) => format!("'{name}' is not supported: {reason}; {cure}."),
    };
    say(ctx, format!("{begin}{text}"));
    false
}

fn endpoint(ctx: &Ctx, word: &str) -> Result<(ServerHost, Port), String> {
    let allowed = Allowed { port: true, offset: true, fd: true, ..Allowed::default() };
    let port = |ports| match ports {
        Ports::None => Port::Client(0),
        // Port 0 is how a server says that the client's own port is meant.
        Ports::Fixed(0, _) => Port::Client(0),
        Ports::Fixed(port, _) => Port::Fixed(port),
        Ports::Offset(offset) => Port::Client(offset),
    };
    Ok(match address::parse(word, allowed, ctx.env, ctx.files)? {
        Address::Ip { host, port: ports } => (ServerHost::Ip(host), port(ports)),
        Address::Name { name, .. } if name.starts_with('_') => {
            return Err(format!("SRV records are not asked for: '{name}'; name the host and the port."));
        }
        Address::Name { name, port: ports } => (ServerHost::Name(name), port(ports)),
        Address::Unix(path) => (ServerHost::Unix(path.into()), Port::Fixed(0)),
        Address::Abstract(name) => (ServerHost::Abstract(name), Port::Fixed(0)),
        Address::Fd(fd) => (ServerHost::Fd(fd), Port::Fixed(0)),
    })
}
