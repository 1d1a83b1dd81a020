//! Rows of `show stat`, from the counters of what runs.

use crate::backend::Backend;
use crate::counters::{Counters, Rate};
use crate::engine::Engine;
use crate::frontend::{Frontend, FrontendState};
use crate::listener::Listening;
use crate::server::Server;
use balance::config::model::{Mode, Observe, Proxy};
use balance::health::{Health, Which};
use balance::stats::{Filter, Kind, Row};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};

/// All rows that are wanted: proxy by proxy, its frontend, listeners, servers, backend.
pub fn all(engine: &Arc<Engine>, filter: &Filter) -> Vec<Row> {
    let running = engine.running();
    let mut rows = Vec::new();
    for proxy in running.config.proxies.iter().filter(|proxy| !proxy.disabled) {
        if filter.iid.is_some_and(|iid| iid != proxy.id) {
            continue;
        }
        let look = Look { engine, now: engine.now(), proxy };
        if let Some(frontend) = running.frontends.iter().find(|frontend| frontend.id == proxy.id) {
            rows.push(look.frontend(frontend));
            if proxy.options.socket_stats {
                let listeners = frontend.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
                rows.extend(listeners.iter().map(|listening| look.listener(frontend, listening)));
            }
        }
        if let Some(backend) = running.backends.iter().find(|backend| backend.id == proxy.id) {
            let servers = backend.servers.load();
            rows.extend(servers.iter().map(|server| look.server(server)));
            rows.push(look.backend(backend, &servers));
        }
    }
    rows.retain(|row| filter.wants(row));
    rows
}

/// A look at one proxy at one moment.
struct Look<'a> {
    engine: &'a Engine,
    now: u64,
    proxy: &'a Proxy,
}

fn small(number: u64) -> Option<u32> {
    Some(u32::try_from(number).unwrap_or(u32::MAX))
}

