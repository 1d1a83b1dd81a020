//! The whole of a configuration, once all sections are read: numbers, references, what does not fit together.

mod backends;
pub(super) mod ids;
mod modes;
mod references;
mod servers;

use super::model::{Capability, Config, Error, Proxy, Server, ServerHost};
use super::problem::Level;
use super::proxy::{Draft, Log, kind};
use super::report::Report;
use super::{Files, LogTarget};
use std::sync::Arc;

/// Completes the configuration. What is wrong stands in the report.
pub(super) fn finish(
    report: &mut Report,
    mut config: Config,
    mut drafts: Vec<Draft>,
    stats_after: Option<usize>,
) -> Config {
    let global_logs = config.global.logs.clone();
    ids::proxies(stats_after, &mut drafts);
    for draft in &mut drafts {
        draft.proxy.logs = logs(draft, &global_logs);
        complete_binds(draft, &config);
    }
    let proxies: Vec<Proxy> = drafts.iter().map(|draft| draft.proxy.clone()).collect();
    for (draft, proxy) in drafts.iter_mut().zip(&proxies) {
        check(report, draft, proxy, &proxies, &config);
    }
    for (draft, proxy) in drafts.iter().zip(&proxies).filter(|(_, proxy)| !proxy.disabled) {
        modes::protocols(report, proxy);
        certificates(report, draft);
        servers::late(report, proxy, &config);
    }
    for draft in &mut drafts {
        errorfiles(report, draft, &config);
    }
    config.proxies = drafts.into_iter().map(|draft| Arc::new(draft.proxy)).collect();
    config
}

/// Asks for the addresses of servers that have names, and makes what follows from addresses.
pub(super) fn resolve(report: &mut Report, config: &mut Config, files: &dyn Files) {
    for proxy in config.proxies.iter_mut().filter(|proxy| !proxy.disabled) {
        if proxy.servers.iter().any(|server| matches!(server.host, ServerHost::Name(_))) {
            servers::resolve(report, Arc::make_mut(proxy), files);
        }
        if proxy.dynamic_cookie_key.is_some() {
            servers::dynamic_cookies(Arc::make_mut(proxy));
        }
    }
}

/// One proxy, in the order in which HAProxy says things.
fn check(report: &mut Report, draft: &mut Draft, before: &Proxy, all: &[Proxy], config: &Config) {
    if draft.proxy.disabled {
        return;
    }
    modes::cookie(report, &mut draft.proxy);
    no_bind(report, before);
    backends::check(report, before, all);
    modes::before_timeouts(report, draft);
    references::tables(report, before, all, config);
    report.problems.append(&mut draft.late);
    missing_timeouts(report, before);
    modes::after_timeouts(report, &draft.proxy);
    servers::early(report, &draft.proxy, all, config);
    let mut servers = draft.proxy.servers.clone();
    ids::servers(&mut servers);
    draft.proxy.servers = servers;
    ids::binds(&mut draft.proxy);
}

fn no_bind(report: &mut Report, proxy: &Proxy) {
    if proxy.capability.frontend() && proxy.binds.is_empty() {
        report.push(
            Level::Warning,
            format!(
                "{} '{}' has no 'bind' directive. Please declare it as a backend if this was intended.",
                kind(proxy.capability),
                proxy.name
            ),
        );
    }
}

/// Timeouts without which connections of the dead pile up.
fn missing_timeouts(report: &mut Report, proxy: &Proxy) {
    let timeouts = &proxy.timeouts;
    let client = proxy.capability.frontend() && timeouts.client.is_none();
    let servers = proxy.capability.backend() && !proxy.servers.is_empty();
    let server = servers && (timeouts.connect.is_none() || timeouts.server.is_none());
    if client || server {
        report.push(
            Level::Warning,
            format!(
                "missing timeouts for {} '{}'.\n   \
                 | While not properly invalid, you will certainly encounter various problems\n   \
                 | with such a configuration. To fix this, please ensure that all following\n   \
                 | timeouts are set to a non-zero value: 'client', 'connect', 'server'.",
                kind(proxy.capability),
                proxy.name
            ),
        );
    }
}

/// `log global` stands for all of global's.
fn logs(draft: &Draft, global: &[LogTarget]) -> Vec<LogTarget> {
    let mut logs: Vec<LogTarget> = vec![];
    for log in &draft.logs {
        match log {
            Log::Global => logs.extend(global.iter().cloned()),
            Log::Own(target) => logs.push(target.clone()),
        }
    }
    logs
}

/// What binds take from their proxy and from `ssl-default-bind-options`.
fn complete_binds(draft: &mut Draft, config: &Config) {
    for bind in &mut draft.proxy.binds {
        if let Some(tls) = &mut bind.tls {
            super::tls_params::apply_defaults(tls, &config.global.ssl_bind);
        }
    }
    for server in &mut draft.proxy.servers {
        let server: &mut Server = Arc::make_mut(server);
        super::tls_params::apply_defaults(&mut server.tls, &config.global.ssl_server);
    }
}

fn certificates(report: &mut Report, draft: &Draft) {
    let name = &draft.proxy.name;
    for (bind, place) in &draft.idle_certificates {
        report.push(
            Level::Warning,
            format!("Proxy '{name}': A certificate was specified but SSL was not enabled on bind '{bind}' at [{place}] (use 'ssl')."),
        );
    }
    for bind in &draft.proxy.binds {
        if bind.tls.as_ref().is_some_and(|tls| tls.crt.is_empty() && tls.crt_list.is_empty()) {
            let (text, place) = (&bind.text, &bind.place);
            report.push(
                Level::Alert,
                format!("Proxy '{name}': no SSL certificate specified for bind '{text}' at [{place}] (use 'crt')."),
            );
        }
    }
}

/// Takes answers from `http-errors` sections. What the proxy itself said of a status before it holds.
fn errorfiles(report: &mut Report, draft: &mut Draft, config: &Config) {
    for (place, name, statuses) in std::mem::take(&mut draft.errorfiles) {
        let Some(section) = config.http_errors.iter().find(|section| section.name == name) else {
            let proxy = &draft.proxy.name;
            report.push(Level::Alert, format!("proxy '{proxy}': unknown http-errors section '{name}' (at {place})."));
            continue;
        };
        for status in statuses.iter().filter(|status| !section.files.contains_key(status)) {
            let text = format!(
                "config: proxy '{}' : status '{status}' not declared in http-errors section '{name}' (at {place}).",
                draft.proxy.name
            );
            report.push(Level::Warning, text);
        }
        for (status, (path, content)) in &section.files {
            if statuses.is_empty() || statuses.contains(status) {
                let error = Error::Raw { path: path.clone(), content: content.clone() };
                draft.proxy.errors.insert(*status, error);
            }
        }
    }
}

/// Whether anything of the proxy is a frontend that listens.
pub(super) fn listens(config: &Config) -> bool {
    let sockets =
        |proxy: &Arc<Proxy>| !proxy.disabled && proxy.capability != Capability::Backend && !proxy.binds.is_empty();
    !config.global.stats_sockets.is_empty() || config.proxies.iter().any(sockets)
}
