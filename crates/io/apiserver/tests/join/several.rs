//! Two API servers on one store, in one process: what each gives out is given out once, and each knows of the other.

use crate::etcd_server::Cluster;
use crate::lagging::Lagging;
use crate::world::config;
use apimachinery::{ApiResult, GroupVersionResource as Gvr, Object, Value};
use apiserver::auth::UserInfo;
use apiserver::{ApiServer, Config, Local};
use client::resources::{ENDPOINT_SLICES, ENDPOINTS, SERVICES};
use client::{Api, DeleteOptions, ListOptions, Scope, WriteOptions};
use futures_util::future::join_all;
use serde_json::json;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use store::{Etcd, EtcdOptions, Store};

/// Longer than anything here takes on a loaded machine; tests wait for states, not for this.
const PATIENCE: Duration = Duration::from_secs(60);

struct Pair {
    servers: Vec<ApiServer>,
    apis: Vec<Local>,
    store: Arc<dyn Store>,
    _folder: tempfile::TempDir,
}

/// At 192.0.2.1 and 192.0.2.2; both start at the same time on an empty store.
async fn pair(node_ports: RangeInclusive<u16>) -> Pair {
    let folder = tempfile::tempdir().unwrap();
    let first = config(folder.path());
    let store = first.store.clone();
    pair_on([store.clone(), store], Config { node_ports, ..first }, folder).await
}

async fn pair_on(stores: [Arc<dyn Store>; 2], first: Config, folder: tempfile::TempDir) -> Pair {
    let [store, other] = stores;
    let first = Config { store: store.clone(), advertise: "192.0.2.1:6443".parse().unwrap(), ..first };
    let second = Config {
        store: other,
        tokens: first.tokens.clone(),
        doors: first.doors.clone(),
        tls: None,
        service_range: first.service_range,
        node_ports: first.node_ports.clone(),
        advertise: "192.0.2.2:6443".parse().unwrap(),
        health: telemetry::Health::default(),
        metrics: telemetry::Metrics::default(),
    };
    let started = join_all([ApiServer::start(first), ApiServer::start(second)]).await;
    let servers: Vec<ApiServer> = started.into_iter().map(Result::unwrap).collect();
    let apis = servers.iter().map(|server| server.local(UserInfo::system("test"))).collect();
    Pair { servers, apis, store, _folder: folder }
}

impl Pair {
    async fn create(&self, server: usize, name: &str, spec: Value) -> ApiResult<Arc<Object>> {
        let body = json!({"metadata": {"name": name}, "spec": spec});
        self.apis[server].create(&SERVICES, "default", body, WriteOptions::default()).await
    }

    async fn delete(&self, server: usize, name: &str) {
        self.apis[server].delete(&SERVICES, "default", name, &DeleteOptions::default()).await.unwrap();
    }

    /// All cluster addresses and node ports, as a server sees them.
    async fn numbers(&self, server: usize) -> (Vec<String>, Vec<u64>) {
        let all = self.apis[server].list(&SERVICES, Scope::All, &ListOptions::default()).await.unwrap();
        let specs: Vec<Value> = all.items.iter().map(|service| service.to_value()["spec"].take()).collect();
        let ports = specs.iter().flat_map(|spec| spec["ports"].as_array().cloned().unwrap_or_default());
        let ports = ports.filter_map(|port| port["nodePort"].as_u64()).collect();
        (specs.iter().map(|spec| spec["clusterIP"].as_str().unwrap().to_owned()).collect(), ports)
    }

    /// Keys under `/registry/reserved/`.
    async fn reserved(&self) -> BTreeSet<String> {
        let found = self.store.range(store::Range::under("/registry/reserved/")).await.unwrap();
        found.items.iter().map(|item| item.key.rsplit('/').next().unwrap().to_owned()).collect()
    }

