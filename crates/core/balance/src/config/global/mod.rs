//! The `global` section (manual, section 3).

mod log;
mod process;
mod stats;
mod tls;
mod tune;
mod variables;

pub(super) use log::target as log_target;

use super::keyword::{self, Fate, Keyword};
use super::line::{Ctx, Modifier};
use super::model::Global;
use super::suggest;

/// Reads the words of a line into the section.
type Read = fn(&mut Ctx, &mut Global);

/// All keywords of the section, by topic.
pub(super) const TABLES: [&[Keyword<Read>]; 6] =
    [process::KEYWORDS, log::KEYWORDS, stats::KEYWORDS, tls::KEYWORDS, tune::KEYWORDS, variables::KEYWORDS];

pub(super) fn line(ctx: &mut Ctx, global: &mut Global) {
    let Some(keyword) = keyword::find(&TABLES, ctx.words) else { return unknown(ctx) };
    match keyword.fate {
        Fate::Done(read) => read(ctx, global),
        Fate::Ignored(reason) => ctx.report.ignore(keyword.name, reason),
        Fate::Refused(reason, cure) => ctx.refuse(keyword.name, reason, cure),
    }
}

fn unknown(ctx: &mut Ctx) {
    let word = ctx.word(0);
    if word == "stats" {
        let (only, got) = ("'stats' only supports 'socket', 'maxconn', 'bind-process' and 'timeout'", ctx.word(1));
        return ctx.alert(format!("{only} (got '{got}')"));
    }
    let known = TABLES.iter().flat_map(|table| table.iter()).map(|keyword| keyword.name);
    let known = known.map(|name| name.split(' ').next().unwrap_or(name));
    ctx.alert(match suggest::best(word, known) {
        Some(best) => format!("unknown keyword '{word}' in 'global' section; did you mean '{best}' maybe ?"),
        None => format!("unknown keyword '{word}' in 'global' section"),
    });
}

/// A switch without arguments, which `no` turns off.
fn switch(ctx: &mut Ctx, on: &mut bool) {
    if ctx.at_most(1, 0) {
        *on = ctx.modifier == Modifier::None;
    }
}

/// A number of connections or per second.
fn count(ctx: &mut Ctx, value: &mut Option<u32>) {
    if !ctx.at_most(1, 1) {
        return;
    }
    if ctx.word(1).is_empty() {
        return ctx.alert(format!("'{}' expects an integer argument.", ctx.word(0)));
    }
    *value = Some(ctx.lax_number(1).max(0) as u32);
}

/// One word that is kept; `expects` is said where it is missing.
fn text(ctx: &mut Ctx, value: &mut Option<String>, expects: &str) {
    if !ctx.at_most(1, 1) {
        return;
    }
    match ctx.word(1) {
        "" => ctx.alert(format!("'{}' {expects}", ctx.word(0))),
        word => *value = Some(word.to_owned()),
    }
}
