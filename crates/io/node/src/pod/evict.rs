//! Pods that write more to the node's disk than they may: looked at every ten seconds, and only where there is a limit.
//! The kernel tells nobody of a folder that grows.
//!
//! Upstream: `pkg/kubelet/eviction/eviction_manager.go` (`localStorageEviction`).

use super::{Done, Task, log_path, reference};
use crate::agent::Agent;
use crate::container::newest;
use apimachinery::Quantity;
use k8s_openapi::api::core::v1::{Container, Pod};
use netplan::PodKey;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use stdx::Timestamp;

/// Upstream: `evictionMonitoringPeriod`.
const PERIOD: Duration = Duration::from_secs(10);

const STORAGE: &str = "ephemeral-storage";

impl Task {
    /// Measures when it is time; returns when it is next.
    pub(super) fn watch_storage(&mut self, pod: &Arc<Pod>, now: Timestamp) -> Option<Timestamp> {
        let around = self.surroundings.as_ref()?;
        if self.is_measuring || !is_limited(pod) || pod.metadata.deletion_timestamp.is_some() {
            return None;
        }
        let due = *self.measure_at.get_or_insert(now + PERIOD);
        if now < due {
            return Some(due);
        }
        self.is_measuring = true;
        let folders = empty_dirs(pod).map(|(name, limit)| {
            (name.to_owned(), limit, around.volumes.get(name).map(|ready| ready.path.clone()).unwrap_or_default())
        });
        let folders: Vec<_> = folders.collect();
        let (agent, pod, key) = (self.agent.clone(), pod.clone(), self.key.clone());
        self.jobs.push(Box::pin(async move { Done::Measured(measure(&agent, &pod, &key, folders).await) }));
        None
    }

    pub(super) fn measured(&mut self, excess: Option<String>, now: Timestamp) {
        self.is_measuring = false;
        self.measure_at = Some(now + PERIOD);
        let Some(message) = excess else { return };
        let object = self.agent.pods.get(&format!("{}/{}", self.key.namespace, self.key.name));
        if let Some(pod) = object.and_then(|object| object.decode::<Pod>().ok()) {
            self.agent.events.warning(&reference(&pod, ""), "Evicted", &*message);
        }
        self.life.end("Evicted", &message);
    }
}

fn is_limited(pod: &Pod) -> bool {
    empty_dirs(pod).any(|(_, limit)| limit.is_some()) || containers(pod).any(|container| limit(container).is_some())
}

fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.iter().flat_map(|spec| &spec.containers)
}

fn limit(container: &Container) -> Option<Quantity> {
    let limit = container.resources.as_ref()?.limits.as_ref()?.get(STORAGE)?;
    Quantity::parse(&limit.0).ok()
}

/// Volumes on disk, with their limits.
fn empty_dirs(pod: &Pod) -> impl Iterator<Item = (&str, Option<Quantity>)> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| {
        let source =
            volume.empty_dir.as_ref().filter(|source| source.medium.as_deref().unwrap_or_default().is_empty())?;
        let limit = source.size_limit.as_ref().and_then(|limit| Quantity::parse(&limit.0).ok());
        Some((volume.name.as_str(), limit.filter(|limit| limit.value() > 0)))
    })
}

/// What the pod has too much of, in upstream's words.
async fn measure(
    agent: &Agent,
    pod: &Pod,
    key: &PodKey,
    folders: Vec<(String, Option<Quantity>, PathBuf)>,
) -> Option<String> {
    let exceeds = |used: u64, limit: &Quantity| i128::from(used) > i128::from(limit.value());
    let mut sum = 0;
    for (name, limit, folder) in folders {
        let used = usage(folder).await;
        if let Some(limit) = limit.filter(|limit| exceeds(used, limit)) {
            return Some(format!("Usage of EmptyDir volume \"{name}\" exceeds the limit \"{limit}\". "));
        }
        sum += used;
    }
    let sandbox = agent.runtime.get(&key.uid)?;
    let mut total = Quantity::parse("0").ok();
    for container in containers(pod) {
        let Some(attempt) = newest(&sandbox, &container.name).map(|status| status.key) else { continue };
        let log = log_path(&agent.config, key, &container.name, attempt.attempt);
        let logs = match log.parent() {
            Some(folder) => usage(folder.to_path_buf()).await,
            None => 0,
        };
        let used = sandbox.rootfs_usage(&attempt).await.unwrap_or(0) + logs;
        let limit = limit(container);
        if let Some(limit) = limit.filter(|limit| exceeds(used, limit)) {
            let name = &container.name;
            return Some(format!("Container {name} exceeded its local ephemeral storage limit \"{limit}\". "));
        }
        sum += used;
        total = total.zip(limit).map(|(total, limit)| total + limit);
    }
    let total = total.filter(|total| !total.is_zero() && exceeds(sum, total))?;
    Some(format!("Pod ephemeral local storage usage exceeds the total limit of containers {total}. "))
}

/// Not on the runtime's threads: it takes as long as there are files.
async fn usage(folder: PathBuf) -> u64 {
    tokio::task::spawn_blocking(move || runtime::disk_usage(&folder)).await.unwrap_or(0)
}
