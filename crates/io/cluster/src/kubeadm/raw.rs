//! The documents as they are written, as far as they have an effect.

use serde::Deserialize;
use serde_json::Value;
use std::path::PathBuf;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Cluster {
    pub cluster_name: Option<String>,
    pub control_plane_endpoint: Option<String>,
    pub networking: Networking,
    pub api_server: ApiServer,
    pub etcd: Etcd,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Networking {
    pub pod_subnet: Option<String>,
    pub service_subnet: Option<String>,
    pub dns_domain: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct ApiServer {
    #[serde(rename = "certSANs")]
    pub cert_sans: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Etcd {
    pub local: Option<LocalEtcd>,
    pub external: Option<ExternalEtcd>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct LocalEtcd {
    #[serde(rename = "dataDir")]
    pub data_dir: Option<PathBuf>,
    #[serde(rename = "serverCertSANs")]
    pub server_cert_sans: Vec<String>,
    #[serde(rename = "peerCertSANs")]
    pub peer_cert_sans: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct ExternalEtcd {
    pub endpoints: Vec<String>,
    pub ca_file: PathBuf,
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Init {
    pub bootstrap_tokens: Vec<Token>,
    pub node_registration: Registration,
    #[serde(rename = "localAPIEndpoint")]
    pub local_api_endpoint: LocalApi,
    pub certificate_key: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Token {
    pub token: String,
    pub description: String,
    pub ttl: Option<String>,
    pub expires: Option<String>,
    pub usages: Option<Vec<String>>,
    pub groups: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Registration {
    pub name: Option<String>,
    pub taints: Option<Vec<Value>>,
    pub ignore_preflight_errors: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct LocalApi {
    pub advertise_address: Option<String>,
    pub bind_port: Option<u16>,
}
