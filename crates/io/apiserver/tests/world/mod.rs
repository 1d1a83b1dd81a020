//! A whole API server on an embedded store in a temporary folder.

#![allow(dead_code)] // each test file uses its part

pub mod tls;

use apimachinery::{ApiError, ApiResult, EventType, GroupVersionResource as Gvr, Object, Value};
use apiserver::auth::{TokenIssuer, UserInfo};
use apiserver::{ApiServer, Config, Local};
use async_trait::async_trait;
use client::door::{Doors, ExecOptions, ExecSession, LogChunks, LogOptions, NodeDoor, NodeMetrics, PortStream, Target};
use client::{Api, ListOptions, Scope, WatchStream, WriteOptions};
use futures_util::StreamExt;
use serde_json::json;
use std::sync::Arc;
use store::{Embedded, Options, Store};

pub struct World {
    pub server: Arc<ApiServer>,
    pub api: Local,
    pub store: Arc<dyn Store>,
    pub folder: tempfile::TempDir,
}

struct NoDoors;

/// A node that knows nothing but its statistics.
struct Measured;

#[async_trait]
impl Doors for NoDoors {
    async fn door(&self, node: &str) -> ApiResult<Arc<dyn NodeDoor>> {
        if node == "measured" {
            Ok(Arc::new(Measured))
        } else {
            Err(ApiError::internal(format!("there is no node {node}")))
        }
    }
}

#[async_trait]
impl NodeDoor for Measured {
    async fn logs(&self, _: Target, _: LogOptions) -> ApiResult<LogChunks> {
        Err(ApiError::internal("this node has no logs"))
    }

    async fn exec(&self, _: Target, _: ExecOptions) -> ApiResult<ExecSession> {
        Err(ApiError::internal("this node runs nothing"))
    }

    async fn port_forward(&self, _: Target, _: u16) -> ApiResult<Box<dyn PortStream>> {
        Err(ApiError::internal("this node has no ports"))
    }

    async fn stats(&self) -> ApiResult<Value> {
        let usage = json!({"usageNanoCores": 250_000_000, "name": "c"});
        let memory = json!({"workingSetBytes": 64 << 20});
        let container = json!({"name": "c", "cpu": usage, "memory": memory});
        let pod = json!({"podRef": {"name": "a", "namespace": "default"}, "containers": [container]});
        Ok(json!({"node": {"cpu": usage, "memory": memory}, "pods": [pod]}))
    }

    async fn metrics(&self, of: NodeMetrics) -> ApiResult<String> {
        Ok(format!("what{{is=\"{of:?}\"}} 1\n"))
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
        metrics: telemetry::Metrics::default(),
    }
}

pub async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let store = config.store.clone();
    let server = Arc::new(ApiServer::start(config).await.unwrap());
    let api = server.local(UserInfo::system("test"));
    World { server, api, store, folder }
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

/// The next event of a watch; a test that waits longer than ten seconds has failed.
pub async fn next(watch: &mut WatchStream) -> (EventType, Arc<Object>) {
    let item = tokio::time::timeout(std::time::Duration::from_secs(10), watch.next()).await;
    let event = item.expect("an event").expect("the watch goes on").expect("no error");
    (event.kind, event.object)
}

/// A server on a socket, with TLS and a kubeconfig.
pub struct Served {
    pub world: World,
    pub port: u16,
    pub kubeconfig: std::path::PathBuf,
    pub pki: tls::Pki,
    serving: tokio::task::JoinHandle<()>,
}

pub async fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let pki = tls::pki();
    let mut config = config(folder.path());
    config.tls = Some(pki.server.clone());
    let store = config.store.clone();
    let server = Arc::new(ApiServer::start(config).await.unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, pki.kubeconfig(port)).unwrap();
    std::fs::write(folder.path().join("admin.crt"), &pki.admin_cert).unwrap();
    std::fs::write(folder.path().join("admin.key"), &pki.admin_key).unwrap();
    let serving = server.serve(listener);
    let api = server.local(UserInfo::system("test"));
    Served { world: World { server, api, store, folder }, port, kubeconfig, pki, serving }
}

impl Served {
    /// As the server's process would: it goes, and nobody listens.
    pub async fn stop(&mut self) {
        self.world.server.stop();
        (&mut self.serving).await.unwrap();
    }

    /// A new server on the same store and port.
    pub async fn start_again(&mut self) {
        let store = self.world.store.clone();
        let unused = tempfile::tempdir().unwrap();
        let config = Config { store, tls: Some(self.pki.server.clone()), ..config(unused.path()) };
        self.world.server = Arc::new(ApiServer::start(config).await.unwrap());
        self.world.api = self.world.server.local(UserInfo::system("test"));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.serving = self.world.server.serve(listener);
    }

    /// How a client on another machine would be set up, as the administrator.
    pub fn remote_options(&self) -> client::RemoteOptions {
        let (certificate, key) = (self.pki.admin_cert.clone(), self.pki.admin_key.clone());
        let credentials = client::Credentials::Certificate { certificate, key };
        let server = format!("https://127.0.0.1:{}", self.port);
        let options = client::RemoteOptions::new(server, &self.pki.ca_pem, credentials);
        client::RemoteOptions { server_name: "localhost".to_owned(), ..options }
    }

    /// What kubectl says on standard output and error, `stdin` given to it.
    pub async fn kubectl(&self, arguments: &str, stdin: &str) -> String {
        use tokio::io::AsyncWriteExt;
        let mut child = tokio::process::Command::new("kubectl")
            .args(arguments.split_whitespace())
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", self.world.folder.path())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("kubectl is installed (Debian: kubernetes-client)");
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).await.unwrap();
        let output = child.wait_with_output().await.unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    }
}
