//! Lists: pages of one state, selectors, resourceVersion and its match.

use crate::world::{Served, config_map, served};
use apimachinery::GroupVersionResource as Gvr;
use client::resources::CONFIG_MAPS;
use client::{Api, DeleteOptions};
use serde_json::{Value, json};

#[tokio::test]
async fn pages_show_one_state() {
    let served = served().await;
    for number in 0..5 {
        let map = config_map(&format!("m{number}"), json!({}));
        served.world.create(&CONFIG_MAPS, "default", map).await.unwrap();
    }
    let first = raw(&served, "?limit=2").await;
    assert_eq!((names(&first), &first["metadata"]["remainingItemCount"]), ("m0 m1".to_owned(), &json!(3)));
    served.world.api.delete(&CONFIG_MAPS, "default", "m3", &DeleteOptions::default()).await.unwrap();
    served.world.create(&CONFIG_MAPS, "default", config_map("m9", json!({}))).await.unwrap();
    let token = first["metadata"]["continue"].as_str().unwrap();
    let second = raw(&served, &format!("?limit=2&continue={token}")).await;
    assert_eq!(names(&second), "m2 m3");
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let token = second["metadata"]["continue"].as_str().unwrap();
    let third = raw(&served, &format!("?limit=2&continue={token}")).await;
    assert_eq!(names(&third), "m4");
    assert!(third["metadata"].get("continue").is_none());
    let past = first["metadata"]["resourceVersion"].as_str().unwrap();
    let exact = raw(&served, &format!("?resourceVersion={past}&resourceVersionMatch=Exact")).await;
    assert_eq!(names(&exact), "m0 m1 m2 m3 m4");
    assert_eq!(names(&raw(&served, "").await), "m0 m1 m2 m4 m9");
}

#[tokio::test]
async fn a_list_goes_on_when_its_state_is_forgotten() {
    let served = served().await;
    for number in 0..4 {
        let map = config_map(&format!("m{number}"), json!({}));
        served.world.create(&CONFIG_MAPS, "default", map).await.unwrap();
    }
    let first = raw(&served, "?limit=1").await;
    let token = first["metadata"]["continue"].as_str().unwrap().to_owned();
    served.world.api.delete(&CONFIG_MAPS, "default", "m1", &DeleteOptions::default()).await.unwrap();
    let newest = served.world.store.revision().await.unwrap();
    served.world.store.compact(newest).await.unwrap();
    let path = format!("/api/v1/namespaces/default/configmaps?limit=1&continue={token}");
    let (code, said) = crate::wire::curl(&served, "GET", &path, &[], b"").await;
    let status: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &status["reason"]), (410, &json!("Expired")), "{said}");
    let token = status["metadata"]["continue"].as_str().unwrap();
    let second = raw(&served, &format!("?limit=1&continue={token}")).await;
    assert_eq!((names(&second), &second["metadata"]["remainingItemCount"]), ("m2".to_owned(), &json!(1)));
    assert_ne!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let token = second["metadata"]["continue"].as_str().unwrap();
    assert_eq!(names(&raw(&served, &format!("?limit=1&continue={token}")).await), "m3");
}

#[tokio::test]
async fn events_are_selected_in_both_versions() {
    let served = served().await;
    let event = json!({
        "metadata": {"name": "e"}, "regarding": {"namespace": "default", "kind": "Pod"}, "reason": "Test", "action": "Do",
        "type": "Normal", "eventTime": "2017-09-19T13:49:16.000000Z", "note": "x",
        "reportingController": "example.com/it", "reportingInstance": "it-1",
    });
    let (core, newer) = ("/api/v1/namespaces/default/events", "/apis/events.k8s.io/v1/namespaces/default/events");
    served.world.create(&Gvr::of("events.k8s.io", "v1", "events"), "default", event).await.unwrap();
    for (path, selector, found) in [
        (core, "source=example.com/it", "e"),
        (newer, "reportingController=example.com/it", "e"),
        (newer, "regarding.kind=Pod", "e"),
        // The versions share their place and what is taken out of the objects there.
        (core, "involvedObject.kind=Pod,reason=Test", "e"),
        (newer, "regarding.kind=Node", ""),
        (core, "source=other", ""),
    ] {
        let said = served.kubectl(&format!("get --raw {path}?fieldSelector={selector}"), "").await;
        let list: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{selector}: {said}"));
        assert_eq!(names(&list), found, "{selector}");
    }
}

#[tokio::test]
async fn odd_wishes_are_refused() {
    let served = served().await;
    let check = async |query: &str, expected: &str| {
        let said = served.kubectl(&format!("get --raw /api/v1/namespaces/default/configmaps{query}"), "").await;
        assert!(said.contains(expected), "{query}: {said}");
    };
    check("?resourceVersionMatch=Exact", "resourceVersionMatch is forbidden unless resourceVersion is provided").await;
    check("?continue=x", "continue key is not valid").await;
    check("?labelSelector=a%20b", "unable to parse requirement").await;
    check("?fieldSelector=spec.x=1", "field label not supported: spec.x").await;
}

async fn raw(served: &Served, query: &str) -> Value {
    let said = served.kubectl(&format!("get --raw /api/v1/namespaces/default/configmaps{query}"), "").await;
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"))
}

fn names(list: &Value) -> String {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| item["metadata"]["name"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}
