//! A pod's surroundings: volumes, network, files, sandbox; made in this order, taken away in reverse.

use super::{Done, Surroundings, Task, reference};
use crate::agent::Agent;
use crate::volumes::{self, Mounted};
use crate::{container, mounts};
use k8s_openapi::api::core::v1::Pod;
use netplan::PodKey;
use network::{HostPort, Protocol};
use pods::Trouble;
use runtime::{NetNs, PidMode, PodCgroup, SandboxSpec};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use stdx::Timestamp;

/// After a failed refresh of mounted volumes. Containers go on with what they have.
const REFRESH_AGAIN: Duration = Duration::from_secs(10);

const REASON: &str = "FailedCreatePodSandBox";

/// A note kept with the sandbox: its pod's `terminationGracePeriodSeconds`.
const GRACE: &str = "termination-grace-period-seconds";

/// The time the pod of this sandbox has to end, for when the API can no longer be asked.
pub fn grace_of(sandbox: &SandboxSpec) -> Duration {
    let noted = sandbox.annotations.get(GRACE).and_then(|seconds| seconds.parse().ok());
    // One made by an earlier version has no note.
    noted.map_or_else(|| pods::grace(&Pod::default()), Duration::from_secs)
}

impl Task {
    pub(super) fn prepare(&mut self, pod: &Arc<Pod>) {
        if self.sandbox_busy {
            return;
        }
        self.sandbox_busy = true;
        self.has_remains = true;
        self.surroundings = None;
        let (agent, pod, key) = (self.agent.clone(), pod.clone(), self.key.clone());
        self.jobs.push(Box::pin(async move {
            let prepared = prepare(&agent, &pod, &key).await;
            if let Err(trouble) = &prepared {
                agent.events.warning(&reference(&pod, ""), &trouble.reason, &*trouble.message);
            }
            Done::Prepared(prepared)
        }));
    }

    pub(super) fn tear_down(&mut self) {
        if self.sandbox_busy || self.retry_at.is_some() {
            return;
        }
        self.sandbox_busy = true;
        self.surroundings = None;
        let (agent, key) = (self.agent.clone(), self.key.clone());
        self.jobs.push(Box::pin(async move { Done::TornDown(tear_down(&agent, &key).await) }));
    }

    /// Brings mounted ConfigMaps, Secrets and tokens up to date when it is time.
    pub(super) fn refresh(&mut self, pod: &Arc<Pod>, now: Timestamp) {
        let is_due = self.refresh_at.is_some_and(|at| at <= now);
        let Some(surroundings) = self.surroundings.clone().filter(|_| is_due && !self.is_refreshing) else { return };
        self.is_refreshing = true;
        self.refresh_at = None;
        let (agent, pod, key) = (self.agent.clone(), pod.clone(), self.key.clone());
        self.jobs.push(Box::pin(async move {
            Done::Refreshed(volumes::set_up_all(&agent, &pod, &key, &surroundings.ips).await)
        }));
    }

    pub(super) fn refreshed(&mut self, result: Result<Mounted, Trouble>, now: Timestamp) {
        let Some(around) = &self.surroundings else { return };
        match result {
            Ok(volumes) => {
                self.refresh_at = [self.refresh_at, volumes.refresh_at].into_iter().flatten().min();
                self.surroundings = Some(Arc::new(Surroundings { ips: around.ips.clone(), volumes }));
            }
            Err(trouble) => {
                tracing::debug!(pod = %self.key, error = trouble.message, "mounted volumes are not up to date; will retry");
                self.refresh_at = Some(now + REFRESH_AGAIN);
            }
        }
    }
}

