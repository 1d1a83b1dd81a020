//! The servers of a plan become hostgroups; what did not change keeps its connections and counters.

use super::server::groups::{Groups, Server, Standing};
use super::shared::Shared;
use mysql::settings::{self, Hostgroup};
use std::collections::HashSet;
use std::sync::Arc;

/// A server in a hostgroup, and its state there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub row: settings::Server,
    pub standing: Standing,
}

/// Puts these in force. Servers that are in no hostgroup any more take nothing new, and their idle connections end.
pub fn place(shared: &Shared, wanted: Vec<Placed>, pairs: impl IntoIterator<Item = (Hostgroup, Hostgroup)>) {
    let before = shared.live.groups.load_full();
    let servers: Vec<Arc<Server>> = wanted.into_iter().map(|placed| one(shared, &before, placed)).collect();
    let kept: HashSet<*const Server> = servers.iter().map(Arc::as_ptr).collect();
    for gone in before.all().filter(|server| !kept.contains(&Arc::as_ptr(server))) {
        gone.set_standing(Standing::OfflineHard);
    }
    super::stats::count(&shared.stats.placings);
    shared.live.replace(Groups::new(servers, pairs));
}

fn one(shared: &Shared, before: &Groups, placed: Placed) -> Arc<Server> {
    let Placed { row, standing } = placed;
    let same = before.of(row.hostgroup_id).iter().find(|server| is_same(server, &row));
    let server = same.cloned().unwrap_or_else(|| {
        Arc::new(Server {
            hostgroup: row.hostgroup_id,
            host: shared.host(&row.hostname, row.port),
            hostname: row.hostname,
            port: row.port,
            weight: row.weight,
            max_connections: row.max_connections,
            max_replication_lag: row.max_replication_lag,
            max_latency_ms: row.max_latency_ms,
            use_ssl: row.use_ssl,
            compression: row.compression,
            comment: row.comment,
            status: 0.into(),
            slow: false.into(),
            waiting: 0.into(),
            freed: Default::default(),
            counters: Default::default(),
        })
    });
    server.set_standing(standing);
    server
}

fn is_same(server: &Server, row: &settings::Server) -> bool {
    server.hostname == row.hostname
        && server.port == row.port
        && server.weight == row.weight
        && server.max_connections == row.max_connections
        && server.max_replication_lag == row.max_replication_lag
        && server.max_latency_ms == row.max_latency_ms
        && server.use_ssl == row.use_ssl
        && server.compression == row.compression
        && server.comment == row.comment
}
