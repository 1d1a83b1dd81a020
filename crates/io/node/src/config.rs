//! What the node agent is told at start.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

/// Defaults are those of a node of a single-node cluster ([`Config::for_node`]).
#[derive(Debug, Clone)]
pub struct Config {
    /// `metadata.name` of the Node.
    pub node_name: String,
    /// The node's own addresses, the one pods' status shows first.
    pub addresses: Vec<IpAddr>,
    /// The node's host name, for its `Hostname` address. Default: the node's name.
    pub hostname: String,
    /// Where API servers reach the agent, on every address: [`crate::serve`]. Default 10250.
    pub port: u16,
    /// Labels written at registration, besides the well-known ones (`node-role.kubernetes.io/control-plane` and so on).
    pub labels: BTreeMap<String, String>,
    /// Taints written when the node is made, as `spec.taints` has them.
    pub taints: Vec<serde_json::Value>,
    /// Parts of this program that are shown as pods.
    pub static_views: Vec<crate::StaticView>,
    /// Pod range told in `spec.podCIDR`; empty: not told.
    pub pod_cidr: String,
    /// Pods' volumes and files. Survives reboots. Default `/var/lib/barque/node`.
    pub data_dir: PathBuf,
    /// Container logs, `<namespace>_<name>_<uid>/<container>/<attempt>.log`. Default `/var/log/pods`.
    pub log_dir: PathBuf,
    /// Cluster DNS, for pods' resolv.conf.
    pub cluster_dns: IpAddr,
    /// Default `cluster.local`.
    pub cluster_domain: String,
    /// The node's resolv.conf. Default `/etc/resolv.conf`.
    pub resolv_conf: PathBuf,
    /// Pods the node takes. Default 110.
    pub max_pods: u32,
    /// Pods prepared and started at the same time; more only thrash. Default 8.
    pub parallel_starts: usize,
    /// Folders with FlexVolume drivers, `<vendor>~<driver>/<driver>`, looked in in order.
    pub flex_volume_dirs: Vec<PathBuf>,
    /// When images are collected: `(threshold, target)` percent of the image file system. Default 85, 80.
    pub image_gc_percent: (u8, u8),
    /// When pods are evicted.
    pub eviction: EvictionHard,
}

/// Upstream: `--eviction-hard`.
#[derive(Debug, Clone, Copy)]
pub struct EvictionHard {
    /// Bytes of memory that must be available. Default 100 MiB.
    pub memory_available: u64,
    /// Percent of the data file system that must be free. Default 5, as in k3s: upstream's 10 keeps tens of gigabytes of a
    /// large disk empty.
    pub disk_available_percent: u8,
}

impl Config {
    pub fn for_node(node_name: impl Into<String>) -> Self {
        let node_name = node_name.into();
        Self {
            hostname: node_name.clone(),
            node_name,
            addresses: Vec::new(),
            port: client::door::AGENT_PORT,
            labels: BTreeMap::new(),
            taints: Vec::new(),
            static_views: Vec::new(),
            pod_cidr: String::new(),
            data_dir: "/var/lib/barque/node".into(),
            log_dir: "/var/log/pods".into(),
            cluster_dns: IpAddr::from([10, 96, 0, 10]),
            cluster_domain: "cluster.local".to_owned(),
            resolv_conf: "/etc/resolv.conf".into(),
            max_pods: 110,
            parallel_starts: 8,
            flex_volume_dirs: vec![
                "/usr/libexec/kubernetes/kubelet-plugins/volume/exec".into(),
                "/usr/libexec/barque/volume/exec".into(),
            ],
            image_gc_percent: (85, 80),
            eviction: EvictionHard { memory_available: 100 << 20, disk_available_percent: 5 },
        }
    }

    /// Everything of one pod.
    pub(crate) fn pod_dir(&self, uid: &str) -> PathBuf {
        self.data_dir.join("pods").join(uid)
    }
}
