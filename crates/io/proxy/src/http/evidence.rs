//! Keeps messages that cannot be read, for `show errors`.

use super::exchange::Exchange;
use super::wire::Wire;
use crate::flow::calendar;
use crate::live::Registered;
use balance::cli::Captured;
use balance::http::parse::Invalid;

/// A request that is none. `bytes` of it are what has come.
pub fn request(live: &Registered, wire: &Wire, invalid: &Invalid) {
    let frontend = &live.frontend;
    let kept = Captured { backend: None, server: None, request: true, ..captured(live, wire, invalid) };
    let kept = Captured { proxy_id: frontend.id, proxy: frontend.name.clone(), ..kept };
    live.worker().engine.desk.capture(kept);
}

/// A response that is none.
pub fn response(exchange: &Exchange<'_>, wire: &Wire, invalid: &Invalid) {
    let (live, flow) = (exchange.flow.live, &exchange.flow);
    let Some(backend) = &flow.backend else { return };
    let kept = Captured {
        request: false,
        proxy_id: backend.id,
        proxy: backend.name.clone(),
        backend: Some((backend.name.clone(), backend.id)),
        server: flow.server.as_ref().map(|server| (server.name.clone(), server.id)),
        ..captured(live, wire, invalid)
    };
    live.worker().engine.desk.capture(kept);
}

fn captured(live: &Registered, wire: &Wire, invalid: &Invalid) -> Captured {
    let engine = &live.worker().engine;
    let most = engine.running().config.global.tune.bufsize;
    let bytes = wire.unread();
    Captured {
        date: crate::zone::date(calendar(engine, engine.now())),
        proxy_id: 0,
        proxy: String::new(),
        request: true,
        frontend: live.frontend.name.clone(),
        frontend_id: live.frontend.id,
        backend: None,
        server: None,
        event: 0,
        source: live.source.get(),
        session: live.id,
        position: invalid.at,
        bytes: bytes[..bytes.len().min(most)].to_vec(),
    }
}
