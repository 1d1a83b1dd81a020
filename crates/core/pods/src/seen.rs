//! What the driver sees of a pod on the node.

use k8s_openapi::api::core::v1::{ContainerUser, ResourceRequirements};
use std::collections::{BTreeMap, BTreeSet};
use stdx::Timestamp;

/// The pod's surroundings: volumes, network and sandbox are made and unmade together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SandboxSeen {
    /// Not made yet, or taken away whole.
    #[default]
    Absent,
    Ready,
    /// It died; its containers with it.
    Lost,
}

/// A snapshot of the node's side of one pod.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub sandbox: SandboxSeen,
    /// Something of the pod is on this node (volumes, addresses, files): it must be torn down before the pod may go.
    pub has_remains: bool,
    /// A preparation or a teardown is under way.
    pub sandbox_busy: bool,
    /// The pod's addresses; the node's for pods in the node's network.
    pub pod_ips: Vec<String>,
    pub host_ips: Vec<String>,
    /// Every attempt that the runtime knows, in any order.
    pub containers: Vec<ContainerSeen>,
    /// Containers being started: from the pull to the end of the postStart hook.
    pub starting: BTreeSet<String>,
    pub stopping: BTreeSet<String>,
    /// Containers whose limits are being changed, and why the last try failed (empty: none has).
    pub resizing: BTreeMap<String, String>,
    /// What all pods together may have of the node, `cpu` and `memory` in its base unit; empty: not known.
    pub allocatable: BTreeMap<String, apimachinery::Quantity>,
    /// What of it other pods have; needed only for pods whose resources change.
    pub taken: BTreeMap<String, apimachinery::Quantity>,
    /// The pod is no longer in the API: stop what runs and clean up.
    pub is_gone: bool,
}

/// One attempt of one container.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerSeen {
    pub name: String,
    /// The restart count.
    pub attempt: u32,
    /// `barque://<hex>`
    pub id: String,
    /// The reference it was started from, as in the spec.
    pub image: String,
    /// The digest it came to.
    pub image_id: String,
    pub state: ContainerState,
    /// It runs, and does not listen yet on the ports by which clients will come: not ready, where no probe says it.
    pub is_opening: bool,
    /// What its limits were set from; None: not known, as in the spec.
    pub resources: Option<ResourceRequirements>,
    /// Whom its first process began as.
    pub user: Option<ContainerUser>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerState {
    Created,
    Running { since: Timestamp },
    Exited(Exit),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    pub code: i32,
    pub signal: Option<i32>,
    /// `Completed`, `Error`, `OOMKilled`, `StartError`.
    pub reason: String,
    /// The termination message.
    pub message: String,
    pub started_at: Option<Timestamp>,
    pub finished_at: Timestamp,
}

/// Why a container could not be started this time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// `ErrImagePull`, `CreateContainerConfigError`, ...: shown as the waiting reason.
    pub reason: String,
    pub message: String,
}

impl ContainerSeen {
    pub(crate) fn is_alive(&self) -> bool {
        !matches!(self.state, ContainerState::Exited(_))
    }

    pub(crate) fn exit(&self) -> Option<&Exit> {
        match &self.state {
            ContainerState::Exited(exit) => Some(exit),
            _ => None,
        }
    }
}

impl Seen {
    /// The newest attempt of a container.
    pub fn latest(&self, name: &str) -> Option<&ContainerSeen> {
        self.containers.iter().filter(|seen| seen.name == name).max_by_key(|seen| seen.attempt)
    }

    pub(crate) fn attempt(&self, name: &str, attempt: u32) -> Option<&ContainerSeen> {
        self.containers.iter().find(|seen| seen.name == name && seen.attempt == attempt)
    }

    pub(crate) fn is_busy(&self, name: &str) -> bool {
        self.starting.contains(name) || self.stopping.contains(name)
    }
}
