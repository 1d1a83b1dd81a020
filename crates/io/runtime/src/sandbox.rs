//! A pod's sandbox: its shim, and the containers in it. All calls are safe to repeat.

use crate::error::{Error, Result};
use crate::logs::{LogOptions, LogStream};
use crate::spec::{ContainerSpec, ExecSpec, Resources, SandboxSpec};
use crate::stats::PodStats;
use crate::status::{ContainerKey, ContainerStatus, SandboxStatus};
use crate::streams::{ExecResult, Streams};
use std::sync::Arc;
use std::time::Duration;

/// Cheap to clone. Dropping it changes nothing: sandboxes live until [`Sandbox::remove`].
#[derive(Clone)]
pub struct Sandbox {
    spec: Arc<SandboxSpec>,
}

fn absent<T>() -> Result<T> {
    Err(Error::Other("not in this build yet".into()))
}

impl Sandbox {
    pub fn spec(&self) -> &SandboxSpec {
        &self.spec
    }

    pub fn status(&self) -> SandboxStatus {
        let SandboxSpec { uid, namespace, name, .. } = (*self.spec).clone();
        SandboxStatus { uid, namespace, name, alive: false, containers: Vec::new() }
    }

    /// The status of one container, from memory.
    pub fn container(&self, _key: &ContainerKey) -> Option<ContainerStatus> {
        None
    }

    /// Prepares the root file system, namespaces and the first process up to the point before its command runs.
    pub async fn create_container(&self, _spec: ContainerSpec) -> Result<ContainerKey> {
        absent()
    }

    /// Lets the command run. A command that cannot be executed is [`Error::StartContainer`]; the container is then
    /// exited with code 128 (127: not found, 126: not executable) as runc and containerd have it.
    pub async fn start(&self, _key: &ContainerKey) -> Result<()> {
        absent()
    }

    /// Sends the stop signal, waits up to `grace`, kills; returns when the container has exited.
    pub async fn stop(&self, _key: &ContainerKey, _grace: Duration) -> Result<ContainerStatus> {
        absent()
    }

    /// Sends a signal (`SIGHUP`, `15`, ...) to the container's first process.
    pub async fn signal(&self, _key: &ContainerKey, _signal: &str) -> Result<()> {
        absent()
    }

    /// Waits for the container's end.
    pub async fn wait(&self, _key: &ContainerKey) -> Result<ContainerStatus> {
        absent()
    }

    /// Kills the container if it runs, and removes its root file system, cgroup and records. The log file stays.
    pub async fn remove_container(&self, _key: &ContainerKey) -> Result<()> {
        absent()
    }

    /// Runs a process in a running container. A command that cannot be started is [`Error::Exec`].
    pub async fn exec(&self, _key: &ContainerKey, _spec: ExecSpec) -> Result<Streams> {
        absent()
    }

    /// For probes and hooks: runs the command, collects its output, kills it after `timeout`
    /// ([`Error::ExecTimeout`]).
    pub async fn exec_sync(&self, _key: &ContainerKey, _command: &[String], _timeout: Duration) -> Result<ExecResult> {
        absent()
    }

    /// Connects to the container's own standard streams, from now on.
    pub async fn attach(&self, _key: &ContainerKey) -> Result<Streams> {
        absent()
    }

    /// A TCP connection to `127.0.0.1:port` inside the pod's network namespace (port-forward).
    pub async fn dial(&self, _port: u16) -> Result<tokio::net::TcpStream> {
        absent()
    }

    /// Opens the container's log. With `follow` the stream ends when the container has exited and all is read.
    pub async fn logs(&self, _key: &ContainerKey, _options: LogOptions) -> Result<LogStream> {
        absent()
    }

    /// Usage of the pod and its running containers, read from cgroup files now.
    pub fn stats(&self) -> Result<PodStats> {
        absent()
    }

    /// New limits for a running container (in-place resize).
    pub async fn update_resources(&self, _key: &ContainerKey, _resources: Resources) -> Result<()> {
        absent()
    }

    /// Kills and removes all containers, the shim, the pod's cgroup and its files in the state folder. The network
    /// namespace stays: its maker removes it. Log files stay.
    pub async fn remove(&self) -> Result<()> {
        absent()
    }
}
