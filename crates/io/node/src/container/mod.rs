//! A container as the runtime is told of it: everything of the spec, with the pod's part in it.

pub(crate) mod env;
mod fields;
pub(crate) mod image;
mod resources;
mod security;

use crate::agent::Agent;
use crate::mounts;
use crate::pod::Surroundings;
use k8s_openapi::api::core::v1::{Container, EphemeralContainer, Pod};
use netplan::PodKey;
use pods::Trouble;
use runtime::{ContainerKey, ContainerSpec, ContainerStatus, Sandbox};
use std::borrow::Cow;

pub(crate) use fields::{field, resource_field};
pub(crate) use resources::{pod_resources, qos};

/// One container of a pod, ephemeral ones in the form of the others.
pub(crate) struct Target<'a> {
    container: Cow<'a, Container>,
    /// Whose processes an ephemeral container sees.
    looks_at: Option<&'a str>,
}

impl<'a> Target<'a> {
    pub fn find(pod: &'a Pod, name: &str) -> Option<Self> {
        let spec = pod.spec.as_ref()?;
        let mut all = spec.containers.iter().chain(spec.init_containers.iter().flatten());
        if let Some(container) = all.find(|container| container.name == name) {
            return Some(Self { container: Cow::Borrowed(container), looks_at: None });
        }
        let ephemeral = spec.ephemeral_containers.iter().flatten().find(|container| container.name == name)?;
        let looks_at = ephemeral.target_container_name.as_deref();
        Some(Self { container: Cow::Owned(as_container(ephemeral)), looks_at })
    }

    pub fn container(&self) -> &Container {
        &self.container
    }

    /// Its limits in the kernel's terms.
    pub fn resources(&self, pod: &Pod) -> runtime::Resources {
        resources::of_container(pod, &self.container)
    }

    pub fn termination_message_policy(&self) -> &str {
        self.container.termination_message_policy.as_deref().unwrap_or("File")
    }
}

/// An ephemeral container has a container's fields, but for those it may not have.
fn as_container(from: &EphemeralContainer) -> Container {
    let from = from.clone();
    Container {
        name: from.name,
        image: from.image,
        command: from.command,
        args: from.args,
        working_dir: from.working_dir,
        env: from.env,
        env_from: from.env_from,
        volume_mounts: from.volume_mounts,
        termination_message_path: from.termination_message_path,
        termination_message_policy: from.termination_message_policy,
        image_pull_policy: from.image_pull_policy,
        security_context: from.security_context,
        stdin: from.stdin,
        stdin_once: from.stdin_once,
        tty: from.tty,
        ..Container::default()
    }
}

/// The reason and text of a runtime's refusal.
pub(crate) fn trouble(error: &runtime::Error) -> Trouble {
    Trouble { reason: error.reason().to_owned(), message: stdx::chain(error) }
}

/// Upstream's `CreateContainerConfigError`: something the container needs is not there.
pub(crate) fn config_error(message: impl Into<String>) -> Trouble {
    Trouble { reason: "CreateContainerConfigError".to_owned(), message: message.into() }
}

/// The whole spec but for image id and log.
pub(crate) async fn spec(
    agent: &Agent,
    pod: &Pod,
    key: &PodKey,
    around: &Surroundings,
    target: &Target<'_>,
    attempt: u32,
) -> Result<ContainerSpec, Trouble> {
    let container = target.container();
    let env = env::build(agent, pod, container, &around.ips).await?;
    let lookup: env::Lookup = env.iter().cloned().collect();
    let expand = |texts: &Option<Vec<String>>| -> Vec<String> {
        texts.iter().flatten().map(|text| env::expand(text, &lookup)).collect()
    };
    let place = mounts::Place { agent, pod, key, around, attempt };
    let mounts = mounts::of_container(&place, container, &lookup)?;
    Ok(ContainerSpec {
        name: container.name.clone(),
        attempt,
        image: container.image.clone().unwrap_or_default(),
        command: expand(&container.command),
        args: expand(&container.args),
        working_dir: container.working_dir.clone().unwrap_or_default(),
        stdin: container.stdin.unwrap_or(false),
        stdin_once: container.stdin_once.unwrap_or(false),
        tty: container.tty.unwrap_or(false),
        target: target.looks_at.unwrap_or_default().to_owned(),
        mounts,
        security: security::of(agent, pod, container)?,
        resources: target.resources(pod),
        oom_score_adj: resources::oom_score(agent, pod, container),
        env,
        ..ContainerSpec::default()
    })
}

/// The newest attempt of a container that the runtime knows.
pub(crate) fn newest(sandbox: &Sandbox, name: &str) -> Option<ContainerStatus> {
    let attempts = sandbox.status().containers.into_iter().filter(|status| status.key.name == name);
    attempts.max_by_key(|status| status.key.attempt)
}

/// The attempt before this one.
pub(crate) fn previous(newest: &ContainerKey) -> Option<ContainerKey> {
    Some(ContainerKey::new(newest.name.clone(), newest.attempt.checked_sub(1)?))
}
