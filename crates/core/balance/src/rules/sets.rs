//! Which action may stand in which list of rules: one row per action, in the order HAProxy names them.

use super::{
    Context,
    action::Action,
    answer::Answering,
    capture::Capture,
    counters::CounterAction,
    early_hint::EarlyHint,
    exchange::{Effect, Verdict},
    headers::HeaderAction,
    maps::{Change, MapAction},
    normalize::Normalizer,
    redirect::Redirect,
    stream::{Sampled, StreamAction},
    track::Track,
    uri::{Part, UriAction},
    variables::VarAction,
    words::{Words, bytes, millis},
};
use crate::sample::{Counter, Side};

/// A kind of list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    TcpConnection = 1,
    TcpSession = 2,
    TcpContent = 4,
    TcpResponse = 8,
    HttpRequest = 16,
    HttpResponse = 32,
    HttpAfterResponse = 64,
}

impl Set {
    pub fn directive(self) -> &'static str {
        match self {
            Self::TcpConnection => "tcp-request connection",
            Self::TcpSession => "tcp-request session",
            Self::TcpContent => "tcp-request content",
            Self::TcpResponse => "tcp-response content",
            Self::HttpRequest => "http-request",
            Self::HttpResponse => "http-response",
            Self::HttpAfterResponse => "http-after-response",
        }
    }

    pub fn side(self) -> Side {
        match self {
            Self::TcpResponse | Self::HttpResponse | Self::HttpAfterResponse => Side::Server,
            _ => Side::Client,
        }
    }
}

