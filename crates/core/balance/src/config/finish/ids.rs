//! Numbers of proxies, servers and sockets, as the statistics show them.

use crate::config::model::{Config, Proxy, Server};
use crate::config::problem::Problem;
use crate::config::proxy::{Draft, kind};
use std::sync::Arc;

/// Says that another proxy has the same custom number.
pub(in crate::config) fn twin(draft: &Draft, others: &[Draft]) -> Option<Problem> {
    let (place, proxy) = (draft.id.as_ref()?, &draft.proxy);
    let other = &others.iter().find(|other| other.id.is_some() && other.proxy.id == proxy.id)?.proxy;
    let text = format!(
        "config : parsing [{place}]: {} {} reuses same custom id as {} {} (declared at {}).",
        kind(proxy.capability),
        proxy.name,
        kind(other.capability),
        other.name,
        other.place
    );
    Some(Problem::alert(text).at(place))
}

/// By order of the sections, from 1, past those that are taken. The stats sockets' own frontend is the first.
pub(super) fn proxies(config: &Config, drafts: &mut [Draft]) {
    let taken: Vec<u32> = drafts.iter().map(|draft| draft.proxy.id).filter(|id| *id > 0).collect();
    let mut next = 1 + u32::from(!config.global.stats_sockets.is_empty());
    for draft in drafts {
        if draft.proxy.id == 0 {
            next = free(next, |id| taken.contains(&id));
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
