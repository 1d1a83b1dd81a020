//! Rules of a proxy. Their owners read the words; here is where each may stand, and in which order they are run.

use super::{Draft, Read, kind};
use crate::config::Global;
use crate::config::keyword::{ANY, BACKS, DEFAULTS, FRONTS, Keyword, NAMED_DEFAULTS, done, refused};
use crate::config::line::Ctx;
use crate::config::model::Line;
use crate::config::values::{self, Wrong};
use std::time::Duration;

const ALL: u8 = NAMED_DEFAULTS | FRONTS | BACKS;

pub(super) const KEYWORDS: &[Keyword<Read>] = &[
    done("acl", ALL, acl),
    done("http-request", ALL, |ctx, draft, _| rule(ctx, draft, Some(4), |draft| &mut draft.proxy.http_request)),
    done("http-response", ALL, |ctx, draft, _| rule(ctx, draft, None, |draft| &mut draft.proxy.http_response)),
    done("http-after-response", ALL, |ctx, draft, _| {
        rule(ctx, draft, None, |draft| &mut draft.proxy.http_after_response);
    }),
    done("redirect", FRONTS | BACKS, |ctx, draft, _| rule(ctx, draft, Some(5), |draft| &mut draft.proxy.redirects)),
    done("tcp-request connection", NAMED_DEFAULTS | FRONTS, |ctx, draft, _| {
        rule(ctx, draft, Some(0), |draft| &mut draft.proxy.tcp_request);
    }),
    done("tcp-request session", NAMED_DEFAULTS | FRONTS, |ctx, draft, _| {
        rule(ctx, draft, Some(1), |draft| &mut draft.proxy.tcp_request);
    }),
    done("tcp-request content", ALL, |ctx, draft, _| {
        rule(ctx, draft, Some(2), |draft| &mut draft.proxy.tcp_request);
    }),
    done("tcp-request inspect-delay", ALL, |ctx, draft, _| {
        if let Some(delay) = inspect_delay(ctx, draft) {
            draft.proxy.timeouts.inspect_request = Some(delay);
        }
    }),
    done("tcp-response content", NAMED_DEFAULTS | BACKS, |ctx, draft, _| {
        rule(ctx, draft, None, |draft| &mut draft.proxy.tcp_response);
    }),
    done("tcp-response inspect-delay", NAMED_DEFAULTS | BACKS, |ctx, draft, _| {
        if let Some(delay) = inspect_delay(ctx, draft) {
            draft.proxy.timeouts.inspect_response = Some(delay);
        }
    }),
    done("monitor fail", FRONTS, monitor_fail),
    done("monitor-uri", DEFAULTS | FRONTS, |ctx, draft, _| match ctx.word(1) {
        "" => ctx.alert("'monitor-uri' expects an URI."),
        uri => draft.proxy.monitor.uri = Some(uri.to_owned()),
    }),
    done("use_backend", FRONTS, use_backend),
    done("use-server", BACKS, use_server),
    done("cookie", DEFAULTS | BACKS, |ctx, draft, _| match ctx.word(1) {
        "" => ctx.alert("'cookie' expects <cookie_name> as argument."),
        _ => draft.proxy.cookie = Some(ctx.line()),
    }),
    refused("persist rdp-cookie", DEFAULTS | BACKS, "RDP is not read", "use 'balance source' or 'stick on src'"),
    done("force-persist", BACKS, |ctx, draft, _| conditional(ctx, draft, |draft| &mut draft.proxy.force_persist)),
    done("ignore-persist", BACKS, |ctx, draft, _| conditional(ctx, draft, |draft| &mut draft.proxy.ignore_persist)),
    done("stick on", BACKS, |ctx, draft, _| draft.proxy.stick.push(ctx.line())),
    done("stick match", BACKS, |ctx, draft, _| draft.proxy.stick.push(ctx.line())),
    done("stick store-request", BACKS, |ctx, draft, _| draft.proxy.stick.push(ctx.line())),
    done("stick store-response", BACKS, |ctx, draft, _| draft.proxy.stick.push(ctx.line())),
    done("stick-table", FRONTS | BACKS, |ctx, draft, _| draft.proxy.stick_table = Some(ctx.line())),
    done("http-check", DEFAULTS | BACKS, |ctx, draft, _| draft.proxy.check.push(ctx.line())),
    done("tcp-check", DEFAULTS | BACKS, |ctx, draft, _| draft.proxy.check.push(ctx.line())),
    done("compression algo", ANY, compression_algo),
    done("compression type", ANY, |ctx, draft, _| {
        if ctx.words.len() < 3 {
            return ctx.alert("'compression' expects <type>.");
        }
        let types = ctx.rest(2).iter().cloned();
        draft.proxy.compression.get_or_insert_default().types.extend(types);
    }),
    done("compression offload", ANY, |_, draft, _| {
        draft.proxy.compression.get_or_insert_default().offload = true;
    }),
];

