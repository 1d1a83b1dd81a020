//! Objects of any kind through the API in process.

use crate::world::{config_map, next, world};
use apimachinery::EventType;
use client::resources::{CONFIG_MAPS, NAMESPACES, PODS, SERVICES};
use client::{Api, DeleteOptions, ListOptions, PatchKind, Scope, WriteOptions};
use serde_json::{Value, json};
use std::time::Duration;

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
    let mut watch = world.api.watch(&CONFIG_MAPS, Scope::Namespace("default"), &options, list.revision).await.unwrap();
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
    world.service_account().await;
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

#[tokio::test]
async fn a_pod_goes_gracefully() {
    let world = world().await;
    world.service_account().await;
    let pod = json!({
        "metadata": {"name": "a"},
        "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "i"}]},
    });
    let made = world.create(&PODS, "default", pod).await.unwrap().to_value();
    assert_eq!(made["spec"]["containers"][0]["volumeMounts"][0]["mountPath"], TOKEN_PATH);
    assert_eq!(made["spec"]["tolerations"][0]["tolerationSeconds"], 10);
    assert_eq!(made["spec"]["priority"], 0);
    world.api.delete(&PODS, "default", "a", &DeleteOptions::default()).await.unwrap();
    let going = world.api.get(&PODS, "default", "a").await.unwrap().to_value();
    assert_eq!(going["metadata"]["deletionGracePeriodSeconds"], 30);
    let now = DeleteOptions { grace_seconds: Some(0), ..DeleteOptions::default() };
    world.api.delete(&PODS, "default", "a", &now).await.unwrap();
    assert!(world.api.get(&PODS, "default", "a").await.unwrap_err().is_not_found());
}

const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

#[tokio::test]
async fn a_binding_binds_once() {
    let world = world().await;
    world.service_account().await;
    let pod = json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    world.create(&PODS, "default", pod).await.unwrap();
    let binding = json!({"metadata": {"name": "a"}, "target": {"kind": "Node", "name": "n1"}});
    let options = WriteOptions { subresource: "binding", ..WriteOptions::default() };
    world.api.create(&PODS, "default", binding.clone(), options).await.unwrap();
    let bound = world.api.get(&PODS, "default", "a").await.unwrap().to_value();
    assert_eq!((&bound["spec"]["nodeName"], &bound["status"]["phase"]), (&json!("n1"), &json!("Pending")));
    assert_eq!(bound["status"]["conditions"][0]["type"], "PodScheduled");
    let again = world.api.create(&PODS, "default", binding, options).await.unwrap_err();
    assert!(again.is_conflict(), "{again}");
}

#[tokio::test]
async fn services_get_addresses_and_ports_of_their_own() {
    let world = world().await;
    let kubernetes = world.api.get(&SERVICES, "default", "kubernetes").await.unwrap().to_value();
    assert_eq!(kubernetes["spec"]["clusterIP"], "10.96.0.1");
    let service = |name: &str, port: i64| {
        json!({
            "metadata": {"name": name},
            "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": port}], "selector": {"a": "b"}},
        })
    };
    let made = world.create(&SERVICES, "default", service("a", 30033)).await.unwrap().to_value();
    assert!(made["spec"]["clusterIP"].as_str().unwrap().starts_with("10."), "{made}");
    let taken = world.create(&SERVICES, "default", service("b", 30033)).await.unwrap_err();
    assert_eq!(
        taken.message(),
        "Service \"b\" is invalid: spec.ports[0].nodePort: Invalid value: 30033: provided port is already allocated"
    );
    world.api.delete(&SERVICES, "default", "a", &DeleteOptions::default()).await.unwrap();
    world.create(&SERVICES, "default", service("b", 30033)).await.unwrap();
    let far = world.create(&SERVICES, "default", service("c", 80)).await.unwrap_err();
    assert!(far.message().ends_with("The range of valid ports is 30000-32767"), "{far}");
}

