//! What the process may have: descriptors, and the connections that follow from them.

use balance::config::model::Config;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are none of connections: runtimes, logs, the statistics socket and its clients, checks.
const OURS: u64 = 100;

/// Raises the limit of descriptors as far as the configuration wants and the system allows, and says how many
/// connections can be served: two descriptors each.
pub fn maxconn(config: &Config) -> u32 {
    let global = &config.global;
    let wanted = global.ulimit_n.unwrap_or_else(|| global.maxconn.map_or(u64::MAX, |maxconn| needed(config, maxconn)));
    let descriptors = raise(wanted.min(global.fd_hard_limit.unwrap_or(u64::MAX)));
    let servers: usize = config.proxies.iter().map(|proxy| proxy.servers.len()).sum();
    let free = descriptors.saturating_sub(OURS + listeners(config) + servers as u64);
    u32::try_from(free / 2).unwrap_or(u32::MAX).clamp(1, 1_000_000)
}

fn needed(config: &Config, maxconn: u32) -> u64 {
    2 * u64::from(maxconn)
        + OURS
        + listeners(config)
        + config.proxies.iter().map(|proxy| proxy.servers.len() as u64).sum::<u64>()
}

/// A listener has two descriptors a worker: one accepts, one is kept for a successor.
fn listeners(config: &Config) -> u64 {
    let addresses: usize = config.proxies.iter().flat_map(|proxy| &proxy.binds).map(|bind| bind.listen.len()).sum();
    let workers = config.global.nbthread.unwrap_or(2);
    2 * addresses as u64 * u64::from(workers)
}

/// The limit of descriptors after trying to make it this high. Never lowers it.
pub fn raise(wanted: u64) -> u64 {
    let now = getrlimit(Resource::Nofile);
    let (current, maximum) = (now.current.unwrap_or(u64::MAX), now.maximum.unwrap_or(u64::MAX));
    if wanted <= current {
        return current;
    }
    let beyond = Rlimit { current: Some(wanted), maximum: Some(wanted.max(maximum)) };
    let allowed = Rlimit { current: Some(wanted.min(maximum)), maximum: now.maximum };
    let raised = wanted > maximum && wanted < u64::MAX && setrlimit(Resource::Nofile, beyond).is_ok();
    if raised || setrlimit(Resource::Nofile, allowed).is_ok() {
        return getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    }
    current
}
