//! `stats` lines of `global`: the sockets of the command line.

use super::Read;
use crate::config::bind;
use crate::config::keyword::{ANY, Keyword, done, ignored};
use crate::config::line::Ctx;
use crate::config::model::{Global, StatsSocket};
use crate::config::values::{self, TIME_MAX_TEXT, Wrong};

pub(super) const KEYWORDS: &[Keyword<Read>] = &[
    done("stats socket", ANY, socket),
    done("stats timeout", ANY, timeout),
    done("stats maxconn", ANY, maxconn),
    ignored("stats bind-process", ANY, "there is one process"),
];

fn socket(ctx: &mut Ctx, global: &mut Global) {
    if ctx.word(2).is_empty() {
        return ctx.alert("'stats socket' in global section expects an address or a path to a UNIX socket");
    }
    match bind::stats_socket(ctx, global) {
        Ok((bind, expose_listeners)) => global.stats_sockets.push(StatsSocket { bind, expose_listeners }),
        Err(error) => ctx.alert(format!("'stats socket' : {error}")),
    }
}

fn timeout(ctx: &mut Ctx, global: &mut Global) {
    let word = ctx.word(2);
    match values::time(word) {
        Ok(time) => global.stats_timeout = Some(time),
        Err(Wrong::Overflow) => {
            ctx.alert(format!("timer overflow in argument '{word}' to 'stats timeout' ({TIME_MAX_TEXT})"));
        }
        Err(wrong) => ctx.alert(format!("'stats timeout' : unexpected character '{wrong}'")),
    }
}

fn maxconn(ctx: &mut Ctx, global: &mut Global) {
    match ctx.word(2).parse() {
        Ok(0) | Err(_) => ctx.alert("'stats maxconn' expects a positive value"),
        Ok(count) => global.stats_maxconn = Some(count),
    }
}
