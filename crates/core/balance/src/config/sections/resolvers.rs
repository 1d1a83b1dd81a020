//! `resolvers` (manual, section 5.3.2).

use crate::config::address::{self, Address, Allowed, Ports};
use crate::config::keyword::{ANY, Keyword, done};
use crate::config::line::Ctx;
use crate::config::model::{Nameserver, ResolveHold, Resolvers};
use crate::config::values::{self, TIME_MAX_TEXT, Wrong};
use std::net::SocketAddr;
use std::time::Duration;

pub(in crate::config) type Read = fn(&mut Ctx, &mut Resolvers);

pub(in crate::config) const KEYWORDS: &[Keyword<Read>] = &[
    done("accepted_payload_size", ANY, accepted_payload_size),
    done("hold", ANY, hold),
    done("nameserver", ANY, nameserver),
    done("parse-resolv-conf", ANY, parse_resolv_conf),
    done("resolve_retries", ANY, |ctx, resolvers| match ctx.word(1) {
        "" => ctx.alert("'resolve_retries' expects <nb> as argument."),
        _ => resolvers.resolve_retries = values::leading_number(ctx.word(1)).max(0) as u32,
    }),
    done("timeout", ANY, timeout),
];

pub(in crate::config) fn open(ctx: &mut Ctx) -> Option<Resolvers> {
    Some(Resolvers {
        name: super::name(ctx)?.to_owned(),
        place: ctx.report.place.clone(),
        nameservers: vec![],
        parse_resolv_conf: false,
        hold: ResolveHold::default(),
        resolve_retries: 3,
        timeout_resolve: Duration::from_secs(1),
        timeout_retry: Duration::from_secs(1),
        accepted_payload_size: 512,
    })
}

pub(in crate::config) fn line(ctx: &mut Ctx, resolvers: &mut Resolvers) {
    super::line(ctx, KEYWORDS, resolvers, "resolvers");
}

fn nameserver(ctx: &mut Ctx, resolvers: &mut Resolvers) {
    let (name, word) = (ctx.word(1), ctx.word(2));
    if name.is_empty() || word.is_empty() {
        return ctx.alert("'nameserver' expects <name> and <addr>[:<port>] as arguments.");
    }
    if word.starts_with("tcp") {
        return ctx
            .alert(format!("'nameserver {name}' : asking over TCP is not supported; name the server's UDP address."));
    }
    if let Some(twin) = resolvers.nameservers.iter().find(|server| server.name == name) {
        let text = format!(
            "Parsing [{}]: nameserver '{name}' has same name as another nameserver (declared at {}).",
            ctx.report.place, twin.place
        );
        ctx.report.push(crate::config::problem::Level::Alert, text);
    }
    let allowed = Allowed { port: true, port_required: true, resolve: true, ..Allowed::default() };
    match address::parse(word, allowed, ctx.env, ctx.files) {
        Ok(Address::Ip { host, port: Ports::Fixed(port, _) }) => {
            let address = SocketAddr::new(host, port);
            let place = ctx.report.place.clone();
            resolvers.nameservers.push(Nameserver { name: name.to_owned(), place, address });
        }
        Ok(_) => ctx.alert(format!("'nameserver {name}' : '{word}' is not an address and a port.")),
        Err(error) => ctx.alert(format!("'nameserver {name}' : {error}")),
    }
}

/// Where the system says which servers to ask.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The port names are asked for at.
const DNS_PORT: u16 = 53;

fn parse_resolv_conf(ctx: &mut Ctx, resolvers: &mut Resolvers) {
    resolvers.parse_resolv_conf = true;
    let content = match ctx.files.read(RESOLV_CONF.as_ref()) {
        Ok(content) => content,
        Err(error) => return ctx.alert(format!("'parse-resolv-conf' : cannot open {RESOLV_CONF} : {error}")),
    };
    for line in String::from_utf8_lossy(&content).lines() {
        let mut words = line.split_ascii_whitespace();
        if words.next() == Some("nameserver") {
            let address = words.next().and_then(|word| word.parse().ok());
            resolvers.nameservers.extend(address.map(|ip: std::net::IpAddr| Nameserver {
                name: ip.to_string(),
                place: ctx.report.place.clone(),
                address: SocketAddr::new(ip, DNS_PORT),
            }));
        }
    }
}

fn hold(ctx: &mut Ctx, resolvers: &mut Resolvers) {
    let (event, word) = (ctx.word(1), ctx.word(2));
    if event.is_empty() || word.is_empty() {
        ctx.alert("'hold' expects an <event> and a <time> as arguments.");
        let known = "<event> can be either 'valid', 'nx', 'refused', 'timeout', or 'other'";
        return ctx.report.push(crate::config::problem::Level::Alert, known);
    }
    let hold = &mut resolvers.hold;
    let value = match event {
        "valid" => &mut hold.valid,
        "nx" => &mut hold.nx,
        "refused" => &mut hold.refused,
        "timeout" => &mut hold.timeout,
        "other" => &mut hold.other,
        "obsolete" => &mut hold.obsolete,
        _ => {
            return ctx.alert(format!(
                "'hold' unknown <event>: '{event}', expects either 'nx', 'timeout', 'valid', 'obsolete' or 'other'."
            ));
        }
    };
    delay(ctx, word, "hold", value);
}

fn timeout(ctx: &mut Ctx, resolvers: &mut Resolvers) {
    let (event, word) = (ctx.word(1), ctx.word(2));
    let value = match event {
        "" => return ctx.alert("'timeout' expects 'retry' or 'resolve' and <time> as arguments."),
        "retry" => &mut resolvers.timeout_retry,
        "resolve" => &mut resolvers.timeout_resolve,
        _ => {
            let expects = "'timeout' expects 'retry' or 'resolve' and <time> as arguments";
            return ctx.alert(format!("{expects} got '{event}'."));
        }
    };
    if word.is_empty() {
        return ctx.alert(format!("'timeout {event}' expects <time> as argument."));
    }
    delay(ctx, word, &format!("timeout {event}"), value);
}

fn delay(ctx: &mut Ctx, word: &str, name: &str, value: &mut Duration) {
    match values::time(word) {
        Ok(time) => *value = time,
        Err(Wrong::Overflow) => {
            ctx.report.alert_tight(format!("timer overflow in argument <{word}> to <{name}>, {TIME_MAX_TEXT}."))
        }
        Err(wrong) => ctx.report.alert_tight(format!("unexpected character '{wrong}' in argument to <{name}>.")),
    }
}

fn accepted_payload_size(ctx: &mut Ctx, resolvers: &mut Resolvers) {
    if ctx.word(1).is_empty() {
        return ctx.alert("'accepted_payload_size' expects <nb> as argument.");
    }
    match values::leading_number(ctx.word(1)) {
        size @ 12..=65535 => resolvers.accepted_payload_size = size as u16,
        size => ctx.alert(format!("'accepted_payload_size' must be between 12 and 65535 inclusive (was {size}).")),
    }
}
