//! From words to rules: the entries for each directive.

use super::{
    Context, Rule,
    sets::{self, Set},
    words::{Words, millis},
};
use crate::{acl::Condition, config::suggest};

/// `tcp-request`.
#[derive(Debug, Clone)]
pub enum TcpRequest {
    /// Milliseconds that `content` rules may wait for bytes.
    InspectDelay(u64),
    Connection(Rule),
    Session(Rule),
    Content(Rule),
}

/// `tcp-response`.
#[derive(Debug, Clone)]
pub enum TcpResponse {
    InspectDelay(u64),
    Content(Rule),
}

/// `http-request <action> ...`.
pub fn http_request(args: &[String], context: &Context<'_>) -> Result<Rule, String> {
    http_rule(Set::HttpRequest, args, context)
}

/// `http-response <action> ...`.
pub fn http_response(args: &[String], context: &Context<'_>) -> Result<Rule, String> {
    http_rule(Set::HttpResponse, args, context)
}

/// `http-after-response <action> ...`: over all responses, also those made here.
pub fn http_after_response(args: &[String], context: &Context<'_>) -> Result<Rule, String> {
    http_rule(Set::HttpAfterResponse, args, context)
}

/// `tcp-request connection|session|content|inspect-delay ...`.
pub fn tcp_request(args: &[String], context: &Context<'_>) -> Result<TcpRequest, String> {
    let (proxy, rest) = (context.proxy, args.get(1..).unwrap_or_default());
    match args.first().map(String::as_str) {
        None => Err(format!("missing argument for 'tcp-request' in proxy '{proxy}'")),
        Some("inspect-delay") => inspect_delay("tcp-request", rest, context).map(TcpRequest::InspectDelay),
        Some("connection") => tcp_rule(Set::TcpConnection, rest, context).map(TcpRequest::Connection),
        Some("session") => tcp_rule(Set::TcpSession, rest, context).map(TcpRequest::Session),
        Some("content") => tcp_rule(Set::TcpContent, rest, context).map(TcpRequest::Content),
        Some(other) => Err(format!(
            "'tcp-request' expects 'inspect-delay', 'connection', or 'content' in proxy '{proxy}' (got '{other}')"
        )),
    }
}

/// `tcp-response content|inspect-delay ...`.
pub fn tcp_response(args: &[String], context: &Context<'_>) -> Result<TcpResponse, String> {
    let (proxy, rest) = (context.proxy, args.get(1..).unwrap_or_default());
    match args.first().map(String::as_str) {
        None => Err(format!("missing argument for 'tcp-response' in proxy '{proxy}'")),
        Some("inspect-delay") => inspect_delay("tcp-response", rest, context).map(TcpResponse::InspectDelay),
        Some("content") => tcp_rule(Set::TcpResponse, rest, context).map(TcpResponse::Content),
        Some(other) => {
            Err(format!("'tcp-response' expects 'inspect-delay' or 'content' in proxy '{proxy}' (got '{other}')"))
        }
    }
}

/// The condition that the words may end with.
pub fn condition(words: &[String], context: &Context<'_>) -> Result<Option<Condition>, String> {
    if words.is_empty() {
        return Ok(None);
    }
    Condition::parse(words, context.acls, context.env).map(Some)
}

fn inspect_delay(directive: &str, args: &[String], context: &Context<'_>) -> Result<u64, String> {
    let refusal =
        format!("'{directive} inspect-delay' expects a positive delay in milliseconds, in proxy '{}'", context.proxy);
    let word = args.first().ok_or_else(|| refusal.clone())?;
    millis(word).map_err(|error| format!("{refusal} ({error})"))
}

fn http_rule(set: Set, args: &[String], context: &Context<'_>) -> Result<Rule, String> {
    let (directive, proxy) = (set.directive(), context.proxy);
    let name = args.first().map_or("", String::as_str);
    let Some(row) = sets::find(set, name) else {
        let names: Vec<_> = sets::names(set).collect();
        let refusal = format!("'{directive}' expects {}, but got '{name}'.", sets::quoted(&names));
        return Err(with_nearest(refusal, name, set));
    };
    if row.experimental && !context.experimental {
        return Err(format!(
            "'{name}' action is experimental, must be allowed via a global 'expose-experimental-directives'"
        ));
    }
    let mut words = Words::new(name, args.get(1..).unwrap_or_default());
    let kind = context.kind();
    let wrap = |error| format!("error detected in {kind} '{proxy}' while parsing '{directive} {name}' rule : {error}.");
    let action = row.parse(&mut words, context, set).map_err(wrap)?;
    if !words.at_end() {
        return Err(format!(
            "'{directive} {name}' expects either 'if' or 'unless' followed by a condition but found '{}'.",
            words.peek().unwrap_or_default()
        ));
    }
    let condition = condition(words.rest(), context)
        .map_err(|error| format!("error detected while parsing an '{directive} {name}' condition : {error}."))?;
    Ok(Rule { action: action.into(), condition, side: set.side() })
}

fn tcp_rule(set: Set, args: &[String], context: &Context<'_>) -> Result<Rule, String> {
    let (directive, proxy) = (set.directive(), context.proxy);
    let name = args.first().map_or("", String::as_str);
    let Some(row) = sets::find(set, name) else {
        let names: Vec<_> = sets::names(set).collect();
        let fixed = match set {
            Set::TcpResponse => "'accept', 'close', 'reject'",
            _ => "'accept', 'reject', 'capture', 'expect-proxy', 'expect-netscaler-cip', 'track-sc0' ... 'track-sc2'",
        };
        let refusal =
            format!("'{directive}' expects {fixed}, {} in proxy '{proxy}' (got '{name}').", sets::quoted(&names));
        return Err(with_nearest(refusal, name, set));
    };
    let mut words = Words::new(name, args.get(1..).unwrap_or_default());
    let action = row.parse(&mut words, context, set).map_err(|error| match row.core {
        // Some name the directive themselves.
        true if !error.starts_with(&format!("'{directive}")) => format!("'{directive} {name}' : {error}"),
        _ => error,
    })?;
    if !words.at_end() {
        return Err(format!(
            "'{directive} {name}' only accepts 'if' or 'unless', in proxy '{proxy}' (got '{}')",
            words.peek().unwrap_or_default()
        ));
    }
    let condition = condition(words.rest(), context).map_err(|error| {
        let word = words.peek().unwrap_or_default();
        format!(
            "'{directive} {name}' : error detected in {} '{proxy}' while parsing '{word}' condition : {error}",
            context.kind()
        )
    })?;
    Ok(Rule { action: action.into(), condition, side: set.side() })
}

fn with_nearest(refusal: String, name: &str, set: Set) -> String {
    match suggest::best(name, sets::all_names(set)) {
        Some(known) => format!("{refusal} Did you mean '{known}' maybe ?"),
        None => refusal,
    }
}
