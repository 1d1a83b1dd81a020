//! What `init` or `join` decided for this machine: `cluster.yaml` beside the keys.
//!
//! A machine with this file is one of several; without it, it is a cluster of its own. Made by commands, not by people;
//! what a person may set per machine stays in the configuration file.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use stdx::write_atomically;

/// The local door where the configuration names no loopback endpoint: the port of his `haproxy.cfg`.
pub const LOCAL_API_PORT: u16 = 5443;

/// What a machine is in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// API server, controllers, scheduler, store; and pods.
    ControlPlane,
    /// Pods only.
    Worker,
}

/// What protects packets between the machines' pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// Nothing: for networks that are trusted.
    #[default]
    None,
    WireGuard,
}

impl Encryption {
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::WireGuard => "wireguard",
        }
    }
}

impl std::str::FromStr for Encryption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::None, Self::WireGuard];
        let found = known.into_iter().find(|encryption| encryption.name() == text);
        found.ok_or_else(|| format!("{text:?} is no encryption; there are none and wireguard"))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Membership {
    pub role: Role,
    /// The Node object's name when the machine joined: a host name that changes later changes nothing.
    pub node_name: String,
    /// As kubeconfigs name it; kubeadm's default is `kubernetes`.
    pub cluster_name: String,
    /// Where people reach the API servers: `HOST:PORT`, as `--control-plane-endpoint` said.
    pub endpoint: String,
    /// The balancer in front of the API servers, on this machine.
    pub local_api: SocketAddr,
    /// API servers known when the machine joined; newer lists are kept with the data.
    pub api_servers: Vec<SocketAddr>,
    /// Port of this machine's own API server.
    pub port: u16,
    /// This machine's address for the others.
    pub address: IpAddr,
    #[serde(rename = "serviceCIDR")]
    pub service_cidr: String,
    #[serde(rename = "podCIDR")]
    pub pod_cidr: String,
    pub cluster_domain: String,
    /// Between machines' pods; the same on all.
    #[serde(default)]
    pub encryption: Encryption,
    /// Further names of the API servers.
    #[serde(default)]
    pub cert_sans: Vec<String>,
    /// Taints the Node is registered with, as its `spec.taints`.
    #[serde(default)]
    pub taints: Vec<serde_json::Value>,
    /// Masters only.
    #[serde(default)]
    pub store: Option<Store>,
}

/// Where a master keeps the cluster's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Store {
    /// An etcd member of its own, in this folder.
    #[serde(rename_all = "camelCase")]
    Member {
        data_dir: PathBuf,
        /// Client URLs of members that were there before; empty for the first one.
        others: Vec<String>,
    },
    /// Somebody else's etcd.
    External { endpoints: Vec<String>, ca: PathBuf, cert: PathBuf, key: PathBuf },
}

#[derive(Debug, thiserror::Error)]
pub enum MembershipError {
    #[error("cannot read or write {path}")]
    File { path: PathBuf, source: std::io::Error },
    #[error(
        "{path} is not what init or join wrote: {why}; restore it, or `barque reset` this machine and join it again"
    )]
    Damaged { path: PathBuf, why: String },
}

impl Membership {
    /// The file in the configuration's folder.
    pub fn file(config_dir: &Path) -> PathBuf {
        config_dir.join("cluster.yaml")
    }

    /// None on a machine that is a cluster of its own.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn load(config_dir: &Path) -> Result<Option<Self>, MembershipError> {
        let path = Self::file(config_dir);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(MembershipError::File { path, source }),
        };
        let read = serde_saphyr::from_str(&text);
        read.map(Some).map_err(|error: serde_saphyr::Error| MembershipError::Damaged { path, why: error.to_string() })
    }

    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, config_dir: &Path) -> Result<(), MembershipError> {
        let path = Self::file(config_dir);
        let failed = |source| MembershipError::File { path: path.clone(), source };
        std::fs::create_dir_all(config_dir).map_err(failed)?;
        let text = serde_saphyr::to_string(self).map_err(|error| failed(std::io::Error::other(error.to_string())))?;
        let text = format!("# Made by barque init or join. `barque reset` removes it.\n{text}");
        write_atomically(&path, text.as_bytes(), 0o600).map_err(failed)
    }

    /// With these other members of etcd; one without an etcd of its own stays as it is.
    #[must_use]
    pub fn beside(mut self, members: Vec<String>) -> Self {
        if let Some(Store::Member { others, .. }) = &mut self.store {
            *others = members;
        }
        self
    }

    pub fn is_control_plane(&self) -> bool {
        self.role == Role::ControlPlane
    }
}

/// Where the local door listens for an endpoint: at it, if it is a loopback address; else at the default.
pub fn local_api(endpoint: Option<&str>) -> SocketAddr {
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, LOCAL_API_PORT));
    endpoint
        .and_then(|endpoint| endpoint.parse::<SocketAddr>().ok())
        .filter(|at| at.ip().is_loopback())
        .unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Membership {
        Membership {
            role: Role::ControlPlane,
            node_name: "m1".to_owned(),
            cluster_name: "kubernetes".to_owned(),
            endpoint: "127.0.0.1:5443".to_owned(),
            local_api: local_api(None),
            api_servers: vec!["10.0.42.1:6443".parse().unwrap()],
            port: 6443,
            address: "10.0.42.1".parse().unwrap(),
            service_cidr: "10.96.0.0/12".to_owned(),
            pod_cidr: "10.244.0.0/16".to_owned(),
            cluster_domain: "cluster.local".to_owned(),
            encryption: Encryption::WireGuard,
            cert_sans: vec!["127.0.0.1".to_owned()],
            taints: vec![serde_json::json!({"key": "a", "effect": "NoSchedule"})],
            store: Some(Store::Member {
                data_dir: "/var/lib/etcd".into(),
                others: vec!["https://10.0.42.2:2379".to_owned()],
            }),
        }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = std::env::temp_dir().join(format!("membership-{}", std::process::id()));
        assert_eq!(Membership::load(&folder).unwrap(), None);
        example().save(&folder).unwrap();
        assert_eq!(Membership::load(&folder).unwrap(), Some(example()));
        std::fs::write(Membership::file(&folder), "role: king\n").unwrap();
        let error = Membership::load(&folder).unwrap_err().to_string();
        assert!(error.contains("cluster.yaml") && error.contains("king"), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_door_is_where_a_loopback_endpoint_says() {
        assert_eq!(local_api(Some("127.0.0.1:7443")).port(), 7443);
        assert_eq!(local_api(Some("lb.example.org:6443")), local_api(None));
        assert_eq!(local_api(Some("10.0.0.9:6443")).port(), LOCAL_API_PORT);
    }
}
