//! What a server line says of checks, and its parser.

use crate::server::Millis;

/// The checks of one server. Defaults: manual, section 5.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCheck {
    /// `check`
    pub enabled: bool,
    pub agent: AgentCheck,
    /// Milliseconds between two checks, 1.., default 2000; also the timeout where `timeout check` is absent.
    pub inter: Millis,
    /// Instead of `inter` while the verdict changes.
    pub fastinter: Option<Millis>,
    /// Instead of `inter` while the server is down.
    pub downinter: Option<Millis>,
    /// Successes that make a server up, 1.., default 2.
    pub rise: u32,
    /// Failures that make a server down, 1.., default 3.
    pub fall: u32,
    /// Instead of the server's.
    pub port: Option<u16>,
    /// Instead of the server's; the driver resolves it.
    pub addr: Option<String>,
    /// `check-ssl` and `no-check-ssl`; absent means as the traffic, unless `port` or `addr` stands there.
    pub ssl: Option<bool>,
    pub sni: Option<String>,
    /// In order of preference; empty means the server's.
    pub alpn: Vec<String>,
    /// `check-proto`
    pub proto: Option<String>,
    /// `check-send-proxy`; without it as the traffic, unless `port` or `addr` stands there.
    pub send_proxy: bool,
    pub via_socks4: bool,
    pub observe: Observe,
    /// Errors in a row that make `on_error` act, 1.., default 10.
    pub error_limit: u32,
    pub on_error: OnError,
    /// `on-marked-down shutdown-sessions`
    pub shutdown_sessions: bool,
    /// `on-marked-up shutdown-backup-sessions`
    pub shutdown_backup_sessions: bool,
    /// Seconds until a server that came back has its full weight, rounded up; 0 is at once.
    pub slowstart: u64,
    /// `track [backend/]server`
    pub track: Option<String>,
    /// Methods of finding an address at the start; empty means `last,libc`.
    pub init_addr: Vec<InitAddr>,
}

/// `agent-check`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentCheck {
    pub enabled: bool,
    pub port: Option<u16>,
    /// Instead of the server's address.
    pub addr: Option<String>,
    /// Milliseconds, default 2000.
    pub inter: Millis,
    /// What is sent first.
    pub send: Vec<u8>,
}

impl Default for AgentCheck {
    fn default() -> Self {
        Self { enabled: false, port: None, addr: None, inter: 2000, send: Vec::new() }
    }
}

impl Default for ServerCheck {
    fn default() -> Self {
        Self {
            enabled: false,
            agent: AgentCheck::default(),
            inter: 2000,
            fastinter: None,
            downinter: None,
            rise: 2,
            fall: 3,
            port: None,
            addr: None,
            ssl: None,
            sni: None,
            alpn: Vec::new(),
            proto: None,
            send_proxy: false,
            via_socks4: false,
            observe: Observe::None,
            error_limit: 10,
            on_error: OnError::FailCheck,
            shutdown_sessions: false,
            shutdown_backup_sessions: false,
            slowstart: 0,
            track: None,
            init_addr: Vec::new(),
        }
    }
}

/// Which traffic counts as a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Observe {
    #[default]
    None,
    Layer4,
    Layer7,
}

/// What enough errors in traffic do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    FastInter,
    #[default]
    FailCheck,
    SuddenDeath,
    MarkDown,
}

/// One way to find a server's address at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitAddr {
    /// From the state file.
    Last,
    /// By the system's resolver.
    Libc,
    /// Start without one.
    None,
    Ip(std::net::IpAddr),
}

impl ServerCheck {
    /// Reads one keyword of a server line with its arguments: how many words it took, 0 if it is not one of checks.
    /// `server`: the server's name, for texts of errors.
    pub fn parse(&mut self, server: &str, words: &[String]) -> Result<usize, String> {
        let name = words[0].as_str();
        if let Some((_, set)) = FLAGS.iter().find(|(flag, _)| *flag == name) {
            set(self);
            return Ok(1);
        }
        let Some((_, set)) = VALUES.iter().find(|(keyword, _)| *keyword == name) else { return Ok(0) };
        let value = words.get(1).map_or("", String::as_str);
        set(self, &Argument { server, name, value })?;
        Ok(2)
    }

    /// What is wrong with it as a whole, after all words were read.
    pub fn problem(&self, server: &str) -> Option<String> {
        let checked = self.enabled || self.agent.enabled;
        if self.agent.enabled && self.agent.port.is_none() {
            return Some(format!("server {server} does not have agent port. Agent check has been disabled."));
        }
        (checked && self.track.is_some()).then(|| "unable to enable checks and tracking at the same time!".to_owned())
    }
}

