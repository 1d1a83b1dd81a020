//! In-place resize: new limits for a running container and its pod.
//!
//! Upstream: `kuberuntime_manager.go` (`doPodResizeAction`).

use super::{Done, Task};
use crate::container::{self, Target};
use k8s_openapi::api::core::v1::{Pod, ResourceRequirements};
use runtime::{ContainerKey, Sandbox};
use std::sync::Arc;
use std::time::Duration;
use stdx::Timestamp;

/// After a refused change: what stands in its way (used memory) may go.
const AGAIN: Duration = Duration::from_secs(5);

impl Task {
    pub(super) fn resize(&mut self, pod: &Arc<Pod>, container: String, attempt: u32) {
        let Some(sandbox) = self.agent.runtime.get(&self.key.uid) else { return };
        if self.resizing.contains_key(&container) {
            return;
        }
        self.resizing.insert(container.clone(), String::new());
        let pod = pod.clone();
        self.jobs.push(Box::pin(async move {
            let key = ContainerKey::new(container.clone(), attempt);
            let result = resize(&sandbox, &pod, &key).await;
            Done::Resized { key: (container, attempt), result }
        }));
    }

    pub(super) fn resized(&mut self, key: (String, u32), result: Result<ResourceRequirements, String>, now: Timestamp) {
        match result {
            Ok(resources) => {
                self.resizing.remove(&key.0);
                self.resources.insert(key, resources);
                // Files of the downward API may tell of resources.
                self.refresh_at = Some(now);
            }
            Err(error) => {
                tracing::warn!(pod = %self.key, container = key.0, error, "limits were not changed; will be tried again");
                self.resizing.insert(key.0.clone(), error);
                self.jobs.push(Box::pin(async move {
                    tokio::time::sleep(AGAIN).await;
                    Done::ResizeAgain(key.0)
                }));
            }
        }
    }
}

async fn resize(sandbox: &Sandbox, pod: &Pod, key: &ContainerKey) -> Result<ResourceRequirements, String> {
    let target = Target::find(pod, &key.name).ok_or("the pod has no such container")?;
    let wanted = target.resources(pod);
    let text = |error: runtime::Error| stdx::chain(&error);
    if let Some(limit) = wanted.memory_limit.and_then(|limit| u64::try_from(limit).ok()) {
        let stats = sandbox.stats().map_err(text)?;
        let own = stats.containers.iter().find(|(known, _)| known == key);
        let usage = own.map_or(0, |(_, usage)| usage.memory_working_set);
        if limit < usage {
            return Err(format!("attempting to set memory limit ({limit}) below current usage ({usage})"));
        }
    }
    // A child may not have more than its parent: the pod grows before its container and shrinks after it.
    let whole = container::pod_resources(pod);
    let grown = sandbox.update_pod_resources(whole.clone()).await;
    sandbox.update_resources(key, wanted).await.map_err(text)?;
    if grown.is_err() {
        sandbox.update_pod_resources(whole).await.map_err(text)?;
    }
    Ok(target.container().resources.clone().unwrap_or_default())
}
