//! The component at work on a node of its own.

use crate::cluster::Cluster;
use crate::sandbox::Node;
use network::Network;
use std::sync::Arc;
use telemetry::Health;

pub struct Running {
    pub cluster: Arc<Cluster>,
    pub network: Arc<Network>,
    pub health: Health,
}

pub async fn start(node: &Node) -> Running {
    let (cluster, health) = (Cluster::start(), Health::default());
    let network = Network::start(node.config.clone(), cluster.clone(), &health).await.unwrap();
    Running { cluster, network, health }
}
