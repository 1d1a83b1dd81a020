//! 500 nodes that send heartbeats and follow their pods, 10,000 pods whose status changes, as agents of a large cluster do.

use super::{figures, gather, milliseconds};
use crate::client::{Client, Target};
use crate::report::{Figure, percentile};
use http::Method;
use http_body_util::BodyExt;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const NODES: usize = 500;
const PODS: usize = 10_000;
/// Connections that make the objects and send what agents send.
const CLIENTS: usize = 20;
/// A heartbeat of a node.
const RENEW: Duration = Duration::from_secs(15);
/// How long it is measured.
const WINDOW: Duration = Duration::from_secs(45);
/// Pods whose status changes in a second, all nodes together.
const CHANGES: usize = 100;

pub async fn run(target: &Target) -> Vec<Figure> {
    each(target, NODES, |number| {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name(number)}});
        ("/api/v1/nodes".to_owned(), node)
    })
    .await;
    each(target, NODES, |number| (LEASES.to_owned(), lease(number))).await;
    let start = Instant::now();
    each(target, PODS, |number| ("/api/v1/namespaces/default/pods".to_owned(), pod(number))).await;
    let made = PODS as f64 / start.elapsed().as_secs_f64();
    let watches: Vec<_> = (0..NODES).map(|number| tokio::spawn(follow(target.clone(), number))).collect();
    let end = Instant::now() + WINDOW;
    let heartbeats = (0..CLIENTS).map(|part| tokio::spawn(renew(target.clone(), part, end)));
    let statuses = (0..CLIENTS).map(|part| tokio::spawn(change(target.clone(), part, end)));
    let reads = tokio::spawn(read(target.clone(), end));
    let mut writes = gather(heartbeats.chain(statuses).collect()).await;
    let mut reads = gather(vec![reads]).await;
    watches.iter().for_each(tokio::task::JoinHandle::abort);
    let count = writes.len() as f64 / WINDOW.as_secs_f64();
    let mut all = [writes.clone(), reads.clone()].concat();
    figures([
        ("sim_500_nodes_pods_created_per_s", made, "1/s"),
        ("sim_500_nodes_writes_per_s", count, "1/s"),
        ("sim_500_nodes_write_p99_ms", percentile(&mut writes, 99.0), "ms"),
        ("sim_500_nodes_read_p99_ms", percentile(&mut reads, 99.0), "ms"),
        ("sim_500_nodes_api_p99_ms", percentile(&mut all, 99.0), "ms"),
    ])
}

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";

fn name(number: usize) -> String {
    format!("sim-{number:03}")
}

fn lease(number: usize) -> serde_json::Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": name(number), "namespace": "kube-node-lease"},
        "spec": {"holderIdentity": name(number), "leaseDurationSeconds": 40, "renewTime": now()},
    })
}

fn now() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let time = jiff::Timestamp::from_microsecond(since.as_micros() as i64).expect("before the year 9999");
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

fn pod(number: usize) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("sim-{number:05}"), "labels": {"app": format!("a{}", number % 100)}},
        "spec": {
            "nodeName": name(number % NODES), "automountServiceAccountToken": false,
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "c", "image": "busybox:1", "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}],
        },
    })
}

/// Makes so many objects, [`CLIENTS`] at once.
async fn each(
    target: &Target,
    count: usize,
    object: impl Fn(usize) -> (String, serde_json::Value) + Copy + Send + 'static,
) {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for _ in 0..CLIENTS {
        let (next, mut client) = (Arc::clone(&next), target.connect().await);
        tasks.push(tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return;
                }
                let (path, object) = object(number);
                client.call(Method::POST, &path, object.to_string()).await;
            }
        }));
    }
    for task in tasks {
        task.await.expect("a client does not panic");
    }
}

/// Reads what changes of a node's pods, as its agent does.
async fn follow(target: Target, number: usize) {
    let mut client = target.connect().await;
    let path = format!("/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3D{}", name(number));
    let mut body = client.send(Method::GET, &path, "").await.into_body();
    while let Some(Ok(_)) = body.frame().await {}
}

/// Heartbeats of every [`CLIENTS`]th node, spread over the time between two.
async fn renew(target: Target, part: usize, end: Instant) -> Vec<f64> {
    let mut client = target.connect().await;
    let own: Vec<usize> = (part..NODES).step_by(CLIENTS).collect();
    let mut ticks = tokio::time::interval(RENEW / own.len() as u32);
    let mut samples = Vec::new();
    for number in own.iter().cycle() {
        ticks.tick().await;
        if Instant::now() > end {
            break;
        }
        let path = format!("{LEASES}/{}", name(*number));
        let body = json!({"spec": {"renewTime": now()}}).to_string();
        samples.push(timed_patch(&mut client, &path, body).await);
    }
    samples
}

async fn change(target: Target, part: usize, end: Instant) -> Vec<f64> {
    let mut client = target.connect().await;
    let mut ticks = tokio::time::interval(Duration::from_secs(CLIENTS as u64) / CHANGES as u32);
    let mut samples = Vec::new();
    for number in (part..PODS).step_by(CLIENTS).cycle() {
        ticks.tick().await;
        if Instant::now() > end {
            break;
        }
        let path = format!("/api/v1/namespaces/default/pods/sim-{number:05}/status");
        let body = json!({"status": {"phase": "Running", "message": now()}}).to_string();
        samples.push(timed_patch(&mut client, &path, body).await);
    }
    samples
}

async fn timed_patch(client: &mut Client, path: &str, body: String) -> f64 {
    let sent = Instant::now();
    client.patch(path, body).await;
    milliseconds(sent)
}

/// A person: one pod, and the pods of one application.
async fn read(target: Target, end: Instant) -> Vec<f64> {
    let mut client = target.connect().await;
    let (mut samples, mut number) = (Vec::new(), 0);
    while Instant::now() < end {
        number = (number + 7919) % PODS;
        for path in [
            format!("/api/v1/namespaces/default/pods/sim-{number:05}"),
            format!("/api/v1/namespaces/default/pods?labelSelector=app%3Da{}", number % 100),
        ] {
            let sent = Instant::now();
            client.call(Method::GET, &path, "").await;
            samples.push(milliseconds(sent));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    samples
}
