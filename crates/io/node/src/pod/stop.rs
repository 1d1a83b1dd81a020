//! Stopping a container: the preStop hook, the stop signal, and when its time is over, the kill.

use super::{Done, Task, container_reference};
use crate::agent::Agent;
use crate::hooks;
use k8s_openapi::api::core::v1::Pod;
use runtime::{ContainerKey, ContainerState, Sandbox};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
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
        let deadline = Instant::now() + grace;
        if let Some(under_way) = self.stopping.get(&container) {
            // Deleted again, with less patience.
            under_way.send_if_modified(|known| deadline < *known && std::mem::replace(known, deadline) != deadline);
            return;
        }
        let (sender, deadline) = watch::channel(deadline);
        self.stopping.insert(container.clone(), sender);
        let key = ContainerKey::new(container.clone(), attempt);
        let is_running = sandbox.container(&key).is_some_and(|status| status.state == ContainerState::Running);
        if is_running {
            self.agent.events.normal(&container_reference(pod, &container), "Killing", message);
        }
        let ip = self.surroundings.as_ref().and_then(|surroundings| surroundings.ips.first().copied());
        let mut stop = Stop { agent: self.agent.clone(), pod: pod.clone(), sandbox, key, ip, deadline };
        self.jobs.push(Box::pin(async move {
            stop.run(is_running).await;
            Done::Stopped { container }
        }));
    }
}

pub(super) struct Stop {
    agent: Arc<Agent>,
    pod: Arc<Pod>,
    sandbox: Sandbox,
    key: ContainerKey,
    ip: Option<IpAddr>,
    /// May come nearer while we wait.
    deadline: watch::Receiver<Instant>,
}

impl Stop {
    /// With the pod's own grace, and nobody to make it shorter.
    pub fn new(agent: &Arc<Agent>, pod: &Arc<Pod>, sandbox: &Sandbox, key: &ContainerKey, ip: Option<IpAddr>) -> Self {
        let grace = pods::grace(pod);
        let (_, deadline) = watch::channel(Instant::now() + grace);
        Self { agent: agent.clone(), pod: pod.clone(), sandbox: sandbox.clone(), key: key.clone(), ip, deadline }
    }

    pub async fn run(&mut self, is_running: bool) {
        let grace = self.deadline.borrow_and_update().duration_since(Instant::now());
        if is_running {
            let mut deadline = self.deadline.clone();
            tokio::select! {
                // It went by itself: nobody is left to prepare for the end.
                Ok(_) = self.sandbox.wait(&self.key) => {}
                () = self.pre_stop(grace) => {}
                Ok(()) = deadline.changed() => {}
            }
        }
        loop {
            let left = self.deadline.borrow_and_update().duration_since(Instant::now()).max(MIN_GRACE.min(grace));
            let stopped = tokio::select! {
                stopped = self.sandbox.stop(&self.key, left) => stopped,
                Ok(()) = self.deadline.changed() => continue,
            };
            let Err(error) = stopped else { return };
            let (error, pod) = (stdx::chain(&error), &self.sandbox.spec().name);
            tracing::warn!(pod, container = %self.key, error, "not stopped; will be tried again");
            // Keeps the next round from asking at once.
            return tokio::time::sleep(MIN_GRACE).await;
        }
    }

    async fn pre_stop(&self, grace: Duration) {
        let items = pods::items(&self.pod);
        let container = items.iter().find(|item| item.name == self.key.name).and_then(|item| item.container);
        let Some(hook) = container.and_then(|container| container.lifecycle.as_ref()?.pre_stop.as_ref()) else {
            return;
        };
        let ran = tokio::time::timeout(grace, hooks::run(&self.sandbox, &self.key, container, hook, self.ip)).await;
        if let Ok(Err(error)) = ran {
            let about = container_reference(&self.pod, &self.key.name);
            // What the hook said may be secret: it is not for everybody who may read events.
            tracing::debug!(container = %self.key, error, "a preStop hook failed");
            self.agent.events.warning(&about, "FailedPreStopHook", "PreStopHook failed");
        }
    }
}
