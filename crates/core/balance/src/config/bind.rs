//! `bind` lines (manual, section 5.1) and `stats socket`, which is one with a level.

use super::address::{self, Address, Allowed, Ports};
use super::crt_list;
use super::keyword::{ANY, Keyword, done, ignored, refused};
use super::line::Ctx;
use super::model::{Bind, Global, Level, Listen, MuxProto, TlsSettings, TlsVersion};
use super::params::{Params, Read, Stop};
use super::tls_params as tls;
use std::net::SocketAddr;

/// A line while its settings are read.
#[derive(Default)]
pub(super) struct Draft {
    pub bind: Bind,
    pub tls: TlsSettings,
    pub ssl: bool,
    pub expose_listeners: bool,
}

/// Reads `bind <addresses> [settings]` of a section of that kind.
///
/// # Errors
/// The whole text after the place.
pub(super) fn parse(ctx: &mut Ctx, section: &str, global: &Global) -> Result<Draft, String> {
    let addresses = ctx.word(1);
    if addresses.is_empty() {
        return Err("'bind' expects {<path>|[addr1]:port1[-end1]}{,[addr]:port[-end]}... as arguments.".into());
    }
    let listen = listen(ctx, addresses, global).map_err(|error| format!("'bind' : {error}"))?;
    settings(ctx, 2, listen, global).map_err(|stop| {
        let line = format!("'bind {addresses}' in section '{section}'");
        match stop {
            Stop::Unknown(word, None) => format!("{line}: unknown keyword '{word}'."),
            Stop::Unknown(word, Some(best)) => {
                format!("{line}: unknown keyword '{word}'; did you mean '{best}' maybe ?")
            }
            Stop::Wrong(error) => format!("{line} : {error}"),
            Stop::Refused(name, reason, cure) => format!("{line} : '{name}' is not supported: {reason}; {cure}."),
        }
    })
}

/// Reads `stats socket <address> [settings]`.
///
/// # Errors
/// What follows `'stats socket' : `.
pub(super) fn stats_socket(ctx: &mut Ctx, global: &Global) -> Result<(Bind, bool), String> {
    let listen = listen(ctx, ctx.word(2), global)?;
    let draft = settings(ctx, 3, listen, global).map_err(|stop| match stop {
        Stop::Unknown(word, None) => format!("unknown keyword '{word}'."),
        Stop::Unknown(word, Some(best)) => format!("unknown keyword '{word}'. Did you mean '{best}' maybe ?"),
        Stop::Wrong(error) => format!("'{error}'"),
        Stop::Refused(name, reason, cure) => format!("'{name}' is not supported: {reason}; {cure}."),
    })?;
    Ok((draft.bind, draft.expose_listeners))
}

fn settings(ctx: &mut Ctx, at: usize, listen: Vec<Listen>, global: &Global) -> Result<Draft, Stop> {
    let mut draft = Draft::default();
    draft.bind.place = ctx.report.place.clone();
    draft.bind.text = ctx.word(at - 1).to_owned();
    draft.bind.listen = listen;
    draft.bind.owner = global.unix_bind.clone();
    let mut params = Params::new(ctx, at, global);
    let read = params.read(&[KEYWORDS, TLS], &mut draft);
    let (warnings, ignored) = (params.warnings, params.ignored);
    for warning in warnings {
        ctx.warn(format!("'{} {}' : {warning}.", ctx.word(0), draft.bind.text));
    }
    for (name, reason) in ignored {
        ctx.report.ignore(&format!("bind {name}"), reason);
    }
    read?;
    if draft.ssl {
        draft.bind.tls = Some(draft.tls.clone());
    }
    Ok(draft)
}

