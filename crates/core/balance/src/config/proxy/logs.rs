//! What a proxy logs, where, and in which words.

use super::general::ignored_in_backend;
use super::{Draft, Log, Read};
use crate::config::global::log_target;
use crate::config::keyword::{ANY, BACKS, DEFAULTS, FRONTS, Keyword, done};
use crate::config::line::{Ctx, Modifier};
use crate::config::model::{Capability, Capture, Global, Place, Proxy};
use crate::config::problem::Level;

/// Without a backend's right to warn of them: they have a message of their own.
const FRONT: u8 = DEFAULTS | FRONTS;

pub(super) const KEYWORDS: &[Keyword<Read>] = &[
    done("log", ANY, log),
    done("log-tag", ANY, |ctx, draft, _| match ctx.word(1) {
        "" => ctx.alert("'log-tag' expects a tag for use in syslog."),
        tag => draft.proxy.log_tag = Some(tag.to_owned()),
    }),
    done("log-format", FRONT, |ctx, draft, _| {
        if let Some(format) = format(ctx, draft) {
            say_overridden(ctx, &draft.proxy, "log-format", false);
            let options = &mut draft.proxy.options;
            (options.tcplog, options.httplog, options.httpslog, options.httplog_clf) = (false, false, false, false);
            draft.httplog = None;
            draft.proxy.log_formats.main = Some(format);
        }
    }),
    done("log-format-sd", FRONT, |ctx, draft, _| {
        if let Some(format) = format(ctx, draft) {
            draft.proxy.log_formats.structured_data = Some(format);
        }
    }),
    done("error-log-format", FRONT, |ctx, draft, _| {
        if let Some(format) = format(ctx, draft) {
            draft.proxy.log_formats.error = Some(format);
        }
    }),
    done("unique-id-format", FRONT, |ctx, draft, _| {
        if let Some(format) = format(ctx, draft) {
            draft.proxy.unique_id.format = Some(format);
        }
    }),
    done("unique-id-header", FRONT, |ctx, draft, _| match ctx.word(1) {
        "" => ctx.alert("unique-id-header expects an argument."),
        name => draft.proxy.unique_id.header = Some(name.to_owned()),
    }),
    done("capture cookie", FRONTS, capture_cookie),
    done("capture request header", FRONTS, |ctx, draft, _| {
        if let Some(capture) = capture(ctx) {
            draft.proxy.captures_request.push(capture);
        }
    }),
    done("capture response header", FRONTS, |ctx, draft, _| {
        if let Some(capture) = capture(ctx) {
            draft.proxy.captures_response.push(capture);
        }
    }),
    done("declare capture", FRONTS, declare),
    done("declare", FRONTS | BACKS, |ctx, _, _| {
        ctx.alert("'declare' needs a second keyword that specify the type of declaration ('capture')");
    }),
];

fn log(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    if ctx.modifier == Modifier::No {
        if ctx.words.len() > 1 {
            return ctx.alert("log : 'no log' does not expect arguments");
        }
        return draft.logs.clear();
    }
    if ctx.word(1) == "global" && ctx.words.len() == 2 {
        return draft.logs.push(Log::Global);
    }
    // 'log global' with more behind it has no facility of that name.
    if ctx.word(1) == "global" {
        return ctx.alert(format!("log : unknown log facility '{}'", ctx.word(2)));
    }
    match log_target(ctx) {
        Ok(target) => draft.logs.push(Log::Own(target)),
        Err(error) => ctx.alert(format!("log : {error}")),
    }
}

/// Says in `defaults` that a format takes the place of another one.
pub(super) fn say_overridden(ctx: &mut Ctx, proxy: &Proxy, new: &str, is_option: bool) {
    let options = &proxy.options;
    let old = match () {
        () if proxy.log_formats.main.is_some() => "log-format",
        () if options.tcplog => "option tcplog",
        () if options.httpslog => "option httpslog",
        () if options.httplog => "option httplog",
        () => return,
    };
    let new = if is_option { format!("option {new}") } else { new.to_owned() };
    if proxy.capability == Capability::Defaults && old != new {
        let place = &ctx.report.place;
        let text = format!("parsing [{place}]: '{new}' overrides previous '{old}' in 'defaults' section.");
        ctx.report.push(Level::Warning, text);
    }
}

fn format(ctx: &mut Ctx, draft: &Draft) -> Option<(Place, String)> {
    let name = ctx.word(0);
    if ctx.word(1).is_empty() {
        ctx.alert(format!("{name} expects an argument."));
        return None;
    }
    if ctx.words.len() > 2 {
        ctx.alert(format!("{name} expects only one argument, don't forget to escape spaces!"));
        return None;
    }
    let about_log = name.contains("log-format");
    if about_log && ignored_in_backend(ctx, draft) {
        return None;
    }
    Some((ctx.report.place.clone(), ctx.word(1).to_owned()))
}

/// `capture cookie <name> len <n>`.
fn capture_cookie(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    if ctx.word(4).is_empty() {
        return ctx.alert("'capture' expects 'cookie' <cookie_name> 'len' <len>.");
    }
    let len = ctx.lax_number(4).max(0) as usize;
    draft.proxy.capture_cookie = Some(Capture { name: ctx.word(2).to_owned(), len });
}

/// `capture request header <name> len <n>`.
fn capture(ctx: &mut Ctx) -> Option<Capture> {
    let (direction, name) = (ctx.word(1), ctx.word(3));
    if name.is_empty() || ctx.word(4) != "len" || ctx.word(5).is_empty() {
        ctx.alert(format!("'capture {direction}' expects 'header' <header_name> 'len' <len>."));
        return None;
    }
    if let Some(extra) = ctx.words.get(6) {
        ctx.alert(format!("'capture {direction}' cannot handle unexpected argument '{extra}'."));
        return None;
    }
    Some(Capture { name: name.to_owned(), len: ctx.lax_number(5).max(0) as usize })
}

/// `declare capture request|response len <n>`: a slot that rules fill; it has no header's name.
fn declare(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    let proxy = &mut draft.proxy;
    let slots = match ctx.word(2) {
        "request" => &mut proxy.captures_request,
        "response" => &mut proxy.captures_response,
        _ => return ctx.alert("'declare capture' requires a direction ('request' or 'response')"),
    };
    let len = ctx.word(4);
    match len.parse() {
        _ if ctx.word(3) != "len" || len.is_empty() => {
            ctx.alert("'declare capture' requires a capture length ('len')");
        }
        Ok(len @ 1..) => slots.push(Capture { name: String::new(), len }),
        _ => ctx.alert("'declare capture': cannot parse the length 'len'."),
    }
}
