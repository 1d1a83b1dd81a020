//! What the caller wants: a pod sandbox, a container in it, a process in a container. Plain data.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A pod's shared surroundings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxSpec {
    /// The pod's uid: the key of everything. Letters, digits and `-` only, at most 64.
    pub uid: String,
    pub namespace: String,
    pub name: String,
    /// Absent: the pod shares the host's UTS namespace (hostNetwork).
    pub hostname: Option<String>,
    pub netns: NetNs,
    /// Share the host's IPC namespace (`hostIPC`).
    #[serde(default)]
    pub host_ipc: bool,
    #[serde(default)]
    pub pid: PidMode,
    pub cgroup: PodCgroup,
    /// Namespaced sysctls (`net.*`, `kernel.shm*`, ...), set before the first container.
    #[serde(default)]
    pub sysctls: Vec<(String, String)>,
    /// The caller's own notes, kept across restarts and given back by [`crate::Sandbox::spec`].
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NetNs {
    Host,
    /// A bind-mounted namespace, made by the network crate; it must stay until the sandbox is removed.
    Path(PathBuf),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PidMode {
    /// Each container has its own PID namespace.
    #[default]
    Container,
    /// All containers of the pod share one (`shareProcessNamespace`).
    Pod,
    /// The host's (`hostPID`).
    Host,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Qos {
    Guaranteed,
    Burstable,
    #[default]
    BestEffort,
}

/// The pod's cgroup: `/<cgroup_root>/<qos>/pod<uid>`, with limits over all its containers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodCgroup {
    pub qos: Qos,
    pub resources: Resources,
}

/// Limits in cgroup v1 terms; translated on v2. Absent means no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Resources {
    /// 2..=262144, 1024 per core.
    pub cpu_shares: Option<u64>,
    /// Microseconds of CPU per period; at least 1000.
    pub cpu_quota_us: Option<i64>,
    /// Microseconds, default 100000.
    pub cpu_period_us: Option<u64>,
    /// Bytes.
    pub memory_limit: Option<i64>,
    /// Processes and threads; at least 2.
    pub pids_limit: Option<i64>,
}

/// One container. Absent command, args, environment etc. come from the image.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerSpec {
    /// The container's name in the pod.
    pub name: String,
    /// The restart count; (name, attempt) is unique in the sandbox.
    pub attempt: u32,
    /// The image's id (`Image::id`) as given by the image store.
    pub image_id: String,
    /// The reference as the user wrote it; only kept for status.
    pub image: String,
    /// Replaces the image's ENTRYPOINT (and drops its CMD) when not empty.
    pub command: Vec<String>,
    /// Replaces the image's CMD when not empty.
    pub args: Vec<String>,
    /// Laid over the image's environment, in order.
    pub env: Vec<(String, String)>,
    /// Empty: the image's, else `/`. Created if missing.
    pub working_dir: String,
    pub stdin: bool,
    pub stdin_once: bool,
    pub tty: bool,
    /// The container of the same pod whose processes it sees, with its PID namespace; empty: none.
    pub target: String,
    /// In order. Caller gives /etc/hosts, /etc/resolv.conf, /etc/hostname, the termination log and volumes;
    /// /proc, /sys, /dev, /dev/shm, /dev/mqueue and /sys/fs/cgroup are added by the runtime unless named here.
    pub mounts: Vec<Mount>,
    pub devices: Vec<Device>,
    pub security: Security,
    pub resources: Resources,
    /// -1000..=1000. Values below our own are clamped to it when CAP_SYS_RESOURCE is missing.
    pub oom_score_adj: i32,
    /// Additional limits; NOFILE is clamped to what the host allows.
    pub rlimits: Vec<Rlimit>,
    /// The current log file; the folder is made. Absent: output is discarded.
    pub log_path: Option<PathBuf>,
    /// The caller's own notes, given back in [`crate::ContainerStatus`].
    pub annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mount {
    /// Path in the container, absolute.
    pub destination: PathBuf,
    /// Host path for binds (file or folder; must exist), or `tmpfs` and the like with `fs_type`.
    pub source: PathBuf,
    /// Empty means a recursive bind of `source`.
    pub fs_type: String,
    pub read_only: bool,
    /// All submounts read-only too (recursiveReadOnly).
    pub recursive_read_only: bool,
    pub propagation: MountPropagation,
    /// Mount data for non-binds: `size=64m`, `mode=1777`.
    pub options: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MountPropagation {
    #[default]
    Private,
    HostToContainer,
    Bidirectional,
}

/// A host device shown in the container.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Device {
    pub host_path: PathBuf,
    pub container_path: PathBuf,
    /// Some of `rwm`.
    pub permissions: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rlimit {
    /// `RLIMIT_NOFILE` and the like.
    pub name: String,
    pub soft: u64,
    pub hard: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Security {
    /// Absent: the image's USER, resolved in the image's /etc/passwd.
    pub run_as_user: Option<i64>,
    pub run_as_group: Option<i64>,
    /// Refuse to start as uid 0 (upstream's texts).
    pub run_as_non_root: bool,
    pub supplemental_groups: Vec<i64>,
    /// Ignore groups of the image's /etc/group (`supplementalGroupsPolicy: Strict`).
    pub strict_groups: bool,
    pub privileged: bool,
    pub capabilities: Capabilities,
    /// Inverse of `allowPrivilegeEscalation`.
    pub no_new_privileges: bool,
    pub read_only_root: bool,
    pub seccomp: Seccomp,
    /// `procMount: Unmasked`: no masked and read-only paths.
    pub unmasked_proc: bool,
}

/// Names without or with `CAP_`; `ALL` is understood.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    pub add: Vec<String>,
    pub drop: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Seccomp {
    /// Upstream's default when nothing is said.
    #[default]
    Unconfined,
    RuntimeDefault,
    /// Absolute path of an OCI seccomp profile (JSON) on the host.
    Localhost(PathBuf),
}

/// A process to run in a running container.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExecSpec {
    pub command: Vec<String>,
    pub tty: bool,
    pub stdin: bool,
    pub stdout: bool,
    /// Ignored with `tty`.
    pub stderr: bool,
}