#[tokio::test]
async fn a_cluster_of_one_family_says_so() {
    let world = world().await;
    let service = |name: &str, spec: Value| json!({"metadata": {"name": name}, "spec": spec});
    let both = json!({"ports": [{"port": 80}], "ipFamilies": ["IPv6"], "ipFamilyPolicy": "RequireDualStack"});
    let refused = world.create(&SERVICES, "default", service("a", both)).await.unwrap_err();
    assert_eq!(
        refused.message(),
        "Service \"a\" is invalid: [spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster, \
         spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services]"
    );
    let by_hand = service("b", json!({"clusterIP": "None", "ports": [{"port": 80}]}));
    let made = world.create(&SERVICES, "default", by_hand).await.unwrap().to_value();
    assert_eq!(made["spec"]["ipFamilies"], json!(["IPv4", "IPv6"]));
    assert_eq!(made["spec"]["ipFamilyPolicy"], "RequireDualStack");
    let balanced = |name: &str| {
        let spec = json!({
            "type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 32000, "ports": [{"port": 80}],
        });
        service(name, spec)
    };
    world.create(&SERVICES, "default", balanced("c")).await.unwrap();
    let taken = world.create(&SERVICES, "default", balanced("d")).await.unwrap_err();
    assert!(
        taken.message().ends_with("requested HealthCheck NodePort 32000: provided port is already allocated"),
        "{taken}"
    );
}

#[tokio::test]
async fn the_service_of_the_api_comes_back() {
    let world = world().await;
    let before = world.api.get(&SERVICES, "default", "kubernetes").await.unwrap().head.uid.clone();
    world.api.delete(&SERVICES, "default", "kubernetes", &DeleteOptions::default()).await.unwrap();
    let again = async {
        loop {
            match world.api.get(&SERVICES, "default", "kubernetes").await {
                Ok(service) if service.head.uid != before => return service.to_value(),
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    let service = tokio::time::timeout(Duration::from_secs(10), again).await.expect("it comes back");
    assert_eq!(service["spec"]["clusterIP"], "10.96.0.1");
}

#[tokio::test]
async fn a_namespace_ends_when_it_is_let_go() {
    let world = world().await;
    world.create(&NAMESPACES, "", json!({"metadata": {"name": "x"}})).await.unwrap();
    world.api.delete(&NAMESPACES, "", "x", &DeleteOptions::default()).await.unwrap();
    let mut ending = world.api.get(&NAMESPACES, "", "x").await.unwrap().to_value();
    assert_eq!(ending["status"]["phase"], "Terminating");
    let refused = world.create(&CONFIG_MAPS, "x", config_map("a", json!({}))).await.unwrap_err();
    assert_eq!(
        refused.message(),
        "configmaps \"a\" is forbidden: unable to create new content in namespace x because it is being terminated"
    );
    ending["spec"]["finalizers"] = json!([]);
    let options = WriteOptions { subresource: "finalize", ..WriteOptions::default() };
    world.api.update(&NAMESPACES, "", "x", ending, options).await.unwrap();
    assert!(world.api.get(&NAMESPACES, "", "x").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn binding_is_no_new_generation_and_eviction_leaves_a_mark() {
    let world = world().await;
    world.service_account().await;
    let body = json!({"metadata": {"name": "p", "finalizers": ["test.example/keep"]}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    world.create(&PODS, "default", body).await.unwrap();
    let of = |subresource| WriteOptions { subresource, ..WriteOptions::default() };
    let binding = json!({"metadata": {"name": "p"}, "target": {"name": "n"}});
    world.api.create(&PODS, "default", binding, of("binding")).await.unwrap();
    let bound = world.api.get(&PODS, "default", "p").await.unwrap().to_value();
    assert_eq!((&bound["spec"]["nodeName"], &bound["metadata"]["generation"]), (&json!("n"), &json!(1)));

    let eviction = |uid: &str| json!({"metadata": {"name": "p"}, "deleteOptions": {"preconditions": {"uid": uid}}});
    let refused = world.api.create(&PODS, "default", eviction("another"), of("eviction")).await.unwrap_err();
    assert_eq!(refused.code(), 409, "{}", refused.message());
    let spared = world.api.get(&PODS, "default", "p").await.unwrap().to_value();
    assert_eq!(spared, bound, "another pod of that name was meant");
    let uid = bound["metadata"]["uid"].as_str().unwrap();
    world.api.create(&PODS, "default", eviction(uid), of("eviction")).await.unwrap();
    let evicted = world.api.get(&PODS, "default", "p").await.unwrap().to_value();
    assert!(evicted["metadata"]["deletionTimestamp"].is_string());
    let conditions = evicted["status"]["conditions"].as_array().unwrap();
    let mark = conditions.iter().find(|condition| condition["type"] == "DisruptionTarget").unwrap();
    assert_eq!(
        (&mark["status"], &mark["reason"], &mark["message"]),
        (&json!("True"), &json!("EvictionByEvictionAPI"), &json!("Eviction API: evicting"))
    );
}
