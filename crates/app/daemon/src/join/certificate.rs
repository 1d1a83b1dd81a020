//! A node's certificates, asked of the cluster by signing requests.
//!
//! Upstream: the kubelet's TLS bootstrapping, `pkg/kubelet/certificate`.

use crate::Config;
use apimachinery::ApiError;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use client::{Api, WriteOptions, resources};
use cluster::pki::Application;
use cluster::{Pair, PkiError};
use serde_json::json;
use std::time::{Duration, Instant};

/// For the controllers to grant and sign it: they answer within milliseconds, unless a new leader is just elected.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The agent towards API servers.
    Client,
    /// What the agent's own door shows.
    Serving,
}

#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("a key cannot be made")]
    Key(#[from] PkiError),
    #[error("the API refused the signing request: {0}")]
    Api(ApiError),
    #[error("the signing request {name} was denied: {why}")]
    Denied { name: String, why: String },
    #[error(
        "the signing request {name} was not signed within {PATIENCE:?}: see `kubectl describe csr {name}`; \
             `kubectl certificate approve {name}` grants it"
    )]
    Unsigned { name: String },
}

/// Makes a key, asks for its certificate, and waits until it is signed.
///
/// # Errors
/// [`CertificateError`].
pub async fn obtain(api: &dyn Api, purpose: Purpose, config: &Config) -> Result<Pair, CertificateError> {
    let (signer, usage, names) = match purpose {
        Purpose::Client => ("kubernetes.io/kube-apiserver-client-kubelet", "client auth", Vec::new()),
        Purpose::Serving => {
            let names = vec![config.node_name.clone(), config.address().to_string()];
            ("kubernetes.io/kubelet-serving", "server auth", names)
        }
    };
    let application = Application::of_node(&config.node_name, &names)?;
    let name = format!("node-csr-{}-{:016x}", config.node_name, rand::random::<u64>());
    let object = json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {
            "request": BASE64_STANDARD.encode(&application.request),
            "signerName": signer,
            "usages": ["digital signature", usage],
        },
    });
    let options = WriteOptions { subresource: "", field_manager: "kubelet" };
    let requests = &resources::CERTIFICATE_SIGNING_REQUESTS;
    api.create(requests, "", object, options).await.map_err(CertificateError::Api)?;
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        let request = api.get(requests, "", &name).await.map_err(CertificateError::Api)?.to_value();
        if let Some(certificate) = request["status"]["certificate"].as_str().and_then(decoded) {
            return Ok(application.granted(certificate));
        }
        let conditions = request["status"]["conditions"].as_array().into_iter().flatten();
        if let Some(no) = conditions.clone().find(|is| is["type"] == "Denied" || is["type"] == "Failed") {
            let why = no["message"].as_str().unwrap_or_default().to_owned();
            return Err(CertificateError::Denied { name, why });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(CertificateError::Unsigned { name })
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()
}
