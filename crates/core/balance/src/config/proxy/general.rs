//! A proxy's sockets, servers, mode, names, and how it chooses.

use super::{Draft, Read, kind, section_word};
use crate::config::keyword::{ANY, BACKS, DEFAULTS, FRONTS, Keyword, done, ignored, refused};
use crate::config::line::Ctx;
use crate::config::model::{Capability, Global, Mode};
use crate::config::{bind, server};
use crate::pick::{Algorithm, HashType};
use crate::rules::forward::parse_name_header;
use std::sync::Arc;

const NO_DISPATCH: &str = "a backend connects to its servers alone";
const NO_PROGRAMS: &str = "no program is started to check a server";
const NO_MAIL: &str = "no mail is sent; watch the log or the metrics";
const NO_SERVICES: &str = "the answer would come from elsewhere";

pub(super) const KEYWORDS: &[Keyword<Read>] = &[
    done("bind", FRONTS, bind_line),
    done("server", BACKS, server_line),
    done("server-template", BACKS, server_template),
    done("default-server", DEFAULTS | BACKS, |ctx, draft, global| {
        server::default_server(ctx, &mut draft.default_server, global);
    }),
    done("mode", ANY, mode),
    done("id", FRONTS | BACKS, id),
    done("description", FRONTS | BACKS, description),
    done("balance", DEFAULTS | BACKS, balance),
    done("hash-type", DEFAULTS | BACKS, hash_type),
    done("hash-balance-factor", DEFAULTS | BACKS, hash_balance_factor),
    done("default_backend", DEFAULTS | FRONTS, default_backend),
    refused("dispatch", BACKS, NO_DISPATCH, "write a 'server' line"),
    refused("transparent", DEFAULTS | BACKS, NO_DISPATCH, "write a 'server' line"),
    done("source", DEFAULTS | BACKS, |ctx, draft, global| {
        if let Some(source) = server::source(ctx, global) {
            draft.proxy.source = Some(source);
        }
    }),
    done("dynamic-cookie-key", DEFAULTS | BACKS, |ctx, draft, _| match ctx.word(1) {
        "" => ctx.alert("'dynamic-cookie-key' expects <secret_key> as argument."),
        key => draft.proxy.dynamic_cookie_key = Some(key.to_owned()),
    }),
    done("load-server-state-from-file", DEFAULTS | BACKS, load_server_state),
    done("server-state-file-name", DEFAULTS | BACKS, |ctx, draft, _| {
        let name = Some(ctx.word(1)).filter(|name| !["", "use-backend-name"].contains(name));
        draft.proxy.server_state_file_name = name.map(str::to_owned);
    }),
    done("http-send-name-header", DEFAULTS | BACKS, |ctx, draft, _| match parse_name_header(ctx.rest(1)) {
        Ok(name) => draft.proxy.http_send_name_header = Some(name),
        Err(error) => ctx.alert(error),
    }),
    ignored("external-check command", DEFAULTS | BACKS, NO_PROGRAMS),
    ignored("external-check path", DEFAULTS | BACKS, NO_PROGRAMS),
    ignored("bind-process", ANY, "there is one process"),
    ignored("email-alert from", ANY, NO_MAIL),
    ignored("email-alert level", ANY, NO_MAIL),
    ignored("email-alert mailers", ANY, NO_MAIL),
    ignored("email-alert myhostname", ANY, NO_MAIL),
    ignored("email-alert to", ANY, NO_MAIL),
    refused("use-fcgi-app", BACKS, NO_SERVICES, "put a server that speaks FastCGI's HTTP side before it"),
    ignored("filter compression", FRONTS | BACKS, "compression needs no place among filters"),
    ignored("filter trace", FRONTS | BACKS, "a tool for HAProxy's own debugging"),
    refused("filter spoe", FRONTS | BACKS, "SPOE agents are not spoken to", "use rules, or a server that decides"),
    refused("filter cache", FRONTS | BACKS, "nothing is cached", "put a cache among the servers"),
    refused("filter fcgi-app", FRONTS | BACKS, NO_SERVICES, "speak HTTP to the servers"),
    ignored("filter opentracing", FRONTS | BACKS, "traces are not sent"),
];