type SetFlag = fn(&mut ServerCheck);

#[rustfmt::skip]
const FLAGS: &[(&str, SetFlag)] = &[
    ("check",               |check| check.enabled = true),
    ("no-check",            |check| check.enabled = false),
    ("agent-check",         |check| check.agent.enabled = true),
    ("no-agent-check",      |check| check.agent.enabled = false),
    ("check-ssl",           |check| check.ssl = Some(true)),
    ("no-check-ssl",        |check| check.ssl = Some(false)),
    ("check-send-proxy",    |check| check.send_proxy = true),
    ("no-check-send-proxy", |check| check.send_proxy = false),
    ("check-via-socks4",    |check| check.via_socks4 = true),
];

type SetValue = fn(&mut ServerCheck, &Argument) -> Result<(), String>;

#[rustfmt::skip]
const VALUES: &[(&str, SetValue)] = &[
    ("inter",          |check, arg| arg.delay().map(|delay| check.inter = delay)),
    ("fastinter",      |check, arg| arg.delay().map(|delay| check.fastinter = Some(delay))),
    ("downinter",      |check, arg| arg.delay().map(|delay| check.downinter = Some(delay))),
    ("rise",           |check, arg| arg.positive("'rise'").map(|count| check.rise = count)),
    ("fall",           |check, arg| arg.positive("'fall'").map(|count| check.fall = count)),
    ("port",           |check, arg| arg.port("expects a port number as argument.").map(|port| check.port = port)),
    ("addr",           |check, arg| arg.text("expects <ipv4|ipv6> as argument.").map(|text| check.addr = Some(text))),
    ("check-sni",      |check, arg| arg.text(": missing SNI.").map(|text| check.sni = Some(text))),
    ("check-alpn",     |check, arg| {
        let list = arg.text(": missing the comma-delimited ALPN protocol suite.")?;
        check.alpn = list.split(',').map(str::to_owned).collect();
        Ok(())
    }),
    ("check-proto",    |check, arg| arg.proto().map(|proto| check.proto = Some(proto))),
    ("observe",        |check, arg| arg.observe().map(|observe| check.observe = observe)),
    ("error-limit",    |check, arg| arg.positive("error-limit").map(|count| check.error_limit = count)),
    ("on-error",       |check, arg| arg.on_error().map(|mode| check.on_error = mode)),
    ("on-marked-down", |check, arg| arg.action("shutdown-sessions").map(|()| check.shutdown_sessions = true)),
    ("on-marked-up",   |check, arg| {
        arg.action("shutdown-backup-sessions").map(|()| check.shutdown_backup_sessions = true)
    }),
    ("slowstart",      |check, arg| arg.time().map(|millis| check.slowstart = millis.div_ceil(1000))),
    ("track",          |check, arg| arg.text("expects [<proxy>/]<server> as argument.").map(|text| {
        check.track = Some(text);
    })),
    ("init-addr",      |check, arg| arg.init_addr().map(|methods| check.init_addr = methods)),
    ("agent-inter",    |check, arg| arg.delay().map(|delay| check.agent.inter = delay)),
    ("agent-port",     |check, arg| arg.port("expects a port number as argument.").map(|port| check.agent.port = port)),
    ("agent-addr",     |check, arg| arg.text("expects an address as argument.").map(|text| {
        check.agent.addr = Some(text);
    })),
    ("agent-send",     |check, arg| arg.text("expects a string as argument.").map(|text| {
        check.agent.send = text.into_bytes();
    })),
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

    fn time(&self) -> Result<Millis, String> {
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
    fn delay(&self) -> Result<Millis, String> {
        let (name, server) = (self.name, self.server);
        self.text("expects a delay as argument.")?;
        match self.time()? {
            0 => Err(format!("invalid value 0 for argument '{name}' of server {server}.")),
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
    fn port(&self, missing: &str) -> Result<Option<u16>, String> {
        let text = self.text(missing)?;
        match leading_number(&text) {
            Some(0) => Ok(None),
            Some(number @ 1..=65535) => Ok(Some(number as u16)),
            _ => Err(format!("'{}' : '{text}' is not a port, 1 to 65535", self.name)),
        }
    }

    fn proto(&self) -> Result<String, String> {
        match self.value {
            "" => Err(format!("'{}' : missing value.", self.name)),
            known @ ("h1" | "h2" | "none") => Ok(known.to_owned()),
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
            "fastinter" => Ok(OnError::FastInter),
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

/// A time with an optional unit, in milliseconds, which are the default unit (manual, section 2.4).
fn parse_time(text: &str) -> Result<Millis, BadTime> {
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
        millis => Ok(millis as Millis),
    }
}
