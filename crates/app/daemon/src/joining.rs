//! What this machine does for those that join: tells them of the cluster, and signs what they ask for.

use crate::Config;
use crate::identity::server_url;
use cluster::Pki;
use cluster::bootstrap;
use controllers::bootstrap::ClusterInfo;
use reconciler::{Order, Signer};
use std::sync::Arc;

/// Published in `kube-public/cluster-info` unless something is there already.
pub fn cluster_info(config: &Config, pki: &Pki) -> ClusterInfo {
    ClusterInfo { kubeconfig: bootstrap::cluster_info(&server_url(config), pki.ca()), sign: bootstrap::sign }
}

/// The cluster's authority, for the certificate controller.
pub fn signer(pki: &Pki) -> Arc<dyn Signer> {
    let signer = pki.request_signer();
    Arc::new(move |order: Order<'_>| {
        let signed = signer.sign(order.request, order.client, order.server, order.lifetime, order.now);
        signed.map_err(|error| error.to_string())
    })
}
