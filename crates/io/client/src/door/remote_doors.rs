//! Where the agents of nodes are, by their Node objects.

use super::credentials::AgentCredentials;
use super::remote::RemoteDoor;
use super::{Doors, NodeDoor};
use crate::{Api, resources};
use apimachinery::{ApiError, ApiResult, Reason};
use async_trait::async_trait;
use k8s_openapi::api::core::v1::Node;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Where a node does not say its agent's port. Upstream: `KubeletPort`.
pub const AGENT_PORT: u16 = 10250;

/// Looks the node up for every door: an address that changed counts at once.
pub struct RemoteDoors {
    api: Arc<dyn Api>,
    credentials: AgentCredentials,
}

impl RemoteDoors {
    pub fn new(api: Arc<dyn Api>, credentials: AgentCredentials) -> Self {
        Self { api, credentials }
    }
}

#[async_trait]
impl Doors for RemoteDoors {
    async fn door(&self, node: &str) -> ApiResult<Arc<dyn NodeDoor>> {
        let object = self.api.get(&resources::NODES, "", node).await?;
        let address = address(node, &object.decode().map_err(ApiError::internal)?)?;
        Ok(Arc::new(RemoteDoor::new(node, address, &self.credentials)))
    }
}

/// The first `InternalIP`, and the port of the kubelet endpoint.
fn address(name: &str, node: &Node) -> ApiResult<SocketAddr> {
    let status = node.status.clone().unwrap_or_default();
    let addresses = status.addresses.unwrap_or_default();
    let internal = addresses.iter().filter(|own| own.type_ == "InternalIP");
    let ip: Option<IpAddr> = internal.filter_map(|own| own.address.parse().ok()).next();
    let ip = ip.ok_or_else(|| {
        let text = format!("node {name:?} cannot be reached: its status has no InternalIP yet; is its agent running?");
        ApiError::new(Reason::ServiceUnavailable, text)
    })?;
    let endpoint = status.daemon_endpoints.and_then(|endpoints| endpoints.kubelet_endpoint);
    let port = endpoint.and_then(|endpoint| u16::try_from(endpoint.port).ok()).filter(|port| *port > 0);
    Ok(SocketAddr::new(ip, port.unwrap_or(AGENT_PORT)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn addresses() {
        let find = |status| {
            let node = serde_json::from_value(json!({"metadata": {"name": "w1"}, "status": status})).unwrap();
            address("w1", &node).map(|address| address.to_string()).map_err(|error| error.message().to_owned())
        };
        let addresses = json!([{"type": "Hostname", "address": "w1"}, {"type": "InternalIP", "address": "10.0.0.4"},
            {"type": "InternalIP", "address": "fd00::4"}]);
        assert_eq!(find(json!({"addresses": addresses})).unwrap(), "10.0.0.4:10250");
        let endpoints = json!({"kubeletEndpoint": {"Port": 10350}});
        assert_eq!(find(json!({"addresses": addresses, "daemonEndpoints": endpoints})).unwrap(), "10.0.0.4:10350");
        let text = "node \"w1\" cannot be reached: its status has no InternalIP yet; is its agent running?";
        assert_eq!(find(json!({})).unwrap_err(), text);
    }
}