/// Rules in the order in which they are run, whatever the order of their lines.
pub(super) const TURNS: [&str; 8] = [
    "tcp-request connection",
    "tcp-request session",
    "tcp-request content",
    "monitor fail",
    "http-request",
    "redirect",
    "use_backend",
    "use-server",
];

/// Says when a rule stands behind one that is run after it.
fn turn(ctx: &mut Ctx, draft: &mut Draft, turn: usize) {
    let later = (turn + 1..TURNS.len()).find(|later| draft.turns[*later]);
    if let Some(later) = later {
        let placed = TURNS[turn];
        let placed = if placed.starts_with("tcp-request") { "tcp-request" } else { placed };
        ctx.warn(format!("a '{placed}' rule placed after a '{}' rule will still be processed before.", TURNS[later]));
    }
    draft.turns[turn] = true;
}

fn rule(ctx: &mut Ctx, draft: &mut Draft, at: Option<usize>, list: fn(&mut Draft) -> &mut Vec<Line>) {
    if let Some(at) = at {
        turn(ctx, draft, at);
    }
    list(draft).push(ctx.line());
}

fn conditional(ctx: &mut Ctx, draft: &mut Draft, list: fn(&mut Draft) -> &mut Vec<Line>) {
    if !matches!(ctx.word(1), "if" | "unless") {
        let name = ctx.word(0);
        return ctx.alert(format!("'{name}' requires either 'if' or 'unless' followed by a condition."));
    }
    list(draft).push(ctx.line());
}

fn acl(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    let name = ctx.word(1);
    let bad = name.chars().find(|character| !character.is_ascii_alphanumeric() && !"-_.:".contains(*character));
    if let Some(bad) = bad {
        return ctx.alert(format!("character '{bad}' is not permitted in acl name '{name}'."));
    }
    draft.proxy.acls.push(ctx.line());
}

fn monitor_fail(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    turn(ctx, draft, 3);
    if !matches!(ctx.word(2), "if" | "unless") {
        return ctx.alert("'monitor fail' requires either 'if' or 'unless' followed by a condition.");
    }
    draft.proxy.monitor.fail.push(ctx.line());
}

fn use_backend(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    if ctx.word(1).is_empty() {
        return ctx.alert("'use_backend' expects a backend name.");
    }
    turn(ctx, draft, 6);
    match ctx.word(2) {
        "" | "if" | "unless" => draft.proxy.use_backend.push(ctx.line()),
        word => {
            ctx.alert(format!("unexpected keyword '{word}' after switching rule, only 'if' and 'unless' are allowed."))
        }
    }
}

fn use_server(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    if ctx.word(1).is_empty() {
        return ctx.alert("'use-server' expects a server name.");
    }
    if !matches!(ctx.word(2), "if" | "unless") {
        return ctx.alert("'use-server' requires either 'if' or 'unless' followed by a condition.");
    }
    turn(ctx, draft, 7);
    draft.proxy.use_server.push(ctx.line());
}

fn inspect_delay(ctx: &mut Ctx, draft: &Draft) -> Option<Duration> {
    let (name, word) = (format!("{} inspect-delay", ctx.word(0)), ctx.word(2));
    let of = format!("in {} '{}'", kind(draft.proxy.capability), draft.proxy.name);
    match values::time(word) {
        Ok(time) => return Some(time),
        Err(Wrong::Character(Some(bad))) => {
            ctx.alert(format!("'{name}' expects a positive delay in milliseconds, {of} (unexpected character '{bad}')"))
        }
        Err(_) => ctx.alert(format!("'{name}' expects a positive delay in milliseconds, {of}")),
    }
    None
}

/// What answers can be compressed with.
const ALGORITHMS: [&str; 4] = ["identity", "gzip", "deflate", "raw-deflate"];

fn compression_algo(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    if ctx.words.len() < 3 {
        return ctx.alert("'compression' expects <algorithm>.");
    }
    let algorithms = ctx.rest(2);
    if let Some(unknown) = algorithms.iter().find(|word| !ALGORITHMS.contains(&word.as_str())) {
        return ctx.alert(format!("'compression' : '{unknown}' is not a supported algorithm."));
    }
    draft.proxy.compression.get_or_insert_default().algorithms.extend(algorithms.iter().cloned());
}
