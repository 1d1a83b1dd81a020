//! Which API servers of the cluster live: each has a key in the store that ends by itself unless it is written again.
//! Their addresses are the endpoints of the Service `kubernetes`.
//!
//! Upstream: `pkg/controlplane/reconcilers/lease.go` (`--endpoint-reconciler-type=lease`).

use crate::bootstrap;
use crate::local::Local;
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, Value, object};
use serde_json::json;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use store::{Op, Range};
use tokio_util::sync::CancellationToken;

/// Each server's key is this and its address.
const PREFIX: &str = "/registry/masterleases/";
/// How long a server that says nothing counts as living. Upstream: `DefaultEndpointReconcilerTTL`.
const TTL: Duration = Duration::from_secs(15);
/// How often each says that it lives; two words may be lost.
const EVERY: Duration = Duration::from_secs(5);

/// Says so now. A server that only its own machine can reach has nothing to say to others.
///
/// # Errors
/// If the store cannot be written.
pub async fn renew(server: &Server) -> ApiResult<()> {
    let (ip, port) = (server.advertise.ip(), server.advertise.port());
    if !is_reachable(ip) {
        return Ok(());
    }
    let value = object::encode(&json!({
        "kind": "Endpoints", "apiVersion": "v1", "metadata": {"name": ip.to_string()},
        "subsets": [{"addresses": [{"ip": ip.to_string()}], "ports": [{"port": port}]}],
    }));
    write(server, Op::Put { key: key(ip).into(), value: value.into(), ttl: Some(TTL) }).await
}

/// Where all that live are reached, of the family of our own, lowest address first; none if nobody has said so.
///
/// # Errors
/// If the store cannot be read.
async fn living(server: &Server) -> ApiResult<Vec<SocketAddr>> {
    let found = server.store.range(Range::under(PREFIX)).await.map_err(ApiError::internal)?;
    let places = found.items.iter().filter_map(|item| {
        let ip = item.key.strip_prefix(PREFIX)?.parse::<IpAddr>().ok()?;
        let value: Value = serde_json::from_slice(&item.value).ok()?;
        let port = value.pointer("/subsets/0/ports/0/port").and_then(Value::as_u64);
        let port = port.and_then(|port| u16::try_from(port).ok()).unwrap_or(server.advertise.port());
        Some(SocketAddr::new(ip, port))
    });
    let mut places: Vec<SocketAddr> = places.filter(|place| place.is_ipv4() == server.advertise.is_ipv4()).collect();
    places.sort_unstable();
    Ok(places)
}

/// The same by their ports; our own address if nobody has said so. Taken from the store alone: all servers must come to
/// the same, or they would overwrite each other's endpoints without end.
///
/// # Errors
/// If the store cannot be read.
pub async fn by_port(server: &Server) -> ApiResult<Vec<(u16, Vec<IpAddr>)>> {
    let mut places = living(server).await?;
    if places.is_empty() {
        places.push(server.advertise);
    }
    let mut groups: Vec<(u16, Vec<IpAddr>)> = Vec::new();
    for place in places {
        match groups.iter_mut().find(|(port, _)| *port == place.port()) {
            Some((_, group)) => group.push(place.ip()),
            None => groups.push((place.port(), vec![place.ip()])),
        }
    }
    Ok(groups)
}

/// Goes on saying so, and brings the endpoints up to date when others come or go, until `stop`.
pub async fn keep(server: Arc<Server>, api: Local, stop: CancellationToken) {
    let mut known = Vec::new();
    while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        let done = stop.run_until_cancelled(round(&server, &api, &mut known)).await;
        if let Some(Err(error)) = done {
            tracing::warn!(%error, "cannot tell the other API servers of the cluster that this one lives; will try again");
        }
    }
}

async fn round(server: &Server, api: &Local, known: &mut Vec<SocketAddr>) -> ApiResult<()> {
    renew(server).await?;
    let now = living(server).await?;
    if now != *known {
        bootstrap::kubernetes_service(server, api).await?;
        *known = now;
    }
    Ok(())
}

/// Says that this server lives no more, and takes it off the endpoints. Call it when [`keep`] has ended.
///
/// # Errors
/// If the store cannot be written; the key ends by itself then.
pub async fn leave(server: &Server, api: &Local) -> ApiResult<()> {
    if !is_reachable(server.advertise.ip()) {
        return Ok(());
    }
    write(server, Op::delete(key(server.advertise.ip()))).await?;
    if living(server).await?.is_empty() {
        // The last one: an address that may come back is more than none.
        return Ok(());
    }
    bootstrap::kubernetes_service(server, api).await
}

async fn write(server: &Server, op: Op) -> ApiResult<()> {
    server.store.txn(Vec::new(), vec![op]).await.map(drop).map_err(ApiError::internal)
}

fn key(ip: IpAddr) -> String {
    format!("{PREFIX}{ip}")
}

fn is_reachable(ip: IpAddr) -> bool {
    !ip.is_loopback() && !ip.is_unspecified()
}