    async fn until_endpoints(&self, server: usize, wanted: &[&str]) {
        let api = &self.apis[server];
        let reached = async {
            loop {
                let endpoints = api.get(&ENDPOINTS, "default", "kubernetes").await.unwrap().to_value();
                let slice = api.get(&ENDPOINT_SLICES, "default", "kubernetes").await.unwrap().to_value();
                let of = |list: &Value, at: &str| -> Vec<String> {
                    let list = list.as_array().into_iter().flatten();
                    list.map(|one| one.pointer(at).unwrap().as_str().unwrap().to_owned()).collect()
                };
                let both = [of(&endpoints["subsets"][0]["addresses"], "/ip"), of(&slice["endpoints"], "/addresses/0")];
                if both.iter().all(|own| own == wanted) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("never saw {wanted:?}"));
    }
}

fn node_port() -> Value {
    json!({"type": "NodePort", "ports": [{"port": 80}]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_services_have_numbers_of_their_own() {
    have_numbers_of_their_own(pair(30000..=30599).await).await;
}

/// Two servers, each with connections of its own to a real etcd, that others use, too.
async fn on_etcd() -> (Pair, Arc<Etcd>, Cluster) {
    let cluster = Cluster::single();
    let of = |prefix: &str| {
        let options = EtcdOptions { prefix: prefix.to_owned(), ..EtcdOptions::new(cluster.endpoints()) };
        async move {
            loop {
                match Etcd::connect(options.clone()).await {
                    Ok(store) => return store,
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        }
    };
    let (first, second, foreign) = tokio::join!(of("/ours"), of("/ours"), of("/theirs"));
    let folder = tempfile::tempdir().unwrap();
    let config = Config { node_ports: 30000..=30599, ..config(folder.path()) };
    (pair_on([first, second], config, folder).await, foreign, cluster)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_services_have_numbers_of_their_own_on_etcd() {
    let (pair, _foreign, _cluster) = on_etcd().await;
    have_numbers_of_their_own(pair).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_write_to_a_shared_etcd_holds_no_read_up() {
    let (pair, foreign, _cluster) = on_etcd().await;
    for number in 0..20 {
        foreign.txn(Vec::new(), vec![store::Op::put("/registry/theirs", format!("{number}"))]).await.unwrap();
        let reads = [0, 1].map(|server| pair.apis[server].get(&SERVICES, "default", "kubernetes"));
        for read in join_all(reads).await {
            read.unwrap();
        }
    }
    let ahead = foreign.revision().await.unwrap() + 1000;
    let refused = pair.servers[0].shared().cache.wait_until(ahead).await.unwrap_err();
    assert!(refused.message().contains("Too large resource version"), "{}", refused.message());
}

async fn have_numbers_of_their_own(pair: Pair) {
    let names: Vec<String> = (0..500).map(|number| format!("s{number}")).collect();
    let made = join_all(names.iter().enumerate().map(|(at, name)| pair.create(at % 2, name, node_port()))).await;
    for (name, made) in names.iter().zip(made) {
        made.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for server in [0, 1] {
        let (addresses, ports) = pair.numbers(server).await;
        assert_eq!((addresses.len(), ports.len()), (501, 500));
        assert_eq!(addresses.iter().collect::<BTreeSet<_>>().len(), 501, "an address twice");
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 500, "a node port twice");
    }
    assert_eq!(pair.reserved().await.len(), 1001, "a key for each");

    // Each server deletes what the other made; nothing is left behind.
    join_all(names.iter().enumerate().map(|(at, name)| pair.delete((at + 1) % 2, name))).await;
    assert_eq!(pair.reserved().await, BTreeSet::from(["10.96.0.1".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_port_goes_to_one() {
    let pair = pair(30000..=30009).await;
    let names: Vec<String> = (0..16).map(|number| format!("s{number}")).collect();
    let made = join_all(names.iter().enumerate().map(|(at, name)| pair.create(at % 2, name, node_port()))).await;
    let (good, bad): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (10, 6));
    for refused in bad {
        let message = refused.unwrap_err().message().to_owned();
        assert!(message.contains("failed to allocate a nodePort: range is full"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_asked_for_is_had_once_and_is_free_again_at_once() {
    let pair = pair(30000..=30599).await;
    let wish = json!({"type": "NodePort", "clusterIP": "10.96.7.7", "ports": [
        {"name": "a", "port": 80, "nodePort": 30007}, {"name": "b", "port": 80, "nodePort": 30007, "protocol": "UDP"},
    ]});
    for round in 0..20 {
        let (a, b) = tokio::join!(pair.create(0, "a", wish.clone()), pair.create(1, "b", wish.clone()));
        let (winner, loser) = if a.is_ok() { ("a", b) } else { ("b", a) };
        let refused = loser.unwrap_err();
        let message = refused.message();
        assert!(
            message.contains("failed to allocate IP 10.96.7.7: provided IP is already allocated"),
            "{round}: {message}"
        );
        pair.delete(round % 2, winner).await;
    }
    // A change gives back what it no longer shows, and takes what it newly does.
    let made = pair.create(0, "a", wish.clone()).await.unwrap();
    let mut changed = made.to_value();
    changed["spec"]["ports"] = json!([{"port": 80, "nodePort": 30008}]);
    pair.apis[1].update(&SERVICES, "default", "a", changed, WriteOptions::default()).await.unwrap();
    let reserved = ["10.96.0.1", "10.96.7.7", "30008"].map(str::to_owned);
    assert_eq!(pair.reserved().await, BTreeSet::from(reserved));
    let mut other = wish;
    other["clusterIP"] = Value::Null;
    pair.create(0, "c", other.clone()).await.unwrap();
    other["ports"] = json!([{"port": 80, "nodePort": 30008}]);
    let refused = pair.create(1, "d", other).await.unwrap_err();
    assert!(refused.message().contains("provided port is already allocated"), "{}", refused.message());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_without_keys_gets_them_at_the_next_start() {
    let pair = pair(30000..=30599).await;
    pair.create(0, "a", json!({"clusterIP": "10.96.7.7", "ports": [{"port": 80}]})).await.unwrap();
    let delete = |key: &str| store::Op::delete(format!("/registry/reserved/serviceips/{key}"));
    let stray = store::Op::put("/registry/reserved/servicenodeports/30001", "{}");
    pair.store.txn(Vec::new(), vec![delete("10.96.7.7"), delete("10.96.0.1"), stray]).await.unwrap();
    let again = Config {
        advertise: "192.0.2.3:6443".parse().unwrap(),
        store: pair.store.clone(),
        ..config(tempfile::tempdir().unwrap().path())
    };
    let third = ApiServer::start(again).await.unwrap();
    let reserved = ["10.96.0.1", "10.96.7.7"].map(str::to_owned);
    assert_eq!(pair.reserved().await, BTreeSet::from(reserved));
    drop(third);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_kubernetes_leads_to_all_that_live() {
    let mut pair = pair(30000..=30599).await;
    pair.until_endpoints(0, &["192.0.2.1", "192.0.2.2"]).await;
    pair.servers[0].leave().await.unwrap();
    pair.until_endpoints(1, &["192.0.2.2"]).await;
    let third = Config {
        advertise: "192.0.2.3:6443".parse().unwrap(),
        store: pair.store.clone(),
        ..config(tempfile::tempdir().unwrap().path())
    };
    let third = ApiServer::start(third).await.unwrap();
    pair.until_endpoints(0, &["192.0.2.2", "192.0.2.3"]).await;
    let subsets = |endpoints: &Object| endpoints.to_value()["subsets"].as_array().map_or(0, Vec::len);
    let endpoints = pair.apis[0].get(&ENDPOINTS, "default", "kubernetes").await.unwrap();
    assert_eq!(subsets(&endpoints), 1, "all on one port");
    // One that dies says nothing; its word ends by itself.
    drop(pair.servers.remove(1));
    pair.until_endpoints(0, &["192.0.2.3"]).await;
    third.leave().await.unwrap();
    pair.until_endpoints(0, &["192.0.2.3"]).await;
}

/// The second server hears of changes late.
async fn lagging() -> Pair {
    let folder = tempfile::tempdir().unwrap();
    let first = config(folder.path());
    let store = first.store.clone();
    pair_on([store.clone(), Arc::new(Lagging(store))], first, folder).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_lags_tells_no_old_states() {
    let pair = lagging().await;
    for number in 0..5 {
        let name = format!("s{number}");
        let made = pair.create(0, &name, node_port()).await.unwrap();
        let read = pair.apis[1].get(&SERVICES, "default", &name).await.unwrap();
        assert_eq!(read.bytes, made.bytes);
        pair.delete(0, &name).await;
        let gone = pair.apis[1].get(&SERVICES, "default", &name).await.unwrap_err();
        assert!(gone.is_not_found());
        // What it believes to be free or taken does not matter: the store knows.
        let again =
            pair.create(1, &name, json!({"clusterIP": made.to_value()["spec"]["clusterIP"], "ports": [{"port": 1}]}));
        again.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_established_on_one_server_is_served_by_one_that_lags() {
    let pair = lagging().await;
    let definitions = Gvr::of("apiextensions.k8s.io", "v1", "customresourcedefinitions");
    for number in 0..5 {
        let (plural, kind) = (format!("foo{number}s"), format!("Foo{number}"));
        let schema = json!({"openAPIV3Schema": {"type": "object"}});
        let definition = json!({
            "metadata": {"name": format!("{plural}.example.com")},
            "spec": {
                "group": "example.com", "scope": "Cluster", "names": {"plural": plural, "kind": kind},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
            },
        });
        let (one, other) = (&pair.apis[0], &pair.apis[1]);
        one.create(&definitions, "", definition, WriteOptions::default()).await.unwrap();
        let name = format!("{plural}.example.com");
        let established = async || {
            let definition = one.get(&definitions, "", &name).await.unwrap().to_value();
            let conditions = definition["status"]["conditions"].as_array().cloned().unwrap_or_default();
            conditions.iter().any(|own| own["type"] == "Established" && own["status"] == "True")
        };
        while !established().await {
            tokio::task::yield_now().await;
        }
        let of = Gvr { resource: plural.into(), ..Gvr::of("example.com", "v1", "") };
        other.list(&of, Scope::All, &ListOptions::default()).await.unwrap();
    }
}
