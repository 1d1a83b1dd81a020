//! `redirect`, alone and as an action of `http-request` and `http-response`.

use super::{
    Context, Rule,
    action::{Action, text},
    exchange::Exchange,
    parse,
    words::Words,
};
use crate::{
    http::{Answer, Reply},
    log::Format,
    sample::Side,
};

#[derive(Debug, Clone)]
pub struct Redirect {
    kind: Kind,
    target: Target,
    /// 301, 302 (the default), 303, 307 or 308.
    status: u16,
    drop_query: bool,
    append_slash: bool,
    /// Does nothing where the target is empty.
    ignore_empty: bool,
    /// The whole value of `set-cookie`.
    cookie: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Location,
    Prefix,
    Scheme,
}

#[derive(Debug, Clone)]
enum Target {
    Literal(String),
    Format(Format),
}

const STATUSES: &[(u16, &str)] = &[
    (301, "Moved Permanently"),
    (302, "Found"),
    (303, "See Other"),
    (307, "Temporary Redirect"),
    (308, "Permanent Redirect"),
];

/// `redirect ...`: evaluated behind all `http-request` rules of its section; its target is taken literally.
pub fn redirect(args: &[String], context: &Context<'_>) -> Result<Rule, String> {
    let wrap = |error: String| {
        format!("error detected in {} '{}' while parsing redirect rule : {error}.", context.kind(), context.proxy)
    };
    let mut words = Words::new("redirect", args);
    let redirect = Redirect::parse(&mut words, context, true, Side::Client).map_err(wrap)?;
    let condition = parse::condition(words.rest(), context);
    let condition = condition.map_err(|error| wrap(format!("error in condition: {error}")))?;
    Ok(Rule { action: Action::Redirect(redirect).into(), condition, side: Side::Client })
}

impl Redirect {
    pub fn parse(words: &mut Words<'_>, context: &Context<'_>, literal: bool, side: Side) -> Result<Self, String> {
        let mut target: Option<(Kind, &str)> = None;
        let mut redirect = Self {
            kind: Kind::Location,
            target: Target::Literal(String::new()),
            status: 302,
            drop_query: false,
            append_slash: false,
            ignore_empty: false,
            cookie: None,
        };
        while let Some(word) = words.next_argument() {
            let mut argument = || words.value().ok_or_else(|| format!("missing argument for '{word}'"));
            match word {
                "location" => target = Some((Kind::Location, argument()?)),
                "prefix" => target = Some((Kind::Prefix, argument()?)),
                "scheme" => target = Some((Kind::Scheme, argument()?)),
                "set-cookie" => redirect.cookie = Some(format!("{}; path=/;", argument()?)),
                "clear-cookie" => redirect.cookie = Some(format!("{}; path=/; Max-Age=0;", argument()?)),
                "code" => {
                    let code = argument()?;
                    let known = STATUSES.iter().find(|(status, _)| code.parse() == Ok(*status));
                    redirect.status = known.map(|(status, _)| *status).ok_or_else(|| {
                        format!("'code': unsupported HTTP code '{code}' (must be one of 301, 302, 303, 307 or 308)")
                    })?;
                }
                "drop-query" => redirect.drop_query = true,
                "append-slash" => redirect.append_slash = true,
                "ignore-empty" => redirect.ignore_empty = true,
                other => {
                    return Err(format!(
                        "expects 'code', 'prefix', 'location', 'scheme', 'set-cookie', 'clear-cookie', 'drop-query', \
                         'ignore-empty' or 'append-slash' (was '{other}')"
                    ));
                }
            }
        }
        let (kind, text) = target.ok_or("redirection type expected ('prefix', 'location', or 'scheme')")?;
        if side == Side::Server && kind != Kind::Location {
            return Err("response only supports redirect type 'location'".into());
        }
        redirect.kind = kind;
        // A prefix of `/` is no text: the URI stays as it is.
        let as_is = literal || (kind == Kind::Prefix && text == "/");
        redirect.target = match as_is {
            true => Target::Literal(text.to_owned()),
            false => Target::Format(Format::parse(text, context.env)?),
        };
        Ok(redirect)
    }

    /// The answer; none where the target is empty and the rule is then skipped.
    pub fn reply(&self, exchange: &dyn Exchange) -> Option<Reply> {
        let target = match &self.target {
            Target::Literal(text) => text.as_bytes().to_vec(),
            Target::Format(format) => text(format, exchange),
        };
        if self.ignore_empty && target.is_empty() {
            return None;
        }
        let location = match self.kind {
            Kind::Location => target,
            Kind::Prefix if target == b"/" => self.path(exchange, Vec::new()),
            Kind::Prefix => self.path(exchange, target),
            Kind::Scheme => {
                let host = exchange.request().and_then(|head| head.headers.get(b"host")).unwrap_or_default();
                self.path(exchange, [&target[..], b"://", host].concat())
            }
        };
        let reason = STATUSES.iter().find(|(status, _)| *status == self.status).map_or("", |(_, reason)| reason);
        let mut answer = Answer { reason: reason.into(), ..Answer::new(self.status) }.header("location", location);
        if matches!(self.status, 302 | 303 | 307) {
            answer = answer.header("cache-control", "no-cache");
        }
        if let Some(cookie) = &self.cookie {
            answer = answer.header("set-cookie", cookie.as_bytes());
        }
        Some(Reply::Built(answer))
    }

    /// `start` with the request's path, and its query if wanted, behind it.
    fn path(&self, exchange: &dyn Exchange, start: Vec<u8>) -> Vec<u8> {
        let path = exchange.request().map(|head| head.path_and_query()).unwrap_or_default();
        let path = match path {
            b"" | b"*" => b"/",
            _ if self.drop_query => path.split(|byte| *byte == b'?').next().unwrap_or(path),
            _ => path,
        };
        let mut location = [&start[..], path].concat();
        if self.append_slash && !location.ends_with(b"/") {
            location.push(b'/');
        }
        location
    }
}
