//! What a server line says of checks: the parser of those words. Their meaning stands in [`crate::config::model`].

use crate::config::model::{InitAddr, MarkedDown, MarkedUp, MuxProto, Observe, OnError, Server, ServerHost};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Reads one keyword of a server line with its argument: how many words it took, 0 if it is none of checks.
pub fn parse_server(words: &[String], server: &mut Server) -> Result<usize, String> {
    let name = words[0].as_str();
    if let Some((_, set)) = FLAGS.iter().find(|(flag, _)| *flag == name) {
        set(server);
        return Ok(1);
    }
    let Some((_, set)) = VALUES.iter().find(|(keyword, _)| *keyword == name) else { return Ok(0) };
    let value = words.get(1).map_or("", String::as_str);
    let of = server.name.clone();
    set(server, &Argument { server: &of, name, value })?;
    Ok(2)
}

/// What is wrong with them as a whole, after all words were read.
pub fn server_problem(server: &Server) -> Option<String> {
    if server.agent.enabled && server.agent.port.is_none() {
        let name = &server.name;
        return Some(format!("server {name} does not have agent port. Agent check has been disabled."));
    }
    let checked = server.checked || server.agent.enabled;
    (checked && server.track.is_some()).then(|| "unable to enable checks and tracking at the same time!".to_owned())
}

type SetFlag = fn(&mut Server);

#[rustfmt::skip]
const FLAGS: &[(&str, SetFlag)] = &[
    ("check",               |server| server.checked = true),
    ("no-check",            |server| server.checked = false),
    ("agent-check",         |server| server.agent.enabled = true),
    ("no-agent-check",      |server| server.agent.enabled = false),
    ("check-ssl",           |server| server.check.ssl = Some(true)),
    ("no-check-ssl",        |server| server.check.ssl = Some(false)),
    ("check-send-proxy",    |server| server.check.send_proxy = true),
    ("no-check-send-proxy", |server| server.check.send_proxy = false),
    ("check-via-socks4",    |server| server.check.via_socks4 = true),
];

type SetValue = fn(&mut Server, &Argument) -> Result<(), String>;

/// Stores what an argument says.
fn put<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

#[rustfmt::skip]
const VALUES: &[(&str, SetValue)] = &[
    ("inter",          |server, arg| put(&mut server.check.inter, arg.delay())),
    ("fastinter",      |server, arg| put(&mut server.check.fastinter, arg.delay().map(Some))),
    ("downinter",      |server, arg| put(&mut server.check.downinter, arg.delay().map(Some))),
    ("rise",           |server, arg| put(&mut server.check.rise, arg.positive("'rise'"))),
    ("fall",           |server, arg| put(&mut server.check.fall, arg.positive("'fall'"))),
    ("port",           |server, arg| put(&mut server.check.port, arg.port())),
    ("addr",           |server, arg| put(&mut server.check.addr, arg.host().map(Some))),
    ("check-sni",      |server, arg| put(&mut server.check.sni, arg.text(": missing SNI.").map(Some))),
    ("check-alpn",     |server, arg| put(&mut server.check.alpn, arg.alpn().map(Some))),
    ("check-proto",    |server, arg| put(&mut server.check.proto, arg.proto().map(Some))),
    ("observe",        |server, arg| put(&mut server.observe, arg.observe())),
    ("error-limit",    |server, arg| put(&mut server.error_limit, arg.positive("error-limit"))),
    ("on-error",       |server, arg| put(&mut server.on_error, arg.on_error())),
    ("on-marked-down", |server, arg| {
        put(&mut server.on_marked_down, arg.action("shutdown-sessions").map(|()| Some(MarkedDown::ShutdownSessions)))
    }),
    ("on-marked-up",   |server, arg| {
        let action = arg.action("shutdown-backup-sessions");
        put(&mut server.on_marked_up, action.map(|()| Some(MarkedUp::ShutdownBackupSessions)))
    }),
    ("slowstart",      |server, arg| put(&mut server.slowstart, arg.time().map(Some))),
    ("track",          |server, arg| put(&mut server.track, arg.tracked().map(Some))),
    ("init-addr",      |server, arg| put(&mut server.init_addr, arg.init_addr())),
    ("agent-inter",    |server, arg| put(&mut server.agent.inter, arg.delay().map(Some))),
    ("agent-port",     |server, arg| put(&mut server.agent.port, arg.port())),
    ("agent-addr",     |server, arg| put(&mut server.agent.addr, arg.address().map(Some))),
    ("agent-send",     |server, arg| {
        put(&mut server.agent.send, arg.text("expects a string as argument.").map(Some))
    }),
];

/// A keyword and its argument, empty where the line ends.
struct Argument<'a> {
    server: &'a str,
    name: &'a str,
    value: &'a str,
}

