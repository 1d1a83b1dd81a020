//! `option` lines.

use super::forwarded::{forwardfor, originalto};
use super::{Draft, Read, kind};
use crate::config::keyword::{ANY, BACKS, DEFAULTS, FRONTS, Keyword, done, ignored, refused};
use crate::config::line::{Ctx, Modifier};
use crate::config::model::{Capability, HttpClose, Options};
use crate::config::problem::Level;

const SPLICE: &str = "large transfers are spliced in any case";
const ACKS: &str = "acknowledgements are the kernel's";
const NO_DISPATCH: &str = "a backend connects to its servers alone";
const NO_PROGRAMS: &str = "no program is started to check a server";
const FRONT: u8 = DEFAULTS | FRONTS;
const BACK: u8 = DEFAULTS | BACKS;

/// A row of an option that is a field.
macro_rules! field {
    ($name:literal, $sections:expr, $field:ident) => {
        done(concat!("option ", $name), $sections, |ctx, draft, _| {
            if let Some(on) = switch(ctx) {
                draft.proxy.options.$field = on;
            }
        })
    };
}

pub(super) const KEYWORDS: &[Keyword<Read>] = &[
    field!("abortonclose", BACK, abortonclose),
    field!("accept-invalid-http-request", FRONT, accept_invalid_http_request),
    field!("accept-invalid-http-response", BACK, accept_invalid_http_response),
    field!("allbackups", BACK, allbackups),
    field!("checkcache", BACK, checkcache),
    field!("clitcpka", FRONT, clitcpka),
    ignored("option contstats", FRONT, "bytes are counted when a session ends"),
    field!("disable-h2-upgrade", FRONT, disable_h2_upgrade),
    field!("dontlog-normal", FRONT, dontlog_normal),
    field!("dontlognull", FRONT, dontlognull),
    done("option forwardfor", ANY, forwardfor),
    field!("h1-case-adjust-bogus-client", FRONT, h1_case_adjust_bogus_client),
    field!("h1-case-adjust-bogus-server", BACK, h1_case_adjust_bogus_server),
    field!("http-buffer-request", ANY, http_buffer_request),
    field!("http-ignore-probes", FRONT, http_ignore_probes),
    done("option http-keep-alive", ANY, |ctx, draft, _| close_mode(ctx, draft, HttpClose::KeepAlive)),
    done("option http-server-close", ANY, |ctx, draft, _| close_mode(ctx, draft, HttpClose::ServerClose)),
    done("option httpclose", ANY, |ctx, draft, _| close_mode(ctx, draft, HttpClose::Close)),
    ignored("option http-no-delay", ANY, "segments are never held back"),
    field!("http-pretend-keepalive", BACK, http_pretend_keepalive),
    done("option http-restrict-req-hdr-names", ANY, restrict_names),
    field!("http-use-proxy-header", FRONT, http_use_proxy_header),
    done("option httplog", ANY, httplog),
    done("option httpslog", ANY, |ctx, draft, _| log_format(ctx, draft, |options| options.httpslog = true)),
    done("option tcplog", ANY, |ctx, draft, _| log_format(ctx, draft, |options| options.tcplog = true)),
    field!("idle-close-on-response", FRONT, idle_close_on_response),
    ignored("option independent-streams", ANY, "each direction counts for its own side"),
    field!("log-health-checks", BACK, log_health_checks),
    field!("log-separate-errors", FRONT, log_separate_errors),
    field!("logasap", FRONT, logasap),
    ignored("option nolinger", ANY, "connections that are given up are reset"),
    done("option originalto", ANY, originalto),
    field!("persist", BACK, persist),
    field!("prefer-last-server", BACK, prefer_last_server),
    done("option redispatch", BACK, redispatch),
    field!("socket-stats", FRONT, socket_stats),
    ignored("option splice-auto", ANY, SPLICE),
    ignored("option splice-request", ANY, SPLICE),
    ignored("option splice-response", ANY, SPLICE),
    field!("srvtcpka", BACK, srvtcpka),
    ignored("option tcp-smart-accept", FRONT, ACKS),
    ignored("option tcp-smart-connect", BACK, ACKS),
    done("option tcpka", ANY, tcpka),
    refused("option transparent", BACK, NO_DISPATCH, "write a 'server' line"),
    // Checks: their owner reads the words when the section is complete.
    done("option httpchk", BACK, check),
    done("option tcp-check", BACK, check),
    done("option ssl-hello-chk", BACK, check),
    done("option smtpchk", BACK, check),
    done("option mysql-check", BACK, check),
    done("option pgsql-check", BACK, check),
    done("option redis-check", BACK, check),
    done("option ldap-check", BACK, check),
    refused("option external-check", BACK, NO_PROGRAMS, "use 'option httpchk' or an agent ('agent-check')"),
    refused("option spop-check", BACK, "SPOE agents are not spoken to", "check them with 'option tcp-check'"),
];

