//! A whole API server on an embedded store in a temporary folder.

#![allow(dead_code)] // each test file uses its part

pub mod tls;

use apimachinery::{ApiError, ApiResult, GroupVersionResource as Gvr, Object, Value};
use apiserver::auth::{TokenIssuer, UserInfo};
use apiserver::{ApiServer, Config, Local};
use async_trait::async_trait;
use client::door::{Doors, NodeDoor};
use client::{Api, ListOptions, Scope, WriteOptions};
use serde_json::json;
use std::sync::Arc;
use store::{Embedded, Options};

pub struct World {
    pub server: Arc<ApiServer>,
    pub api: Local,
    pub folder: tempfile::TempDir,
}

struct NoDoors;

#[async_trait]
impl Doors for NoDoors {
    async fn door(&self, node: &str) -> ApiResult<Arc<dyn NodeDoor>> {
        Err(ApiError::internal(format!("there is no node {node} in this test")))
    }
}

pub fn config(folder: &std::path::Path) -> Config {
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    Config {
        store: Embedded::open(Options::new(folder.join("store"))).unwrap(),
        tokens: Arc::new(TokenIssuer::new(&key, "https://kubernetes.default.svc.cluster.local", Vec::new()).unwrap()),
        doors: Arc::new(NoDoors),
        tls: None,
        service_range: ("10.96.0.0".parse().unwrap(), 12),
        node_ports: 30000..=32767,
        advertise: "127.0.0.1:6443".parse().unwrap(),
        health: telemetry::Health::default(),
    }
}

pub async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let server = Arc::new(ApiServer::start(config(folder.path())).await.unwrap());
    let api = server.local(UserInfo::system("test"));
    World { server, api, folder }
}

impl World {
    pub async fn create(&self, of: &Gvr, namespace: &str, body: Value) -> ApiResult<Arc<Object>> {
        self.api.create(of, namespace, body, WriteOptions::default()).await
    }

    pub async fn update(&self, of: &Gvr, namespace: &str, body: Value) -> ApiResult<Arc<Object>> {
        let name = body["metadata"]["name"].as_str().unwrap().to_owned();
        self.api.update(of, namespace, &name, body, WriteOptions::default()).await
    }

    /// What the service account controller would make.
    pub async fn service_account(&self) {
        let account = json!({"metadata": {"name": "default"}});
        self.create(&client::resources::SERVICE_ACCOUNTS, "default", account).await.unwrap();
    }

    pub async fn names(&self, of: &Gvr, namespace: &str, options: ListOptions) -> Vec<String> {
        let list = self.api.list(of, Scope::Namespace(namespace), &options).await.unwrap();
        list.items.iter().map(|item| item.head.name.clone()).collect()
    }
}

pub fn config_map(name: &str, data: Value) -> Value {
    json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name}, "data": data})
}