/// All sockets of a list of addresses.
fn listen(ctx: &Ctx, addresses: &str, global: &Global) -> Result<Vec<Listen>, String> {
    let allowed =
        Allowed { port: true, port_required: true, range: true, fd: true, resolve: true, ..Allowed::default() };
    let mut sockets = vec![];
    for word in addresses.split(',') {
        match address::parse(word, allowed, ctx.env, ctx.files)? {
            Address::Ip { host, port: Ports::Fixed(first, last) } => {
                sockets.extend((first..=last).map(|port| Listen::Ip(SocketAddr::new(host, port))));
            }
            Address::Unix(path) => {
                let prefix = global.unix_bind_prefix.as_deref().unwrap_or_default();
                sockets.push(Listen::Unix(format!("{prefix}{path}").into()));
            }
            Address::Abstract(name) => sockets.push(Listen::Abstract(name)),
            Address::Fd(fd) => sockets.push(Listen::Fd(fd)),
            Address::Ip { .. } | Address::Name { .. } => {
                return Err(format!("missing port specification in '{word}'"));
            }
        }
    }
    Ok(sockets)
}

/// Sets a switch.
macro_rules! on {
    ($($field:ident).+) => {
        |_, draft| {
            draft.$($field).+ = true;
            Ok(())
        }
    };
}

const EARLY_DATA: &str = "early data is not taken; clients send it again";
const THREADS: &str = "every worker accepts on every socket";
const CERTIFICATES_MADE: &str = "certificates are not made while running";

/// A row of a switch that changes the range of versions.
macro_rules! versions {
    ($name:literal, $how:ident, $version:ident) => {
        done($name, ANY, |_, draft| {
            tls::$how(&mut draft.tls, TlsVersion::$version);
            Ok(())
        })
    };
}

pub(super) const KEYWORDS: &[Keyword<Read<Draft>>] = &[
    refused(
        "accept-netscaler-cip",
        ANY,
        "the protocol is NetScaler's own",
        "have it send the PROXY protocol and write 'accept-proxy'",
    ),
    done("accept-proxy", ANY, on!(bind.accept_proxy)),
    done("backlog", ANY, |params, draft| {
        draft.bind.backlog = Some(at_least(params, 0, "must be > 0")?);
        Ok(())
    }),
    ignored("defer-accept", ANY, "a worker takes a connection when it is made"),
    done("expose-fd", ANY, expose_fd),
    done("gid", ANY, |params, draft| number(params, &mut draft.bind.owner.gid)),
    done("group", ANY, group),
    done("id", ANY, id),
    done("interface", ANY, |params, draft| text(params, &mut draft.bind.interface, "interface name")),
    done("level", ANY, level),
    done("maxconn", ANY, |params, draft| {
        draft.bind.maxconn = Some(at_least(params, 0, "must be >= 0")?);
        Ok(())
    }),
    done("mode", ANY, mode),
    done("mss", ANY, mss),
    done("name", ANY, |params, draft| text(params, &mut draft.bind.name, "name")),
    refused("namespace", ANY, "sockets are opened in the process's own namespace", "start it in that namespace"),
    ignored("nice", ANY, "all connections are treated alike"),
    ignored("process", ANY, THREADS),
    done("proto", ANY, |params, draft| {
        draft.bind.proto = Some(proto(params)?);
        Ok(())
    }),
    refused("quic-cc-algo", ANY, "QUIC is not spoken", "leave the setting out"),
    refused("quic-force-retry", ANY, "QUIC is not spoken", "leave the setting out"),
    done("severity-output", ANY, severity_output),
    ignored("shards", ANY, THREADS),
    done("tcp-ut", ANY, tcp_user_timeout),
    ignored("tfo", ANY, "connections begin with a whole handshake"),
    ignored("thread", ANY, THREADS),
    done("transparent", ANY, on!(bind.transparent)),
    done("uid", ANY, |params, draft| number(params, &mut draft.bind.owner.uid)),
    done("user", ANY, user),
    done("v4v6", ANY, on!(bind.v4v6)),
    done("v6only", ANY, on!(bind.v6only)),
];

