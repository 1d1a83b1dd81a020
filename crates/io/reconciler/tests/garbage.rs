//! Garbage collection and the end of namespaces, against the API on a real store.

mod world;

use apimachinery::{GroupVersionResource, Object, Value};
use client::Api;
use client::resources::{CONFIG_MAPS, NAMESPACES, SECRETS};
use reconciler::Metrics;
use serde_json::json;
use std::sync::Arc;
use stdx::SystemClock;
use world::{World, world};

async fn collecting() -> World {
    let world = world().await;
    let api: Arc<dyn Api> = Arc::clone(&world.api) as Arc<dyn Api>;
    let (informers, stop) = (world.informers.clone(), world.stop.clone());
    tokio::spawn(reconciler::run_garbage_collector(
        Arc::clone(&api),
        informers.clone(),
        Metrics::default(),
        stop.clone(),
    ));
    tokio::spawn(reconciler::run_namespaces(api, informers, Arc::new(SystemClock), Metrics::default(), stop));
    world
}

fn owned(name: &str, owners: &[&Object]) -> Value {
    let owners: Vec<Value> = owners.iter().map(|owner| reference(owner)).collect();
    json!({"metadata": {"name": name, "ownerReferences": owners}})
}

fn reference(owner: &Object) -> Value {
    let value = owner.to_value();
    json!({
        "apiVersion": value["apiVersion"], "kind": value["kind"], "name": owner.head.name, "uid": owner.head.uid,
        "blockOwnerDeletion": true,
    })
}

fn named(objects: &[Arc<Object>], name: &str) -> bool {
    objects.iter().any(|object| object.head.name == name)
}

#[tokio::test]
async fn dependents_go_when_their_last_owner_goes() {
    let world = collecting().await;
    let a = world.create(&CONFIG_MAPS, "default", owned("a", &[])).await;
    let b = world.create(&CONFIG_MAPS, "default", owned("b", &[])).await;
    let child = world.create(&SECRETS, "default", owned("child", &[&a, &b])).await;
    world.create(&SECRETS, "default", owned("grandchild", &[&child])).await;
    world.delete(&CONFIG_MAPS, "default", "a", None).await;
    world
        .until(&SECRETS, "default", "the child forgets a", |all| {
            all.iter().any(|secret| secret.head.name == "child" && secret.head.owner_references.len() == 1)
        })
        .await;
    world.delete(&CONFIG_MAPS, "default", "b", None).await;
    world.until_empty(&SECRETS, "default").await;
}

#[tokio::test]
async fn an_orphan_of_the_past_goes_and_a_namesake_is_no_owner() {
    let world = collecting().await;
    let first = world.create(&CONFIG_MAPS, "default", owned("a", &[])).await;
    world.delete(&CONFIG_MAPS, "default", "a", None).await;
    world.create(&CONFIG_MAPS, "default", owned("a", &[])).await;
    world.create(&SECRETS, "default", owned("child", &[&first])).await;
    world.until_empty(&SECRETS, "default").await;
}

#[tokio::test]
async fn foreground_waits_for_blocking_dependents() {
    let world = collecting().await;
    let a = world.create(&CONFIG_MAPS, "default", owned("a", &[])).await;
    let mut child = owned("child", &[&a]);
    child["metadata"]["finalizers"] = json!(["example.com/hold"]);
    world.create(&SECRETS, "default", child).await;
    world.delete(&CONFIG_MAPS, "default", "a", Some("Foreground")).await;
    world.until(&SECRETS, "default", "the child is marked", |all| all.iter().all(|one| one.head.is_deleting())).await;
    assert!(world.api.get(&CONFIG_MAPS, "default", "a").await.unwrap().head.is_deleting(), "a waits");
    world.patch(&SECRETS, "default", "child", "", json!({"metadata": {"finalizers": null}})).await;
    world.until(&CONFIG_MAPS, "default", "a is gone", |all| !named(all, "a")).await;
}

#[tokio::test]
async fn orphans_forget_their_owner() {
    let world = collecting().await;
    let a = world.create(&CONFIG_MAPS, "default", owned("a", &[])).await;
    world.create(&SECRETS, "default", owned("child", &[&a])).await;
    world.until(&SECRETS, "default", "the child is seen", |all| named(all, "child")).await;
    world.delete(&CONFIG_MAPS, "default", "a", Some("Orphan")).await;
    world.until(&CONFIG_MAPS, "default", "a is gone", |all| !named(all, "a")).await;
    let child = world.api.get(&SECRETS, "default", "child").await.unwrap();
    assert!(child.head.owner_references.is_empty() && !child.head.is_deleting());
}

static WIDGETS: GroupVersionResource = GroupVersionResource::of("example.com", "v1", "widgets");
static DEFINITIONS: GroupVersionResource =
    GroupVersionResource::of("apiextensions.k8s.io", "v1", "customresourcedefinitions");

#[tokio::test]
async fn custom_resources_own_too() {
    let world = collecting().await;
    let definition = json!({
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    });
    world.create(&DEFINITIONS, "", definition).await;
    world
        .until(&DEFINITIONS, "", "the definition is established", |all| {
            all.iter().any(|one| one.to_value()["status"]["conditions"].to_string().contains("Established"))
        })
        .await;
    let body = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}});
    let widget = world.create(&WIDGETS, "default", body).await;
    world.create(&SECRETS, "default", owned("child", &[&widget])).await;
    world.until(&SECRETS, "default", "the child is seen", |all| named(all, "child")).await;
    world.delete(&WIDGETS, "default", "w", None).await;
    world.until_empty(&SECRETS, "default").await;
}

#[tokio::test]
async fn a_namespace_goes_when_it_is_empty() {
    let world = collecting().await;
    world.create(&NAMESPACES, "", json!({"metadata": {"name": "a"}})).await;
    world.create(&SECRETS, "a", owned("free", &[])).await;
    let mut held = owned("held", &[]);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    world.create(&SECRETS, "a", held).await;
    world.delete(&NAMESPACES, "", "a", None).await;
    let message = "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances";
    world
        .until(&NAMESPACES, "", "the namespace says what holds it", |all| {
            all.iter().any(|one| one.to_value()["status"]["conditions"][4]["message"] == message)
        })
        .await;
    assert_eq!(world.list(&SECRETS, "a").await.len(), 1);
    world.patch(&SECRETS, "a", "held", "", json!({"metadata": {"finalizers": null}})).await;
    world.until(&NAMESPACES, "", "the namespace is gone", |all| !named(all, "a")).await;
}
