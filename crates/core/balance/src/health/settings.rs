//! Settings from the configuration's words.

use super::Settings;
use crate::config::model::{MarkedDown, MarkedUp, Proxy, Server, ServerHost};
use crate::server::{Millis, Weight};
use std::time::Duration;

impl Settings {
    /// Those of a server of this backend. `dynamic`: the backend's algorithm takes weights that change.
    pub fn new(backend: &Proxy, server: &Server, dynamic: bool) -> Self {
        let (check, agent) = (&server.check, &server.agent);
        let tracks = server.track.as_ref().map(|(of, name)| format!("{}/{name}", of.as_ref().unwrap_or(&backend.name)));
        Self {
            backend: backend.name.clone(),
            server: server.name.clone(),
            backup: server.backup,
            checked: server.checked,
            inter: millis(check.inter),
            fastinter: check.fastinter.map(millis),
            downinter: check.downinter.map(millis),
            rise: check.rise,
            fall: check.fall,
            agent: agent.enabled,
            agent_inter: agent.inter.map_or(2000, millis),
            observe: server.observe,
            error_limit: server.error_limit,
            on_error: server.on_error,
            shutdown_sessions: server.on_marked_down == Some(MarkedDown::ShutdownSessions),
            shutdown_backup_sessions: server.on_marked_up == Some(MarkedUp::ShutdownBackupSessions),
            tracks,
            hostname: match &server.host {
                ServerHost::Name(name) => Some(name.clone()),
                _ => None,
            },
            log_health_checks: backend.options.log_health_checks,
            weight: Weight {
                initial: server.weight,
                user: server.weight,
                slowstart: server.slowstart.map_or(0, |time| millis(time).div_ceil(1000)),
                dynamic,
            },
            disabled: server.disabled,
        }
    }
}

fn millis(time: Duration) -> Millis {
    time.as_millis() as Millis
}
