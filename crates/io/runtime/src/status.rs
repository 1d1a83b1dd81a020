//! What is: states of sandboxes and containers, and the events that tell of changes.

use crate::container::user::User;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// A container within a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContainerKey {
    pub name: String,
    /// The restart count.
    pub attempt: u32,
}

impl ContainerKey {
    pub fn new(name: impl Into<String>, attempt: u32) -> Self {
        Self { name: name.into(), attempt }
    }

    /// The folder name: names have no dots, so it is unique.
    pub(crate) fn dir(&self) -> String {
        format!("{}.{}", self.name, self.attempt)
    }
}

impl fmt::Display for ContainerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.name, self.attempt)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ContainerState {
    Created,
    Running,
    Exited,
}

/// How a container ended. Written to disk by the shim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exit {
    /// 0..=255; 128 + signal when killed by one.
    pub code: i32,
    pub signal: Option<i32>,
    /// The kernel killed it for want of memory.
    pub oom_killed: bool,
    pub finished_at: Timestamp,
    /// Empty, or why it could not run.
    pub message: String,
}

impl Exit {
    /// Upstream's `state.terminated.reason`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self { oom_killed: true, .. } => "OOMKilled",
            Self { message, .. } if !message.is_empty() => "StartError",
            Self { code: 0, .. } => "Completed",
            _ => "Error",
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStatus {
    pub key: ContainerKey,
    /// 64 hex digits; status shows `barque://<id>`.
    pub id: String,
    pub image: String,
    pub image_id: String,
    pub state: ContainerState,
    /// Process id on the host while created or running.
    pub pid: Option<i32>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub exit: Option<Exit>,
    pub log_path: Option<PathBuf>,
    /// The signal that asks it to stop: the image's STOPSIGNAL or `SIGTERM`.
    pub stop_signal: String,
    pub annotations: BTreeMap<String, String>,
    /// Whom its first process began as; absent before that process stands.
    pub user: Option<User>,
}

#[derive(Debug, Clone)]
pub struct SandboxStatus {
    pub uid: String,
    pub namespace: String,
    pub name: String,
    /// False when its shim is gone: containers have been killed; only `remove` is of use.
    pub alive: bool,
    pub containers: Vec<ContainerStatus>,
}

/// What happened, as it happens; sent to all of [`crate::Runtime::events`].
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant)] // nearly all events are of the large kind
pub enum Event {
    /// A container ended (or its start failed). The record is on disk already.
    ContainerExited { pod_uid: String, status: ContainerStatus },
    /// A shim died by itself. Its containers have been killed and have exit records.
    SandboxLost { pod_uid: String },
}
