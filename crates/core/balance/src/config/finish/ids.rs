//! Numbers of proxies, servers and sockets, as the statistics show them.

use crate::config::model::{Proxy, Server};
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

/// By order of the sections, from 1, past those that are taken. The frontend of the stats sockets is one of them, where
/// `global` first spoke of it: behind `stats_after` proxies.
pub(super) fn proxies(stats_after: Option<usize>, drafts: &mut [Draft]) {
    let taken: Vec<u32> = drafts.iter().map(|draft| draft.proxy.id).filter(|id| *id > 0).collect();
    let mut next = 1;
    for (index, draft) in drafts.iter_mut().enumerate() {
        if stats_after == Some(index) {
            next = free(next, |id| taken.contains(&id)) + 1;
        }
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

/// Each socket of a line has a number; one that the line says is its first socket's.
pub(super) fn binds(proxy: &mut Proxy) {
    let taken: Vec<u32> = proxy.binds.iter().filter_map(|bind| bind.id).collect();
    let mut next = 1;
    for bind in &mut proxy.binds {
        let mut custom = bind.id;
        let number = |_| {
            let id = custom.take().unwrap_or_else(|| {
                next = free(next, |id| taken.contains(&id));
                next
            });
            next += 1;
            id
        };
        bind.ids = (0..bind.listen.len()).map(number).collect();
    }
}
