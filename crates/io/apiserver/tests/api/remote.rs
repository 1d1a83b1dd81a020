//! The API over HTTPS: what a client of another machine sees is what one in the server's process sees.

use crate::world::{Served, config_map, next, served};
use apimachinery::{EventType, Reason};
use client::remote::{Credentials, Remote, RemoteOptions, fetch_unverified, spki_sha256};
use client::resources::{CONFIG_MAPS, LEASES, NODES, PODS, SERVICE_ACCOUNTS};
use client::{Api, DeleteOptions, ListOptions, PatchKind, Scope, WriteOptions};
use futures_util::StreamExt;
use serde_json::json;
use std::collections::BTreeSet;

const DEFAULT: Scope<'static> = Scope::Namespace("default");

async fn both() -> (Served, Remote) {
    let served = served().await;
    let remote = Remote::new(served.remote_options()).unwrap();
    (served, remote)
}

fn own() -> WriteOptions<'static> {
    WriteOptions::default()
}

#[tokio::test]
async fn an_object_lives_as_in_process() {
    let (served, remote) = both().await;
    let local = &served.world.api;
    let made = remote.create(&CONFIG_MAPS, "default", config_map("a", json!({"k": "1"})), own()).await.unwrap();
    let got = remote.get(&CONFIG_MAPS, "default", "a").await.unwrap();
    assert_eq!((&got.bytes, &got.head), (&made.bytes, &made.head));
    assert_eq!(got.bytes, local.get(&CONFIG_MAPS, "default", "a").await.unwrap().bytes);
    let mut body = got.to_value();
    assert_eq!(body["metadata"]["managedFields"][0]["manager"], "barque");
    body["data"]["k"] = "2".into();
    let updated = remote.update(&CONFIG_MAPS, "default", "a", body.clone(), own()).await.unwrap();
    assert!(updated.head.revision > made.head.revision);
    let stale = remote.update(&CONFIG_MAPS, "default", "a", body, own()).await.unwrap_err();
    assert!(stale.is_conflict(), "{stale}");
    let again = remote.create(&CONFIG_MAPS, "default", config_map("a", json!({})), own()).await.unwrap_err();
    assert_eq!((again.is_already_exists(), again.message()), (true, "configmaps \"a\" already exists"));
    let delete = |revision| DeleteOptions { revision: Some(revision), ..DeleteOptions::default() };
    let stale = remote.delete(&CONFIG_MAPS, "default", "a", &delete(made.head.revision)).await.unwrap_err();
    assert!(stale.is_conflict(), "{stale}");
    remote.delete(&CONFIG_MAPS, "default", "a", &delete(updated.head.revision)).await.unwrap();
    let gone = remote.get(&CONFIG_MAPS, "default", "a").await.unwrap_err();
    assert_eq!(gone.to_value(), local.get(&CONFIG_MAPS, "default", "a").await.unwrap_err().to_value());
    assert!(gone.is_not_found());
}

#[tokio::test]
async fn every_kind_of_patch_is_understood() {
    let (_served, remote) = both().await;
    remote.create(&CONFIG_MAPS, "default", config_map("a", json!({"k": "1"})), own()).await.unwrap();
    let apply = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "a"}, "data": {"k": "5"}});
    for (kind, patch, expected) in [
        (PatchKind::Json, json!([{"op": "replace", "path": "/data/k", "value": "2"}]), "2"),
        (PatchKind::Merge, json!({"data": {"k": "3"}}), "3"),
        (PatchKind::Strategic, json!({"data": {"k": "4"}}), "4"),
        (PatchKind::Apply { manager: "me", force: true }, apply.clone(), "5"),
    ] {
        let patched = remote.patch(&CONFIG_MAPS, "default", "a", kind, patch, own()).await.unwrap();
        assert_eq!(patched.to_value()["data"]["k"], expected, "{kind:?}");
    }
    let other = PatchKind::Apply { manager: "other", force: false };
    let mut patch = apply;
    patch["data"]["k"] = "6".into();
    let refused = remote.patch(&CONFIG_MAPS, "default", "a", other, patch, own()).await.unwrap_err();
    assert!(refused.is_conflict() && refused.message().contains("conflict with \"me\""), "{refused}");
}

