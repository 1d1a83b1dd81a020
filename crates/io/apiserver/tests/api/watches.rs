//! Watches: nothing lost, nothing twice, old starts refused, the initial state and its end.

use crate::world::{config, config_map, next, world};
use apimachinery::{ApiResult, EventType, Reason};
use apiserver::auth::UserInfo;
use apiserver::{ApiServer, Config};
use client::resources::CONFIG_MAPS;
use client::{Api, DeleteOptions, ListOptions, Scope};
use futures_util::StreamExt;
use serde_json::json;

#[tokio::test]
async fn every_reader_sees_every_change_once() {
    const READERS: usize = 20;
    const CHANGES: usize = 100;
    let world = world().await;
    let made = world.create(&CONFIG_MAPS, "default", config_map("a", json!({"n": ""}))).await.unwrap();
    let options = ListOptions::default();
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let watch = world.api.watch(&CONFIG_MAPS, Scope::All, &options, made.head.revision).await.unwrap();
        readers.push(tokio::spawn(watch.take(CHANGES).collect::<Vec<_>>()));
    }
    for number in 0..CHANGES {
        let map = config_map("a", json!({"n": number.to_string()}));
        world.update(&CONFIG_MAPS, "default", map).await.unwrap();
    }
    for reader in readers {
        let events = tokio::time::timeout(std::time::Duration::from_secs(30), reader).await.unwrap().unwrap();
        let seen: Vec<String> = events
            .into_iter()
            .map(|event| event.unwrap().object.to_value()["data"]["n"].as_str().unwrap().to_owned())
            .collect();
        let expected: Vec<String> = (0..CHANGES).map(|number| number.to_string()).collect();
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn a_watch_from_nothing_starts_with_the_state() {
    let world = world().await;
    world.create(&CONFIG_MAPS, "default", config_map("a", json!({}))).await.unwrap();
    let options = ListOptions::default();
    let mut watch = world.api.watch(&CONFIG_MAPS, Scope::Namespace("default"), &options, 0).await.unwrap();
    let (kind, object) = next(&mut watch).await;
    assert_eq!((kind, object.head.name.as_str()), (EventType::Added, "a"));
    let (kind, bookmark) = next(&mut watch).await;
    assert_eq!((kind, bookmark.head.revision), (EventType::Bookmark, object.head.revision));
}

#[tokio::test]
async fn a_forgotten_start_is_refused() {
    let world = world().await;
    let start = world.create(&CONFIG_MAPS, "default", config_map("a", json!({}))).await.unwrap().head.revision;
    let big = "x".repeat(40_000);
    for number in 0..300 {
        let map = config_map("a", json!({"big": big, "n": number.to_string()}));
        world.update(&CONFIG_MAPS, "default", map).await.unwrap();
    }
    let options = ListOptions::default();
    let refused = world.api.watch(&CONFIG_MAPS, Scope::All, &options, start).await.err().unwrap();
    assert_eq!(refused.reason(), Reason::Expired);
    assert!(refused.message().starts_with(&format!("too old resource version: {start} (")), "{refused}");
}

#[tokio::test]
async fn a_watch_goes_on_at_a_server_that_was_started_since() {
    let world = world().await;
    let made = world.create(&CONFIG_MAPS, "default", config_map("a", json!({"n": "1"}))).await.unwrap();
    let changed = world.update(&CONFIG_MAPS, "default", config_map("a", json!({"n": "2"}))).await.unwrap();
    world.api.delete(&CONFIG_MAPS, "default", "a", &DeleteOptions::default()).await.unwrap();
    world.create(&CONFIG_MAPS, "default", config_map("b", json!({}))).await.unwrap();
    let seen = async |after: u64| {
        let unused = tempfile::tempdir().unwrap();
        let config = Config { store: world.store.clone(), ..config(unused.path()) };
        let api = ApiServer::start(config).await.unwrap().local(UserInfo::system("test"));
        let found = api.list(&CONFIG_MAPS, Scope::Namespace("default"), &ListOptions::default()).await.unwrap();
        assert_eq!(found.items.iter().map(|item| item.head.name.as_str()).collect::<Vec<_>>(), ["b"]);
        let mut watch = api.watch(&CONFIG_MAPS, Scope::Namespace("default"), &ListOptions::default(), after).await?;
        let mut seen = Vec::new();
        loop {
            let (kind, object) = next(&mut watch).await;
            seen.push(format!("{} {}", kind.as_str(), object.head.name));
            if object.head.name == "b" {
                return ApiResult::Ok(seen);
            }
        }
    };
    assert_eq!(seen(made.head.revision).await.unwrap(), ["MODIFIED a", "DELETED a", "ADDED b"]);
    // What the store has forgotten cannot be told.
    world.store.compact(changed.head.revision).await.unwrap();
    assert_eq!(seen(made.head.revision).await.unwrap_err().reason(), Reason::Expired);
    assert_eq!(seen(changed.head.revision).await.unwrap(), ["DELETED a", "ADDED b"]);
}
