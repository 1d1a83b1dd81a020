//! `stats` lines of a proxy: its page of statistics.

use super::{Draft, Read};
use crate::config::Global;
use crate::config::keyword::{ANY, BACKS, FRONTS, Keyword, done, ignored};
use crate::config::line::Ctx;
use crate::config::model::StatsPage;
use crate::config::values::{self, TIME_MAX_TEXT, Wrong};
use std::time::Duration;

pub(super) const KEYWORDS: &[Keyword<Read>] = &[
    done("stats admin", FRONTS | BACKS, admin),
    done("stats auth", ANY, auth),
    done("stats enable", ANY, |_, draft, _| _ = page(draft)),
    done("stats hide-version", ANY, |_, draft, _| page(draft).hide_version = true),
    done("stats http-request", FRONTS | BACKS, |ctx, draft, _| {
        let line = ctx.line();
        page(draft).http_request.push(line);
    }),
    done("stats realm", ANY, |ctx, draft, _| match ctx.word(2) {
        "" => ctx.alert("'realm' needs an realm name."),
        realm => page(draft).realm = realm.to_owned(),
    }),
    done("stats refresh", ANY, refresh),
    done("stats scope", ANY, |ctx, draft, _| match ctx.word(2) {
        "" => ctx.alert("'scope' needs a proxy name."),
        name => page(draft).scope.push(name.to_owned()),
    }),
    done("stats show-desc", ANY, |ctx, draft, _| {
        let text = ctx.rest(2).join(" ");
        page(draft).show_desc = Some((!text.is_empty()).then_some(text));
    }),
    done("stats show-legends", ANY, |_, draft, _| page(draft).show_legends = true),
    ignored("stats show-modules", ANY, "the page has no numbers of modules"),
    done("stats show-node", ANY, show_node),
    done("stats uri", ANY, |ctx, draft, _| match ctx.word(2) {
        "" => ctx.alert("'uri' needs an URI prefix."),
        uri => page(draft).uri = uri.to_owned(),
    }),
];

fn page(draft: &mut Draft) -> &mut StatsPage {
    draft.proxy.stats.get_or_insert_default()
}

fn admin(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    if !matches!(ctx.word(2), "if" | "unless") {
        return ctx.alert("'stats admin' requires either 'if' or 'unless' followed by a condition.");
    }
    let line = ctx.line();
    page(draft).admin.push(line);
}

fn auth(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    match ctx.word(2) {
        "" => ctx.alert("'auth' needs a user:password account."),
        account => {
            let (user, password) = account.split_once(':').unwrap_or((account, ""));
            page(draft).auth.push((user.to_owned(), password.to_owned()));
        }
    }
}

/// A bare number counts seconds.
fn refresh(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    let word = ctx.word(2);
    match values::time_in(word, Duration::from_secs(1)) {
        Ok(time) => page(draft).refresh = Some(time),
        Err(Wrong::Overflow) => ctx
            .report
            .alert_tight(format!("timer overflow in argument <{word}> to stats refresh interval ({TIME_MAX_TEXT}).")),
        Err(wrong) => {
            ctx.report.alert_tight(format!("unexpected character '{wrong}' in argument to stats refresh interval."));
        }
    }
}

fn show_node(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    let name = ctx.rest(2).join(" ");
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return ctx.report.alert_tight(
            "'stats show-node' invalid node name - should be a stringwith digits(0-9), letters(A-Z, a-z), hyphen(-) \
             or underscode(_).",
        );
    }
    page(draft).show_node = Some((!name.is_empty()).then_some(name));
}