/// What becomes of an action here.
#[derive(Clone, Copy)]
pub enum Support {
    Done(fn(&mut Words<'_>, &Context<'_>, Set) -> Result<Action, String>),
    /// Would change traffic and is not implemented: the configuration is refused for this reason.
    Refused(&'static str),
}

/// A row.
#[derive(Clone, Copy)]
pub struct ActionRow {
    pub name: &'static str,
    /// Takes an argument in parentheses behind its name, or a number at its end.
    pub argument: bool,
    /// HAProxy's messages name it before the registered ones in `tcp-request`, and wrap its errors.
    pub core: bool,
    /// Only with `expose-experimental-directives` in `global`.
    pub experimental: bool,
    sets: u8,
    pub support: Support,
}

const C: u8 = Set::TcpConnection as u8;
const S: u8 = Set::TcpSession as u8;
const T: u8 = Set::TcpContent as u8;
const U: u8 = Set::TcpResponse as u8;
const Q: u8 = Set::HttpRequest as u8;
const R: u8 = Set::HttpResponse as u8;
const A: u8 = Set::HttpAfterResponse as u8;

type Parser = fn(&mut Words<'_>, &Context<'_>, Set) -> Result<Action, String>;

const fn row(name: &'static str, sets: u8, parse: Parser) -> ActionRow {
    ActionRow { name, argument: false, core: false, experimental: false, sets, support: Support::Done(parse) }
}

/// With `(...)` behind its name.
const fn call(name: &'static str, sets: u8, parse: Parser) -> ActionRow {
    ActionRow { argument: true, ..row(name, sets, parse) }
}

const fn core(name: &'static str, sets: u8, parse: Parser) -> ActionRow {
    ActionRow { core: true, ..row(name, sets, parse) }
}

const fn refused(name: &'static str, sets: u8, why: &'static str) -> ActionRow {
    ActionRow { name, argument: false, core: false, experimental: false, sets, support: Support::Refused(why) }
}

/// Every action of the 2.6 manual, sections 4.2 `http-*`, `tcp-*`.
#[rustfmt::skip]
pub const ACTIONS: &[ActionRow] = &[
    core("accept", C | S | T | U, |_, _, _| Ok(Action::End(Verdict::Accept))),
    core("close", U, |_, _, _| Ok(Action::End(Verdict::Close))),
    core("reject", C | S | T | U, |_, _, _| Ok(Action::End(Verdict::Reject))),
    core("capture", C | S | T, |words, context, _| Ok(Action::Capture(Capture::parse_tcp(words, context)?))),
    core("expect-proxy", C, |words, context, _| expect_proxy(words, context)),
    ActionRow { core: true, ..refused("expect-netscaler-cip", C, "the NetScaler Client IP protocol is not implemented") },
    ActionRow { core: true, ..call("track-sc", C | S | T, track) },
    row("wait-for-handshake", Q, |_, _, _| Ok(Action::End(Verdict::WaitForHandshake))),
    refused("ot-group", T | U | Q | R | A, "the OpenTracing filter is not implemented"),
    row("set-log-level", T | U | Q | R, |words, context, _| Ok(Action::Stream(StreamAction::parse_log_level(words, context)?))),
    row("set-nice", T | U | Q | R, |words, context, _| Ok(Action::Stream(StreamAction::parse_nice(words, context)?))),
    row("switch-mode", T, |words, context, _| switch_mode(words, context)),
    row("use-service", T | Q, use_service),
    call("sc-inc-gpc", C | S | T | U | Q | R, |words, _, _| Ok(Action::Counter(CounterAction::parse_increment_any(words)?))),
    call("sc-inc-gpc0", C | S | T | U | Q | R, |words, _, _| Ok(Action::Counter(CounterAction::parse_increment(words, Counter::Gpc0)?))),
    call("sc-inc-gpc1", C | S | T | U | Q | R, |words, _, _| Ok(Action::Counter(CounterAction::parse_increment(words, Counter::Gpc1)?))),
    call("sc-set-gpt", C | S | T | U | Q | R, |words, context, _| Ok(Action::Counter(CounterAction::parse_tag(words, context)?))),
    call("sc-set-gpt0", C | S | T | U | Q | R, |words, context, _| Ok(Action::Counter(CounterAction::parse_tag0(words, context)?))),
    refused("send-spoe-group", T | U | Q | R, "stream processing offload (SPOE) is not implemented"),
    ActionRow { argument: true, ..refused("do-resolve", T | Q, "names are resolved for servers only (`server ... resolvers`)") },
    refused("cache-use", Q, "there is no cache"),
    refused("cache-store", R, "there is no cache"),
    call("add-acl", Q | R, |words, context, _| Ok(Action::Map(MapAction::parse(words, context, Change::AddAcl)?))),
    row("add-header", Q | R | A, |words, context, _| Ok(Action::Header(HeaderAction::parse_add(words, context)?))),
    row("allow", Q | R | A, |_, _, _| Ok(Action::End(Verdict::Accept))),
    row("auth", Q, |words, context, _| Ok(Action::Answer(Answering::parse_auth(words, context)?))),
    row("capture", Q | R | A, |words, context, set| Ok(Action::Capture(Capture::parse(words, context, set.side())?))),
    call("del-acl", Q | R, |words, context, _| Ok(Action::Map(MapAction::parse(words, context, Change::DelAcl)?))),
    row("del-header", Q | R | A, |words, context, _| Ok(Action::Header(HeaderAction::parse_del(words, context)?))),
    call("del-map", Q | R, |words, context, _| Ok(Action::Map(MapAction::parse(words, context, Change::DelMap)?))),
    row("deny", Q | R, deny),
    row("disable-l7-retry", Q, |_, _, _| Ok(Action::Effect(Effect::DisableL7Retry))),
    row("early-hint", Q, |words, context, _| Ok(Action::EarlyHint(EarlyHint::parse(words, context)?))),
    ActionRow { experimental: true, ..row("normalize-uri", Q, |words, _, _| Ok(Action::Normalize(Normalizer::parse(words)?))) },
    row("redirect", Q | R, |words, context, set| Ok(Action::Redirect(Redirect::parse(words, context, false, set.side())?))),
    row("reject", Q, |_, _, _| Ok(Action::End(Verdict::Reject))),
    row("replace-header", Q | R | A, |words, context, _| Ok(Action::Header(HeaderAction::parse_replace(words, context, false)?))),
    row("replace-path", Q, |words, context, _| Ok(Action::Uri(UriAction::parse_replace(words, context, Part::Path)?))),
    row("replace-pathq", Q, |words, context, _| Ok(Action::Uri(UriAction::parse_replace(words, context, Part::PathQuery)?))),
    row("replace-uri", Q, |words, context, _| Ok(Action::Uri(UriAction::parse_replace(words, context, Part::Uri)?))),
    row("replace-value", Q | R | A, |words, context, _| Ok(Action::Header(HeaderAction::parse_replace(words, context, true)?))),
    row("return", Q | R, |words, context, _| Ok(Action::Answer(Answering::parse_return(words, context)?))),
    row("set-header", Q | R | A, |words, context, _| Ok(Action::Header(HeaderAction::parse_set(words, context)?))),
    call("set-map", Q | R, |words, context, _| Ok(Action::Map(MapAction::parse(words, context, Change::SetMap)?))),
    row("set-method", Q, |words, context, _| Ok(Action::Uri(UriAction::parse_set(words, context, Part::Method)?))),
    row("set-path", Q, |words, context, _| Ok(Action::Uri(UriAction::parse_set(words, context, Part::Path)?))),
    row("set-pathq", Q, |words, context, _| Ok(Action::Uri(UriAction::parse_set(words, context, Part::PathQuery)?))),
    row("set-query", Q, |words, context, _| Ok(Action::Uri(UriAction::parse_set(words, context, Part::Query)?))),
    row("set-status", R | A, |words, _, _| set_status(words)),
    row("set-uri", Q, |words, context, _| Ok(Action::Uri(UriAction::parse_set(words, context, Part::Uri)?))),
    row("strict-mode", Q | R | A, |words, _, _| strict_mode(words)),
    row("tarpit", Q, |words, context, _| Ok(Action::Answer(Answering::parse_tarpit(words, context)?))),
    call("track-sc", Q | R, track),
    row("set-timeout", Q, |words, context, _| Ok(Action::Stream(StreamAction::parse_timeout(words, context)?))),
    row("wait-for-body", Q | R, |words, _, _| wait_for_body(words)),
    call("set-var-fmt", C | S | T | U | Q | R | A, |words, context, _| Ok(Action::Variable(VarAction::parse_set_format(words, context)?))),
    call("set-var", C | S | T | U | Q | R | A, |words, context, _| Ok(Action::Variable(VarAction::parse_set(words, context)?))),
    call("unset-var", C | S | T | U | Q | R | A, |words, context, _| Ok(Action::Variable(VarAction::parse_unset(words, context)?))),
    row("set-dst", C | S | T | Q, |words, context, _| sampled(words, context, Sampled::Destination)),
    row("set-dst-port", C | S | T | Q, |words, context, _| sampled(words, context, Sampled::DestinationPort)),
    row("set-mark", C | S | T | U | Q | R, |words, context, _| Ok(Action::Stream(StreamAction::parse_mark(words, context)?))),
    row("set-src", C | S | T | Q, |words, context, _| sampled(words, context, Sampled::Source)),
    row("set-src-port", C | S | T | Q, |words, context, _| sampled(words, context, Sampled::SourcePort)),
    row("set-tos", C | S | T | U | Q | R, |words, context, _| Ok(Action::Stream(StreamAction::parse_tos(words, context)?))),
    row("silent-drop", C | S | T | U | Q | R, |_, _, _| Ok(Action::End(Verdict::SilentDrop))),
    row("set-priority-class", T | Q, |words, context, _| sampled(words, context, Sampled::PriorityClass)),
    row("set-priority-offset", T | Q, |words, context, _| sampled(words, context, Sampled::PriorityOffset)),
];

/// The row of an action's name as written, with or without parentheses.
pub fn find(set: Set, written: &str) -> Option<&'static ActionRow> {
    let base = written.split('(').next().unwrap_or_default();
    let base = if base.starts_with("track-sc") { "track-sc" } else { base };
    let takes = |row: &&ActionRow| row.sets & set as u8 != 0 && row.name == base;
    ACTIONS.iter().find(takes).filter(|row| row.argument || !written.contains('('))
}