fn bind_line(ctx: &mut Ctx, draft: &mut Draft, global: &Global) {
    match bind::parse(ctx, section_word(draft.proxy.capability), global) {
        Ok(read) => {
            let certificates = !read.tls.crt.is_empty() || !read.tls.crt_list.is_empty();
            if certificates && !read.ssl {
                draft.idle_certificates.push((read.bind.text.clone(), read.bind.place.clone()));
            }
            draft.proxy.binds.push(read.bind);
        }
        Err(error) => ctx.alert(error),
    }
}

fn server_line(ctx: &mut Ctx, draft: &mut Draft, global: &Global) {
    if let Some(server) = server::server(ctx, &draft.proxy.name, &draft.default_server, global) {
        draft.proxy.servers.push(Arc::new(server));
    }
}

fn server_template(ctx: &mut Ctx, draft: &mut Draft, global: &Global) {
    let servers = server::template(ctx, &draft.proxy.name, &draft.default_server, global);
    draft.proxy.servers.extend(servers.into_iter().map(Arc::new));
}

fn mode(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    if !ctx.at_most(1, 1) {
        return;
    }
    draft.proxy.mode = match ctx.word(1) {
        "tcp" => Mode::Tcp,
        "http" => Mode::Http,
        "health" => {
            return ctx
                .alert("'mode health' doesn't exist anymore. Please use 'http-request return status 200' instead.");
        }
        word => return ctx.alert(format!("unknown proxy mode '{word}'.")),
    };
}

fn id(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    if !ctx.at_most(1, 1) {
        return;
    }
    if ctx.word(1).is_empty() {
        return ctx.report.alert_tight("'id' expects an integer argument.");
    }
    match crate::config::values::leading_number(ctx.word(1)) {
        id @ 1.. => {
            (draft.proxy.id, draft.proxy.id_given) = (id as u32, true);
            draft.id = Some(ctx.report.place.clone());
        }
        _ => ctx.report.alert_tight("custom id has to be > 0."),
    }
}

fn load_server_state(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    match ctx.word(1) {
        word @ ("global" | "local" | "none") => draft.proxy.load_server_state = Some(word.to_owned()),
        word => ctx.alert(format!("'load-server-state-from-file' expects 'global', 'local' or 'none'. Got '{word}'")),
    }
}

fn description(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    if ctx.word(1).is_empty() {
        return ctx.report.alert_tight("'description' expects a string argument.");
    }
    draft.proxy.description = Some(ctx.rest(1).join(" "));
}

fn balance(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    match Algorithm::parse(ctx.rest(1)) {
        Ok(_) => draft.proxy.balance = Some(ctx.line()),
        Err(error) => ctx.alert(error),
    }
}

fn hash_type(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    match HashType::parse(ctx.rest(1)) {
        Ok(_) => draft.proxy.hash_type = Some(ctx.line()),
        Err(error) => ctx.alert(error),
    }
}

fn hash_balance_factor(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    match HashType::parse_balance_factor(ctx.rest(1)) {
        Ok(factor) => draft.proxy.hash_balance_factor = factor,
        Err(error) => ctx.alert(error),
    }
}

fn default_backend(ctx: &mut Ctx, draft: &mut Draft, _: &Global) {
    if ctx.word(1).is_empty() {
        return ctx.alert("'default_backend' expects a backend name.");
    }
    if ctx.at_most(1, 1) {
        draft.proxy.default_backend = Some(ctx.word(1).to_owned());
    }
}

/// A message about a keyword that means nothing in a backend.
pub(super) fn ignored_in_backend(ctx: &mut Ctx, draft: &Draft) -> bool {
    let proxy = &draft.proxy;
    if proxy.capability != Capability::Backend {
        return false;
    }
    let (kind, name, word) = (kind(proxy.capability), &proxy.name, ctx.word(0));
    ctx.warn(format!("{kind} '{name}' : '{word}' directive is ignored in backends."));
    true
}