async fn prepare(agent: &Agent, pod: &Pod, key: &PodKey) -> Result<Surroundings, Trouble> {
    let failed = |error: String| Trouble { reason: REASON.to_owned(), message: error };
    // Volumes may wait for what others make (a ConfigMap, a driver): they do not take one of the places.
    let spec = pod.spec.as_ref().ok_or_else(|| failed("the pod has no spec".to_owned()))?;
    if let Some(lost) = agent.runtime.get(&key.uid).filter(|sandbox| !sandbox.is_alive()) {
        lost.remove().await.map_err(|error| failed(stdx::chain(&error)))?;
    }
    if spec.host_users == Some(false) {
        let text = "user namespaces (hostUsers: false) are not supported by this node's runtime; leave hostUsers out";
        return Err(failed(format!("Failed to create pod sandbox: {text}")));
    }
    let host_network = spec.host_network.unwrap_or(false);
    let plug = async {
        if host_network {
            return Ok((agent.config.addresses.clone(), NetNs::Host));
        }
        let plugged = agent.network.plug(key, &host_ports(pod)).await;
        let plugged = plugged.map_err(|error| {
            let error = stdx::chain(&error);
            failed(format!("Failed to create pod sandbox: failed to setup network for sandbox: {error}"))
        })?;
        Ok((vec![IpAddr::V4(plugged.ip)], NetNs::Path(plugged.netns)))
    };
    let (ips, netns) = plug.await?;
    let volumes: Mounted = volumes::set_up_all(agent, pod, key, &ips).await?;
    let _place = agent.starts.acquire().await;
    let hostname = mounts::hostname(pod, &agent.config).map_err(failed)?;
    mounts::write_pod_files(agent, pod, key, &ips, &hostname).map_err(failed)?;
    let security = spec.security_context.as_ref();
    let sandbox = SandboxSpec {
        uid: key.uid.clone(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        hostname: (!host_network).then_some(hostname),
        netns,
        host_ipc: spec.host_ipc.unwrap_or(false),
        pid: match (spec.host_pid, spec.share_process_namespace) {
            (Some(true), _) => PidMode::Host,
            (_, Some(true)) => PidMode::Pod,
            _ => PidMode::Container,
        },
        cgroup: PodCgroup { qos: container::qos(pod), resources: container::pod_resources(pod) },
        sysctls: security
            .and_then(|security| security.sysctls.as_ref())
            .into_iter()
            .flatten()
            .map(|sysctl| (sysctl.name.clone(), sysctl.value.clone()))
            .collect(),
        annotations: [(GRACE.to_owned(), pods::grace(pod).as_secs().to_string())].into(),
    };
    let made = agent.runtime.sandbox(sandbox).await;
    made.map_err(|error| failed(format!("Failed to create pod sandbox: {}", stdx::chain(&error))))?;
    Ok(Surroundings { ips, volumes })
}

async fn tear_down(agent: &Agent, key: &PodKey) -> Result<(), String> {
    if let Some(sandbox) = agent.runtime.get(&key.uid) {
        sandbox.remove().await.map_err(|error| stdx::chain(&error))?;
    }
    agent.network.unplug(key).await.map_err(|error| stdx::chain(&error))?;
    volumes::tear_down_all(agent, &key.uid).await
}

/// Ports that are opened on the node.
fn host_ports(pod: &Pod) -> Vec<HostPort> {
    let spec = pod.spec.as_ref();
    let containers = spec.into_iter().flat_map(|spec| spec.init_containers.iter().flatten().chain(&spec.containers));
    let ports = containers.flat_map(|container| container.ports.iter().flatten());
    ports
        .filter_map(|port| {
            Some(HostPort {
                host_ip: port
                    .host_ip
                    .as_deref()
                    .and_then(|ip| ip.parse().ok())
                    .filter(|ip: &std::net::Ipv4Addr| !ip.is_unspecified()),
                host_port: u16::try_from(port.host_port?).ok().filter(|port| *port > 0)?,
                container_port: u16::try_from(port.container_port).ok()?,
                protocol: Protocol::parse(port.protocol.as_deref())?,
            })
        })
        .collect()
}
