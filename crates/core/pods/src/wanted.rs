//! Reading a pod's spec: its containers in the order they start, and how long they may take to stop.

use k8s_openapi::api::core::v1::{Container, ContainerRestartRule, Pod, PodSpec};
use std::time::Duration;

/// Upstream's default of `terminationGracePeriodSeconds`.
const DEFAULT_GRACE: i64 = 30;

/// What a container is to its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Runs to its end before the next one starts.
    Init,
    /// An init container that goes on running (`restartPolicy: Always`).
    Sidecar,
    Main,
    /// Added while the pod runs; never restarted.
    Ephemeral,
}

/// One container of a pod.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    pub name: &'a str,
    pub image: &'a str,
    pub role: Role,
    /// Absent for ephemeral containers, which have no probes, ports or resources.
    pub container: Option<&'a Container>,
}

impl Item<'_> {
    /// Whether the container is started again when it ended with this code: by its own rules, else by its own policy,
    /// else by the pod's. Upstream: `podutil.ContainerShouldRestart`.
    pub(crate) fn restarts(&self, policy: RestartPolicy, code: i32) -> bool {
        let own = self.container.filter(|_| matches!(self.role, Role::Init | Role::Main));
        let rules = own.and_then(|own| own.restart_policy_rules.as_deref()).unwrap_or_default();
        if rules.iter().any(|rule| rule.action == "Restart" && is_for(rule, code)) {
            return true;
        }
        let own = own.and_then(|own| own.restart_policy.as_deref());
        own.map_or(policy, RestartPolicy::parse).restarts(self.role, code)
    }

    /// `spec.containers{web}`: where events say they come from.
    pub fn field_path(&self) -> String {
        let list = match self.role {
            Role::Init | Role::Sidecar => "initContainers",
            Role::Main => "containers",
            Role::Ephemeral => "ephemeralContainers",
        };
        format!("spec.{list}{{{}}}", self.name)
    }
}

/// Every container: init containers and sidecars in order, then the others, then the ephemeral ones.
pub fn items(pod: &Pod) -> Vec<Item<'_>> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let init = spec.init_containers.iter().flatten().map(|container| {
        let role = if container.restart_policy.as_deref() == Some("Always") { Role::Sidecar } else { Role::Init };
        item(container, role)
    });
    let main = spec.containers.iter().map(|container| item(container, Role::Main));
    let ephemeral = spec.ephemeral_containers.iter().flatten().map(|container| Item {
        name: &container.name,
        image: container.image.as_deref().unwrap_or_default(),
        role: Role::Ephemeral,
        container: None,
    });
    init.chain(main).chain(ephemeral).collect()
}

fn item(container: &Container, role: Role) -> Item<'_> {
    let image = container.image.as_deref().unwrap_or_default();
    Item { name: &container.name, image, role, container: Some(container) }
}

/// Whether a rule speaks of this exit code.
fn is_for(rule: &ContainerRestartRule, code: i32) -> bool {
    rule.exit_codes.as_ref().is_some_and(|codes| {
        let is_listed = codes.values.iter().flatten().any(|listed| *listed == code);
        is_listed == (codes.operator == "In")
    })
}

/// `restartPolicy` of a pod or a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

pub(crate) fn restart_policy(pod: &Pod) -> RestartPolicy {
    RestartPolicy::parse(spec(pod).and_then(|spec| spec.restart_policy.as_deref()).unwrap_or_default())
}

impl RestartPolicy {
    fn parse(text: &str) -> Self {
        match text {
            "Never" => Self::Never,
            "OnFailure" => Self::OnFailure,
            _ => Self::Always,
        }
    }

    /// Whether a container that ended with this code is started again.
    fn restarts(self, role: Role, code: i32) -> bool {
        match (role, self) {
            (Role::Ephemeral, _) => false,
            (Role::Sidecar, _) => true,
            (Role::Init, Self::Never) => false,
            (Role::Init, _) => code != 0,
            (Role::Main, Self::Always) => true,
            (Role::Main, Self::OnFailure) => code != 0,
            (Role::Main, Self::Never) => false,
        }
    }
}

pub(crate) fn spec(pod: &Pod) -> Option<&PodSpec> {
    pod.spec.as_ref()
}

/// How long the pod's containers may take to stop. Never zero: a forced deletion still lets the kernel do its work.
pub fn grace(pod: &Pod) -> Duration {
    let of_deletion = pod.metadata.deletion_timestamp.as_ref().and(pod.metadata.deletion_grace_period_seconds);
    let of_spec = spec(pod).and_then(|spec| spec.termination_grace_period_seconds);
    let seconds = of_deletion.or(of_spec).unwrap_or(DEFAULT_GRACE);
    Duration::from_secs(seconds.max(1).unsigned_abs())
}

/// `name_namespace(uid)`, as upstream writes pods in messages.
pub(crate) fn long_name(pod: &Pod) -> String {
    let meta = &pod.metadata;
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    format!("{}_{}({})", text(&meta.name), text(&meta.namespace), text(&meta.uid))
}
