//! Answers balancers that ask whether this node has endpoints of a Service (`healthCheckNodePort`).
//!
//! Upstream: `pkg/proxy/healthcheck/service_health.go`.

use crate::follow::Known;
use netplan::proxy::{HealthCheck, health_checks};
use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Questions answered at once on one port; more wait in the kernel's queue.
const CONNECTIONS: usize = 16;
/// How long a balancer may take for its question.
const PATIENCE: Duration = Duration::from_secs(5);
/// The head of a question; what is longer is none.
const MOST_BYTES: usize = 8 * 1024;
/// After a port could not be opened or did not accept.
const RETRY: Duration = Duration::from_secs(5);

type Checks = Arc<RwLock<BTreeMap<u16, HealthCheck>>>;

/// Serves until cancelled.
pub async fn run(node: String, known: Known) {
    let mut changes = known.changes();
    let checks = Checks::default();
    let mut open: BTreeMap<u16, DropGuard> = BTreeMap::new();
    if known.is_complete() {
        changes.mark_changed();
    }
    while changes.changed().await.is_ok() {
        let wanted = known.read(|world| health_checks(world, &node));
        open.retain(|port, _| wanted.contains_key(port));
        for port in wanted.keys() {
            open.entry(*port).or_insert_with(|| start(*port, checks.clone()));
        }
        *checks.write().unwrap_or_else(PoisonError::into_inner) = wanted;
    }
}

fn start(port: u16, checks: Checks) -> DropGuard {
    let stop = CancellationToken::new();
    let until = stop.clone();
    tokio::spawn(async move { until.run_until_cancelled(serve(port, checks)).await });
    stop.drop_guard()
}

/// A port that is taken is tried again: nobody tells when it is free.
async fn serve(port: u16, checks: Checks) {
    loop {
        if let Err(error) = accept(port, &checks).await {
            tracing::warn!(port, %error, "a balancer's health check is not answered, will retry");
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn accept(port: u16, checks: &Checks) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut running = JoinSet::new();
    loop {
        let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, _) = listener.accept().await?;
        while running.try_join_next().is_some() {}
        let checks = checks.clone();
        running.spawn(async move {
            // A balancer that breaks off asks again.
            _ = tokio::time::timeout(PATIENCE, converse(stream, port, &checks)).await;
            drop(place);
        });
    }
}

async fn converse(mut stream: TcpStream, port: u16, checks: &Checks) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        if head.len() > MOST_BYTES || stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let check = checks.read().unwrap_or_else(PoisonError::into_inner).get(&port).cloned();
    let answer = check.map(|check| answer(&check)).unwrap_or_default();
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

fn answer(HealthCheck { service, endpoints }: &HealthCheck) -> String {
    let status = if *endpoints > 0 { "200 OK" } else { "503 Service Unavailable" };
    let (namespace, name) = (&service.namespace, &service.name);
    let body = format!(
        "{{\n\t\"service\": {{\n\t\t\"namespace\": \"{namespace}\",\n\t\t\"name\": \"{name}\"\n\t}},\n\t\
         \"localEndpoints\": {endpoints},\n\t\"serviceProxyHealthy\": true\n}}"
    );
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n\
         X-Load-Balancing-Endpoint-Weight: {endpoints}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
