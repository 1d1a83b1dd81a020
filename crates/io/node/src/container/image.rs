//! Getting a container's image: pull policy, pull secrets, and the events about it.
//!
//! Upstream: `pkg/kubelet/images/image_manager.go`.

use super::{Target, env, trouble};
use crate::agent::Agent;
use client::ObjectRef;
use k8s_openapi::api::core::v1::Pod;
use pods::Trouble;
use runtime::{Error, Image, PullAuth};
use std::time::{Duration, Instant};

/// Gives the image of a container, pulled if its policy says so.
pub(crate) async fn ensure(agent: &Agent, pod: &Pod, target: &Target<'_>, about: &ObjectRef) -> Result<Image, Trouble> {
    let container = target.container();
    let reference = container.image.as_deref().unwrap_or_default();
    let events = &agent.events;
    let present = match agent.runtime.images().get(reference) {
        Ok(present) => present,
        Err(error) => {
            events.warning(about, "InspectFailed", stdx::chain(&error));
            events.warning(about, "Failed", format!("Error: {}", error.reason()));
            return Err(trouble(&error));
        }
    };
    let policy = container.image_pull_policy.as_deref().unwrap_or("IfNotPresent");
    match (policy, present) {
        ("Never", None) => {
            let message = format!("Container image \"{reference}\" is not present with pull policy of Never");
            events.warning(about, "ErrImageNeverPull", &*message);
            events.warning(about, "Failed", "Error: ErrImageNeverPull");
            Err(Trouble { reason: "ErrImageNeverPull".to_owned(), message })
        }
        ("IfNotPresent" | "Never", Some(image)) => {
            events.normal(
                about,
                "Pulled",
                format!("Container image \"{reference}\" already present on machine and can be accessed by the pod"),
            );
            Ok(image)
        }
        _ => pull(agent, pod, reference, about).await,
    }
}

async fn pull(agent: &Agent, pod: &Pod, reference: &str, about: &ObjectRef) -> Result<Image, Trouble> {
    let events = &agent.events;
    let auth = credentials(agent, pod, about).await;
    events.normal(about, "Pulling", format!("Pulling image \"{reference}\""));
    let begun = Instant::now();
    match agent.runtime.images().pull(reference, &auth).await {
        Ok(image) => {
            let (took, size) = (shown(begun.elapsed()), image.size);
            let took = format!("in {took} ({took} including waiting). Image size: {size} bytes.");
            events.normal(about, "Pulled", format!("Successfully pulled image \"{reference}\" {took}"));
            Ok(image)
        }
        Err(error) => {
            let said = stdx::chain(&error);
            let (reason, message) = match &error {
                Error::InvalidImageName { .. } => ("InvalidImageName", said),
                Error::ImagePull { .. } => ("ErrImagePull", said),
                _ => ("ErrImagePull", format!("failed to pull and unpack image \"{reference}\": {said}")),
            };
            events.warning(about, "Failed", format!("Failed to pull image \"{reference}\": {message}"));
            events.warning(about, "Failed", format!("Error: {reason}"));
            Err(Trouble { reason: reason.to_owned(), message })
        }
    }
}

/// `1.234s`, `56ms`: as Go prints durations, to the millisecond.
fn shown(took: Duration) -> String {
    let nanos = i64::try_from(took.as_millis()).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    apimachinery::time::format_go_duration(nanos)
}

/// The pod's `imagePullSecrets`; missing ones are told and left out, since the image may be public.
async fn credentials(agent: &Agent, pod: &Pod, about: &ObjectRef) -> PullAuth {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let mut auth = PullAuth::default();
    let mut missing = Vec::new();
    for reference in pod.spec.iter().flat_map(|spec| spec.image_pull_secrets.iter().flatten()) {
        match env::secret(agent, namespace, &reference.name, None).await {
            Ok(Some(mut data)) => {
                auth.docker_config_json.extend(data.remove(".dockerconfigjson"));
                auth.docker_cfg.extend(data.remove(".dockercfg"));
            }
            _ => missing.push(reference.name.as_str()),
        }
    }
    if !missing.is_empty() {
        let names = missing.join(", ");
        let text = format!(
            "Unable to retrieve some image pull secrets ({names}); attempting to pull the image may not succeed."
        );
        agent.events.warning(about, "FailedToRetrieveImagePullSecret", text);
    }
    auth
}
