//! How a machine that is no member yet comes to trust the cluster, and the cluster it: bootstrap tokens.
//!
//! The machine is told a token. With its secret half the cluster signs the public ConfigMap `cluster-info`
//! ([`sign`], [`verify`]); with all of it the machine asks for its first certificate.
//!
//! Upstream: `cluster-bootstrap/token`, `cmd/kubeadm/app/phases/bootstraptoken`.

mod jws;
mod token;

pub use jws::{sign, verify};
pub use token::{MASTER_GROUP, NODE_GROUP, Token, TokenError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// The kubeconfig in `kube-public/cluster-info`: where the cluster is and which authority is its, nobody's credentials.
/// `server` is `https://HOST:PORT`, `ca` PEM.
pub fn cluster_info(server: &str, ca: &str) -> String {
    let (ca, server) = (BASE64_STANDARD.encode(ca), serde_json::Value::from(server));
    format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {ca}\n    server: {server}\n  name: \"\"\n\
         contexts: null\ncurrent-context: \"\"\nkind: Config\nusers: null\n"
    )
}
