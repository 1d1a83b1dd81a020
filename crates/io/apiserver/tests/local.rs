//! Objects of any kind through the API in process, on the real store.

mod world;

use apimachinery::{EventType, Object};
use client::resources::{CONFIG_MAPS, NAMESPACES, PODS};
use client::{Api, DeleteOptions, ListOptions, PatchKind, Scope, WatchStream, WriteOptions};
use futures_util::StreamExt;
use serde_json::json;
use world::{config_map, world};

#[tokio::test]
async fn create_get_update_delete() {
    let world = world().await;
    let made = world.create(&CONFIG_MAPS, "default", config_map("a", json!({"k": "1"}))).await.unwrap();
    assert!(!made.head.uid.is_empty());
    let read = world.api.get(&CONFIG_MAPS, "default", "a").await.unwrap();
    assert_eq!(read.bytes, made.bytes);

    let again = world.create(&CONFIG_MAPS, "default", config_map("a", json!({}))).await.unwrap_err();
    assert_eq!(again.message(), "configmaps \"a\" already exists");

    let mut changed = read.to_value();
    changed["data"]["k"] = "2".into();
    let newer = world.update(&CONFIG_MAPS, "default", changed.clone()).await.unwrap();
    assert!(newer.head.revision > made.head.revision);
    let stale = world.update(&CONFIG_MAPS, "default", changed).await.unwrap_err();
    assert_eq!(
        stale.message(),
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to \
         the latest version and try again"
    );

    let same = world.update(&CONFIG_MAPS, "default", newer.to_value()).await.unwrap();
    assert_eq!(same.head.revision, newer.head.revision, "an update that changes nothing writes nothing");

    world.api.delete(&CONFIG_MAPS, "default", "a", &DeleteOptions::default()).await.unwrap();
    let gone = world.api.get(&CONFIG_MAPS, "default", "a").await.unwrap_err();
    assert_eq!(gone.message(), "configmaps \"a\" not found");
}

#[tokio::test]
async fn namespaces_guard_their_contents() {
    let world = world().await;
    let missing = world.create(&CONFIG_MAPS, "nowhere", config_map("a", json!({}))).await.unwrap_err();
    assert_eq!((missing.code(), missing.message()), (404, "namespaces \"nowhere\" not found"));
    let immortal = world.api.delete(&NAMESPACES, "", "default", &DeleteOptions::default()).await.unwrap_err();
    assert_eq!(immortal.message(), "namespaces \"default\" is forbidden: this namespace may not be deleted");
}

#[tokio::test]
async fn generated_names_are_free_names() {
    let world = world().await;
    let body = json!({"metadata": {"generateName": "x-"}});
    let made = world.create(&CONFIG_MAPS, "default", body).await.unwrap();
    assert!(made.head.name.starts_with("x-") && made.head.name.len() == 7, "{}", made.head.name);
}

#[tokio::test]
async fn a_watch_sees_objects_enter_and_leave_its_selection() {
    let world = world().await;
    let options = ListOptions { label_selector: "app=web".to_owned(), ..ListOptions::default() };
    let list = world.api.list(&CONFIG_MAPS, Scope::Namespace("default"), &options).await.unwrap();
    let mut watch =
        world.api.watch(&CONFIG_MAPS, Scope::Namespace("default"), &options, list.revision).await.unwrap();
    let mut body = config_map("a", json!({}));
    world.create(&CONFIG_MAPS, "default", body.clone()).await.unwrap();
    body["metadata"]["labels"] = json!({"app": "web"});
    world.update(&CONFIG_MAPS, "default", body.clone()).await.unwrap();
    body["data"] = json!({"k": "v"});
    world.update(&CONFIG_MAPS, "default", body.clone()).await.unwrap();
    body["metadata"]["labels"] = json!({});
    let last = world.update(&CONFIG_MAPS, "default", body).await.unwrap();
    assert_eq!(next(&mut watch).await.0, EventType::Added);
    assert_eq!(next(&mut watch).await.0, EventType::Modified);
    let (kind, object) = next(&mut watch).await;
    assert_eq!((kind, object.head.revision), (EventType::Deleted, last.head.revision));
    assert_eq!(object.to_value()["metadata"]["resourceVersion"], last.head.revision.to_string());
    assert_eq!(object.to_value()["metadata"]["labels"]["app"], "web", "the last state the reader knew");
}

#[tokio::test]
async fn finalizers_hold_an_object() {
    let world = world().await;
    let mut body = config_map("a", json!({}));
    body["metadata"]["finalizers"] = json!(["example.com/hold"]);
    world.create(&CONFIG_MAPS, "default", body).await.unwrap();
    world.api.delete(&CONFIG_MAPS, "default", "a", &DeleteOptions::default()).await.unwrap();
    let held = world.api.get(&CONFIG_MAPS, "default", "a").await.unwrap();
    assert!(held.head.is_deleting());
    let patch = json!({"metadata": {"finalizers": null}});
    let options = WriteOptions::default();
    world.api.patch(&CONFIG_MAPS, "default", "a", PatchKind::Merge, patch, options).await.unwrap();
    assert!(world.api.get(&CONFIG_MAPS, "default", "a").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn pods_are_found_by_their_node() {
    let world = world().await;
    for (name, node) in [("a", "n1"), ("b", "n2")] {
        let pod = json!({
            "metadata": {"name": name},
            "spec": {"nodeName": node, "containers": [{"name": "c", "image": "i"}]},
        });
        world.create(&PODS, "default", pod).await.unwrap();
    }
    let options = |text: &str| ListOptions { field_selector: text.to_owned(), ..ListOptions::default() };
    assert_eq!(world.names(&PODS, "default", options("spec.nodeName=n2")).await, ["b"]);
    assert_eq!(world.names(&PODS, "default", options("metadata.name!=b")).await, ["a"]);
    let wrong = world.api.list(&PODS, Scope::All, &options("spec.foo=1")).await.unwrap_err();
    assert!(wrong.message().ends_with("field label not supported: spec.foo"), "{wrong}");
}

async fn next(watch: &mut WatchStream) -> (EventType, std::sync::Arc<Object>) {
    let item = tokio::time::timeout(std::time::Duration::from_secs(10), watch.next()).await;
    let event = item.expect("an event").expect("the watch goes on").expect("no error");
    (event.kind, event.object)
}
