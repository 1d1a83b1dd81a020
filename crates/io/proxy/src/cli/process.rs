//! The process: numbers, limits, variables.

use super::{View, dump, rows};
use crate::flow::calendar;
use crate::process::VERSION;
use balance::cli::{Captured, Limit, Process, ProxyFacts, Report, ResolverFacts, SocketFacts};
use balance::sample::context::{Nothing, Scope, Var};
use balance::sample::{Env, Expr, Type};
use balance::stats::info::{Seconds, uptime};
use balance::stats::{Filter, Info, Row};
use std::sync::atomic::Ordering::Relaxed;
use std::time::UNIX_EPOCH;

/// Who we are. hatop and exporters want a name without blanks and any version; those that compare versions want the one
/// whose commands and columns these are, so it stands in front of ours.
pub const NAME: &str = "Barque";
/// Of the version in front.
const RELEASE_DATE: &str = "2023/03/28";

impl Process for View {
    fn pid(&self) -> u32 {
        std::process::id()
    }

    fn version(&self) -> String {
        VERSION.to_owned()
    }

    fn date(&self) -> String {
        crate::zone::date(calendar(&self.engine, self.engine.now()))
    }

    fn info(&self) -> Info {
        info(self)
    }

    fn rows(&self, filter: &Filter) -> Vec<Row> {
        rows::all(&self.engine, filter)
    }

    fn proxies(&self) -> Vec<ProxyFacts> {
        let config = self.engine.running().config.clone();
        let proxies = config.proxies.iter().filter(|proxy| !proxy.disabled);
        proxies
            .map(|proxy| ProxyFacts { id: proxy.id, name: proxy.name.clone(), backend: proxy.capability.backend() })
            .collect()
    }

    fn sockets(&self) -> Vec<SocketFacts> {
        self.engine.desk.sockets()
    }

    fn clear_counters(&self, all: bool) {
        let running = self.engine.running();
        let clear = |counters: &crate::counters::Counters| match all {
            true => counters.clear_all(),
            false => counters.clear_max(),
        };
        for frontend in &running.frontends {
            clear(&frontend.counters);
            let listeners = frontend.listeners.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            listeners.iter().for_each(|listening| clear(&listening.counters));
        }
        for backend in &running.backends {
            clear(&backend.counters);
            for server in backend.servers.load().iter() {
                clear(&server.counters);
                if all {
                    server.health().counters = Default::default();
                }
            }
            if all {
                backend.downs.set(0);
            }
        }
        let totals = &self.engine.totals;
        totals.sessions.max.set(totals.sessions.get());
        for rate in [&totals.connection_rate, &totals.session_rate, &totals.tls_rate, &totals.bytes_out_rate] {
            rate.max.set(0);
        }
    }

    fn limit(&self, limit: Limit) -> u32 {
        let config = self.engine.running().config.clone();
        let global = &config.global;
        let configured = match limit {
            Limit::Maxconn => return self.engine.maxconn.load(Relaxed),
            Limit::ConnectionRate => global.maxconnrate,
            Limit::SessionRate => global.maxsessrate,
            Limit::SslRate => global.maxsslrate,
            Limit::CompressionRate => global.maxcomprate.map(|kilobytes| kilobytes.saturating_mul(1024)),
        };
        self.engine.desk.rate(limit, configured)
    }

    fn most_connections(&self) -> u32 {
        let configured = self.engine.running().config.global.maxconn;
        configured.unwrap_or(u32::MAX).min(self.engine.hard_maxconn)
    }

    fn set_limit(&self, limit: Limit, value: u32) {
        match limit {
            Limit::Maxconn => {
                self.engine.maxconn.store(value, Relaxed);
                // Who waits for a place may have one now.
                self.engine.room.notify_waiters();
            }
            limit => self.engine.desk.set_rate(limit, value),
        }
    }

    fn environment(&self) -> Vec<(String, String)> {
        self.engine.desk.environment().into_iter().collect()
    }

    fn errors(&self) -> (u64, Vec<Captured>) {
        self.engine.desk.errors()
    }

    fn resolvers(&self) -> Vec<ResolverFacts> {
        dump::resolvers(&self.engine.running().config)
    }

    fn report(&self, report: &Report) -> String {
        dump::report(self, report)
    }

    fn variable(&self, name: &str) -> Option<(String, String)> {
        let value = self.engine.vars().get(&proc_var(name)?)?;
        let kind = match value.kind() {
            Type::Int => "sint",
            kind => kind.name(),
        };
        Some((kind.to_owned(), String::from_utf8_lossy(&value.as_bytes()).into_owned()))
    }

