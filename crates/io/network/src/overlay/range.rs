//! Waiting for the pod range that a controller gives this node.

use client::{Api, Informer, ListOptions, resources};
use netplan::Cidr;
use netplan::overlay::Node;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The IPv4 range in the node's own `spec.podCIDR`, as soon as there is one. Waits for ever if nobody gives any: drop the
/// future to give up.
pub async fn own_pod_cidr(api: &Arc<dyn Api>, node_name: &str) -> Cidr {
    let stop = CancellationToken::new();
    let _stop_when_dropped = stop.clone().drop_guard();
    let options = ListOptions { field_selector: format!("metadata.name={node_name}"), ..ListOptions::default() };
    let informer = Informer::start(api.clone(), resources::NODES.clone(), options, stop);
    let mut changes = informer.subscribe();
    informer.wait_for(1).await;
    loop {
        if let Some(range) = informer.get(node_name).and_then(|node| Node::from_object(&node).pod_cidr) {
            return range;
        }
        if changes.next().await.is_none() {
            // The informer ends with `stop` alone, and that with us.
            std::future::pending::<()>().await;
        }
    }
}