impl Argument<'_> {
    fn text(&self, missing: &str) -> Result<String, String> {
        match self.value {
            "" => Err(format!("'{}' {missing}", self.name)),
            value => Ok(value.to_owned()),
        }
    }

    fn time(&self) -> Result<Duration, String> {
        let (name, value, server) = (self.name, self.value, self.server);
        parse_time(value).map_err(|wrong| match wrong {
            BadTime::Overflow => format!(
                "timer overflow in argument <{value}> to <{name}> of server {server}, maximum value is 2147483647 ms \
                 (~24.8 days)."
            ),
            BadTime::Underflow => format!(
                "timer underflow in argument <{value}> to <{name}> of server {server}, minimum non-null value is 1 ms."
            ),
            BadTime::Unexpected(found) => {
                format!("unexpected character '{found}' in '{name}' argument of server {server}.")
            }
        })
    }

    /// A time that may not be 0.
    fn delay(&self) -> Result<Duration, String> {
        let (name, server) = (self.name, self.server);
        self.text("expects a delay as argument.")?;
        match self.time()? {
            Duration::ZERO => Err(format!("invalid value 0 for argument '{name}' of server {server}.")),
            delay => Ok(delay),
        }
    }

    fn positive(&self, subject: &str) -> Result<u32, String> {
        let text = self.text("expects an integer argument.")?;
        match leading_number(&text).and_then(|number| i32::try_from(number).ok()) {
            Some(number) if number > 0 => Ok(number as u32),
            _ => Err(format!("{subject} has to be > 0.")),
        }
    }

    /// 0 is as if it were absent.
    fn port(&self) -> Result<Option<u16>, String> {
        let text = self.text("expects a port number as argument.")?;
        match leading_number(&text) {
            Some(0) => Ok(None),
            Some(number @ 1..=65535) => Ok(Some(number as u16)),
            _ => Err(format!("'{}' : '{text}' is not a port, 1 to 65535", self.name)),
        }
    }

    /// An address; a port behind it is not looked at.
    fn host(&self) -> Result<ServerHost, String> {
        let text = self.text("expects <ipv4|ipv6> as argument.")?;
        match text.strip_prefix("unix@").or(text.starts_with('/').then_some(text.as_str())) {
            Some(path) => Ok(ServerHost::Unix(path.into())),
            None => Ok(ip(&text).map_or(ServerHost::Name(text), ServerHost::Ip)),
        }
    }

    fn address(&self) -> Result<IpAddr, String> {
        let text = self.text("expects an address as argument.")?;
        ip(&text).ok_or_else(|| format!("'{}' : invalid address: '{text}' in '{text}'", self.name))
    }

    fn alpn(&self) -> Result<Vec<String>, String> {
        let list = self.text(": missing the comma-delimited ALPN protocol suite.")?;
        Ok(list.split(',').map(str::to_owned).collect())
    }

    fn tracked(&self) -> Result<(Option<String>, String), String> {
        let text = self.text("expects [<proxy>/]<server> as argument.")?;
        Ok(match text.split_once('/') {
            Some((backend, server)) => (Some(backend.to_owned()), server.to_owned()),
            None => (None, text),
        })
    }

    fn proto(&self) -> Result<MuxProto, String> {
        match self.value {
            "" => Err(format!("'{}' : missing value.", self.name)),
            "h1" => Ok(MuxProto::H1),
            "h2" => Ok(MuxProto::H2),
            "none" => Ok(MuxProto::None),
            other => Err(format!("'{}' :  unknown MUX protocol '{other}'.", self.name)),
        }
    }

    fn observe(&self) -> Result<Observe, String> {
        match self.text("expects <mode> as argument.")?.as_str() {
            "none" => Ok(Observe::None),
            "layer4" => Ok(Observe::Layer4),
            "layer7" => Ok(Observe::Layer7),
            other => Err(format!("'observe' expects one of 'none', 'layer4', 'layer7' but got '{other}'.")),
        }
    }

    fn on_error(&self) -> Result<OnError, String> {
        match self.value {
            "fastinter" => Ok(OnError::Fastinter),
            "fail-check" => Ok(OnError::FailCheck),
            "sudden-death" => Ok(OnError::SuddenDeath),
            "mark-down" => Ok(OnError::MarkDown),
            other => Err(format!(
                "'on-error' expects one of 'fastinter', 'fail-check', 'sudden-death' or 'mark-down' but got '{other}'."
            )),
        }
    }

    fn action(&self, only: &str) -> Result<(), String> {
        let (name, value) = (self.name, self.value);
        if value == only { Ok(()) } else { Err(format!("'{name}' expects '{only}' but got '{value}'.")) }
    }

    fn init_addr(&self) -> Result<Vec<InitAddr>, String> {
        let methods = self.value.split(',').filter(|method| !method.is_empty());
        methods
            .map(|method| match method {
                "last" => Ok(InitAddr::Last),
                "libc" => Ok(InitAddr::Libc),
                "none" => Ok(InitAddr::None),
                other => other.parse().map(InitAddr::Ip).map_err(|_| {
                    format!(
                        "'init-addr' : unknown init-addr method '{other}', supported methods are 'libc', 'last', \
                         'none'."
                    )
                }),
            })
            .collect()
    }
}

/// An address, with or without a port.
fn ip(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches("ipv4@").trim_start_matches("ipv6@");
    bare.parse().ok().or_else(|| bare.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// The number a text begins with, as C's `atoi` reads it.
fn leading_number(text: &str) -> Option<i64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits == 0 { Some(0) } else { text[..digits].parse().ok() }
}

enum BadTime {
    Overflow,
    Underflow,
    Unexpected(char),
}

/// A time with an optional unit, by default milliseconds, rounded up to those (manual, section 2.4).
fn parse_time(text: &str) -> Result<Duration, BadTime> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u128 = match &text[..digits] {
        "" => return Err(BadTime::Unexpected(text.chars().next().unwrap_or('\0'))),
        number => number.parse().map_err(|_| BadTime::Overflow)?,
    };
    let micros = match &text[digits..] {
        "us" => 1,
        "" | "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        other => return Err(BadTime::Unexpected(other.chars().next().unwrap_or('\0'))),
    };
    let micros = number.saturating_mul(micros);
    match micros.div_ceil(1000) {
        millis if millis > i32::MAX as u128 => Err(BadTime::Overflow),
        _ if micros > 0 && micros < 1000 => Err(BadTime::Underflow),
        millis => Ok(Duration::from_millis(millis as u64)),
    }
}