#[tokio::test]
async fn subresources_are_written() {
    let (served, remote) = both().await;
    served.world.service_account().await;
    let node = json!({"metadata": {"name": "n1"}});
    remote.create(&NODES, "", node, own()).await.unwrap();
    let pod = json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    remote.create(&PODS, "default", pod, own()).await.unwrap();
    let at = |subresource| WriteOptions { subresource, ..own() };
    let binding = json!({"metadata": {"name": "a"}, "target": {"kind": "Node", "name": "n1"}});
    remote.create(&PODS, "default", binding, at("binding")).await.unwrap();
    let patch = json!({"status": {"phase": "Running"}});
    remote.patch(&PODS, "default", "a", PatchKind::Merge, patch, at("status")).await.unwrap();
    let pod = served.world.api.get(&PODS, "default", "a").await.unwrap().to_value();
    assert_eq!((&pod["spec"]["nodeName"], &pod["status"]["phase"]), (&json!("n1"), &json!("Running")));
}

#[tokio::test]
async fn a_list_is_joined_of_its_pages() {
    let (served, remote) = both().await;
    let mut making = Vec::new();
    for number in 0..1203 {
        let api = served.world.api.clone();
        let mut map = config_map(&format!("m{number:04}"), json!({"n": "x"}));
        map["metadata"]["labels"] = json!({"odd": (number % 2 == 1).to_string()});
        making.push(tokio::spawn(async move { api.create(&CONFIG_MAPS, "default", map, own()).await.unwrap() }));
    }
    for made in making {
        made.await.unwrap();
    }
    for label_selector in ["", "odd=true", "odd in (true,false)"] {
        let options = ListOptions { label_selector: label_selector.to_owned(), ..ListOptions::default() };
        let far = remote.list(&CONFIG_MAPS, DEFAULT, &options).await.unwrap();
        let near = served.world.api.list(&CONFIG_MAPS, DEFAULT, &options).await.unwrap();
        assert_eq!(far.revision, near.revision);
        assert_eq!(far.items.len(), near.items.len());
        for (far, near) in far.items.iter().zip(&near.items) {
            assert_eq!((&far.bytes, &far.head), (&near.bytes, &near.head));
        }
    }
    let nowhere = remote.list(&CONFIG_MAPS, Scope::Namespace("empty"), &ListOptions::default()).await.unwrap();
    assert!(nowhere.items.is_empty() && nowhere.revision > 0);
}

#[tokio::test]
async fn a_watch_tells_what_one_in_process_tells() {
    let (served, remote) = both().await;
    let options = ListOptions { label_selector: "app=web".to_owned(), ..ListOptions::default() };
    let mut body = config_map("a", json!({}));
    body["metadata"]["labels"] = json!({"app": "web"});
    let start = served.world.create(&CONFIG_MAPS, "default", config_map("0", json!({}))).await.unwrap().head.revision;
    let mut far = remote.watch(&CONFIG_MAPS, DEFAULT, &options, start).await.unwrap();
    let mut near = served.world.api.watch(&CONFIG_MAPS, DEFAULT, &options, start).await.unwrap();
    served.world.create(&CONFIG_MAPS, "default", body.clone()).await.unwrap();
    body["data"] = json!({"k": "v"});
    served.world.update(&CONFIG_MAPS, "default", body.clone()).await.unwrap();
    body["metadata"]["labels"] = json!({});
    served.world.update(&CONFIG_MAPS, "default", body).await.unwrap();
    for kind in [EventType::Added, EventType::Modified, EventType::Deleted] {
        let (far, near) = (next(&mut far).await, next(&mut near).await);
        assert_eq!((far.0, near.0), (kind, kind));
        assert_eq!((&far.1.bytes, &far.1.head), (&near.1.bytes, &near.1.head));
    }
    let mut watch = remote.watch(&CONFIG_MAPS, DEFAULT, &ListOptions::default(), 0).await.unwrap();
    let names = [next(&mut watch).await, next(&mut watch).await].map(|(_, object)| object.head.name.clone());
    assert_eq!(names, ["0", "a"]);
    let (kind, bookmark) = next(&mut watch).await;
    assert_eq!((kind, bookmark.head.name.as_str()), (EventType::Bookmark, ""));
    assert!(bookmark.head.revision >= start);
}

