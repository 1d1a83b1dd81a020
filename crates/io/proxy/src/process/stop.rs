//! The end: at once, or when all sessions are over.

use crate::engine::{Engine, Running};
use crate::live::Signal;
use balance::config::Level;
use std::sync::Arc;
use std::time::Duration;

/// Closes the listeners and waits for the sessions; those that are not over after `hard-stop-after` are cut.
pub async fn gracefully(engine: &Arc<Engine>) {
    announce(engine);
    engine.stop_accepting();
    let limit = engine.running().config.global.hard_stop_after;
    match limit {
        None => engine.drained().await,
        Some(limit) => {
            if tokio::time::timeout(limit, engine.drained()).await.is_err() {
                engine.logs.notice(Level::Warning, "soft-stop running for too long, performing a hard-stop.");
                cut(engine);
                // They say goodbye; who does not is not waited for.
                _ = tokio::time::timeout(Duration::from_secs(1), engine.drained()).await;
            }
        }
    }
}

fn cut(engine: &Engine) {
    for worker in engine.workers() {
        worker.run(|worker| _ = worker.signal_sessions(Signal::Stopping, |_| true));
    }
}

/// One line for each proxy, with what it served.
fn announce(engine: &Engine) {
    let running = engine.running();
    for proxy in running.config.proxies.iter().filter(|proxy| !proxy.disabled) {
        engine.logs.notice(Level::Warning, farewell(&running, &proxy.name));
    }
}

/// What is said of a proxy that stops.
pub fn farewell(running: &Running, name: &str) -> String {
    let front = running.frontend(name).map_or(0, |frontend| frontend.counters.connections_total.get());
    let back = running.backend(name).map_or(0, |backend| backend.counters.sessions_total.get());
    format!("Proxy {name} stopped (cumulated conns: FE: {front}, BE: {back}).")
}
