//! A connection for a statement: idle, new, or waited for.

use super::connect::{ConnectError, Credentials, connect};
use super::connection::Connection;
use super::groups::{Groups, Server};
use super::query::query;
use crate::sql::latency::bump;
use crate::sql::listener::keep_alive;
use crate::sql::stats::count;
use crate::sql::stream::Stream;
use crate::sql::worker::Worker;
use mysql::session::State;
use mysql::settings::Hostgroup;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Between two attempts at servers that refuse.
const PAUSE: Duration = Duration::from_millis(20);

/// As many may linger with their sessions before new statements take them.
const LINGERING: usize = 16;

/// Sessions that are in the middle of something are back by then.
const LINGERED: Duration = Duration::from_millis(5);

/// What there was none of.
#[derive(Debug, thiserror::Error)]
pub enum NoConnection {
    /// ProxySQL's 9001.
    #[error("Max connect timeout reached while reaching hostgroup {hostgroup} after {}ms{}", after.as_millis(), because(last))]
    Timeout { hostgroup: Hostgroup, after: Duration, last: String },
    /// Its session was killed while it waited.
    #[error("the session was killed")]
    Killed,
    /// A server said no to this user or schema: waiting would not help.
    #[error(transparent)]
    Refused(ConnectError),
}

fn because(last: &str) -> String {
    if last.is_empty() { String::new() } else { format!(": {last}") }
}

/// What the monitor knows of servers that were not even tried.
fn trouble(groups: &Groups, hostgroup: Hostgroup) -> Option<String> {
    groups.of(hostgroup).iter().find_map(|server| server.host.trouble.load().as_deref().cloned())
}

pub struct Wanted<'a> {
    pub hostgroup: Hostgroup,
    /// Where to, when the hostgroup has no server that answers: a reader hostgroup's writer.
    pub fallback: Option<Hostgroup>,
    pub credentials: &'a Credentials,
    pub state: &'a Rc<State>,
    /// It has just failed.
    pub not: Option<Arc<Server>>,
}

/// Waits until there is one, at most `mysql-connect_timeout_server_max`.
///
/// # Errors
/// [`NoConnection`].
pub async fn acquire(worker: &Worker, mut wanted: Wanted<'_>) -> Result<Connection, NoConnection> {
    let started = Instant::now();
    let deadline = started + worker.shared.tuning.load().connect_timeout_server_max;
    let mut last = None;
    let mut first = true;
    loop {
        let live = &worker.shared.live;
        // Before looking: a change in between must not be missed.
        let changed = live.changed.notified();
        let groups = live.groups.load_full();
        let picked = pick(worker, &groups, &wanted);
        if let Some(server) = &picked {
            match attempt(worker, server, &wanted).await {
                Ok((connection, at_once)) => {
                    let at_once = at_once && first;
                    let took = if at_once { Duration::ZERO } else { started.elapsed() };
                    worker.note(server, |times| &times.wait, took);
                    bump(&worker.tally.counters.got, 1);
                    bump(&worker.tally.counters.got_at_once, at_once.into());
                    return Ok(connection);
                }
                Err(error) if is_final(&error) => {
                    bump(&worker.tally.counters.got_none, 1);
                    return Err(NoConnection::Refused(error));
                }
                Err(error) => last = Some(error),
            }
        }
        first = false;
        if Instant::now() >= deadline {
            bump(&worker.tally.counters.got_none, 1);
            let last = last.map(|error| error.to_string()).or_else(|| trouble(&groups, wanted.hostgroup));
            let last = last.unwrap_or_default();
            return Err(NoConnection::Timeout { hostgroup: wanted.hostgroup, after: started.elapsed(), last });
        }
        let full = matches!(last, Some(ConnectError::Full { .. }));
        if let Some(server) = &picked
            && !full
        {
            let first =
                !wanted.not.replace(server.clone()).is_some_and(|failed| Arc::ptr_eq(&failed.host, &server.host));
            if first {
                // Another server may answer at once.
                continue;
            }
        }
        let full_one = picked.filter(|_| full);
        let freed = full_one.as_ref().map(|server| worker.pool.freed(server));
        let _waiting = full_one.as_ref().map(|server| worker.pool.wait(server));
        if full_one.is_some() {
            worker.ask_others();
        }
        let until = if full || last.is_none() { deadline } else { deadline.min(Instant::now() + PAUSE) };
        let rung = async {
            match (&freed, &full_one) {
                (Some(here), Some(server)) => tokio::select! {
                    () = here.notified() => {}
                    () = server.freed.notified() => {}
                },
                _ => std::future::pending().await,
            }
        };
        _ = timeout_at(until, async {
            tokio::select! {
                () = changed => {}
                () = rung => {}
            }
        })
        .await;
    }
}