#[tokio::test]
async fn watches_that_are_dropped_take_no_place() {
    let (_served, remote) = both().await;
    // More than one connection may have at once.
    for _ in 0..300 {
        let mut watch = remote.watch(&CONFIG_MAPS, DEFAULT, &ListOptions::default(), 0).await.unwrap();
        assert_eq!(next(&mut watch).await.0, EventType::Bookmark);
    }
    remote.list(&CONFIG_MAPS, DEFAULT, &ListOptions::default()).await.unwrap();
}

#[tokio::test]
async fn a_watch_that_is_not_read_stops_no_other_call() {
    let (served, remote) = both().await;
    let unread = remote.watch(&CONFIG_MAPS, DEFAULT, &ListOptions::default(), 0).await.unwrap();
    let big = "x".repeat(500_000);
    for number in 0..8 {
        let map = config_map("a", json!({"big": big, "n": number.to_string()}));
        served.world.api.delete(&CONFIG_MAPS, "default", "a", &DeleteOptions::default()).await.ok();
        served.world.create(&CONFIG_MAPS, "default", map).await.unwrap();
    }
    let got = remote.get(&CONFIG_MAPS, "default", "a").await.unwrap();
    assert_eq!(got.to_value()["data"]["n"], "7");
    let seen = unread.map(|event| event.unwrap().kind).filter(|kind| {
        let deleted = *kind == EventType::Deleted;
        async move { deleted }
    });
    assert_eq!(seen.take(7).count().await, 7, "it is told all the same");
}

#[tokio::test]
async fn a_forgotten_start_is_refused_from_afar() {
    let (served, remote) = both().await;
    let start = served.world.create(&CONFIG_MAPS, "default", config_map("a", json!({}))).await.unwrap().head.revision;
    let big = "x".repeat(40_000);
    for number in 0..300 {
        let map = config_map("a", json!({"big": big, "n": number.to_string()}));
        served.world.update(&CONFIG_MAPS, "default", map).await.unwrap();
    }
    // Told by an ERROR event or by the answer's code, as the server likes.
    let refused = match remote.watch(&CONFIG_MAPS, Scope::All, &ListOptions::default(), start).await {
        Err(error) => error,
        Ok(mut watch) => {
            let error = watch.next().await.unwrap().unwrap_err();
            assert!(watch.next().await.is_none(), "an error is the end");
            error
        }
    };
    assert_eq!(refused.reason(), Reason::Expired);
    assert!(refused.message().starts_with("too old resource version"), "{refused}");
}

#[tokio::test]
async fn discovery_names_the_same() {
    let (served, remote) = both().await;
    let named = |all: Vec<client::Discovered>| -> BTreeSet<String> {
        all.iter().map(|one| format!("{} {} {}", one.resource.qualified(), one.kind, one.namespaced)).collect()
    };
    let far = named(remote.discover().await.unwrap());
    assert_eq!(far, named(served.world.api.discover().await.unwrap()));
    assert!(far.contains("leases.coordination.k8s.io Lease true"), "{far:?}");
}

/// The user the server takes us for.
async fn whoami(remote: &Remote) -> String {
    let body = json!({"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"});
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    match remote.request("POST", path, Some(body)).await {
        Ok(said) => said["status"]["userInfo"]["username"].as_str().unwrap().to_owned(),
        Err(error) => error.reason().as_str().to_owned(),
    }
}