/// Names as a refusal lists them; the core ones of `tcp-*` are listed apart.
pub fn names(set: Set) -> impl Iterator<Item = String> {
    let listed = move |row: &&ActionRow| row.sets & set as u8 != 0 && !row.core;
    ACTIONS.iter().filter(listed).map(|row| format!("{}{}", row.name, if row.argument { "(*)" } else { "" }))
}

pub fn all_names(set: Set) -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().filter(move |row| row.sets & set as u8 != 0).map(|row| row.name)
}

pub fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

impl ActionRow {
    /// Whether it may stand in such a list.
    pub fn stands_in(&self, set: Set) -> bool {
        self.sets & set as u8 != 0
    }

    pub fn parse(&self, words: &mut Words<'_>, context: &Context<'_>, set: Set) -> Result<Action, String> {
        match self.support {
            Support::Done(parse) => parse(words, context, set),
            Support::Refused(why) => Err(format!("'{}' cannot be used here: {why}", self.name)),
        }
    }
}

fn track(words: &mut Words<'_>, context: &Context<'_>, _: Set) -> Result<Action, String> {
    Track::parse(words, context).map(Action::Track)
}

fn sampled(words: &mut Words<'_>, context: &Context<'_>, what: Sampled) -> Result<Action, String> {
    StreamAction::parse_sampled(words, context, what).map(Action::Stream)
}