/// The one that failed again only where there is no other.
fn pick(worker: &Worker, groups: &Groups, wanted: &Wanted) -> Option<Arc<Server>> {
    let random = worker.random();
    let of = |hostgroup, not| groups.pick(hostgroup, random, not).cloned();
    let not = wanted.not.as_ref();
    of(wanted.hostgroup, not)
        .or_else(|| {
            let server = of(wanted.fallback?, not)?;
            worker.shared.stats.fallbacks.fetch_add(1, Relaxed);
            Some(server)
        })
        .or_else(|| of(wanted.hostgroup, None))
        .or_else(|| of(wanted.fallback?, None))
}

/// The connection, and whether it was there at once.
async fn attempt(
    worker: &Worker,
    server: &Arc<Server>,
    wanted: &Wanted<'_>,
) -> Result<(Connection, bool), ConnectError> {
    let place = loop {
        if let Some(connection) = worker.pool.take(server, &wanted.credentials.key, wanted.state) {
            return Ok((connection, true));
        }
        // Rather one that lingers with an idle session than one more.
        if worker.lingering() > LINGERING && worker.reclaim_after(LINGERED) {
            continue;
        }
        if let Some(place) = worker.pool.place(server) {
            if !may_connect(worker, server) {
                return Err(ConnectError::Throttled { address: server.address() });
            }
            break place;
        }
        // What lingers may be of use as it is; what is idle is another user's.
        if !worker.reclaim() && !worker.pool.evict(server) {
            return Err(ConnectError::Full { address: server.address() });
        }
    };
    let limit = worker.shared.tuning.load().connect_timeout_server;
    let generation = worker.shared.generation.load(Relaxed);
    let began = Instant::now();
    let mut result = connect(server, wanted.credentials, place, limit).await;
    if let Ok(connection) = &mut result
        && let Err(error) = begin(worker, connection).await
    {
        result = Err(error);
    }
    if let Ok(connection) = &mut result {
        connection.generation = generation;
        if let Stream::Tcp(stream) = &connection.wire.stream {
            keep_alive(stream, worker.shared.tuning.load().tcp_keepalive);
        }
    }
    let stats = &worker.shared.stats;
    if result.is_ok() {
        worker.note(server, |times| &times.connect, began.elapsed());
        server.counters.connected.fetch_add(1, Relaxed);
        count(&stats.server_connections);
    } else {
        server.counters.failed.fetch_add(1, Relaxed);
        count(&stats.server_connections_failed);
    }
    if result.is_err() {
        worker.pool.ended(server);
    }
    if let Err(error) = &result
        && !matches!(error, ConnectError::Refused { .. } | ConnectError::Begin { .. })
    {
        worker.shared.connect_failed(server, error);
    }
    result.map(|connection| (connection, false))
}

/// Whether the hostgroup may have one more connection in this second.
fn may_connect(worker: &Worker, server: &Server) -> bool {
    let shared = &worker.shared;
    shared.manners.load().may_connect(server.hostgroup, shared.started.elapsed().as_secs())
}

/// `init_connect`: on each connection, before anybody else's statement.
async fn begin(worker: &Worker, connection: &mut Connection) -> Result<(), ConnectError> {
    let manners = worker.shared.manners.load_full();
    let sql = manners.init_connect(connection.server.hostgroup);
    if sql.is_empty() {
        return Ok(());
    }
    let limit = worker.shared.tuning.load().connect_timeout_server;
    let address = connection.server.address();
    match timeout_at(Instant::now() + limit, query(connection, sql)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(source)) => Err(ConnectError::Begin { address, source: Box::new(source) }),
        Err(_) => Err(ConnectError::Late { address, limit }),
    }
}

/// The server's own "no": access denied, unknown database.
fn is_final(error: &ConnectError) -> bool {
    match error {
        ConnectError::Refused { source, .. } => matches!(source.code, 1044 | 1045 | 1049 | 1698 | 1251),
        ConnectError::Plugin { .. }
        | ConnectError::NoPlugin { .. }
        | ConnectError::Exposed { .. }
        | ConnectError::Malformed { .. } => true,
        _ => false,
    }
}
