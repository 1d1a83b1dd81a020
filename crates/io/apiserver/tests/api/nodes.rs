//! What nodes may read and write: the Node authorizer and NodeRestriction on a whole server.

use crate::world::{World, config_map, world};
use apimachinery::{ApiError, ApiResult, GroupVersionResource as Gvr, Object, Value};
use apiserver::Local;
use apiserver::auth::UserInfo;
use client::resources::{
    CONFIG_MAPS, NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, SECRETS, SERVICE_ACCOUNTS,
};
use client::{Api, DeleteOptions, ListOptions, PatchKind, Scope, WriteOptions};
use futures_util::StreamExt;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const LEASES: Gvr = Gvr::of("coordination.k8s.io", "v1", "leases");
const CLUSTER_ROLE_BINDINGS: Gvr = Gvr::of("rbac.authorization.k8s.io", "v1", "clusterrolebindings");

fn node(world: &World, name: &str) -> Local {
    world.server.local(UserInfo::authenticated(format!("system:node:{name}"), vec!["system:nodes".to_owned()]))
}

/// A world with the nodes `a` and `b`.
async fn nodes() -> (World, Local, Local) {
    let world = world().await;
    world.service_account().await;
    let (a, b) = (node(&world, "a"), node(&world, "b"));
    for (name, api) in [("a", &a), ("b", &b)] {
        let labels = json!({"kubernetes.io/hostname": name});
        let body = json!({"metadata": {"name": name, "labels": labels}});
        api.create(&NODES, "", body, WriteOptions::default()).await.unwrap();
    }
    (world, a, b)
}

fn pod(name: &str, node: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {
        "nodeName": node, "automountServiceAccountToken": false,
        "containers": [{"name": "c", "image": "i", "envFrom": [{"secretRef": {"name": format!("for-{name}")}}]}],
    }})
}

fn secret(name: &str) -> Value {
    json!({"metadata": {"name": name}, "stringData": {"k": "v"}})
}

fn by_name(name: &str) -> ListOptions {
    ListOptions { field_selector: format!("metadata.name={name}"), ..ListOptions::default() }
}

#[track_caller]
fn refused<T>(answer: ApiResult<T>) -> String {
    let error: ApiError = answer.err().expect("it was allowed");
    assert_eq!(error.code(), 403, "{}", error.message());
    error.message().to_owned()
}

async fn patch(api: &Local, of: &Gvr, name: &str, subresource: &str, body: Value) -> ApiResult<Arc<Object>> {
    let namespace = if *of == PODS { "default" } else { "" };
    let options = WriteOptions { subresource, ..WriteOptions::default() };
    api.patch(of, namespace, name, PatchKind::Merge, body, options).await
}

