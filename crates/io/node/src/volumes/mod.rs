//! Volumes: one file per type, one line in [`KINDS`].
//!
//! A volume lies in `pods/<uid>/volumes/<kind>/<name>`, as the kubelet has it; all set-ups are safe to repeat, which
//! is how mounted objects are brought up to date and how a new agent takes over.

mod atomic_writer;
mod claim;
mod config_map;
mod downward_api;
mod empty_dir;
mod flex;
mod host_path;
mod mount_table;
mod nfs;
mod ownership;
mod payload;
mod projected;
mod secret;
pub(crate) mod sub_path;

use crate::agent::Agent;
use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Pod, Volume};
use netplan::PodKey;
use pods::Trouble;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use stdx::Timestamp;

pub(crate) use flex::FlexDrivers;
pub(crate) use mount_table::unmount_below as unmount_all;
pub(crate) use projected::Tokens;

/// Every type of volume. The first that handles a volume has it.
static KINDS: &[&dyn Kind] = &[
    &config_map::ConfigMap,
    &secret::Secret,
    &projected::Projected,
    &downward_api::DownwardApi,
    &empty_dir::EmptyDir,
    &host_path::HostPath,
    &claim::Claim,
    &flex::Flex,
    &nfs::Nfs,
];

/// One type of volume.
#[async_trait]
trait Kind: Send + Sync {
    fn handles(&self, volume: &Volume) -> bool;

    /// The folder below `volumes`: `kubernetes.io~secret`.
    fn folder(&self, volume: &Volume) -> String;

    /// Makes the volume ready, or brings it up to date. The error is what the pod's event says.
    async fn set_up(&self, place: &Place<'_>, volume: &Volume) -> Result<Ready, String>;
}

/// For whom and where a volume is set up.
struct Place<'a> {
    agent: &'a Agent,
    pod: &'a Pod,
    key: &'a PodKey,
    ips: &'a [IpAddr],
    /// The volume's own folder; not made yet.
    folder: PathBuf,
}

/// A volume that can be mounted into containers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ready {
    pub path: PathBuf,
    pub read_only: bool,
    /// When its content must be renewed (tokens).
    pub refresh_at: Option<Timestamp>,
}

/// A pod's volumes by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mounted {
    volumes: BTreeMap<String, Ready>,
    pub refresh_at: Option<Timestamp>,
}

impl Mounted {
    pub fn get(&self, name: &str) -> Option<&Ready> {
        self.volumes.get(name)
    }
}

impl Place<'_> {
    fn fs_group(&self) -> Option<i64> {
        self.pod.spec.as_ref()?.security_context.as_ref()?.fs_group
    }

    fn namespace(&self) -> &str {
        &self.key.namespace
    }
}

/// Sets up all volumes of a pod, or brings them up to date.
pub(crate) async fn set_up_all(agent: &Agent, pod: &Pod, key: &PodKey, ips: &[IpAddr]) -> Result<Mounted, Trouble> {
    let mut mounted = Mounted::default();
    for volume in pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()) {
        let ready = set_up(agent, pod, key, ips, volume).await.map_err(|error| Trouble {
            reason: "FailedMount".to_owned(),
            message: format!("MountVolume.SetUp failed for volume \"{}\" : {error}", volume.name),
        })?;
        mounted.refresh_at = [mounted.refresh_at, ready.refresh_at].into_iter().flatten().min();
        mounted.volumes.insert(volume.name.clone(), ready);
    }
    Ok(mounted)
}

async fn set_up(agent: &Agent, pod: &Pod, key: &PodKey, ips: &[IpAddr], volume: &Volume) -> Result<Ready, String> {
    let kind = kind_of(volume)?;
    let folder = agent.config.pod_dir(&key.uid).join("volumes").join(kind.folder(volume)).join(&volume.name);
    kind.set_up(&Place { agent, pod, key, ips, folder }, volume).await
}

fn kind_of(volume: &Volume) -> Result<&'static dyn Kind, String> {
    let kind = KINDS.iter().find(|kind| kind.handles(volume)).copied();
    kind.ok_or_else(|| {
        let source = serde_json::to_value(volume).unwrap_or_default();
        let names = source.as_object().map(|fields| fields.keys().filter(|key| *key != "name").cloned().collect::<Vec<_>>());
        let names = names.unwrap_or_default().join(", ");
        format!("no volume plugin matched: this node has none for {names}; use configMap, secret, projected, downwardAPI, emptyDir, hostPath, nfs, flexVolume or a persistentVolumeClaim of these")
    })
}

/// Removes everything of a pod from its folder: unmounts first, and stops if a mount stays.
pub(crate) async fn tear_down_all(agent: &Agent, uid: &str) -> Result<(), String> {
    agent.tokens.forget(uid);
    let folder = agent.config.pod_dir(uid);
    if !folder.exists() {
        return Ok(());
    }
    flex::unmount_all(agent, &folder.join("volumes")).await;
    let work = move || {
        mount_table::unmount_below(&folder)?;
        std::fs::remove_dir_all(&folder).map_err(|error| format!("cannot remove {}: {error}", folder.display()))
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?
}

fn make_folder(path: &Path) -> Result<(), String> {
    std::fs::create_dir_all(path).map_err(|error| format!("cannot make {}: {error}", path.display()))
}
