//! An API server on a store in a temporary folder, with the drivers a test asks for.

#![allow(dead_code)] // each test file uses its part

use apimachinery::{ApiError, ApiResult, GroupVersionResource as Gvr, Object, Value};
use apiserver::auth::{TokenIssuer, UserInfo};
use apiserver::{ApiServer, Config, Local};
use async_trait::async_trait;
use client::door::{Doors, NodeDoor};
use client::{Api, DeleteOptions, ListOptions, PatchKind, Scope, WriteOptions};
use reconciler::Informers;
use std::sync::Arc;
use std::time::Duration;
use store::{Embedded, Options};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a loaded machine; tests wait for states, not for this.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub server: ApiServer,
    pub api: Arc<Local>,
    pub informers: Informers,
    pub stop: CancellationToken,
    pub folder: tempfile::TempDir,
}

struct NoDoors;

#[async_trait]
impl Doors for NoDoors {
    async fn door(&self, node: &str) -> ApiResult<Arc<dyn NodeDoor>> {
        Err(ApiError::internal(format!("there is no node {node} in this test")))
    }
}

pub async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let config = Config {
        store: Embedded::open(Options::new(folder.path().join("store"))).unwrap(),
        tokens: Arc::new(TokenIssuer::new(&key, "https://kubernetes.default.svc.cluster.local", Vec::new()).unwrap()),
        doors: Arc::new(NoDoors),
        tls: None,
        service_range: ("10.96.0.0".parse().unwrap(), 12),
        node_ports: 30000..=32767,
        advertise: "127.0.0.1:6443".parse().unwrap(),
        health: telemetry::Health::default(),
        metrics: telemetry::Metrics::default(),
    };
    let server = ApiServer::start(config).await.unwrap();
    let api = Arc::new(server.local(UserInfo::system("test")));
    let stop = CancellationToken::new();
    let informers = Informers::new(Arc::clone(&api) as Arc<dyn Api>, stop.clone());
    World { server, api, informers, stop, folder }
}

impl World {
    pub async fn create(&self, of: &Gvr, namespace: &str, body: Value) -> Arc<Object> {
        self.api.create(of, namespace, body, WriteOptions::default()).await.unwrap()
    }

    pub async fn patch(&self, of: &Gvr, namespace: &str, name: &str, subresource: &str, body: Value) {
        let options = WriteOptions { subresource, ..WriteOptions::default() };
        self.api.patch(of, namespace, name, PatchKind::Merge, body, options).await.unwrap();
    }

    pub async fn delete(&self, of: &Gvr, namespace: &str, name: &str, propagation: Option<&'static str>) {
        let options = DeleteOptions { propagation, ..DeleteOptions::default() };
        self.api.delete(of, namespace, name, &options).await.unwrap();
    }

    pub async fn list(&self, of: &Gvr, namespace: &str) -> Vec<Arc<Object>> {
        let scope = if namespace.is_empty() { Scope::All } else { Scope::Namespace(namespace) };
        self.api.list(of, scope, &ListOptions::default()).await.unwrap().items
    }

    /// Waits until the objects of a namespace are as wanted.
    #[track_caller]
    pub fn until(
        &self,
        of: &'static Gvr,
        namespace: &'static str,
        what: &'static str,
        wanted: impl Fn(&[Arc<Object>]) -> bool,
    ) -> impl Future<Output = Vec<Arc<Object>>> {
        let informer = self.informers.of(of);
        async move {
            let mut changes = informer.subscribe();
            informer.wait_for(1).await;
            let deadline = tokio::time::Instant::now() + PATIENCE;
            loop {
                let scope = if namespace.is_empty() { Scope::All } else { Scope::Namespace(namespace) };
                let objects = informer.list(scope);
                if wanted(&objects) {
                    return objects;
                }
                let change = tokio::time::timeout_at(deadline, changes.next()).await;
                if change.is_err() {
                    let values: Vec<String> = objects.iter().map(|object| object.to_value().to_string()).collect();
                    panic!("waited in vain for: {what}; there is: {}", values.join("\n"));
                }
            }
        }
    }

    /// Waits until nothing is left.
    pub async fn until_empty(&self, of: &'static Gvr, namespace: &'static str) {
        self.until(of, namespace, "nothing left", <[_]>::is_empty).await;
    }
}
