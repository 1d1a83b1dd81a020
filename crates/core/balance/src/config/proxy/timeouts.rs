//! `timeout` lines.

use super::{Draft, Read};
use crate::config::keyword::{ANY, BACKS, DEFAULTS, FRONTS, Keyword, done};
use crate::config::line::Ctx;
use crate::config::model::Timeouts;
use crate::config::values::{self, TIME_MAX_TEXT, Wrong};
use std::time::Duration;

pub(super) const KEYWORDS: &[Keyword<Read>] = &[
    done("timeout check", DEFAULTS | BACKS, |ctx, draft, _| timeout(ctx, draft, |timeouts| &mut timeouts.check)),
    done("timeout client", DEFAULTS | FRONTS, |ctx, draft, _| timeout(ctx, draft, |timeouts| &mut timeouts.client)),
    done("timeout client-fin", DEFAULTS | FRONTS, |ctx, draft, _| {
        timeout(ctx, draft, |timeouts| &mut timeouts.client_fin);
    }),
    done("timeout connect", DEFAULTS | BACKS, |ctx, draft, _| timeout(ctx, draft, |timeouts| &mut timeouts.connect)),
    done("timeout http-keep-alive", ANY, |ctx, draft, _| {
        timeout(ctx, draft, |timeouts| &mut timeouts.http_keep_alive);
    }),
    done("timeout http-request", ANY, |ctx, draft, _| timeout(ctx, draft, |timeouts| &mut timeouts.http_request)),
    done("timeout queue", DEFAULTS | BACKS, |ctx, draft, _| timeout(ctx, draft, |timeouts| &mut timeouts.queue)),
    done("timeout server", DEFAULTS | BACKS, |ctx, draft, _| timeout(ctx, draft, |timeouts| &mut timeouts.server)),
    done("timeout server-fin", DEFAULTS | BACKS, |ctx, draft, _| {
        timeout(ctx, draft, |timeouts| &mut timeouts.server_fin);
    }),
    done("timeout tarpit", ANY, |ctx, draft, _| timeout(ctx, draft, |timeouts| &mut timeouts.tarpit)),
    done("timeout tunnel", DEFAULTS | BACKS, |ctx, draft, _| timeout(ctx, draft, |timeouts| &mut timeouts.tunnel)),
];

/// Time 0 is no timeout, as none at all.
fn timeout(ctx: &mut Ctx, draft: &mut Draft, which: fn(&mut Timeouts) -> &mut Option<Duration>) {
    let (name, word) = (format!("timeout {}", ctx.word(1)), ctx.word(2));
    if word.is_empty() {
        return ctx.alert(format!("'{name}' expects an integer value (in milliseconds)"));
    }
    let time = match values::time(word) {
        Ok(time) => time,
        Err(Wrong::Overflow) => {
            return ctx.alert(format!("timer overflow in argument '{word}' to '{name}' ({TIME_MAX_TEXT})"));
        }
        Err(wrong) => return ctx.alert(format!("unexpected character '{wrong}' in '{name}'")),
    };
    if let Some(extra) = ctx.words.get(3) {
        return ctx.alert(format!("'{name}' : unexpected extra argument '{extra}' after value '{word}'."));
    }
    *which(&mut draft.proxy.timeouts) = (!time.is_zero()).then_some(time);
}
