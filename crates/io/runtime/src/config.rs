//! Where the runtime keeps its things and how it reaches registries.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Settings of [`crate::Runtime::open`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// Images, layers and the writable parts of containers. Survives reboots. Default `/var/lib/barque/runtime`.
    pub data_dir: PathBuf,
    /// Sockets, mounts, exit records. Should be a tmpfs, so that it empties on reboot. Default `/run/barque/runtime`.
    /// At most 50 bytes long: unix socket paths below it must fit into 108.
    pub state_dir: PathBuf,
    /// The binary that is started as shim; it must call [`crate::maybe_run_helper`] first in `main`.
    /// Default: the running executable.
    pub exe: PathBuf,
    /// Name of our cgroup under the root of every hierarchy. Default `barque`.
    pub cgroup_root: String,
    pub registries: Registries,
    /// Layers of one image fetched at the same time: 1..=16, default 3 (as containerd's).
    pub parallel_layers: usize,
    /// A container's log file is rotated at this many bytes. Default 10 MiB (upstream: `containerLogMaxSize`).
    pub log_max_bytes: u64,
    /// Log files kept per container, the current one included. Default 5 (upstream: `containerLogMaxFiles`).
    pub log_max_files: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "/var/lib/barque/runtime".into(),
            state_dir: "/run/barque/runtime".into(),
            exe: std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into()),
            cgroup_root: "barque".into(),
            registries: Registries::default(),
            parallel_layers: 3,
            log_max_bytes: 10 << 20,
            log_max_files: 5,
        }
    }
}

/// How registries are reached, by registry host as written in references (`docker.io`, `quay.io`, `127.0.0.1:5000`).
/// The key `*` applies to hosts without an entry.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Registries(pub BTreeMap<String, Registry>);

/// One registry's settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Registry {
    /// Tried in order before the registry itself: `http://127.0.0.1:5000` or `https://mirror.example`.
    /// `http://` means plain HTTP.
    pub mirrors: Vec<String>,
    /// Never ask the registry itself, only its mirrors. Default false.
    pub only_mirrors: bool,
    /// Speak plain HTTP to the registry itself. Default false, except for loopback addresses.
    pub plain_http: bool,
    /// Accept any certificate. Default false.
    pub insecure: bool,
    /// PEM file with additional certificate authorities for the registry and its mirrors.
    pub ca_file: Option<PathBuf>,
}

impl Registries {
    pub fn of(&self, host: &str) -> Option<&Registry> {
        self.0.get(host).or_else(|| self.0.get("*"))
    }
}
