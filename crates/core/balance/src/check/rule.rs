//! The steps of a check.

use super::Kind;
use super::http::Request;
use super::pattern::Regex;
use super::text::Text;
use crate::health::Status;
use crate::log::Format;
use crate::sample::{Expr, Var};

/// One step.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub action: Action,
    /// Told when the step fails.
    pub comment: Option<String>,
    /// As logs count it, from 1; 0 for a connect that nobody wrote.
    pub step: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Action {
    Connect(Connect),
    Send(Text),
    SendHttp(Box<Request>),
    Expect(Box<Expect>),
    Set(Var, Set),
    Unset(Var),
    /// For the steps behind it.
    Comment(String),
}

/// Where a variable's value comes from.
#[derive(Debug, Clone)]
pub(super) enum Set {
    Expr(Box<Expr>),
    Format(Box<Format>),
}

/// How to open a connection. What is absent is as the server line says, if `server_options` is set, and plain TCP to
/// the server's check address otherwise.
#[derive(Debug, Clone, Default)]
pub struct Connect {
    /// Nobody wrote it.
    pub implicit: bool,
    /// `default`
    pub server_options: bool,
    pub port: Option<u16>,
    pub(super) port_expr: Option<Box<Expr>>,
    pub addr: Option<std::net::IpAddr>,
    pub send_proxy: bool,
    pub ssl: bool,
    pub sni: Option<String>,
    pub alpn: Vec<String>,
    /// `proto h2`
    pub h2: bool,
    /// Close in order rather than by a reset.
    pub linger: bool,
}

/// What must come.
#[derive(Debug, Clone)]
pub(super) struct Expect {
    pub pattern: Pattern,
    /// `!`
    pub inverse: bool,
    /// Bytes without which nothing is decided. -1: a pattern that is not there yet may still come; 0 and above: it may
    /// not.
    pub min_recv: i32,
    pub ok_status: Option<Status>,
    pub error_status: Option<Status>,
    pub timeout_status: Option<Status>,
    pub on_success: Info,
    pub on_error: Info,
    pub code: Option<Code>,
}

/// What is told about an answer.
#[derive(Debug, Clone, Default)]
pub(super) enum Info {
    /// The usual.
    #[default]
    Usual,
    Words(&'static str),
    /// The answer from this byte on, up to the end of its first line.
    Line(usize),
    Format(Box<Format>),
}

/// Where a status code comes from.
#[derive(Debug, Clone)]
pub(super) enum Code {
    /// The first three bytes.
    Digits,
    Expr(Box<Expr>),
}

#[derive(Debug, Clone)]
pub(super) enum Pattern {
    Text(Text),
    Binary(Text),
    Regex(Regex),
    /// Over the answer in hexadecimal.
    BinaryRegex(Regex),
    HttpStatus(Vec<(u16, u16)>),
    HttpStatusRegex(Regex),
    HttpHeader(Box<HeaderPattern>),
    HttpBody(Text),
    HttpBodyRegex(Regex),
    /// A protocol's own reader.
    Custom(fn(&[u8], bool) -> Answer),
}

/// `hdr name ... value ...`
#[derive(Debug, Clone)]
pub(super) struct HeaderPattern {
    pub name: Match,
    pub value: Option<Match>,
    /// `fhdr`: values are not split at commas.
    pub full: bool,
}

/// `-m`
#[derive(Debug, Clone)]
pub(super) enum Match {
    Exact(Text),
    Begin(Text),
    End(Text),
    Part(Text),
    Regex(Regex),
}

/// What a protocol's reader says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Good,
    /// There may be more to come.
    Wait,
    Bad {
        status: Status,
        code: i32,
        info: String,
    },
}

impl Answer {
    pub fn bad(status: Status, info: &str) -> Self {
        Self::Bad { status, code: 0, info: info.to_owned() }
    }
}

impl Rule {
    pub fn new(action: Action) -> Self {
        Self { action, comment: None, step: 0 }
    }

    /// As the server line says. Protocols that log clients that vanish get an orderly close.
    pub fn implicit_connect(kind: Kind) -> Self {
        let linger = !matches!(kind, Kind::None | Kind::Tcp | Kind::Http);
        Self::new(Action::Connect(Connect { implicit: true, server_options: true, linger, ..Connect::default() }))
    }

    pub fn is_connect(&self) -> bool {
        matches!(self.action, Action::Connect(_))
    }
}

impl Expect {
    pub fn new(pattern: Pattern) -> Self {
        Self {
            pattern,
            inverse: false,
            min_recv: -1,
            ok_status: None,
            error_status: None,
            timeout_status: None,
            on_success: Info::Usual,
            on_error: Info::Usual,
            code: None,
        }
    }

    /// The status of an answer that does not match.
    pub fn error_status(&self) -> Status {
        let usual = match self.pattern {
            Pattern::HttpStatus(_) | Pattern::HttpStatusRegex(_) | Pattern::HttpHeader(_) => Status::L7Status,
            _ => Status::L7Response,
        };
        self.error_status.unwrap_or(usual)
    }
}

/// Gives steps without a comment of their own the one that stands before them: a connect or send alone takes it away,
/// expects share it.
pub(super) fn spread_comments(rules: &mut [Rule]) {
    let mut comment = None;
    for rule in rules {
        match &rule.action {
            Action::Comment(text) => comment = Some(text.clone()),
            Action::Set(..) | Action::Unset(_) => comment = None,
            Action::Expect(_) => rule.comment = rule.comment.take().or_else(|| comment.clone()),
            Action::Connect(_) | Action::Send(_) | Action::SendHttp(_) => {
                let before = comment.take();
                rule.comment = rule.comment.take().or(before);
            }
        }
    }
}
