//! The API over HTTPS when the server goes, comes again, or is silent: noticed in seconds, and made good.

use crate::world::{Served, config_map, next, served};
use apimachinery::Reason;
use client::remote::{Remote, RemoteOptions};
use client::resources::CONFIG_MAPS;
use client::{Api, Informer, ListOptions, Scope, WatchStream};
use futures_util::StreamExt;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// Stands between a client and the server, and stops to pass anything on while `silent`, connections kept.
struct Relay {
    port: u16,
    silent: watch::Sender<bool>,
}

impl Relay {
    async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let silent = watch::Sender::new(false);
        let gate = silent.subscribe();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                tokio::spawn(pass(from_client, to_server, gate.clone()));
                tokio::spawn(pass(from_server, to_client, gate.clone()));
            }
        });
        Self { port, silent }
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut silent: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 65536];
    while let Ok(size @ 1..) = from.read(&mut buffer).await {
        if silent.wait_for(|silent| !silent).await.is_err() || to.write_all(&buffer[..size]).await.is_err() {
            return;
        }
    }
}

fn through(served: &Served, port: u16) -> Remote {
    Remote::new(RemoteOptions { server: format!("https://127.0.0.1:{port}"), ..served.remote_options() }).unwrap()
}

/// What a watch says last: its error, or None where it just ends.
async fn end_of(watch: &mut WatchStream) -> Option<Reason> {
    let end = async {
        loop {
            match watch.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Some(error.reason()),
                None => return None,
            }
        }
    };
    tokio::time::timeout(LONG, end).await.expect("the watch ends")
}

#[tokio::test]
async fn a_server_that_never_answers_is_noticed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let holding = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            held.push(socket);
        }
    });
    let served = served().await;
    let remote = through(&served, port);
    let started = Instant::now();
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let remote = remote.clone();
            tokio::spawn(async move { remote.get(&CONFIG_MAPS, "default", "a").await.unwrap_err() })
        })
        .collect();
    for asked in asking {
        let error = asked.await.unwrap();
        assert_eq!(error.reason(), Reason::ServiceUnavailable, "{error}");
    }
    assert!(started.elapsed() < Duration::from_secs(10), "all wait for the same attempt: {:?}", started.elapsed());
    holding.abort();
}

#[tokio::test]
async fn a_server_that_falls_silent_is_noticed() {
    let served = served().await;
    let relay = Relay::to(served.port).await;
    let remote = through(&served, relay.port);
    let start = served.world.create(&CONFIG_MAPS, "default", config_map("a", json!({}))).await.unwrap().head.revision;
    let mut watch = remote.watch(&CONFIG_MAPS, Scope::All, &ListOptions::default(), start).await.unwrap();
    relay.silent.send_replace(true);
    let started = Instant::now();
    let error = remote.get(&CONFIG_MAPS, "default", "a").await.unwrap_err();
    assert_eq!(error.reason(), Reason::ServiceUnavailable, "{error}");
    assert!(error.message().contains("GET /api/v1/namespaces/default/configmaps/a"), "{error}");
    assert_eq!(end_of(&mut watch).await, Some(Reason::ServiceUnavailable));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    relay.silent.send_replace(false);
    remote.get(&CONFIG_MAPS, "default", "a").await.unwrap();
}

#[tokio::test]
async fn a_slow_answer_has_a_deadline() {
    let served = served().await;
    let relay = Relay::to(served.port).await;
    let server = format!("https://127.0.0.1:{}", relay.port);
    let request_timeout = Duration::from_secs(2);
    let remote = Remote::new(RemoteOptions { server, request_timeout, ..served.remote_options() }).unwrap();
    remote.discover().await.unwrap();
    relay.silent.send_replace(true);
    let error = remote.discover().await.unwrap_err();
    assert_eq!(error.reason(), Reason::Timeout, "{error}");
    assert!(error.message().starts_with("GET /api was not answered in 2s"), "{error}");
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    let mut served = served().await;
    let remote = Remote::new(served.remote_options()).unwrap();
    let start = served.world.create(&CONFIG_MAPS, "default", config_map("a", json!({}))).await.unwrap().head.revision;
    let mut watch = remote.watch(&CONFIG_MAPS, Scope::All, &ListOptions::default(), start).await.unwrap();
    served.stop().await;
    // A drained watch ends without an error; one that was cut off has one.
    assert!(matches!(end_of(&mut watch).await, None | Some(Reason::ServiceUnavailable)));
    let error = remote.get(&CONFIG_MAPS, "default", "a").await.unwrap_err();
    assert_eq!(error.reason(), Reason::ServiceUnavailable, "{error}");
    served.start_again().await;
    remote.get(&CONFIG_MAPS, "default", "a").await.unwrap();
    let mut watch = remote.watch(&CONFIG_MAPS, Scope::All, &ListOptions::default(), start).await.unwrap();
    served.world.create(&CONFIG_MAPS, "default", config_map("b", json!({}))).await.unwrap();
    loop {
        // The server's own objects are renewed at its start.
        if next(&mut watch).await.1.head.name == "b" {
            return;
        }
    }
}

#[tokio::test]
async fn an_informer_knows_the_same_as_one_in_process() {
    let mut served = served().await;
    for number in 0..700 {
        let map = config_map(&format!("m{number}"), json!({}));
        served.world.create(&CONFIG_MAPS, "default", map).await.unwrap();
    }
    let remote = Arc::new(Remote::new(served.remote_options()).unwrap());
    let stop = CancellationToken::new();
    let far = Informer::start(remote, CONFIG_MAPS.clone(), ListOptions::default(), stop.clone());
    far.wait_for(1).await;
    assert_same(&served, &far).await;
    served.stop().await;
    served.start_again().await;
    let made = served.world.create(&CONFIG_MAPS, "default", config_map("new", json!({}))).await.unwrap();
    tokio::time::timeout(LONG, far.wait_for(made.head.revision)).await.expect("the informer begins again");
    assert!(far.get("default/new").is_some());
    assert_same(&served, &far).await;
    stop.cancel();
}

/// Both informers' objects at one revision.
async fn assert_same(served: &Served, far: &Informer) {
    let stop = CancellationToken::new();
    let local = Arc::new(served.world.api.clone());
    let near = Informer::start(local, CONFIG_MAPS.clone(), ListOptions::default(), stop.clone());
    near.wait_for(far.revision()).await;
    let bytes = |informer: &Informer| -> Vec<_> {
        informer.list(Scope::All).iter().map(|object| object.bytes.clone()).collect()
    };
    assert_eq!(bytes(far), bytes(&near));
    assert!(far.len() >= 700);
    stop.cancel();
}
