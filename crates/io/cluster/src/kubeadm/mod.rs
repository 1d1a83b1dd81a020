//! kubeadm's configuration file: what a person wrote for `kubeadm init --config`, as `init` understands it.
//!
//! A file holds documents of ClusterConfiguration and InitConfiguration, in versions v1beta1 to v1beta4; what belongs to
//! other programs (KubeletConfiguration, KubeProxyConfiguration) is told and left. Upstream: `cmd/kubeadm/app/apis/kubeadm`,
//! the defaults in `defaults.go`, the checks in `validation.go`.

mod duration;
mod fields;
mod raw;
mod reading;
mod version;
mod walk;

#[cfg(test)]
mod tests;

pub use duration::parse as duration;

use reading::Place;
use serde_json::Value;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use version::Version;

/// What the file asks for. Where it is silent there is None, and `init` has its own default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kubeadm {
    /// kubeadm's default is `kubernetes`.
    pub cluster_name: Option<String>,
    /// `HOST:PORT` or `HOST`: where nodes and people reach the API servers.
    pub control_plane_endpoint: Option<Endpoint>,
    /// CIDR of all pods.
    pub pod_subnet: Option<String>,
    /// CIDR of Services.
    pub service_subnet: Option<String>,
    /// kubeadm's default is `cluster.local`.
    pub dns_domain: Option<String>,
    /// Further names and addresses in the API server's certificate.
    pub api_server_sans: Vec<String>,
    pub etcd: Etcd,
    pub node_name: Option<String>,
    /// Of the first node, as its `spec.taints` has them; None: the default, which keeps pods off a control plane.
    pub taints: Option<Vec<Value>>,
    /// Names of checks that may fail; `all` stands for each.
    pub ignore_preflight_errors: Vec<String>,
    pub advertise_address: Option<IpAddr>,
    /// 1..=65535, kubeadm's default is 6443.
    pub bind_port: Option<u16>,
    pub bootstrap_tokens: Vec<BootstrapToken>,
    /// Encrypts the keys that a joining master fetches: 64 hex digits.
    pub certificate_key: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub host: String,
    pub port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Etcd {
    /// A member on each master.
    Local { data_dir: Option<PathBuf>, server_sans: Vec<String>, peer_sans: Vec<String> },
    /// Somebody else's cluster.
    External { endpoints: Vec<String>, ca: PathBuf, cert: PathBuf, key: PathBuf },
}

impl Default for Etcd {
    fn default() -> Self {
        Self::Local { data_dir: None, server_sans: Vec::new(), peer_sans: Vec::new() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootstrapToken {
    /// `abcdef.0123456789abcdef`.
    pub token: String,
    pub description: String,
    pub expiry: Expiry,
    pub usages: Vec<String>,
    pub groups: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expiry {
    /// After this time; zero is never (`ttl`). kubeadm's default is 24 hours.
    After(Duration),
    /// At this time, RFC 3339 (`expires`).
    At(String),
}

/// A file that cannot be followed. Nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum KubeadmError {
    #[error("{file}: {why}")]
    Yaml { file: String, why: String },
    #[error(
        "{file}: no kind {kind:?} is registered for version {version:?}; known are ClusterConfiguration and \
         InitConfiguration of kubeadm.k8s.io/v1beta1 to v1beta4"
    )]
    Version { file: String, kind: String, version: String },
    #[error("{file}: there are two documents of kind {kind}; merge them")]
    Twice { file: String, kind: String },
    #[error("{file}: {kind}: {path}: {why}")]
    Value { file: String, kind: String, path: String, why: String },
}

/// Reads a file's text. `file` names it in messages. Beside what it asks for, what it asks for in vain: fields that are not
/// known (kubeadm warns of them, too) and fields without effect here, each with its reason.
///
/// # Errors
/// [`KubeadmError`].
pub fn parse(text: &str, file: &str) -> Result<(Kubeadm, Vec<String>), KubeadmError> {
    let yaml = |error: serde_saphyr::Error| KubeadmError::Yaml {
        file: file.to_owned(),
        why: error.without_snippet().to_string(),
    };
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(yaml)?;
    let (mut wanted, mut notices, mut seen) = (Kubeadm::default(), Vec::new(), Vec::new());
    for document in documents.iter().filter(|document| !document.is_null()) {
        let of = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (api_version, kind) = (of("apiVersion"), of("kind"));
        if let Some(owner) = foreign(&api_version) {
            notices
                .push(format!("{file}: {kind} is for {owner}, whose work is done by this program: it has no effect"));
            continue;
        }
        let unknown =
            || KubeadmError::Version { file: file.to_owned(), kind: kind.clone(), version: api_version.clone() };
        let version = Version::of(&api_version).ok_or_else(unknown)?;
        if seen.contains(&kind) {
            return Err(KubeadmError::Twice { file: file.to_owned(), kind });
        }
        let place = Place { file, kind: &kind };
        match kind.as_str() {
            "ClusterConfiguration" => {
                place.tell(document, version, fields::CLUSTER, &mut notices);
                place.cluster(place.read(document)?, &mut wanted)?;
            }
            "InitConfiguration" => {
                place.tell(document, version, fields::INIT, &mut notices);
                place.init(place.read(document)?, &mut wanted)?;
            }
            "ClusterStatus" if version <= Version::V1Beta2 => {}
            "JoinConfiguration" => notices.push(format!("{file}: JoinConfiguration is for `join`: `init` leaves it")),
            _ => return Err(unknown()),
        }
        seen.push(kind);
    }
    Ok((wanted, notices))
}

/// Whom a document of another group is for.
fn foreign(api_version: &str) -> Option<&'static str> {
    match api_version.split_once('/')?.0 {
        "kubelet.config.k8s.io" => Some("the kubelet"),
        "kubeproxy.config.k8s.io" => Some("kube-proxy"),
        _ => None,
    }
}
