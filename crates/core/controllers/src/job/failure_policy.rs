//! `spec.podFailurePolicy`: the first rule that fits a failed pod says what its failure means.
//!
//! Upstream: `pod_failure_policy.go`.

use k8s_openapi::api::batch::v1::{JobSpec, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

#[derive(Debug, PartialEq)]
pub enum Judgement {
    Count,
    Ignore,
    FailIndex,
    /// The Job fails at once, with this message.
    FailJob(String),
}

pub fn judge(spec: &JobSpec, pod: &Pod) -> Judgement {
    let rules = spec.pod_failure_policy.iter().flat_map(|policy| &policy.rules);
    for (number, rule) in rules.enumerate() {
        if let Some(why) = fits(rule, pod, number) {
            return match rule.action.as_str() {
                "Ignore" => Judgement::Ignore,
                "FailJob" => Judgement::FailJob(why),
                "FailIndex" if spec.backoff_limit_per_index.is_some() => Judgement::FailIndex,
                _ => Judgement::Count,
            };
        }
    }
    Judgement::Count
}

fn fits(rule: &PodFailurePolicyRule, pod: &Pod, number: usize) -> Option<String> {
    let name = format!("{}/{}", pod.metadata.namespace.as_deref()?, pod.metadata.name.as_deref()?);
    if let Some(codes) = &rule.on_exit_codes {
        let (container, code) = exit(codes, pod)?;
        return Some(format!(
            "Container {container} for pod {name} failed with exit code {code} matching {} rule at index {number}",
            rule.action
        ));
    }
    let wanted = rule.on_pod_conditions.iter().flatten();
    let found = wanted.into_iter().find(|pattern| {
        let conditions = pod.status.iter().filter_map(|status| status.conditions.as_ref()).flatten();
        let status = pattern.status.as_deref().unwrap_or("True");
        conditions.into_iter().any(|condition| condition.type_ == pattern.type_ && condition.status == status)
    })?;
    Some(format!("Pod {name} has condition {} matching {} rule at index {number}", found.type_, rule.action))
}

/// The container (and its exit code) that the requirement speaks of.
fn exit<'a>(codes: &PodFailurePolicyOnExitCodesRequirement, pod: &'a Pod) -> Option<(&'a str, i32)> {
    let status = pod.status.as_ref()?;
    let all = status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten());
    let exits = all.filter_map(|status: &ContainerStatus| {
        Some((status.name.as_str(), status.state.as_ref()?.terminated.as_ref()?.exit_code))
    });
    let mut named =
        exits.filter(|(name, code)| *code != 0 && codes.container_name.as_deref().is_none_or(|wanted| wanted == *name));
    named.find(|(_, code)| codes.values.contains(code) == (codes.operator == "In"))
}