    fn set_variable(&self, name: &str, expression: &[String]) -> Result<(), String> {
        let running = self.engine.running();
        let env = Env { files: &crate::disk::Disk, patterns: &running.patterns };
        let (expression, _) = Expr::parse(expression, env)?;
        let var = proc_var(name).ok_or_else(|| format!("'set var': invalid variable name '{name}'."))?;
        let value = expression.get(&Nothing).map(balance::sample::Value::into_owned);
        self.engine.vars().set(&var, value);
        Ok(())
    }

    fn reload(&self) {
        self.engine.desk.reload.notify_one();
    }

    fn reloads(&self) -> (u32, u32) {
        (self.engine.desk.reloads.load(Relaxed), self.engine.desk.failed_reloads.load(Relaxed))
    }
}

fn proc_var(name: &str) -> Option<Var> {
    let name = name.strip_prefix("proc.")?;
    (!name.is_empty()).then(|| Var { scope: Scope::Proc, name: name.into() })
}

fn info(view: &View) -> Info {
    let engine = &view.engine;
    let (running, totals, now) = (engine.running(), &engine.totals, engine.now());
    let global = &running.config.global;
    let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(0);
    let seconds = now / 1000;
    let memory = dump::memory();
    let listeners: usize = running
        .frontends
        .iter()
        .map(|frontend| frontend.listeners.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len())
        .sum();
    let listeners = small((listeners + engine.desk.sockets().len()) as u64);
    let sessions = small(totals.sessions.get());
    let rate = |rate: &crate::counters::Rate| (small(rate.get(now)), small(rate.max.get()));
    let (conn_rate, max_conn_rate) = rate(&totals.connection_rate);
    let (sess_rate, max_sess_rate) = rate(&totals.session_rate);
    let (ssl_rate, max_ssl_rate) = rate(&totals.tls_rate);
    let started = engine.started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Info {
        name: NAME.to_owned(),
        version: VERSION.to_owned(),
        release_date: RELEASE_DATE.to_owned(),
        nbthread: small(engine.worker_count() as u64),
        nbproc: 1,
        process_num: 1,
        pid: std::process::id(),
        uptime: uptime(seconds),
        uptime_sec: Seconds(now as f64 / 1000.0),
        pool_alloc_mb: small(memory >> 20),
        pool_used_mb: small(memory >> 20),
        ulimit_n: small(descriptors),
        maxsock: small(descriptors),
        maxconn: engine.maxconn.load(Relaxed),
        hard_maxconn: view.most_connections(),
        curr_conns: sessions,
        cum_conns: small(totals.connections_total.get()),
        cum_req: small(totals.requests_total.get()),
        max_ssl_conns: global.maxsslconn.unwrap_or(0),
        curr_ssl_conns: small(totals.tls_connections.get()),
        cum_ssl_conns: small(totals.tls_total.get()),
        maxpipes: small((engine.max_pipes() * engine.worker_count()) as u64),
        conn_rate,
        conn_rate_limit: view.limit(Limit::ConnectionRate),
        max_conn_rate,
        sess_rate,
        sess_rate_limit: view.limit(Limit::SessionRate),
        max_sess_rate,
        ssl_rate,
        ssl_rate_limit: view.limit(Limit::SslRate),
        max_ssl_rate,
        ssl_frontend_key_rate: ssl_rate,
        ssl_frontend_max_key_rate: max_ssl_rate,
        compress_bps_rate_lim: view.limit(Limit::CompressionRate),
        tasks: sessions + listeners,
        idle_pct: engine.desk.idle_percent(engine.worker_count()),
        node: global.node.clone().unwrap_or_else(|| engine.hostname.clone()),
        description: global.description.clone(),
        stopping: u32::from(engine.is_stopping()),
        jobs: sessions + listeners,
        listeners,
        dropped_logs: small(engine.logs.dropped()),
        total_bytes_out: totals.bytes_out.get(),
        total_spliced_bytes_out: totals.spliced_bytes_out.get(),
        bytes_out_rate: totals.bytes_out_rate.get(now),
        build_info: VERSION.to_owned(),
        pool_alloc_bytes: memory,
        pool_used_bytes: memory,
        start_time_sec: Seconds(started.as_secs_f64()),
        tainted: "0".to_owned(),
        ..Info::default()
    }
}

/// Counters of 32 bits go round, as HAProxy's do.
fn small(number: u64) -> u32 {
    number as u32
}