pub(super) const TLS: &[Keyword<Read<Draft>>] = &[
    ignored("allow-0rtt", ANY, EARLY_DATA),
    done("alpn", ANY, |params, draft| {
        draft.tls.alpn = Some(tls::protocols(params, "ALPN")?);
        Ok(())
    }),
    done("ca-file", ANY, |params, draft| tls::ca_file(params, &mut draft.tls)),
    done("ca-ignore-err", ANY, |params, draft| text(params, &mut draft.tls.ca_ignore_err, "error IDs list")),
    refused("ca-sign-file", ANY, CERTIFICATES_MADE, "name certificates with 'crt'"),
    refused("ca-sign-pass", ANY, CERTIFICATES_MADE, "name certificates with 'crt'"),
    done("ca-verify-file", ANY, |params, draft| tls::ca_verify_file(params, &mut draft.tls)),
    done("ciphers", ANY, |params, draft| tls::ciphers(params, &mut draft.tls)),
    done("ciphersuites", ANY, |params, draft| tls::ciphersuites(params, &mut draft.tls)),
    done("crl-file", ANY, |params, draft| tls::crl_file(params, &mut draft.tls)),
    done("crt", ANY, crt),
    done("crt-ignore-err", ANY, |params, draft| text(params, &mut draft.tls.crt_ignore_err, "error IDs list")),
    done("crt-list", ANY, crt_list),
    done("curves", ANY, |params, draft| tls::curves(params, &mut draft.tls)),
    done("ecdhe", ANY, |params, draft| tls::ecdhe(params, &mut draft.tls)),
    versions!("force-sslv3", only, Sslv3),
    versions!("force-tlsv10", only, Tls10),
    versions!("force-tlsv11", only, Tls11),
    versions!("force-tlsv12", only, Tls12),
    versions!("force-tlsv13", only, Tls13),
    refused("generate-certificates", ANY, CERTIFICATES_MADE, "name certificates with 'crt'"),
    ignored("no-ca-names", ANY, "the names of authorities are sent"),
    versions!("no-sslv3", without, Sslv3),
    done("no-tls-tickets", ANY, on!(tls.no_tls_tickets)),
    versions!("no-tlsv10", without, Tls10),
    versions!("no-tlsv11", without, Tls11),
    versions!("no-tlsv12", without, Tls12),
    versions!("no-tlsv13", without, Tls13),
    ignored("npn", ANY, "protocols are agreed on by ALPN"),
    done("prefer-client-ciphers", ANY, on!(tls.prefer_client_ciphers)),
    done("ssl", ANY, on!(ssl)),
    done("ssl-max-ver", ANY, |params, draft| tls::max_version(params, &mut draft.tls)),
    done("ssl-min-ver", ANY, |params, draft| tls::min_version(params, &mut draft.tls)),
    done("strict-sni", ANY, on!(tls.strict_sni)),
    ignored("tls-ticket-keys", ANY, "ticket keys are made at start and changed on their own"),
    done("verify", ANY, |params, draft| tls::verify(params, &mut draft.tls, true)),
];

fn text(params: &mut Params, value: &mut Option<String>, missing: &str) -> Result<(), String> {
    *value = Some(params.required(missing)?.to_owned());
    Ok(())
}

fn number(params: &mut Params, value: &mut Option<u32>) -> Result<(), String> {
    if params.peek().is_empty() {
        return params.required("value").map(|_| ());
    }
    *value = Some(params.lax_number().max(0) as u32);
    Ok(())
}

fn at_least(params: &mut Params, least: i32, wanted: &str) -> Result<u32, String> {
    let name = params.name();
    if params.peek().is_empty() {
        params.required("value")?;
    }
    let number = params.lax_number();
    if number < least { Err(format!("'{name}' : invalid value {number}, {wanted}")) } else { Ok(number as u32) }
}

fn expose_fd(params: &mut Params, draft: &mut Draft) -> Result<(), String> {
    match params.value() {
        "listeners" => {
            draft.expose_listeners = true;
            Ok(())
        }
        word => Err(format!("'expose-fd' only supports 'listeners' (got '{word}')")),
    }
}

fn user(params: &mut Params, draft: &mut Draft) -> Result<(), String> {
    let name = params.required("user name")?;
    if !params.files.has_user(name) {
        return Err(format!("'user' : unknown user name '{name}'"));
    }
    draft.bind.owner.user = Some(name.to_owned());
    Ok(())
}

