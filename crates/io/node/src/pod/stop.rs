//! Stopping a container: the preStop hook, the stop signal, and when its time is over, the kill.

use super::{Done, Task, container_reference};
use crate::hooks;
use k8s_openapi::api::core::v1::Pod;
use runtime::{ContainerKey, ContainerState, Sandbox};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What is left for the container after a hook that took all the time. Upstream: `minimumGracePeriodInSeconds`.
const MIN_GRACE: Duration = Duration::from_secs(2);

impl Task {
    pub(super) fn stop(&mut self, pod: &Arc<Pod>, container: String, attempt: u32, grace: Duration, message: String) {
        if let Some(starting) = self.starting.get(&container) {
            // It is stopped when the start has broken off, if there is anything to stop by then.
            return starting.cancel();
        }
        let Some(sandbox) = self.agent.runtime.get(&self.key.uid) else { return };
        if !self.stopping.insert(container.clone()) {
            return;
        }
        let key = ContainerKey::new(container.clone(), attempt);
        let is_running = sandbox.container(&key).is_some_and(|status| status.state == ContainerState::Running);
        if is_running {
            self.agent.events.normal(&container_reference(pod, &container), "Killing", message);
        }
        let ip = self.surroundings.as_ref().and_then(|surroundings| surroundings.ips.first().copied());
        let stop = Stop { agent: self.agent.clone(), pod: pod.clone(), sandbox, key, ip, grace };
        self.jobs.push(Box::pin(async move {
            stop.run(is_running).await;
            Done::Stopped { container }
        }));
    }
}

struct Stop {
    agent: Arc<crate::agent::Agent>,
    pod: Arc<Pod>,
    sandbox: Sandbox,
    key: ContainerKey,
    ip: Option<IpAddr>,
    grace: Duration,
}

impl Stop {
    async fn run(&self, is_running: bool) {
        let begun = Instant::now();
        if is_running {
            self.pre_stop().await;
        }
        let left = self.grace.saturating_sub(begun.elapsed()).max(MIN_GRACE.min(self.grace));
        if let Err(error) = self.sandbox.stop(&self.key, left).await {
            let error = stdx::chain(&error);
            tracing::warn!(pod = self.sandbox.spec().name, container = %self.key, error, "not stopped; will be tried again");
            // Keeps the next round from asking at once.
            tokio::time::sleep(MIN_GRACE).await;
        }
    }

    async fn pre_stop(&self) {
        let items = pods::items(&self.pod);
        let container = items.iter().find(|item| item.name == self.key.name).and_then(|item| item.container);
        let Some(hook) = container.and_then(|container| container.lifecycle.as_ref()?.pre_stop.as_ref()) else {
            return;
        };
        let ran =
            tokio::time::timeout(self.grace, hooks::run(&self.sandbox, &self.key, container, hook, self.ip)).await;
        if let Ok(Err(error)) = ran {
            let about = container_reference(&self.pod, &self.key.name);
            self.agent.events.warning(&about, "FailedPreStopHook", format!("PreStopHook failed: {error}"));
        }
    }
}