#[tokio::test]
async fn a_node_reads_the_secrets_of_its_own_pods_while_they_are() {
    let (world, a, b) = nodes().await;
    world.create(&SECRETS, "default", secret("for-web")).await.unwrap();
    let why = "secrets \"for-web\" is forbidden: User \"system:node:a\" cannot get resource \"secrets\" in API group \"\" in \
               the namespace \"default\": no relationship found between node 'a' and this object";
    assert_eq!(refused(a.get(&SECRETS, "default", "for-web").await), why);

    let all = ListOptions { field_selector: "spec.nodeName=a".to_owned(), ..ListOptions::default() };
    let mut pods = a.watch(&PODS, Scope::All, &all, 0).await.unwrap();
    world.create(&PODS, "default", pod("web", "a")).await.unwrap();
    // Whoever has seen the pod is let in at once.
    while pods.next().await.unwrap().unwrap().object.head.name != "web" {}
    a.get(&SECRETS, "default", "for-web").await.unwrap();
    let scope = Scope::Namespace("default");
    assert_eq!(a.list(&SECRETS, scope, &by_name("for-web")).await.unwrap().items.len(), 1);
    drop(a.watch(&SECRETS, scope, &by_name("for-web"), 0).await.unwrap());

    refused(b.get(&SECRETS, "default", "for-web").await);
    _ = refused(b.watch(&SECRETS, scope, &by_name("for-web"), 0).await);
    refused(a.list(&SECRETS, scope, &ListOptions::default()).await);
    refused(a.list(&SECRETS, Scope::All, &by_name("for-web")).await);
    refused(a.list(&SECRETS, scope, &by_name("for-web,metadata.name=x")).await);

    let at_once = DeleteOptions { grace_seconds: Some(0), ..DeleteOptions::default() };
    let said = refused(b.delete(&PODS, "default", "web", &at_once).await);
    assert_eq!(said, "pods \"web\" is forbidden: node \"b\" can only delete pods with spec.nodeName set to itself");
    a.delete(&PODS, "default", "web", &at_once).await.unwrap();
    let gone = async {
        while a.get(&SECRETS, "default", "for-web").await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
    assert_eq!(refused(a.get(&SECRETS, "default", "for-web").await), why);
}

#[tokio::test]
async fn nothing_of_the_clusters_own_is_for_nodes() {
    let (world, a, _) = nodes().await;
    for name in ["kubeadm-certs", "bootstrap-token-abcdef"] {
        world.create(&SECRETS, "kube-system", secret(name)).await.unwrap();
        refused(a.get(&SECRETS, "kube-system", name).await);
    }
    refused(a.list(&CONFIG_MAPS, Scope::Namespace("kube-system"), &ListOptions::default()).await);
    // What joining leaves to members, by a Role.
    world.create(&CONFIG_MAPS, "kube-system", config_map("kubeadm-config", json!({}))).await.unwrap();
    a.get(&CONFIG_MAPS, "kube-system", "kubeadm-config").await.unwrap();
    // What a node's network follows.
    a.list(&PODS, Scope::All, &ListOptions::default()).await.unwrap();
    let bound = world.api.get(&CLUSTER_ROLE_BINDINGS, "", "system:node").await.unwrap().to_value();
    assert!(bound["subjects"].as_array().is_none_or(Vec::is_empty), "{bound}");
}

#[tokio::test]
async fn tokens_are_for_own_pods() {
    let (world, a, b) = nodes().await;
    let made = world.create(&PODS, "default", pod("web", "a")).await.unwrap();
    let uid = made.head.uid.as_str();
    let ask = async |api: &Local, bound: Value| {
        let body = json!({"metadata": {"name": "default"}, "spec": {"audiences": [], "boundObjectRef": bound}});
        let options = WriteOptions { subresource: "token", ..WriteOptions::default() };
        api.create(&SERVICE_ACCOUNTS, "default", body, options).await
    };
    let own = json!({"apiVersion": "v1", "kind": "Pod", "name": "web", "uid": uid});
    let waiting = async {
        while ask(&a, own.clone()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap();
    let said = refused(ask(&a, Value::Null).await);
    assert_eq!(said, "serviceaccounts \"default\" is forbidden: node requested token not bound to a pod");
    let unsure = json!({"apiVersion": "v1", "kind": "Pod", "name": "web"});
    assert!(refused(ask(&a, unsure).await).ends_with("node requested token with a pod binding without a uid"));
    assert!(refused(ask(&b, own.clone()).await).ends_with("no relationship found between node 'b' and this object"));
    // Another pod of the same account lets `b` ask, but not for that one.
    world.create(&PODS, "default", pod("other", "b")).await.unwrap();
    let foreign = async {
        loop {
            let said = refused(ask(&b, own.clone()).await);
            if said.ends_with("node requested token bound to a pod scheduled on a different node") {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), foreign).await.unwrap();
}

#[tokio::test]
async fn a_node_writes_what_is_its_own() {
    let (world, a, b) = nodes().await;
    let role = json!({"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}});
    assert_eq!(
        refused(patch(&a, &NODES, "a", "", role).await),
        "nodes \"a\" is forbidden: is not allowed to modify labels: node-role.kubernetes.io/control-plane"
    );
    let taints = json!({"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}});
    assert_eq!(
        refused(patch(&a, &NODES, "a", "", taints).await),
        "nodes \"a\" is forbidden: node \"a\" is not allowed to modify taints"
    );
    let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    assert_eq!(
        refused(patch(&a, &NODES, "b", "status", ready.clone()).await),
        "nodes \"b\" is forbidden: node \"a\" is not allowed to modify node \"b\""
    );
    patch(&a, &NODES, "a", "status", ready).await.unwrap();
    patch(&a, &NODES, "a", "", json!({"metadata": {"annotations": {"x": "y"}}})).await.unwrap();

    world.create(&PODS, "default", pod("web", "a")).await.unwrap();
    let running = json!({"status": {"phase": "Running"}});
    patch(&a, &PODS, "web", "status", running.clone()).await.unwrap();
    assert_eq!(
        refused(patch(&b, &PODS, "web", "status", running).await),
        "pods \"web\" is forbidden: node \"b\" can only update pod status for pods with spec.nodeName set to itself"
    );
    refused(patch(&a, &PODS, "web", "", json!({"metadata": {"labels": {"a": "b"}}})).await);
    let evict = WriteOptions { subresource: "eviction", ..WriteOptions::default() };
    let eviction = json!({"metadata": {"name": "web", "namespace": "default"}});
    refused(b.create(&PODS, "default", eviction.clone(), evict).await);
    a.create(&PODS, "default", eviction, evict).await.unwrap();

    let lease = |name: &str| json!({"metadata": {"name": name, "namespace": "kube-node-lease"}});
    a.create(&LEASES, "kube-node-lease", lease("a"), WriteOptions::default()).await.unwrap();
    let said = refused(a.create(&LEASES, "kube-node-lease", lease("b"), WriteOptions::default()).await);
    assert!(said.ends_with("can only access node lease with the same name as the requesting node"), "{said}");
}

#[tokio::test]
async fn a_node_makes_mirror_pods_only() {
    let (world, a, _) = nodes().await;
    let uid = world.api.get(&NODES, "", "a").await.unwrap().head.uid.clone();
    let mirror = |spec: Value| {
        let mut pod = json!({"metadata": {
            "name": "mirror", "annotations": {"kubernetes.io/config.mirror": "x"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "a", "uid": uid, "controller": true}],
        }, "spec": spec});
        pod["spec"]["containers"] = json!([{"name": "c", "image": "i"}]);
        pod
    };
    let create = async |pod: Value| a.create(&PODS, "default", pod, WriteOptions::default()).await;
    let said = refused(create(pod("plain", "a")).await);
    assert!(
        said.ends_with(
            "pod does not have \"kubernetes.io/config.mirror\" annotation, node \"a\" can only create mirror pods"
        ),
        "{said}"
    );
    let said = refused(create(mirror(json!({"nodeName": "b"}))).await);
    assert!(said.ends_with("node \"a\" can only create pods with spec.nodeName set to itself"), "{said}");
    let volumes = json!([{"name": "v", "secret": {"secretName": "s"}}]);
    let said = refused(create(mirror(json!({"nodeName": "a", "volumes": volumes}))).await);
    assert!(said.ends_with("node \"a\" can not create pods that reference secrets"), "{said}");
    create(mirror(json!({"nodeName": "a"}))).await.unwrap();
}

#[tokio::test]
async fn a_node_makes_volumes_of_its_own_disk_for_claims_sent_to_it() {
    let (world, a, b) = nodes().await;
    let claim = json!({"metadata": {"name": "c", "annotations": {"volume.kubernetes.io/selected-node": "a"}}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "local-path", "resources": {"requests": {"storage": "1Gi"}},
    }});
    let claim = world.create(&PERSISTENT_VOLUME_CLAIMS, "default", claim).await.unwrap();
    let uid = &claim.head.uid;
    let volume = |host: &str, path: String| {
        json!({
            "metadata": {"name": "v", "annotations": {"pv.kubernetes.io/provisioned-by": "barque.io/local-path"}},
            "spec": {
                "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "local-path",
                "claimRef": {"namespace": "default", "name": "c", "uid": uid}, "local": {"path": path},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                    {"key": "kubernetes.io/hostname", "operator": "In", "values": [host]},
                ]}]}},
            },
        })
    };
    let path = || format!("/data/pvc-{uid}_default_c");
    let create =
        async |api: &Local, volume: Value| api.create(&PERSISTENT_VOLUMES, "", volume, WriteOptions::default()).await;
    refused(create(&b, volume("b", path())).await);
    refused(create(&a, volume("b", path())).await);
    refused(create(&a, volume("a", "/etc".to_owned())).await);
    let mut plain = volume("a", path());
    plain["metadata"]["annotations"] = json!({});
    refused(create(&a, plain).await);
    create(&a, volume("a", path())).await.unwrap();
    let options = DeleteOptions::default();
    refused(b.delete(&PERSISTENT_VOLUMES, "", "v", &options).await);
    a.delete(&PERSISTENT_VOLUMES, "", "v", &options).await.unwrap();
}