fn group(params: &mut Params, draft: &mut Draft) -> Result<(), String> {
    let name = params.required("group name")?;
    if !params.files.has_group(name) {
        return Err(format!("'group' : unknown group name '{name}'"));
    }
    draft.bind.owner.group = Some(name.to_owned());
    Ok(())
}

fn id(params: &mut Params, draft: &mut Draft) -> Result<(), String> {
    let word = params.value();
    match word.parse::<i64>() {
        Ok(id @ 1..) => draft.bind.id = u32::try_from(id).ok(),
        Ok(_) => return Err("'id' : custom id has to be > 0".into()),
        Err(_) => return Err(format!("'id' : expects an integer argument, found '{word}'")),
    }
    Ok(())
}

fn level(params: &mut Params, draft: &mut Draft) -> Result<(), String> {
    draft.bind.level = match params.value() {
        "user" => Level::User,
        "operator" => Level::Operator,
        "admin" => Level::Admin,
        word => return Err(format!("'level' only supports 'user', 'operator', and 'admin' (got '{word}')")),
    };
    Ok(())
}

fn mode(params: &mut Params, draft: &mut Draft) -> Result<(), String> {
    let word = params.value();
    match u32::from_str_radix(word, 8) {
        Ok(mode) => draft.bind.owner.mode = Some(mode),
        Err(_) => return Err(format!("'mode' : missing or invalid mode '{word}' (octal integer expected)")),
    }
    Ok(())
}

fn mss(params: &mut Params, draft: &mut Draft) -> Result<(), String> {
    if params.peek().is_empty() {
        return params.required("MSS value").map(|_| ());
    }
    match params.lax_number() {
        0 => Err("'mss' : expects an MSS with and absolute value between 1 and 65535".into()),
        mss if mss.abs() > 65535 => Err("'mss' : expects an MSS with and absolute value between 1 and 65535".into()),
        mss => {
            draft.bind.mss = Some(mss);
            Ok(())
        }
    }
}

/// `proto`, of binds and servers.
pub(super) fn proto(params: &mut Params) -> Result<MuxProto, String> {
    let name = params.name();
    match params.required("value")? {
        "h1" => Ok(MuxProto::H1),
        "h2" => Ok(MuxProto::H2),
        "none" => Ok(MuxProto::None),
        word => Err(format!("'{name}' :  unknown MUX protocol '{word}'")),
    }
}

fn severity_output(params: &mut Params, _: &mut Draft) -> Result<(), String> {
    match params.value() {
        "none" => Ok(()),
        "number" | "string" => {
            params.ignored.push(("severity-output", "clients of a stats socket choose with 'set severity-output'"));
            Ok(())
        }
        word => Err(format!("'severity-output' only supports 'none', 'number', and 'string' (got '{word}')")),
    }
}

fn tcp_user_timeout(params: &mut Params, draft: &mut Draft) -> Result<(), String> {
    if params.peek().is_empty() {
        return params.required("TCP User Timeout value").map(|_| ());
    }
    match params.time() {
        Ok(time) if !time.is_zero() => draft.bind.tcp_user_timeout = Some(time),
        _ => return Err("'tcp-ut' : expects a positive delay in milliseconds".into()),
    }
    Ok(())
}

fn crt(params: &mut Params, draft: &mut Draft) -> Result<(), String> {
    tls::crt(params, &mut draft.tls, "certificate location")?;
    let Some(path) = draft.tls.crt.last() else { return Ok(()) };
    if params.files.is_folder(path) {
        return Ok(());
    }
    let stat = |error| format!("unable to stat SSL certificate from file '{}' : {error}.", path.display());
    params.files.read(path).map(|_| ()).map_err(stat)
}

fn crt_list(params: &mut Params, draft: &mut Draft) -> Result<(), String> {
    let word = params.required("certificate location")?;
    let lines = crt_list::read(params, word)?;
    draft.tls.crt_list.extend(lines);
    Ok(())
}
