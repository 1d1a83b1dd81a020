//! Numbers of proxies, servers and sockets, as the statistics show them.

use crate::config::model::{Config, Proxy, Server};
use crate::config::problem::Level;
use crate::config::proxy::{Draft, kind};
use crate::config::report::Report;
use std::collections::HashMap;
use std::sync::Arc;

/// By order of the sections, from 1, past those that are taken. The stats sockets' own frontend is the first.
pub(super) fn proxies(report: &mut Report, config: &Config, drafts: &mut [Draft]) {
    let mut taken: HashMap<u32, usize> = HashMap::new();
    for index in 0..drafts.len() {
        let proxy = &drafts[index].proxy;
        if proxy.id == 0 {
            continue;
        }
        match taken.get(&proxy.id) {
            Some(other) => {
                let other = &drafts[*other].proxy;
                let text = format!(
                    "parsing [{}]: {} {} reuses same custom id as {} {} (declared at {}).",
                    proxy.place,
                    kind(proxy.capability),
                    proxy.name,
                    kind(other.capability),
                    other.name,
                    other.place
                );
                report.push(Level::Alert, text);
            }
            None => _ = taken.insert(proxy.id, index),
        }
    }
    let mut next = 1 + u32::from(!config.global.stats_sockets.is_empty());
    for draft in drafts {
        if draft.proxy.id == 0 {
            next = free(next, |id| taken.contains_key(&id));
            draft.proxy.id = next;
        }
        // A number is used up by each section, also by one that has its own.
        next += 1;
    }
}

fn free(mut id: u32, taken: impl Fn(u32) -> bool) -> u32 {
    while taken(id) {
        id += 1;
    }
    id
}

pub(super) fn servers(servers: &mut [Arc<Server>]) {
    let taken: Vec<u32> = servers.iter().map(|server| server.id).filter(|id| *id > 0).collect();
    let mut next = 1;
    for server in servers {
        if server.id == 0 {
            next = free(next, |id| taken.contains(&id));
            Arc::make_mut(server).id = next;
        }
        next += 1;
    }
}

/// Each socket of a line has a number; the line keeps that of its first one.
pub(super) fn binds(proxy: &mut Proxy) {
    let taken: Vec<u32> = proxy.binds.iter().filter_map(|bind| bind.id).collect();
    let mut next = 1;
    for bind in &mut proxy.binds {
        let mut sockets = bind.listen.len() as u32;
        if bind.id.is_none() {
            next = free(next, |id| taken.contains(&id));
            bind.id = Some(next);
            sockets -= 1;
            next += 1;
        } else {
            sockets = sockets.saturating_sub(1);
            next += 1;
        }
        for _ in 0..sockets {
            next = free(next, |id| taken.contains(&id)) + 1;
        }
    }
}
