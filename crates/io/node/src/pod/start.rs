//! Starting a container: image, environment, mounts, the process, the postStart hook.

use super::stop::Stop;
use super::{Done, Surroundings, Task, container_reference, see};
use crate::agent::Agent;
use crate::config::Config;
use crate::container::{self, Target, image};
use crate::hooks;
use client::ObjectRef;
use k8s_openapi::api::core::v1::Pod;
use netplan::PodKey;
use pods::Trouble;
use runtime::{ContainerKey, ContainerState, Sandbox};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub(crate) fn log_folder(config: &Config, key: &PodKey) -> PathBuf {
    config.log_dir.join(format!("{}_{}_{}", key.namespace, key.name, key.uid))
}

pub(crate) fn log_path(config: &Config, key: &PodKey, container: &str, attempt: u32) -> PathBuf {
    log_folder(config, key).join(container).join(format!("{attempt}.log"))
}

/// The log file and its rotated predecessors (`0.log`, `0.log.<time>`).
pub(super) fn remove_log(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else { return };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|found| found.starts_with(name)) {
            // What cannot be removed now goes with the pod's folder.
            _ = std::fs::remove_file(entry.path());
        }
    }
}

impl Task {
    pub(super) fn start(&mut self, pod: &Arc<Pod>, container: String, attempt: u32) {
        let Some(surroundings) = self.surroundings.clone() else { return };
        if self.starting.contains_key(&container) || self.stopping.contains_key(&container) {
            return;
        }
        let cancel = CancellationToken::new();
        self.starting.insert(container.clone(), cancel.clone());
        let start = Start {
            agent: self.agent.clone(),
            pod: pod.clone(),
            key: self.key.clone(),
            surroundings,
            name: container.clone(),
            attempt,
            about: container_reference(pod, &container),
            cancel,
        };
        let items = pods::items(pod);
        let image = items.iter().find(|item| item.name == container).map(|item| item.image.to_owned());
        self.jobs.push(Box::pin(async move {
            let result = start.run().await;
            Done::Started { container, image: image.unwrap_or_default(), result }
        }));
    }
}

struct Start {
    agent: Arc<Agent>,
    pod: Arc<Pod>,
    key: PodKey,
    surroundings: Arc<Surroundings>,
    name: String,
    attempt: u32,
    about: ObjectRef,
    cancel: CancellationToken,
}

impl Start {
    async fn run(&self) -> Result<(), Trouble> {
        let sandbox = self.agent.runtime.get(&self.key.uid).ok_or_else(|| Trouble {
            reason: "RunContainerError".to_owned(),
            message: "the pod's sandbox is gone".to_owned(),
        })?;
        let target = Target::find(&self.pod, &self.name).ok_or_else(|| Trouble {
            reason: "RunContainerError".into(),
            message: "the pod has no such container".into(),
        })?;
        // A pull takes as long as it takes; all after it is quick.
        let pulled = self.cancel.run_until_cancelled(image::ensure(&self.agent, &self.pod, &target, &self.about)).await;
        let Some(pulled) = pulled else { return Ok(()) };
        let image = pulled?;
        let _place = self.agent.starts.acquire().await;
        if self.cancel.is_cancelled() {
            return Ok(());
        }
        let key = self.create(&sandbox, &target, &image).await.inspect_err(|trouble| {
            self.agent.events.warning(&self.about, "Failed", format!("Error: {}", trouble.message));
        })?;
        self.agent.events.normal(&self.about, "Created", "Container created");
        if let Err(error) = sandbox.start(&key).await {
            // The runtime keeps it as ended: it is restarted as its pod's policy says.
            self.agent.events.warning(&self.about, "Failed", format!("Error: {}", stdx::chain(&error)));
            let is_recorded = sandbox.container(&key).is_some_and(|status| status.exit.is_some());
            let message = stdx::chain(&error);
            return if is_recorded { Ok(()) } else { Err(Trouble { reason: error.reason().to_owned(), message }) };
        }
        self.agent.events.normal(&self.about, "Started", "Container started");
        drop(_place);
        self.post_start(&sandbox, &key).await;
        Ok(())
    }

    async fn create(
        &self,
        sandbox: &Sandbox,
        target: &Target<'_>,
        image: &runtime::Image,
    ) -> Result<ContainerKey, Trouble> {
        let key = ContainerKey::new(self.name.clone(), self.attempt);
        if sandbox.container(&key).is_some_and(|status| status.state == ContainerState::Created) {
            // An agent that died between creating and starting it left this one.
            sandbox.remove_container(&key).await.map_err(|error| container::trouble(&error))?;
        }
        let mut spec =
            container::spec(&self.agent, &self.pod, &self.key, &self.surroundings, target, self.attempt).await?;
        spec.image_id.clone_from(&image.id);
        spec.log_path = Some(log_path(&self.agent.config, &self.key, &self.name, self.attempt));
        let policy = target.termination_message_policy().to_owned();
        if let Ok(resources) = serde_json::to_string(&target.container().resources.clone().unwrap_or_default()) {
            spec.annotations.insert(see::RESOURCES.to_owned(), resources);
        }
        spec.annotations.insert(see::MESSAGE_POLICY.to_owned(), policy);
        let file = crate::mounts::termination_file(&self.agent.config, &self.key.uid, &self.name, self.attempt);
        spec.annotations.insert(see::MESSAGE_FILE.to_owned(), file.display().to_string());
        sandbox.create_container(spec).await.map_err(|error| container::trouble(&error))
    }

    async fn post_start(&self, sandbox: &Sandbox, key: &ContainerKey) {
        let items = pods::items(&self.pod);
        let container = items.iter().find(|item| item.name == self.name).and_then(|item| item.container);
        let Some(hook) = container.and_then(|container| container.lifecycle.as_ref()?.post_start.as_ref()) else {
            return;
        };
        let ip = self.surroundings.ips.first().copied();
        let ran = self.cancel.run_until_cancelled(hooks::run(sandbox, key, container, hook, ip)).await;
        let Some(Err(error)) = ran else { return };
        // What the hook said may be secret: it is not for everybody who may read events.
        tracing::debug!(pod = %self.key, container = self.name, error, "a postStart hook failed");
        self.agent.events.warning(&self.about, "FailedPostStartHook", "PostStartHook failed");
        self.agent.events.normal(&self.about, "Killing", "FailedPostStartHook");
        let mut stop = Stop::new(&self.agent, &self.pod, sandbox, key, ip);
        // Deleted meanwhile: then it is stopped as the deletion says.
        self.cancel.run_until_cancelled(stop.run(true)).await;
    }
}
