//! 100 watchers see 1,000 updates: how late the last of them is.

use super::{figures, gather};
use crate::client::Target;
use crate::report::{Figure, percentile};
use http::Method;
use http_body_util::BodyExt;
use memchr::memmem;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::Barrier;

const WATCHERS: usize = 100;
const UPDATES: usize = 1_000;
const PLACE: &str = "/api/v1/namespaces/default/configmaps";

/// When each update was sent, by its number.
type Sent = Arc<Mutex<HashMap<usize, Instant>>>;

pub async fn fan_out(target: &Target) -> Vec<Figure> {
    let mut writer = target.connect().await;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "watched"}, "data": {"n": "none"}});
    writer.call(Method::POST, PLACE, map.to_string()).await;
    let (sent, ready) = (Sent::default(), Arc::new(Barrier::new(WATCHERS + 1)));
    let mut tasks = Vec::new();
    for _ in 0..WATCHERS {
        tasks.push(tokio::spawn(watcher(target.clone(), Arc::clone(&sent), Arc::clone(&ready))));
    }
    ready.wait().await;
    // One after the other, as fast as they are acknowledged.
    for number in 0..UPDATES {
        sent.lock().expect("no panic holds it").insert(number, Instant::now());
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "watched"},
            "data": {"n": format!("#{number}#")}});
        writer.call(Method::PUT, &format!("{PLACE}/watched"), body.to_string()).await;
    }
    let mut samples = gather(tasks).await;
    figures([("watch_p99_ms", percentile(&mut samples, 99.0), "ms")])
}

/// Finds each update's number in the stream; the text around it is not parsed, so that watchers cost little.
async fn watcher(target: Target, sent: Sent, ready: Arc<Barrier>) -> Vec<f64> {
    let mut client = target.connect().await;
    let path = format!("{PLACE}?watch=true&fieldSelector=metadata.name%3Dwatched");
    let mut body = client.send(Method::GET, &path, "").await.into_body();
    let mut buffer = Vec::new();
    let (mut samples, mut started) = (Vec::with_capacity(UPDATES), false);
    while let Some(frame) = body.frame().await {
        let now = Instant::now();
        let frame = frame.expect("the watch goes on");
        buffer.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        if !std::mem::replace(&mut started, true) {
            ready.wait().await;
        }
        while let Some(end) = memchr::memchr(b'\n', &buffer) {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            let Some(number) = number(&line) else { continue };
            let at = sent.lock().expect("no panic holds it")[&number];
            samples.push((now - at).as_secs_f64() * 1e3);
            if number + 1 == UPDATES {
                return samples;
            }
        }
    }
    panic!("the watch ended after {} updates", samples.len());
}

fn number(line: &[u8]) -> Option<usize> {
    let from = memmem::find(line, b"\"n\":\"#")? + 6;
    let to = from + memchr::memchr(b'#', &line[from..])?;
    std::str::from_utf8(&line[from..to]).ok()?.parse().ok()
}