impl Look<'_> {
    fn is_http(&self) -> bool {
        self.proxy.mode == Mode::Http
    }

    /// Only where the proxy speaks HTTP.
    fn http(&self, number: u64) -> Option<u64> {
        self.is_http().then_some(number)
    }

    fn rate(&self, rate: &Rate) -> (Option<u32>, Option<u32>) {
        (small(rate.get(self.now)), small(rate.max.get()))
    }

    /// What all rows have.
    fn row(&self, kind: Kind, name: &str, sid: u32, status: String, counters: &Counters) -> Row {
        let responses = |class: usize| self.http(counters.responses[class].get());
        Row {
            kind,
            pxname: self.proxy.name.clone(),
            svname: name.to_owned(),
            status,
            pid: 1,
            iid: self.proxy.id,
            sid,
            scur: small(counters.sessions.get()),
            smax: small(counters.sessions.max.get()),
            stot: Some(counters.sessions_total.get()),
            bin: Some(counters.bytes_in.get()),
            bout: Some(counters.bytes_out.get()),
            dresp: Some(counters.denied_responses.get()),
            hrsp_1xx: responses(0).filter(|_| kind != Kind::Listener),
            hrsp_2xx: responses(1).filter(|_| kind != Kind::Listener),
            hrsp_3xx: responses(2).filter(|_| kind != Kind::Listener),
            hrsp_4xx: responses(3).filter(|_| kind != Kind::Listener),
            hrsp_5xx: responses(4).filter(|_| kind != Kind::Listener),
            hrsp_other: responses(5).filter(|_| kind != Kind::Listener),
            mode: Some(if self.is_http() { "http" } else { "tcp" }.to_owned()),
            wrew: Some(counters.failed_rewrites.get()),
            eint: Some(counters.internal_errors.get()),
            ssl_sess: Some(0),
            ssl_reused_sess: Some(0),
            ssl_failed_handshake: Some(0),
            ..Row::default()
        }
    }

    fn frontend(&self, frontend: &Frontend) -> Row {
        let counters = &frontend.counters;
        let status = match frontend.state() {
            FrontendState::Open => "OPEN",
            FrontendState::Paused => "PAUSED",
            FrontendState::Stopped => "STOP",
        };
        let (rate, rate_max) = self.rate(&counters.session_rate);
        let (conn_rate, conn_rate_max) = self.rate(&counters.connection_rate);
        let (req_rate, req_rate_max) = self.rate(&counters.request_rate);
        let process = self.engine.maxconn.load(Relaxed);
        let row = self.row(Kind::Frontend, "FRONTEND", 0, status.to_owned(), counters);
        let row = self.both_sides(self.modules(row, counters), counters);
        Row {
            slim: Some(match frontend.maxconn.load(Relaxed) {
                0 => process,
                maxconn => maxconn,
            }),
            dreq: Some(counters.denied_requests.get()),
            ereq: Some(counters.failed_requests.get()),
            rate,
            rate_lim: Some(self.proxy.limits.rate_limit_sessions.unwrap_or(0)),
            rate_max,
            req_rate,
            req_rate_max,
            req_tot: Some(counters.requests_total.get()),
            conn_rate,
            conn_rate_max,
            conn_tot: Some(counters.connections_total.get()),
            intercepted: self.http(counters.intercepted.get()),
            dcon: Some(counters.denied_connections.get()),
            dses: Some(counters.denied_sessions.get()),
            ..row
        }
    }

    fn listener(&self, frontend: &Frontend, listening: &Listening) -> Row {
        let counters = &listening.counters;
        let limit = listening.bind.load().maxconn.unwrap_or(0);
        let full = limit > 0 && counters.sessions.get() >= u64::from(limit);
        let status = match (frontend.state(), full) {
            (FrontendState::Open, true) => "FULL",
            (FrontendState::Open, false) => "OPEN",
            _ => "WAITING",
        };
        let row = self.row(Kind::Listener, &listening.name, listening.id, status.to_owned(), counters);
        Row {
            slim: Some(limit),
            dreq: Some(counters.denied_requests.get()),
            ereq: Some(counters.failed_requests.get()),
            addr: Some(crate::text::listen(&listening.listen)),
            dcon: Some(counters.denied_connections.get()),
            dses: Some(counters.denied_sessions.get()),
            ..row
        }
    }

    fn backend(&self, backend: &Backend, servers: &[Arc<Server>]) -> Row {
        let counters = &backend.counters;
        let usable = |backup: bool| {
            let usable =
                servers.iter().filter(move |server| server.is_usable() && server.config.load().backup == backup);
            usable.filter(|server| server.eweight() > 0)
        };
        let (active, backups) = (usable(false).count(), usable(true).count());
        let serving: Vec<_> = if active > 0 { usable(false).collect() } else { usable(true).collect() };
        let up = active + backups > 0 || servers.is_empty();
        let status = if up { "UP" } else { "DOWN" };
        let row = self.row(Kind::Backend, "BACKEND", 0, status.to_owned(), counters);
        let row = self.both_sides(self.modules(self.to_servers(row, counters), counters), counters);
        let since = self.now.saturating_sub(backend.last_change.get());
        let down = backend.down_millis.get() + if up { 0 } else { since };
        Row {
            slim: small(backend.fullconn.get().max(1)),
            dreq: Some(counters.denied_requests.get()),
            weight: Some(serving.iter().map(|server| balance::server::Weight::shown(server.eweight())).sum()),
            uweight: Some(serving.iter().map(|server| server.health().weight().user).sum()),
            act: small(active as u64),
            bck: small(backups as u64),
            chkdown: Some(backend.downs.get()),
            lastchg: small(since / 1000),
            downtime: small(down / 1000).filter(|_| !servers.is_empty()),
            req_tot: self.http(counters.requests_total.get()),
            cookie: self.proxy.cookie.as_ref().and_then(|line| line.words.get(1).cloned()),
            algo: Some(backend.algorithm.load().name().to_owned()),
            agg_server_status: Some(0),
            agg_server_check_status: Some(0),
            agg_check_status: Some(0),
            ..row
        }
    }

    fn server(&self, server: &Server) -> Row {
        let counters = &server.counters;
        let config = server.config.load();
        // A copy: one lock at a time.
        let reference = reference(self.engine, server).map(|reference| reference.health().clone());
        let health = server.health();
        let status = health.status_text(reference.as_ref().unwrap_or(&health));
        let row = self.row(Kind::Server, &server.name, server.id, status, counters);
        let mut row = self.checks(self.to_servers(row, counters), &health);
        if config.observe != Observe::None {
            row.hanafail = Some(health.counters.failed_observations);
        }
        let limit = |limit: u32| Some(limit).filter(|limit| *limit > 0);
        Row {
            slim: limit(server.maxconn()),
            qlimit: limit(config.maxqueue),
            weight: Some(health.weight_shown()),
            uweight: Some(health.weight().user),
            act: Some(u32::from(!config.backup)),
            bck: Some(u32::from(config.backup)),
            lastchg: small(self.now.saturating_sub(health.last_change()) / 1000),
            throttle: health.throttle(),
            tracked: health.settings().tracks.clone(),
            req_tot: self.http(counters.requests_total.get()),
            addr: address(server),
            cookie: config.cookie.clone(),
            srv_icur: small(counters.idle.get()),
            src_ilim: u32::try_from(config.pool_max_conn).ok(),
            idle_conn_cur: Some(0),
            safe_conn_cur: small(counters.idle.get()),
            used_conn_cur: small(counters.sessions.get()),
            need_conn_est: small(counters.sessions.max.get()),
            ..row
        }
    }

    /// Columns of health and agent checks, where the server has them and they may run.
    fn checks(&self, mut row: Row, health: &Health) -> Row {
        let (check, agent) = (health.counter(Which::Health), health.counter(Which::Agent));
        if check.enabled {
            row.chkfail = Some(health.counters.failed_checks);
            row.chkdown = Some(health.counters.down_transitions);
            row.downtime = small(health.downtime(self.now));
        }
        if check.enabled && !check.paused {
            let last = &check.last;
            row = Row {
                check_status: Some(health.code_text(Which::Health)),
                check_code: last.status.has_code().then(|| u32::try_from(last.code).unwrap_or(0)),
                check_duration: check.duration,
                last_chk: Some(last.info.clone()),
                check_desc: Some(last.status.description().to_owned()),
                check_rise: Some(check.rise),
                check_fall: Some(check.fall),
                check_health: Some(check.health),
                ..row
            };
        }
        if agent.enabled && !agent.paused {
            let last = &agent.last;
            row = Row {
                agent_status: Some(health.code_text(Which::Agent)),
                agent_code: last.status.has_code().then(|| u32::try_from(last.code).unwrap_or(0)),
                agent_duration: agent.duration,
                last_agt: Some(last.info.clone()),
                agent_desc: Some(last.status.description().to_owned()),
                agent_rise: Some(agent.rise),
                agent_fall: Some(agent.fall),
                agent_health: Some(agent.health),
                ..row
            };
        }
        row
    }

    /// Columns of whatever connects to servers.
    fn to_servers(&self, row: Row, counters: &Counters) -> Row {
        let (rate, rate_max) = self.rate(&counters.session_rate);
        let samples = if self.is_http() { counters.requests_total.get() } else { counters.sessions_total.get() };
        let last = counters.last_session_ms.get();
        Row {
            qcur: small(counters.queued.get()),
            qmax: small(counters.queued.max.get()),
            econ: Some(counters.failed_connections.get()),
            eresp: Some(counters.failed_responses.get()),
            wretr: Some(counters.retries.get()),
            wredis: Some(counters.redispatches.get()),
            lbtot: Some(counters.balanced.get()),
            rate,
            rate_max,
            cli_abrt: Some(counters.client_aborts.get()),
            srv_abrt: Some(counters.server_aborts.get()),
            lastsess: Some(match last {
                0 => -1,
                last => i32::try_from(self.now.saturating_sub(last) / 1000).unwrap_or(i32::MAX),
            }),
            qtime: small(counters.queue_time.get(samples)),
            ctime: small(counters.connect_time.get(samples)),
            rtime: small(counters.response_time.get(samples)),
            ttime: small(counters.total_time.get(samples)),
            qtime_max: small(counters.queue_time.max.get()),
            ctime_max: small(counters.connect_time.max.get()),
            rtime_max: small(counters.response_time.max.get()),
            ttime_max: small(counters.total_time.max.get()),
            connect: Some(counters.connects.get()),
            reuse: Some(counters.reuses.get()),
            ..row
        }
    }

    /// Columns of frontends and backends: compression, and the cache that is not there.
    fn both_sides(&self, row: Row, counters: &Counters) -> Row {
        Row {
            comp_in: Some(counters.compressed_in.get()),
            comp_out: Some(counters.compressed_out.get()),
            comp_byp: Some(counters.compression_bypassed.get()),
            comp_rsp: Some(counters.compressed_responses.get()),
            cache_lookups: self.http(0),
            cache_hits: self.http(0),
            ..row
        }
    }

    /// Columns of HAProxy's modules for HTTP/1 and HTTP/2. What is not counted apart here is 0.
    fn modules(&self, row: Row, counters: &Counters) -> Row {
        let h1 = |number: u64| Some(if self.is_http() { number } else { 0 });
        Row {
            h2_headers_rcvd: Some(0),
            h2_data_rcvd: Some(0),
            h2_settings_rcvd: Some(0),
            h2_rst_stream_rcvd: Some(0),
            h2_goaway_rcvd: Some(0),
            h2_detected_conn_protocol_errors: Some(0),
            h2_detected_strm_protocol_errors: Some(0),
            h2_rst_stream_resp: Some(0),
            h2_goaway_resp: Some(0),
            h2_open_connections: Some(0),
            h2_backend_open_streams: Some(0),
            h2_total_connections: Some(0),
            h2_backend_total_streams: Some(0),
            h1_open_connections: h1(counters.sessions.get()),
            h1_open_streams: h1(counters.sessions.get()),
            h1_total_connections: h1(counters.connections_total.get()),
            h1_total_streams: h1(counters.requests_total.get()),
            h1_bytes_in: h1(counters.bytes_in.get()),
            h1_bytes_out: h1(counters.bytes_out.get()),
            h1_spliced_bytes_in: Some(0),
            h1_spliced_bytes_out: Some(0),
            ..row
        }
    }
}

/// The server at the end of a chain of `track`.
fn reference(engine: &Engine, server: &Server) -> Option<Arc<Server>> {
    let running = engine.running();
    let tracked = |server: &Server| {
        let name = server.health().settings().tracks.clone()?;
        let (backend, server) = name.split_once('/')?;
        running.server(backend, server)
    };
    let mut found = tracked(server)?;
    // A chain is no longer than there are servers, and the configuration has no circles.
    while let Some(next) = tracked(&found) {
        found = next;
    }
    Some(found)
}

fn address(server: &Server) -> Option<String> {
    use balance::config::model::{Port, ServerHost};
    match &server.config.load().host {
        ServerHost::Unix(_) | ServerHost::Abstract(_) => return Some("unix".to_owned()),
        _ => {}
    }
    let address = server.address()?;
    let host = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
    match server.port() {
        Port::Fixed(port) => Some(format!("{host}:{port}")),
        Port::Client(offset) => Some(format!("{host}:{offset:+}")),
    }
}
