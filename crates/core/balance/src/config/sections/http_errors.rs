//! `http-errors` (manual, section 3.8): answers by status, which proxies take with `errorfiles`.

use crate::config::keyword::{ANY, Keyword, done};
use crate::config::line::Ctx;
use crate::config::model::HttpErrors;
use crate::config::proxy::error_file;

pub(in crate::config) type Read = fn(&mut Ctx, &mut HttpErrors);

pub(in crate::config) const KEYWORDS: &[Keyword<Read>] = &[done("errorfile", ANY, errorfile)];

pub(in crate::config) fn open(ctx: &mut Ctx) -> Option<HttpErrors> {
    Some(HttpErrors { name: super::name(ctx)?.to_owned(), ..HttpErrors::default() })
}

pub(in crate::config) fn line(ctx: &mut Ctx, errors: &mut HttpErrors) {
    super::line(ctx, KEYWORDS, errors, "http-errors");
}

fn errorfile(ctx: &mut Ctx, errors: &mut HttpErrors) {
    let path = ctx.word(2);
    if ctx.word(1).is_empty() || path.is_empty() {
        return ctx.alert("errorfile: expects <status_code> and <file> as arguments.");
    }
    if let Some((status, content)) = error_file(ctx, ctx.word(1), path) {
        errors.files.insert(status, (path.to_owned(), content));
    }
}
