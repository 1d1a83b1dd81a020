//! Doors found by Node objects of a real API server.

use crate::world::{World, soon};
use apimachinery::Reason;
use apiserver::auth::{TokenIssuer, UserInfo};
use apiserver::{ApiServer, Config, Local};
use async_trait::async_trait;
use client::door::{Doors, NodeDoor, RemoteDoors};
use client::{Api, ApiError, ApiResult, PatchKind, WriteOptions, resources};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use store::{Embedded, Options};

struct NoDoors;

#[async_trait]
impl Doors for NoDoors {
    async fn door(&self, node: &str) -> ApiResult<Arc<dyn NodeDoor>> {
        Err(ApiError::internal(format!("there is no door to {node} in this test")))
    }
}

async fn server(folder: &std::path::Path) -> ApiServer {
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let config = Config {
        store: Embedded::open(Options::new(folder.join("store"))).unwrap(),
        tokens: Arc::new(TokenIssuer::new(&key, "https://kubernetes.default.svc", Vec::new()).unwrap()),
        doors: Arc::new(NoDoors),
        tls: None,
        service_range: ("10.96.0.0".parse().unwrap(), 12),
        node_ports: 30000..=32767,
        advertise: "192.0.2.1:6443".parse().unwrap(),
        health: telemetry::Health::default(),
        metrics: telemetry::Metrics::default(),
    };
    ApiServer::start(config).await.unwrap()
}

/// As the agent of a node does, which says where it is.
async fn tell(api: &Local, address: SocketAddr) {
    let status = json!({"status": {
        "addresses": [{"type": "InternalIP", "address": address.ip().to_string()}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": address.port()}},
    }});
    let options = WriteOptions { subresource: "status", field_manager: "kubelet" };
    api.patch(&resources::NODES, "", "w1", PatchKind::Strategic, status, options).await.unwrap();
}

#[tokio::test]
async fn where_the_node_says() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let api = server.local(UserInfo::system("test"));
    let credentials = world.authority.credentials(world.authority.administrator());
    let doors = RemoteDoors::new(Arc::new(server.local(UserInfo::system("test"))), credentials);
    let error = soon(doors.door("w1")).await.err().unwrap();
    assert_eq!((error.reason(), error.message()), (Reason::NotFound, "nodes \"w1\" not found"));

    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "w1"}});
    api.create(&resources::NODES, "", node, WriteOptions::default()).await.unwrap();
    let error = soon(doors.door("w1")).await.err().unwrap();
    assert!(error.message().starts_with("node \"w1\" cannot be reached: its status has no InternalIP yet"), "{error}");

    tell(&api, world.address).await;
    soon(soon(doors.door("w1")).await.unwrap().check()).await.unwrap();
    let other = World::new().await;
    tell(&api, other.address).await;
    let error = soon(soon(doors.door("w1")).await.unwrap().check()).await.unwrap_err();
    assert!(error.message().starts_with(&format!("node \"w1\" cannot be reached at {}: ", other.address)), "{error}");
    server.stop();
}
