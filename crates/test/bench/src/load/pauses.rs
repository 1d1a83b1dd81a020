//! Writes and reads through a door whose server may die: the longest time between two that succeeded.
//!
//! Reads are of two kinds. What controllers and agents read, `resourceVersion=0`, the watch cache answers; a read of
//! the newest state has to ask etcd's leader, so that it cannot be sooner than an election, just as a write.

use super::figures;
use crate::report::Figure;
use client::remote::{Remote, RemoteOptions};
use serde_json::json;
use std::time::{Duration, Instant};
use testbed::administrator;

/// Between two of a kind.
const PACE: Duration = Duration::from_millis(10);

const PLACE: &str = "/api/v1/namespaces/default/configmaps";

pub async fn run() -> Vec<Figure> {
    let seconds = std::env::var("PAUSES_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let end = Instant::now() + Duration::from_secs(seconds);
    let cached = tokio::spawn(longest(end, |api, _| async move { reads(&api, "?resourceVersion=0").await }));
    let newest = tokio::spawn(longest(end, |api, _| async move { reads(&api, "").await }));
    let written = tokio::spawn(longest(end, |api, number| async move {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("pause-{number}")}});
        api.request("POST", PLACE, Some(object)).await.is_ok()
    }));
    let cached = cached.await.expect("the reader does not panic");
    let newest = newest.await.expect("the reader does not panic");
    let written = written.await.expect("the writer does not panic");
    figures([
        ("ha_write_pause_ms", written.0, "ms"),
        ("ha_read_pause_ms", cached.0, "ms"),
        ("ha_newest_read_pause_ms", newest.0, "ms"),
        ("ha_writes", written.1, "writes"),
        ("ha_reads", cached.1, "reads"),
        ("ha_newest_reads", newest.1, "reads"),
    ])
}

async fn reads(api: &Remote, query: &str) -> bool {
    api.request("GET", &format!("/api/v1/namespaces/default{query}"), None).await.is_ok()
}

/// Milliseconds of the longest gap, and how many succeeded.
async fn longest<F>(end: Instant, act: impl Fn(Remote, u64) -> F) -> (f64, f64)
where
    F: Future<Output = bool>,
{
    let api = remote();
    let (mut last, mut gap, mut done) = (Instant::now(), Duration::ZERO, 0_u64);
    let mut number = 0;
    while Instant::now() < end {
        number += 1;
        if act(api.clone(), number).await {
            gap = gap.max(last.elapsed());
            last = Instant::now();
            done += 1;
        }
        tokio::time::sleep(PACE).await;
    }
    (gap.max(last.elapsed()).as_secs_f64() * 1e3, done as f64)
}

/// As the administrator of `$KUBECONFIG`. What is not answered in a second is asked again, as people do.
fn remote() -> Remote {
    let path = std::env::var_os("KUBECONFIG").expect("KUBECONFIG names the cluster");
    let second = Duration::from_secs(1);
    let options = RemoteOptions {
        request_timeout: second,
        connect_timeout: second,
        keep_alive_timeout: second,
        keep_alive: second,
        ..administrator(path.as_ref())
    };
    Remote::new(options).expect("the kubeconfig is good")
}
