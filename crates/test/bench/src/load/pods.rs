//! Pods: from the request to Running, from the delete to gone, and a Deployment of 50.

use super::{figures, milliseconds};
use crate::client::{Client, Target};
use crate::report::{Figure, percentile};
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::time::Instant;

const PODS: &str = "/api/v1/namespaces/default/pods";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const SAMPLES: usize = 50;

/// Lines of a watch on the default namespace's pods.
struct Watch {
    body: Incoming,
    buffer: Vec<u8>,
}

pub async fn one_by_one(target: &Target) -> Vec<Figure> {
    let mut client = target.connect().await;
    let (mut running, mut gone) = (Vec::new(), Vec::new());
    for number in 0..SAMPLES {
        let name = format!("p{number}");
        let mut watch = watch(target, &mut client).await;
        let start = Instant::now();
        client.call(Method::POST, PODS, pod(&name).to_string()).await;
        watch.until(|kind, pod| kind != "DELETED" && pod["status"]["phase"] == "Running").await;
        running.push(milliseconds(start));
        let start = Instant::now();
        client.call(Method::DELETE, &format!("{PODS}/{name}"), "").await;
        watch.until(|kind, _| kind == "DELETED").await;
        gone.push(milliseconds(start));
    }
    figures([
        ("pod_running_p50_ms", percentile(&mut running, 50.0), "ms"),
        ("pod_running_p99_ms", percentile(&mut running, 99.0), "ms"),
        ("pod_delete_p50_ms", percentile(&mut gone, 50.0), "ms"),
    ])
}

/// From the request until all 50 pods are ready, as the Deployment's status says.
pub async fn deployment(target: &Target) -> Vec<Figure> {
    let mut client = target.connect().await;
    let body = deployment_of("d50", 50);
    let start = Instant::now();
    client.call(Method::POST, DEPLOYMENTS, body.to_string()).await;
    wait_ready(target, &mut client, "d50", 50).await;
    let took = start.elapsed().as_secs_f64();
    client.call(Method::DELETE, &format!("{DEPLOYMENTS}/d50"), "").await;
    wait_no_pods(target, &mut client).await;
    figures([("deployment_50_ready_s", took, "s")])
}

/// Ten pods that stay.
pub async fn idle(target: &Target) -> Vec<Figure> {
    let mut client = target.connect().await;
    client.call(Method::POST, DEPLOYMENTS, deployment_of("idle", 10).to_string()).await;
    wait_ready(target, &mut client, "idle", 10).await;
    Vec::new()
}

async fn wait_ready(target: &Target, client: &mut Client, name: &str, wanted: i64) {
    let list = client.get(DEPLOYMENTS).await;
    let is_ready = |one: &Value| one["metadata"]["name"] == name && one["status"]["readyReplicas"] == wanted;
    if list["items"].as_array().into_iter().flatten().any(is_ready) {
        return;
    }
    let mut watch = Watch::open(target, DEPLOYMENTS, &list).await;
    watch.until(|_, one| is_ready(one)).await;
}

async fn wait_no_pods(target: &Target, client: &mut Client) {
    let list = client.get(PODS).await;
    let mut left = list["items"].as_array().map_or(0, Vec::len);
    let mut watch = Watch::open(target, PODS, &list).await;
    while left > 0 {
        watch.until(|kind, _| kind == "DELETED").await;
        left -= 1;
    }
}

async fn watch(target: &Target, client: &mut Client) -> Watch {
    let list = client.get(PODS).await;
    Watch::open(target, PODS, &list).await
}

impl Watch {
    async fn open(target: &Target, place: &str, list: &Value) -> Self {
        let from = list["metadata"]["resourceVersion"].as_str().expect("lists have a version");
        let mut client = target.connect().await;
        let body =
            client.send(Method::GET, &format!("{place}?watch=true&resourceVersion={from}"), "").await.into_body();
        Self { body, buffer: Vec::new() }
    }

    /// Reads events until one fits.
    async fn until(&mut self, fits: impl Fn(&str, &Value) -> bool) {
        loop {
            while let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let event: Value = serde_json::from_slice(&line).expect("a watch event");
                if fits(event["type"].as_str().unwrap_or_default(), &event["object"]) {
                    return;
                }
            }
            let frame = self.body.frame().await.expect("the watch goes on").expect("the watch goes on");
            self.buffer.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        }
    }
}

/// A program that sleeps and obeys TERM at once.
fn spec() -> Value {
    json!({"terminationGracePeriodSeconds": 30, "containers": [{
        "name": "c", "image": "busybox:1", "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait; done"],
    }]})
}

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec()})
}

fn deployment_of(name: &str, replicas: usize) -> Value {
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec()},
        },
    })
}