#[tokio::test]
async fn credentials_are_replaced_while_running() {
    let (served, remote) = both().await;
    served.world.service_account().await;
    assert_eq!(whoami(&remote).await, "admin");
    let mut watch = remote.watch(&CONFIG_MAPS, DEFAULT, &ListOptions::default(), 0).await.unwrap();
    assert_eq!(next(&mut watch).await.0, EventType::Bookmark);
    let (certificate, key) = served.pki.client("system:node:n1", "system:nodes");
    remote.set_credentials(&Credentials::Certificate { certificate, key }).unwrap();
    assert_eq!(whoami(&remote).await, "system:node:n1");
    let body = json!({"metadata": {"name": "default"}, "spec": {}});
    let options = WriteOptions { subresource: "token", ..own() };
    let made = served.world.api.create(&SERVICE_ACCOUNTS, "default", body, options).await.unwrap().to_value();
    let token = made["status"]["token"].as_str().unwrap().to_owned();
    remote.set_credentials(&Credentials::Token(token)).unwrap();
    assert_eq!(whoami(&remote).await, "system:serviceaccount:default:default");
    remote.set_credentials(&Credentials::Token("nonsense".to_owned())).unwrap();
    assert_eq!(whoami(&remote).await, "Unauthorized");
    remote.set_credentials(&Credentials::None).unwrap();
    assert_eq!(whoami(&remote).await, "Forbidden", "anonymous may not ask");
    let wrong = Credentials::Certificate { certificate: String::new(), key: String::new() };
    assert_eq!(remote.set_credentials(&wrong).unwrap_err().reason(), Reason::BadRequest);
    served.world.create(&CONFIG_MAPS, "default", config_map("a", json!({}))).await.unwrap();
    assert_eq!(next(&mut watch).await.0, EventType::Added, "what ran before goes on");
}

#[tokio::test]
async fn any_path_can_be_asked_for() {
    let (_served, remote) = both().await;
    assert_eq!(remote.request("GET", "/readyz", None).await.unwrap(), "ok");
    assert_eq!(remote.request("GET", "/version", None).await.unwrap()["major"], "1");
    let path = "/apis/coordination.k8s.io/v1/namespaces/default/leases?fieldManager=me";
    let lease = json!({"kind": "Lease", "apiVersion": "coordination.k8s.io/v1", "metadata": {"name": "l"}, "spec": {"holderIdentity": "h"}});
    remote.request("POST", path, Some(lease)).await.unwrap();
    let lease = remote.get(&LEASES, "default", "l").await.unwrap().to_value();
    assert_eq!(lease["metadata"]["managedFields"][0]["manager"], "me");
    let missing = remote.request("GET", "/nothing", None).await.unwrap_err();
    assert!(missing.is_not_found(), "{missing}");
    assert_eq!(remote.request("GET", "no path", None).await.unwrap_err().reason(), Reason::BadRequest);
    assert_eq!(remote.get(&CONFIG_MAPS, "default", "").await.unwrap_err().reason(), Reason::NotFound);
}

#[tokio::test]
async fn a_server_is_who_it_should_be() {
    let (served, _) = both().await;
    let refusal = async |options: RemoteOptions| {
        let error = Remote::new(options).unwrap().request("GET", "/version", None).await.unwrap_err();
        assert_eq!(error.reason(), Reason::ServiceUnavailable);
        error.to_string()
    };
    let other_name = RemoteOptions { server_name: "kubernetes".to_owned(), ..served.remote_options() };
    let said = refusal(other_name).await;
    assert!(said.contains("not valid for name \"kubernetes\""), "{said}");
    let other_ca = RemoteOptions { ca: crate::world::tls::pki().ca_pem, ..served.remote_options() };
    let said = refusal(other_ca).await;
    assert!(said.contains("invalid peer certificate"), "{said}");
    for (server, why) in [("http://a:1", "does not begin with https://"), ("https://a/b", "has a path"), ("", "read")] {
        let options = RemoteOptions { server: server.to_owned(), ..served.remote_options() };
        let said = Remote::new(options).err().unwrap().to_string();
        assert!(said.contains(why), "{said}");
    }
}

#[tokio::test]
async fn a_first_contact_needs_no_trust() {
    let (served, _) = both().await;
    let server = format!("https://127.0.0.1:{}", served.port);
    let fetched = fetch_unverified(&server, "/version").await.unwrap();
    assert_eq!(fetched.body["major"], "1");
    let shown = spki_sha256(&fetched.chain[0]).unwrap();
    assert!(shown.starts_with("sha256:") && shown.len() == 71, "{shown}");
    assert_ne!(shown, spki_sha256(served.pki.ca_der()).unwrap(), "the server's key is not the authority's");
    let refused = fetch_unverified(&server, "/api/v1/namespaces/kube-system/secrets").await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Forbidden);
    let closed = fetch_unverified("https://127.0.0.1:1", "/version").await.unwrap_err();
    assert!(closed.message().starts_with("the API server at https://127.0.0.1:1 cannot be asked: "), "{closed}");
}
