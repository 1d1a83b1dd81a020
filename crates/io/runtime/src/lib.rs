//! The container runtime: images, pod sandboxes, containers, their logs and streams. No daemon beside us.
//!
//! The agent (a tokio process) uses [`Runtime`]; every pod has one tiny shim process (the same binary, entered through
//! [`maybe_run_helper`]) that owns the pod's namespaces, stdio and exit codes, and outlives the agent.
//!
//! Invariants
//! - Killing the agent at any instruction stops no container and loses no log line and no exit code.
//! - Everything made lies under `data_dir`, `state_dir` and the cgroup `cgroup_root`; [`Runtime::purge`] removes it all.
//! - Namespaces, forks and mounts for containers happen only in the single-threaded shim, never in the agent.
#![allow(unsafe_code)]

mod config;
mod container;
mod error;
pub mod images;
pub mod logs;
mod runtime;
mod sandbox;
mod shim;
mod spec;
mod stats;
mod status;
mod streams;
mod usage;

pub use config::{Config, Registries, Registry};
pub use container::user::User;
pub use error::{Error, Result};
pub use images::{Image, ImageConfig, ImageStore, PullAuth};
pub use runtime::Runtime;
pub use sandbox::Sandbox;
pub use shim::maybe_run_helper;
pub use spec::{
    Capabilities, ContainerSpec, Device, ExecSpec, Mount, MountPropagation, NetNs, PidMode, PodCgroup, Qos, Resources,
    Rlimit, SandboxSpec, Seccomp, Security,
};
pub use stats::{Interface, PodStats, Traffic, Usage};
pub use status::{ContainerKey, ContainerState, ContainerStatus, Event, Exit, SandboxStatus};
pub use streams::{ExecResult, InputStream, OutputStream, StreamControl, Streams};
pub use usage::disk_usage;