/// What an option without arguments is set to; `None` after a mistake.
fn switch(ctx: &mut Ctx) -> Option<bool> {
    ctx.at_most(2, 0).then_some(ctx.modifier == Modifier::None)
}

/// Says that an option knows no `no`.
fn no_modifier(ctx: &mut Ctx) -> bool {
    if ctx.modifier == Modifier::None {
        return true;
    }
    ctx.report.alert_tight(format!("negation/default is not supported for option '{}'.", ctx.word(1)));
    false
}

/// Of the three ways to treat connections the last one said holds; `no` undoes only its own.
fn close_mode(ctx: &mut Ctx, draft: &mut Draft, mode: HttpClose) {
    let Some(on) = switch(ctx) else { return };
    let current = &mut draft.proxy.options.http_close;
    if on {
        *current = mode;
    } else if *current == mode {
        *current = HttpClose::default();
    }
}

fn restrict_names(ctx: &mut Ctx, draft: &mut Draft, _: &crate::config::Global) {
    if !no_modifier(ctx) || !ctx.at_most(2, 1) {
        return;
    }
    match ctx.word(2) {
        word @ ("preserve" | "delete" | "reject") => {
            draft.proxy.options.http_restrict_req_hdr_names = Some(word.to_owned());
        }
        word => ctx.alert(format!(
            "'option http-restrict-req-hdr-names' only supports 'preserve', 'delete' and 'reject' (got '{word}')."
        )),
    }
}

fn httplog(ctx: &mut Ctx, draft: &mut Draft, _: &crate::config::Global) {
    match ctx.word(2) {
        "" => log_format(ctx, draft, |options| options.httplog = true),
        "clf" if ctx.words.len() == 3 => {
            let words = &ctx.words[..2];
            log_format(&mut ctx.with_words(words), draft, |options| {
                (options.httplog, options.httplog_clf) = (true, true);
            });
        }
        "clf" => _ = ctx.at_most(2, 1),
        _ => ctx.alert("keyword 'httplog' only supports option 'clf'."),
    }
}

/// The format said last holds, whichever way it was said.
fn log_format(ctx: &mut Ctx, draft: &mut Draft, set: fn(&mut Options)) {
    if !no_modifier(ctx) || !ctx.at_most(2, 0) {
        return;
    }
    let proxy = &mut draft.proxy;
    if proxy.capability == Capability::Backend {
        let (kind, name, option) = (kind(proxy.capability), &proxy.name, ctx.word(1));
        ctx.warn(format!("{kind} '{name}' : 'option {option}' directive is ignored in backends."));
    }
    super::logs::say_overridden(ctx, proxy, ctx.word(1), true);
    proxy.log_formats.main = None;
    draft.httplog = (ctx.word(1) != "tcplog").then(|| ctx.report.place.clone());
    let options = &mut proxy.options;
    (options.tcplog, options.httplog, options.httpslog, options.httplog_clf) = (false, false, false, false);
    set(options);
}

fn redispatch(ctx: &mut Ctx, draft: &mut Draft, _: &crate::config::Global) {
    if !ctx.at_most(2, 1) {
        return;
    }
    let interval = match ctx.word(2) {
        "" => -1,
        _ => ctx.lax_number(2),
    };
    draft.proxy.options.redispatch = (ctx.modifier == Modifier::None && interval != 0).then_some(interval);
}

fn tcpka(ctx: &mut Ctx, draft: &mut Draft, _: &crate::config::Global) {
    if !no_modifier(ctx) || !ctx.at_most(2, 0) {
        return;
    }
    let (capability, options) = (draft.proxy.capability, &mut draft.proxy.options);
    options.clitcpka |= capability != Capability::Backend;
    options.srvtcpka |= capability != Capability::Frontend;
}

/// One kind of check at a time: the last `option` holds. All are kept, so that mistakes in any of them are found.
fn check(ctx: &mut Ctx, draft: &mut Draft, _: &crate::config::Global) {
    // Headers once stood behind the version, for lack of another place.
    if ctx.word(1) == "httpchk" && ctx.word(4).contains("\r\n") {
        let text = "'option httpchk' : hiding headers or body at the end of the version string is deprecated. Please, \
                    consider to use 'http-check send' directive instead.";
        let text = format!("parsing [{}]: {text}", ctx.report.place);
        ctx.report.push(Level::Warning, text);
    }
    if no_modifier(ctx) {
        draft.proxy.check.push(ctx.line());
    }
}
