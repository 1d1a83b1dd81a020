//! What is sent instead of an answer: `errorfile`, `errorfiles`, `errorloc*`, `http-error`.

use super::{Draft, Read};
use crate::config::Global;
use crate::config::keyword::{ANY, Keyword, done};
use crate::config::line::Ctx;
use crate::config::model::Error;
use std::sync::Arc;

/// Statuses an answer can be set for.
pub(in crate::config) const STATUSES: [u16; 19] =
    [200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 421, 422, 425, 429, 500, 501, 502, 503, 504];

pub(super) const KEYWORDS: &[Keyword<Read>] = &[
    done("errorfile", ANY, errorfile),
    done("errorfiles", ANY, errorfiles),
    done("errorloc", ANY, |ctx, draft, _| location(ctx, draft, 302)),
    done("errorloc302", ANY, |ctx, draft, _| location(ctx, draft, 302)),
    done("errorloc303", ANY, |ctx, draft, _| location(ctx, draft, 303)),
    done("http-error", ANY, http_error),
];

/// A status an answer can be set for, or the message.
pub(in crate::config) fn status(ctx: &mut Ctx, word: &str) -> Option<u16> {
    let status = word.parse().ok().filter(|status| STATUSES.contains(status));
    if status.is_none() {
        let name = ctx.word(0);
        ctx.alert(format!("{name} : status code '{word}' not handled."));
    }
    status
}

/// The answer in a file, or the message.
pub(in crate::config) fn file(ctx: &mut Ctx, path: &str) -> Option<Arc<[u8]>> {
    let name = ctx.word(0);
    match ctx.files.read(path.as_ref()) {
        Err(_) => ctx.alert(format!("{name} : error opening file '{path}'.")),
        Ok(content) => match well_formed(&content) {
            Ok(()) => return Some(content.into()),
            Err(error) => ctx.alert(format!("{name} : '{path}': {error}")),
        },
    }
    None
}

/// An empty file says that nothing is sent; any other is a whole HTTP/1 answer.
fn well_formed(content: &[u8]) -> Result<(), String> {
    if content.is_empty() {
        return Ok(());
    }
    let mut headers = [httparse::EMPTY_HEADER; 101];
    let mut response = httparse::Response::new(&mut headers);
    // HAProxy's own files end their lines with LF alone here and there, which its reader lets pass.
    match response.parse(content) {
        Ok(httparse::Status::Complete(_)) => Ok(()),
        Ok(httparse::Status::Partial) => Err("unable to parse headers (error offset: 0)".into()),
        Err(_) => Err("unable to parse headers (error offset: 0)".into()),
    }
}

fn errorfile(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    let path = ctx.word(2);
    if ctx.word(1).is_empty() || path.is_empty() {
        return ctx.alert("errorfile : expects <status_code> and <file> as arguments.\n");
    }
    let Some(status) = status(ctx, ctx.word(1)) else { return };
    if let Some(content) = file(ctx, path) {
        draft.proxy.errors.insert(status, Error::Raw { path: path.to_owned(), content });
    }
}

fn errorfiles(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    let name = ctx.word(1);
    if name.is_empty() {
        return ctx.alert("errorfiles : expects <name> as argument.");
    }
    let mut statuses = vec![];
    for word in ctx.rest(2) {
        match status(ctx, word) {
            Some(status) => statuses.push(status),
            None => return,
        }
    }
    draft.errorfiles.push((ctx.report.place.clone(), name.to_owned(), statuses));
}

fn location(ctx: &mut Ctx, draft: &mut Draft, with: u16) {
    let (name, url) = (ctx.word(0), ctx.word(2));
    if url.is_empty() {
        return ctx.alert(format!("{name} : expects <status_code> and <url> as arguments.\n"));
    }
    if let Some(status) = status(ctx, ctx.word(1)) {
        draft.proxy.errors.insert(status, Error::Redirect { status: with, location: url.to_owned() });
    }
}

/// `http-error status <code> [errorfile|errorfiles|file|lf-file|string|lf-string|hdr ...]`.
fn http_error(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    if ctx.word(1).is_empty() {
        return ctx.alert("http-error : expects at least a <status> as arguments.");
    }
    let at = ctx.words.iter().position(|word| word == "status");
    let Some(at) = at.filter(|at| !ctx.word(at + 1).is_empty()) else {
        return ctx.alert("http-error : 'status' expects <status_code> as argument");
    };
    let Some(status) = status(ctx, ctx.word(at + 1)) else { return };
    let from = ctx.words.iter().position(|word| word == "errorfile");
    let error = match from.map(|from| ctx.word(from + 1)) {
        Some(path) => match file(ctx, path) {
            Some(content) => Error::Raw { path: path.to_owned(), content },
            None => return,
        },
        None => Error::Built(ctx.line()),
    };
    draft.proxy.errors.insert(status, error);
}
