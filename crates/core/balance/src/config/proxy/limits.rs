//! Limits of a proxy, and how it tries again.

use super::{Draft, Read};
use crate::config::keyword::{ANY, BACKS, DEFAULTS, FRONTS, Keyword, done};
use crate::config::line::Ctx;
use crate::config::model::{HttpReuse, RetryOn};
use crate::config::values;
use std::time::Duration;

pub(super) const KEYWORDS: &[Keyword<Read>] = &[
    done("backlog", DEFAULTS | FRONTS, |ctx, draft, _| count(ctx, &mut draft.proxy.limits.backlog)),
    done("maxconn", DEFAULTS | FRONTS, |ctx, draft, _| count(ctx, &mut draft.proxy.limits.maxconn)),
    done("fullconn", DEFAULTS | BACKS, |ctx, draft, _| count(ctx, &mut draft.proxy.limits.fullconn)),
    done("rate-limit sessions", DEFAULTS | FRONTS, rate_limit),
    done("max-keep-alive-queue", DEFAULTS | BACKS, |ctx, draft, _| {
        if ctx.word(1).is_empty() {
            return ctx.alert("'max-keep-alive-queue' expects expects an integer value (or -1 to disable)");
        }
        draft.proxy.limits.max_keep_alive_queue = Some(ctx.lax_number(1));
    }),
    done("retries", DEFAULTS | BACKS, |ctx, draft, _| {
        if ctx.word(1).is_empty() {
            return ctx.alert("'retries' expects an integer argument (dispatch counts for one).");
        }
        if ctx.at_most(1, 1) {
            draft.proxy.retries = ctx.lax_number(1).max(0) as u32;
        }
    }),
    done("retry-on", DEFAULTS | BACKS, retry_on),
    done("http-reuse", DEFAULTS | BACKS, http_reuse),
    done("clitcpka-cnt", DEFAULTS | FRONTS, |ctx, draft, _| probes(ctx, &mut draft.proxy.client_keepalive.count)),
    done("clitcpka-idle", DEFAULTS | FRONTS, |ctx, draft, _| seconds(ctx, &mut draft.proxy.client_keepalive.idle)),
    done("clitcpka-intvl", DEFAULTS | FRONTS, |ctx, draft, _| {
        seconds(ctx, &mut draft.proxy.client_keepalive.interval);
    }),
    done("srvtcpka-cnt", DEFAULTS | BACKS, |ctx, draft, _| probes(ctx, &mut draft.proxy.server_keepalive.count)),
    done("srvtcpka-idle", DEFAULTS | BACKS, |ctx, draft, _| seconds(ctx, &mut draft.proxy.server_keepalive.idle)),
    done("srvtcpka-intvl", DEFAULTS | BACKS, |ctx, draft, _| {
        seconds(ctx, &mut draft.proxy.server_keepalive.interval);
    }),
    done("disabled", ANY, |ctx, draft, _| {
        if ctx.at_most(1, 0) {
            draft.proxy.disabled = true;
        }
    }),
    done("enabled", ANY, |ctx, draft, _| {
        if ctx.at_most(1, 0) {
            draft.proxy.disabled = false;
        }
    }),
];

fn count(ctx: &mut Ctx, value: &mut Option<u32>) {
    if ctx.word(1).is_empty() {
        return ctx.alert(format!("'{}' expects an integer argument.", ctx.word(0)));
    }
    if ctx.at_most(1, 1) {
        *value = Some(ctx.lax_number(1).max(0) as u32);
    }
}

fn rate_limit(ctx: &mut Ctx, draft: &mut Draft, _: &crate::config::Global) {
    let word = ctx.word(2);
    if word.is_empty() {
        return ctx.alert("'rate-limit sessions' expects an integer value");
    }
    match word.chars().find(|character| !character.is_ascii_digit()) {
        Some(bad) => {
            ctx.alert(format!("'rate-limit sessions' : unexpected character '{bad}' in integer value '{word}'"))
        }
        None => draft.proxy.limits.rate_limit_sessions = word.parse().ok(),
    }
}

/// Statuses `retry-on` takes.
const RETRIED: [u16; 10] = [401, 403, 404, 408, 425, 500, 501, 502, 503, 504];

fn retry_on(ctx: &mut Ctx, draft: &mut Draft, _: &crate::config::Global) {
    if ctx.word(1).is_empty() {
        return ctx.alert("'retry-on' needs at least one keyword to specify when to retry");
    }
    let mut on = RetryOn { conn_failure: false, ..RetryOn::default() };
    for word in ctx.rest(1) {
        match word.as_str() {
            "none" => on = RetryOn { conn_failure: false, ..RetryOn::default() },
            "conn-failure" => on.conn_failure = true,
            "empty-response" => on.empty_response = true,
            "junk-response" => on.junk_response = true,
            "response-timeout" => on.response_timeout = true,
            "0rtt-rejected" => on.zero_rtt_rejected = true,
            "all-retryable-errors" => {
                on = RetryOn {
                    conn_failure: true,
                    empty_response: true,
                    junk_response: true,
                    response_timeout: true,
                    zero_rtt_rejected: true,
                    statuses: vec![500, 502, 503, 504],
                };
            }
            word => match word.parse().ok().filter(|status| RETRIED.contains(status)) {
                Some(status) => on.statuses.push(status),
                None => return ctx.alert(format!("'retry-on': unknown keyword '{word}'")),
            },
        }
    }
    draft.proxy.retry_on = on;
}

fn http_reuse(ctx: &mut Ctx, draft: &mut Draft, _: &crate::config::Global) {
    draft.proxy.http_reuse = match ctx.word(1) {
        "never" => HttpReuse::Never,
        "safe" => HttpReuse::Safe,
        "aggressive" => HttpReuse::Aggressive,
        "always" => HttpReuse::Always,
        _ => return ctx.alert("'http-reuse' only supports 'never', 'safe', 'aggressive', 'always'."),
    };
    ctx.at_most(1, 1);
}

fn probes(ctx: &mut Ctx, value: &mut Option<u32>) {
    let (name, word) = (ctx.word(0), ctx.word(1));
    match word.chars().find(|character| !character.is_ascii_digit()) {
        _ if word.is_empty() => ctx.alert(format!("'{name}' expects an integer value")),
        Some(bad) => ctx.alert(format!("'{name}' : unexpected character '{bad}' in integer value '{word}'")),
        None => *value = word.parse().ok(),
    }
}

fn seconds(ctx: &mut Ctx, value: &mut Option<Duration>) {
    let (name, word) = (ctx.word(0), ctx.word(1));
    match values::time_in(word, Duration::from_secs(1)) {
        Ok(time) => *value = Some(time),
        Err(_) if word.is_empty() => ctx.alert(format!("'{name}' expects an integer value")),
        Err(wrong) => ctx.alert(format!("unexpected character '{wrong}' in argument to <{name}>.")),
    }
}
