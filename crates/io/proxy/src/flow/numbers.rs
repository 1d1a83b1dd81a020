//! Live numbers of frontends, backends, servers and the process, as samples ask for them.

use super::Flow;
use crate::backend::Backend;
use crate::frontend::Frontend;
use crate::server::Server;
use balance::sample::context::{BackendNumber, FrontendNumber, ProcessNumber, ServerNumber, StreamNumber};
use std::sync::Arc;
use std::time::Duration;

impl Flow<'_> {
    /// The backend of this name; without one, the stream's.
    pub(super) fn backend_named(&self, name: Option<&str>) -> Option<Arc<Backend>> {
        let known = |name: &str| self.live.worker().engine.running().backend(name).cloned();
        match name {
            Some(name) => known(name),
            // Before a backend is chosen a `listen` section means itself.
            None => self.backend.clone().or_else(|| known(&self.admitted.frontend.name)),
        }
    }

    pub(super) fn number_of_backend(&self, what: BackendNumber, name: Option<&str>) -> Option<i64> {
        let backend = self.backend_named(name)?;
        let servers = backend.servers.load();
        let usable = || servers.iter().filter(|server| server.is_usable());
        let config = backend.config.load();
        let queued =
            || backend.counters.queued.get() + servers.iter().map(|server| server.counters.queued.get()).sum::<u64>();
        let number = match what {
            BackendNumber::Nbsrv => usable().count() as i64,
            BackendNumber::Conn => backend.counters.sessions.get() as i64,
            BackendNumber::Queue => queued() as i64,
            BackendNumber::AvgQueue => match usable().count() as i64 {
                0 => queued() as i64,
                servers => (queued() as i64 + servers - 1) / servers,
            },
            BackendNumber::ConnFree => free(usable(), free_places),
            BackendNumber::Connslots => free(usable(), free_slots),
            BackendNumber::SessRate => backend.counters.session_rate.get(self.live.worker().now()) as i64,
            BackendNumber::ServerTimeout => millis(config.timeouts.server),
            BackendNumber::TunnelTimeout => millis(config.timeouts.tunnel),
        };
        Some(number)
    }

    pub(super) fn number_of_frontend(&self, what: FrontendNumber, name: Option<&str>) -> Option<i64> {
        let named = name.map(|name| self.live.worker().engine.running().frontend(name).cloned());
        let frontend: Arc<Frontend> = named.unwrap_or_else(|| Some(self.admitted.frontend.clone()))?;
        let now = self.live.worker().now();
        Some(match what {
            FrontendNumber::Conn => frontend.counters.sessions.get() as i64,
            FrontendNumber::ReqRate => frontend.counters.request_rate.get(now) as i64,
            FrontendNumber::SessRate => frontend.counters.session_rate.get(now) as i64,
            FrontendNumber::ClientTimeout => millis(frontend.config.load().timeouts.client),
        })
    }

    pub(super) fn number_of_server(&self, what: ServerNumber, backend: Option<&str>, server: &str) -> Option<i64> {
        let server = self.backend_named(backend)?.server(server)?;
        Some(match what {
            ServerNumber::Conn => i64::from(server.served()),
            ServerNumber::ConnFree => free_places(&server).unwrap_or(-1),
            ServerNumber::IsUp => i64::from(server.is_usable()),
            ServerNumber::Queue => server.counters.queued.get() as i64,
            ServerNumber::SessRate => server.counters.session_rate.get(self.live.worker().now()) as i64,
            ServerNumber::Uweight => i64::from(server.eweight().div_ceil(16)),
            ServerNumber::Weight => i64::from(server.eweight().div_ceil(16)),
            ServerNumber::Iweight => i64::from(server.config.load().weight),
        })
    }

    pub(super) fn number_of_stream(&self, what: StreamNumber) -> Option<i64> {
        match what {
            StreamNumber::ServerTimeout => self.asked.server_timeout.map(|time| time as i64),
            StreamNumber::TunnelTimeout => self.asked.tunnel_timeout.map(|time| time as i64),
            StreamNumber::PriorityClass => Some(i64::from(self.asked.priority_class)),
            StreamNumber::PriorityOffset => Some(i64::from(self.asked.priority_offset)),
        }
    }

    pub(super) fn number_of_process(&self, what: ProcessNumber) -> i64 {
        let worker = self.live.worker();
        match what {
            ProcessNumber::Nbthread => worker.engine.worker_count() as i64,
            ProcessNumber::Thread => worker.id as i64,
            ProcessNumber::Stopping => i64::from(worker.engine.is_stopping()),
            ProcessNumber::Pid => i64::from(std::process::id()),
        }
    }
}

/// The sum over servers; -1 as soon as one has no limit.
fn free<'a>(servers: impl Iterator<Item = &'a Arc<Server>>, of: impl Fn(&Server) -> Option<i64>) -> i64 {
    servers.map(|server| of(server)).sum::<Option<i64>>().unwrap_or(-1)
}

fn free_places(server: &Server) -> Option<i64> {
    match server.maxconn() {
        0 => None,
        limit => Some((i64::from(limit) - i64::from(server.served())).max(0)),
    }
}

/// Places at the server and in its queue.
fn free_slots(server: &Server) -> Option<i64> {
    let longest = server.config.load().maxqueue;
    let places = free_places(server)?;
    if longest == 0 { None } else { Some(places + (i64::from(longest) - server.counters.queued.get() as i64).max(0)) }
}

fn millis(time: Option<Duration>) -> i64 {
    time.map_or(0, |time| time.as_millis() as i64)
}
