//! Requests and limits.

use crate::checks::{follows, quantity};
use crate::corev1::pod::resources::PodNeeds;
use crate::path::Path;
use crate::quantities::parse;
use crate::read::entries;
use apimachinery::validate::is_qualified_name;
use apimachinery::{Problems, Value};

/// Resources that have a meaning of their own for containers.
const STANDARD: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// Limits and requests of a container: names, amounts, and that no request goes beyond its limit.
pub fn requirements(resources: &Value, at: Path, problems: &mut Problems) {
    let (limits, requests) = (&resources["limits"], &resources["requests"]);
    resource_list(limits, at.field("limits"), problems);
    resource_list(requests, at.field("requests"), problems);
    let of_requests = at.field("requests");
    for (name, value) in entries(resources, "requests") {
        let Some(request) = parse(value) else { continue };
        match limits.get(name).and_then(parse) {
            Some(limit) if !may_overcommit(name) && request != limit => {
                let message = format!("must be equal to {name} limit of {limit}");
                problems.invalid(of_requests, request.to_string(), &message);
            }
            Some(limit) if request > limit => {
                let message = format!("must be less than or equal to {name} limit of {limit}");
                problems.invalid(of_requests, request.to_string(), &message);
            }
            None if !may_overcommit(name) => {
                problems.required(at.field("limits"), "Limit must be set for non overcommitable resources");
            }
            _ => {}
        }
    }
}

/// Names and amounts of one list.
pub fn resource_list(list: &Value, at: Path, problems: &mut Problems) {
    for (name, value) in list.as_object().into_iter().flatten() {
        resource_name(name, at.key(name), problems);
        quantity(value, at.key(name), problems);
    }
}

/// Requests and limits of the pod as a whole: what its containers ask for must fit in.
pub fn pod_requirements(spec: &Value, at: Path, problems: &mut Problems) {
    let at = at.field("resources");
    requirements(&spec["resources"], at, problems);
    let needs = PodNeeds::of_value(spec);
    let together = needs.of_containers(|needs| &needs.requests);
    for (name, whole) in needs.whole.iter().flat_map(|whole| &whole.requests) {
        if let Some(sum) = together.get(name).filter(|sum| *sum > whole) {
            let message = format!("must be greater than or equal to aggregate container requests of {sum}");
            let requests = at.field("requests");
            problems.invalid(requests.key(name), whole.to_string(), &message);
        }
    }
}

fn resource_name(name: &str, at: Path, problems: &mut Problems) {
    follows(name, at, is_qualified_name, problems);
    let known = STANDARD.contains(&name) || name.starts_with("hugepages-") || name.contains('/');
    if !known {
        problems.invalid(at, name, "must be a standard resource for containers");
    }
}

/// Whether more may be promised than there is. Devices and huge pages are handed out whole.
fn may_overcommit(name: &str) -> bool {
    let native = !name.contains('/') || name.contains("kubernetes.io/");
    native && !name.starts_with("hugepages-")
}