fn deny(words: &mut Words<'_>, context: &Context<'_>, set: Set) -> Result<Action, String> {
    let status = if set == Set::HttpRequest { 403 } else { 502 };
    Answering::parse_deny(words, context, status).map(Action::Answer)
}

fn expect_proxy(words: &mut Words<'_>, context: &Context<'_>) -> Result<Action, String> {
    if words.take("layer4") {
        return Ok(Action::End(Verdict::ExpectProxy));
    }
    let got = words.peek().unwrap_or_default();
    Err(format!(
        "'tcp-request connection expect-proxy' only supports 'layer4' in proxy '{}' (got '{got}')",
        context.proxy
    ))
}

fn switch_mode(words: &mut Words<'_>, context: &Context<'_>) -> Result<Action, String> {
    if context.kind() == "backend" {
        let proxy = context.proxy;
        return Err(format!(
            "'tcp-request switch-mode' not allowed because backend '{proxy}' has no frontend capability"
        ));
    }
    match words.next_argument() {
        Some("http") => {}
        Some(mode) => return Err(format!("'tcp-request switch-mode' expects 'http' as mode (got '{mode}').")),
        None => return Err("'tcp-request switch-mode' expects a mode as argument.".into()),
    }
    let h2 = match words.take("proto") {
        false => false,
        true => match words.value() {
            Some("h1") => false,
            Some("h2") => true,
            other => return Err(format!("'proto' expects 'h1' or 'h2' (got '{}')", other.unwrap_or_default())),
        },
    };
    Ok(Action::End(Verdict::SwitchToHttp { h2 }))
}

fn use_service(words: &mut Words<'_>, _: &Context<'_>, set: Set) -> Result<Action, String> {
    match words.next_argument() {
        Some("prometheus-exporter") if set == Set::HttpRequest => Ok(Action::End(Verdict::PrometheusExporter)),
        Some(name) => Err(format!("'{name}' unknown service name.")),
        None => Err("'use-service' expects a service name.".into()),
    }
}

fn set_status(words: &mut Words<'_>) -> Result<Action, String> {
    let code = words.next_argument().ok_or("expects 1 argument: <status>; or 3 arguments: <status> reason <fmt>")?;
    let status = code.parse().ok().filter(|status| (100..1000).contains(status));
    let status = status.ok_or("expects an integer status code between 100 and 999")?;
    let reason = match words.rest() {
        [keyword, text, ..] if keyword == "reason" => {
            words.skip(2);
            Some(text.clone())
        }
        _ => None,
    };
    Ok(Action::Status { status, reason })
}

fn strict_mode(words: &mut Words<'_>) -> Result<Action, String> {
    match words.next_argument() {
        Some("on") => Ok(Action::Effect(Effect::StrictMode(true))),
        Some("off") => Ok(Action::Effect(Effect::StrictMode(false))),
        Some(other) => Err(format!("Unexpected value '{other}'. Only 'on' and 'off' are supported")),
        None => Err("expects exactly 1 arguments".into()),
    }
}

fn wait_for_body(words: &mut Words<'_>) -> Result<Action, String> {
    const REFUSAL: &str = "expects time <time> [ at-least <bytes> ]";
    let (mut time, mut at_least) = (None, 0);
    while let Some(keyword) = words.next_argument() {
        let value = words.value().ok_or(REFUSAL)?;
        match keyword {
            "time" => time = Some(millis(value)?),
            "at-least" => at_least = bytes(value)?,
            _ => return Err(REFUSAL.into()),
        }
    }
    Ok(Action::End(Verdict::WaitForBody { millis: time.ok_or(REFUSAL)?, at_least }))
}
