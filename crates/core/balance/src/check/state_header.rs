//! `X-Haproxy-Server-State`: what the balancer thinks of a server, told to the server (manual, `http-check
//! send-state`).

use crate::health::{Health, Which};
use crate::server::Oper;

/// What only the driver knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers {
    /// `unix` for unix sockets.
    pub address: String,
    /// `unix` for unix sockets.
    pub port: String,
    pub node: String,
    /// Effective weight of all usable servers.
    pub total_weight: u32,
    pub sessions: u64,
    pub backend_sessions: u64,
    pub queued: u64,
}

/// The header's value.
pub fn state_header(health: &Health, numbers: &Numbers) -> String {
    let check = health.counter(Which::Health);
    let (runs, of) = check.fraction();
    let word = match health.oper() {
        Oper::Stopped => "DOWN",
        Oper::Stopping => "NOLB",
        Oper::Starting | Oper::Running => "UP",
    };
    let settled = check.is_fully_up() || check.health == 0;
    let state = if settled { word.to_owned() } else { format!("{word} {runs}/{of}") };
    let Numbers { address, port, node, total_weight, sessions, backend_sessions, queued } = numbers;
    let (backend, server) = (&health.settings().backend, &health.settings().server);
    format!(
        "{state}; address={address}; port={port}; name={backend}/{server}; node={node}; weight={}/{total_weight}; \
         scur={sessions}/{backend_sessions}; qcur={queued}",
        health.weight_shown()
    )
}
