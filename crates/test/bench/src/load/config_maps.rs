//! 10,000 ConfigMaps of 1 KB: created, read, listed.

use super::{figures, gather, milliseconds};
use crate::client::{Client, Target};
use crate::report::{Figure, percentile};
use http::Method;
use http_body_util::BodyExt;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: usize = 32;
const OBJECTS: usize = 10_000;
const PLACE: &str = "/api/v1/namespaces/bench/configmaps";
/// How long the reads go on.
const WINDOW: Duration = Duration::from_secs(5);

pub async fn create(target: &Target) -> Vec<Figure> {
    let mut first = target.connect().await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bench"}});
    first.call(Method::POST, "/api/v1/namespaces", namespace.to_string()).await;
    let (next, filler) = (Arc::new(AtomicUsize::new(0)), Arc::new("x".repeat(850)));
    let clients = connect(target).await;
    let start = Instant::now();
    let tasks = clients.into_iter().map(|mut client| {
        let (next, filler) = (Arc::clone(&next), Arc::clone(&filler));
        tokio::spawn(async move {
            let mut samples = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= OBJECTS {
                    return samples;
                }
                let name = format!("c{number:05}");
                let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": *filler}});
                let body = body.to_string();
                let sent = Instant::now();
                client.call(Method::POST, PLACE, body).await;
                samples.push(milliseconds(sent));
            }
        })
    });
    let mut samples = gather(tasks.collect()).await;
    let rate = samples.len() as f64 / start.elapsed().as_secs_f64();
    figures([("create_per_s", rate, "1/s"), ("create_p99_ms", percentile(&mut samples, 99.0), "ms")])
}

pub async fn get(target: &Target) -> Vec<Figure> {
    let clients = connect(target).await;
    let start = Instant::now();
    let tasks = clients.into_iter().enumerate().map(|(which, mut client)| {
        tokio::spawn(async move {
            let mut samples = Vec::new();
            let mut number = which;
            while start.elapsed() < WINDOW {
                number = (number + 7919) % OBJECTS;
                let sent = Instant::now();
                client.call(Method::GET, &format!("{PLACE}/c{number:05}"), "").await;
                samples.push(milliseconds(sent));
            }
            samples
        })
    });
    let samples = gather(tasks.collect()).await;
    figures([("get_per_s", samples.len() as f64 / start.elapsed().as_secs_f64(), "1/s")])
}

/// The bytes are read and dropped, so that the client's own work is small.
pub async fn list(target: &Target) -> Vec<Figure> {
    let mut client = target.connect().await;
    let (start, mut bytes) = (Instant::now(), 0);
    while start.elapsed() < WINDOW {
        let mut body = client.send(Method::GET, PLACE, "").await.into_body();
        while let Some(frame) = body.frame().await {
            bytes += frame.expect("the list goes on").data_ref().map_or(0, bytes::Bytes::len);
        }
    }
    figures([("list_mb_per_s", bytes as f64 / 1e6 / start.elapsed().as_secs_f64(), "MB/s")])
}

async fn connect(target: &Target) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(target.connect().await);
    }
    clients
}
