//! `securityContext`: the container's own, over the pod's.
//!
//! Upstream: `pkg/securitycontext/util.go`, `kuberuntime/security_context.go`.

use super::config_error;
use crate::agent::Agent;
use k8s_openapi::api::core::v1::{Container, Pod, SeccompProfile};
use pods::Trouble;
use runtime::{Capabilities, Seccomp, Security};

pub(super) fn of(agent: &Agent, pod: &Pod, container: &Container) -> Result<Security, Trouble> {
    let whole = pod.spec.as_ref().and_then(|spec| spec.security_context.clone()).unwrap_or_default();
    let own = container.security_context.clone().unwrap_or_default();
    let mut groups = whole.supplemental_groups.unwrap_or_default();
    groups.extend(whole.fs_group);
    let capabilities = own.capabilities.unwrap_or_default();
    let privileged = own.privileged.unwrap_or(false);
    let profile = own.seccomp_profile.as_ref().or(whole.seccomp_profile.as_ref());
    Ok(Security {
        run_as_user: own.run_as_user.or(whole.run_as_user),
        run_as_group: own.run_as_group.or(whole.run_as_group),
        run_as_non_root: own.run_as_non_root.or(whole.run_as_non_root).unwrap_or(false),
        supplemental_groups: groups,
        strict_groups: whole.supplemental_groups_policy.as_deref() == Some("Strict"),
        privileged,
        capabilities: Capabilities {
            add: capabilities.add.unwrap_or_default(),
            drop: capabilities.drop.unwrap_or_default(),
        },
        no_new_privileges: own.allow_privilege_escalation == Some(false),
        read_only_root: own.read_only_root_filesystem.unwrap_or(false),
        seccomp: seccomp(agent, profile.filter(|_| !privileged))?,
        unmasked_proc: own.proc_mount.as_deref() == Some("Unmasked"),
    })
}

/// Local profiles lie below `seccomp` in the node's folder, as the kubelet has it.
fn seccomp(agent: &Agent, profile: Option<&SeccompProfile>) -> Result<Seccomp, Trouble> {
    match profile.map(|profile| &*profile.type_) {
        Some("RuntimeDefault") => Ok(Seccomp::RuntimeDefault),
        Some("Localhost") => {
            let name = profile.and_then(|profile| profile.localhost_profile.as_deref()).unwrap_or_default();
            if name.is_empty() || name.starts_with('/') || name.split('/').any(|part| part == "..") {
                let text = format!("localhostProfile {name:?} must be a path below the node's seccomp folder");
                return Err(config_error(text));
            }
            Ok(Seccomp::Localhost(agent.config.data_dir.join("seccomp").join(name)))
        }
        _ => Ok(Seccomp::Unconfined),
    }
}
