//! Arguments of fetches and converters: what stands in parentheses, with quotes and escapes of its own.

use super::{Scope, Var};
use crate::pattern::{Matcher, Regex};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// What an argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int,
    Str,
    Ipv4,
    Ipv6,
    Mask4,
    Mask6,
    Frontend,
    Backend,
    Table,
    Server,
    Userlist,
    Regex,
    /// `1.2.3`: a path of protobuf field numbers.
    Field,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "integer",
            Self::Str => "string",
            Self::Ipv4 => "IPv4 address",
            Self::Ipv6 => "IPv6 address",
            Self::Mask4 => "IPv4 mask",
            Self::Mask6 => "IPv6 mask",
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Table => "table",
            Self::Server => "server",
            Self::Userlist => "user list",
            Self::Regex => "regex",
            Self::Field => "Protocol buffers field number",
        }
    }

    /// Kinds that may be left out though they are wanted: they mean the proxy the expression stands in.
    fn has_default(self) -> bool {
        matches!(self, Self::Frontend | Self::Backend | Self::Table | Self::Server | Self::Userlist)
    }

    fn parse(self, word: &str) -> Option<Arg> {
        Some(match self {
            Self::Int => Arg::Int(word.parse().ok()?),
            Self::Str | Self::Regex => Arg::Text(word.into()),
            Self::Ipv4 => Arg::Ip(IpAddr::V4(word.parse().ok()?)),
            Self::Ipv6 => Arg::Ip(IpAddr::V6(word.parse().ok()?)),
            Self::Mask4 => Arg::Mask4(mask4(word)?),
            Self::Mask6 => Arg::Mask6(mask6(word)?),
            Self::Frontend | Self::Backend | Self::Table | Self::Server | Self::Userlist => Arg::Name(word.into()),
            Self::Field => Arg::Fields(word.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?),
        })
    }
}

/// An argument, read and made ready.
#[derive(Debug, Clone)]
pub enum Arg {
    Int(i64),
    Text(Box<str>),
    Ip(IpAddr),
    Mask4(u32),
    Mask6(u128),
    /// Of a frontend, backend, table, server or userlist.
    Name(Box<str>),
    Fields(Vec<u32>),
    // What checks of single keywords make of a text:
    Bytes(Box<[u8]>),
    Var(Var),
    Regex(Arc<Regex>),
    Map(Arc<Matcher>),
}

/// Which arguments a keyword takes.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// How many must be there.
    pub least: usize,
    pub kinds: &'static [Kind],
}

/// No arguments.
pub const NONE: Spec = Spec { least: 0, kinds: &[] };

pub const fn spec(least: usize, kinds: &'static [Kind]) -> Spec {
    Spec { least, kinds }
}

/// Why arguments cannot be read; `position` counts from 1.
#[derive(Debug)]
pub struct Problem {
    pub position: usize,
    pub text: String,
}

/// Reads arguments at the beginning of a text; with what follows them.
pub fn parse(text: &str, spec: Spec) -> Result<(Vec<Arg>, &str), Problem> {
    let mut args = Vec::new();
    let (mut rest, open) = match text.strip_prefix('(') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    if open && rest.starts_with(')') && spec.least == 0 {
        return Ok((args, &rest[1..]));
    }
    while open || args.len() < spec.least {
        let Some(kind) = spec.kinds.get(args.len()).copied() else { break };
        if !open && kind.has_default() {
            break;
        }
        let problem = |text| Problem { position: args.len() + 1, text };
        let (word, after) = if open { take_word(rest) } else { (String::new(), rest) };
        rest = after;
        let may_lack = matches!(kind, Kind::Str | Kind::Regex) || kind.has_default() || args.len() >= spec.least;
        if word.is_empty() && !may_lack {
            let position = args.len() + 1;
            return Err(problem(format!("expected type '{}' at position {position}, but got nothing", kind.name())));
        }
        // What is left out before others keeps its place.
        let lacks = word.is_empty() && !kind.has_default();
        let Some(arg) = (if lacks { Some(Arg::Text("".into())) } else { kind.parse(&word) }) else {
            let position = args.len() + 1;
            return Err(problem(format!("failed to parse '{word}' as type '{}' at position {position}", kind.name())));
        };
        args.push(arg);
        match rest.strip_prefix(',') {
            Some(after) if open && args.len() < spec.kinds.len() => rest = after,
            _ => break,
        }
    }
    if args.len() < spec.least && !spec.kinds[args.len()].has_default() {
        let kind = spec.kinds[args.len()].name();
        let text = format!("missing arguments (got {}/{}), type '{kind}' expected", args.len(), spec.least);
        return Err(Problem { position: args.len() + 1, text });
    }
    if !open {
        return Ok((args, text));
    }
    match rest.strip_prefix(')') {
        Some(rest) => Ok((args, rest)),
        None if rest.is_empty() => Err(Problem { position: args.len(), text: "expected ')'".into() }),
        None => Err(Problem { position: args.len().max(1), text: format!("expected ')' before '{rest}'") }),
    }
}

/// One argument up to `,` or `)`, its quotes and escapes resolved.
fn take_word(text: &str) -> (String, &str) {
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.char_indices().peekable();
    while let Some((place, letter)) = chars.next() {
        match (letter, quote) {
            (',' | ')', None) => return (word, &text[place..]),
            ('"' | '\'', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            ('\\', None | Some('"')) => match chars.peek().map(|(_, next)| *next) {
                Some(next) if escaped(next).is_some() => {
                    word.extend(escaped(next));
                    chars.next();
                }
                // Unknown escapes stay whole: a regex has its own.
                _ => word.push('\\'),
            },
            (letter, _) => word.push(letter),
        }
    }
    (word, "")
}

fn escaped(letter: char) -> Option<char> {
    Some(match letter {
        '\\' | '\'' | '"' | ' ' => letter,
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        _ => return None,
    })
}

/// A mask as number of bits or in dotted form.
pub(crate) fn mask4(word: &str) -> Option<u32> {
    match word.parse::<u32>() {
        Ok(bits @ 0..=32) => Some(u32::MAX.checked_shl(32 - bits).unwrap_or(0)),
        Ok(_) => None,
        Err(_) => word.parse::<Ipv4Addr>().ok().map(u32::from),
    }
}

pub(crate) fn mask6(word: &str) -> Option<u128> {
    match word.parse::<u32>() {
        Ok(bits @ 0..=128) => Some(u128::MAX.checked_shl(128 - bits).unwrap_or(0)),
        Ok(_) => None,
        Err(_) => word.parse::<Ipv6Addr>().ok().map(u128::from),
    }
}

impl Var {
    /// `txn.name`.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("Empty variable name cannot be accepted".into());
        }
        let wrong = || {
            format!(
                "invalid variable name '{text}'. A variable name must be start by its scope. \
                 The scope can be 'proc', 'sess', 'txn', 'req', 'res' or 'check'"
            )
        };
        let (scope, name) = text.split_once('.').ok_or_else(wrong)?;
        let scope = match scope {
            "proc" => Scope::Proc,
            "sess" => Scope::Sess,
            "txn" => Scope::Txn,
            "req" => Scope::Req,
            "res" => Scope::Res,
            "check" => Scope::Check,
            _ => return Err(wrong()),
        };
        if name.is_empty() {
            return Err(wrong());
        }
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '.' || letter == '_';
        if let Some(place) = name.find(|letter| !allowed(letter)) {
            return Err(format!("invalid syntax at char '{}'", &name[place..]));
        }
        Ok(Self { scope, name: name.into() })
    }
}
