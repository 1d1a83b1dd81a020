//! Log lines of sessions: which format, which severity, whether at all.

use crate::conversation::Conversation;
use crate::flow::{Flow, calendar};
use crate::frontend::Frontend;
use crate::handshake::Refused;
use crate::live::Registered;
use crate::session::Admitted;
use balance::log::{Cause, Level, Record};
use std::net::SocketAddr;

/// Logs a stream that is over. `record` is in the flow.
pub fn stream(flow: &Flow<'_>) {
    let frontend = &flow.admitted.frontend;
    let (log, config) = (frontend.log.load(), frontend.config.load());
    let Some(record) = &flow.record else { return };
    let failed = record.termination.cause != Cause::None || record.redispatched || record.retries > 0;
    let failed = failed || flow.status.is_some_and(|status| status >= 500);
    if log.is_silent() || (config.options.dontlog_normal && !failed) {
        return;
    }
    let usual = if failed && config.options.log_separate_errors { Level::Err } else { Level::Info };
    let Some(level) = flow.asked.log_level.unwrap_or(Some(usual)) else { return };
    let Some(format) = &flow.programs.front.log else { return };
    if !log.wants(level) {
        return;
    }
    let (mut line, mut structured) = (Vec::with_capacity(256), Vec::new());
    format.render(flow, &mut line);
    if let Some(format) = &flow.programs.front.log_structured {
        format.render(flow, &mut structured);
    }
    let engine = &flow.live.worker().engine;
    log.send_structured(level, calendar(engine, engine.now()), &line, &structured);
}

/// The line at the beginning, where no format was chosen.
pub fn connected(live: &Registered, admitted: &Admitted, mode: &str) {
    let frontend = &admitted.frontend;
    if frontend.log.load().is_silent() || frontend.program.load().log.is_some() {
        return;
    }
    let text = format!(
        "Connect from {} to {} ({}/{mode})",
        end(live.source.get()),
        end(live.destination.get()),
        frontend.name
    );
    send(live, frontend, Level::Info, &text);
}

/// Logs a connection that did not become a session.
pub fn refused(live: &Registered, admitted: &Admitted, why: &Refused) {
    let frontend = &admitted.frontend;
    let log = frontend.log.load();
    if log.is_silent() || (why.is_null() && frontend.config.load().options.dontlognull) {
        return;
    }
    if let Some(format) = &frontend.program.load().log_error {
        let conversation = Conversation::new(live);
        let mut flow = Flow::new(live, admitted, &conversation);
        flow.record = Some(Record { accepted: calendar(&live.worker().engine, live.accepted), ..Record::default() });
        let mut line = Vec::new();
        format.render(&flow, &mut line);
        return log.send(Level::Err, calendar(&live.worker().engine, live.worker().now()), &line);
    }
    let engine = &live.worker().engine;
    let time = crate::zone::date(calendar(engine, live.accepted));
    let source =
        live.source.get().map_or_else(|| "unix:1".to_owned(), |source| format!("{}:{}", source.ip(), source.port()));
    let text = format!("{source} [{time}] {}/{}: {why}", frontend.name, listener(admitted));
    send(live, frontend, Level::Info, &text);
}

/// How a listener is called in logs: by its name, else by its number.
fn listener(admitted: &Admitted) -> String {
    match &admitted.listening.bind.load().name {
        Some(name) => name.clone(),
        None => admitted.listening.id.to_string(),
    }
}

fn send(live: &Registered, frontend: &Frontend, level: Level, text: &str) {
    let engine = &live.worker().engine;
    frontend.log.load().send(level, calendar(engine, engine.now()), text.as_bytes());
}

fn end(address: Option<SocketAddr>) -> String {
    address.map_or_else(|| "unix:0".to_owned(), |address| format!("{}:{}", address.ip(), address.port()))
}
