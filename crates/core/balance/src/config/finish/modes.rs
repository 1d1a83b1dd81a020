//! What needs `mode http` and stands where it is not: said, and left out.

use crate::config::model::{Mode, MuxProto, Proxy};
use crate::config::problem::Level;
use crate::config::proxy::{Draft, kind};
use crate::config::report::Report;
use crate::pick::Algorithm;

pub(super) fn cookie(report: &mut Report, proxy: &mut Proxy) {
    if proxy.mode == Mode::Tcp && proxy.cookie.take().is_some() {
        let named = format!("{} '{}'", kind(proxy.capability), proxy.name);
        report.push(Level::Warning, format!("cookie will be ignored for {named} (needs 'mode http')."));
    }
}

pub(super) fn before_timeouts(report: &mut Report, draft: &mut Draft) {
    let proxy = &mut draft.proxy;
    let named = format!("{} '{}'", kind(proxy.capability), proxy.name);
    if proxy.mode == Mode::Tcp {
        if proxy.monitor.uri.take().is_some() {
            report.push(Level::Warning, format!("monitor-uri will be ignored for {named} (needs 'mode http')."));
        }
        if layer_7(proxy) {
            proxy.balance = None;
            let text =
                format!("Layer 7 hash not possible for {named} (needs 'mode http'). Falling back to round robin.");
            report.push(Level::Warning, text);
        }
        let options = &mut proxy.options;
        if let Some(place) = draft.httplog.take() {
            let option = if options.httpslog { "httpslog" } else { "httplog" };
            (options.httplog, options.httpslog, options.httplog_clf, options.tcplog) = (false, false, false, true);
            let text = format!(
                "'option {option}' not usable with {named} (needs 'mode http'). Falling back to 'option tcplog'."
            );
            report.push(Level::Warning, format!("parsing [{place}] : {text}"));
        }
    }
}

fn layer_7(proxy: &Proxy) -> bool {
    let words = proxy.balance.as_ref().map(|line| &line.words[1..]);
    words.is_some_and(|words| Algorithm::parse(words).is_ok_and(|algorithm| algorithm.needs_http()))
}

pub(super) fn after_timeouts(report: &mut Report, proxy: &Proxy) {
    let named = format!("{} '{}'", kind(proxy.capability), proxy.name);
    let mut warn = |text: String| report.push(Level::Warning, text);
    let options = &proxy.options;
    let formats = options.tcplog || options.httplog || options.httpslog || proxy.log_formats.main.is_some();
    if proxy.capability.frontend() && proxy.logs.is_empty() && formats {
        warn(format!("log format ignored for {named} since it has no log address."));
    }
    if proxy.mode == Mode::Http {
        return;
    }
    if proxy.capture_cookie.is_some() {
        warn(format!("'capture' statement ignored for {named} as it requires HTTP mode."));
    }
    if proxy.stats.is_some() {
        warn(format!("'stats' statement ignored for {named} as it requires HTTP mode."));
    }
    let rules = [
        ("http-request", !proxy.http_request.is_empty()),
        ("http-response", !proxy.http_response.is_empty()),
        ("http-after-response", !proxy.http_after_response.is_empty()),
        ("redirect", !proxy.redirects.is_empty()),
    ];
    for (name, _) in rules.iter().filter(|(_, used)| *used) {
        warn(format!("'{name}' rules ignored for {named} as they require HTTP mode."));
    }
    let options = [("forwardfor", options.forwardfor.is_some()), ("originalto", options.originalto.is_some())];
    for (name, _) in options.iter().filter(|(_, used)| *used) {
        warn(format!("'option {name}' ignored for {named} as it requires HTTP mode."));
    }
}

/// What is spoken without negotiation must be what the mode reads.
pub(super) fn protocols(report: &mut Report, proxy: &Proxy) {
    let named = format!("{} '{}'", kind(proxy.capability), proxy.name);
    let fits = |proto: MuxProto| (proto == MuxProto::None) == (proxy.mode == Mode::Tcp);
    let name = |proto| match proto {
        MuxProto::H1 => "h1",
        MuxProto::H2 => "h2",
        MuxProto::None => "none",
    };
    for bind in &proxy.binds {
        if let Some(proto) = bind.proto.filter(|proto| !fits(*proto)) {
            let (proto, text, place) = (name(proto), &bind.text, &bind.place);
            let text = format!("{named} : MUX protocol '{proto}' is not usable for 'bind {text}' at [{place}].");
            report.push(Level::Alert, text);
        }
    }
    for server in &proxy.servers {
        if let Some(proto) = server.proto.filter(|proto| !fits(*proto)) {
            let (proto, server, place) = (name(proto), &server.name, &server.place);
            let text = format!("{named} : MUX protocol '{proto}' is not usable for server '{server}' at [{place}].");
            report.push(Level::Alert, text);
        }
    }
}
