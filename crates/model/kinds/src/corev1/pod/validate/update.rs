//! What of a pod may change once it is there: hardly anything but images.
//!
//! Upstream: `pkg/apis/core/validation/validation.go` (ValidatePodUpdate, ValidatePodEphemeralContainersUpdate).

use super::SPEC;
use crate::checks::same;
use crate::corev1::pod::resources::PodNeeds;
use crate::path::Path;
use crate::prepare::keep;
use crate::quantities::parse;
use crate::read::{count, has, list, text};
use apimachinery::{Problems, Value};
use std::collections::BTreeSet;

const UPDATABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
    `spec.tolerations` (only additions to existing tolerations),\
    `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

pub fn validate_update(new: &Value, old: &Value, problems: &mut Problems) {
    let (new, old) = (&new["spec"], &old["spec"]);
    for field in ["containers", "initContainers"] {
        if count(new, field) != count(old, field) {
            return problems.forbidden(SPEC.field(field), "pod updates may not add or remove containers");
        }
    }
    deadline(new, old, problems);
    tolerations(new, old, problems);
    gates(new, old, problems);
    let mut wanted = new.clone();
    take_back_allowed(&mut wanted, old);
    if !same(&wanted, old) {
        let changed = changed_fields(&wanted, old).join(", ");
        let message = format!("pod updates may not change fields other than {UPDATABLE}\nchanged: {changed}");
        problems.forbidden(SPEC, &message);
    }
}

/// For the subresource: containers may be added, and nothing else.
pub fn validate_ephemeral_containers_update(new: &Value, old: &Value, problems: &mut Problems) {
    let (new, old) = (&new["spec"], &old["spec"]);
    let at = SPEC.field("ephemeralContainers");
    let (added, kept) = (list(new, "ephemeralContainers"), list(old, "ephemeralContainers"));
    for old in kept {
        let name = text(old, "name");
        match added.iter().find(|new| text(new, "name") == name) {
            None => {
                let message = format!("existing ephemeral containers {name:?} may not be removed\n");
                problems.forbidden(at, &message);
            }
            Some(new) if !same(new, old) => {
                let message = format!("existing ephemeral containers {name:?} may not be changed\n");
                problems.forbidden(at, &message);
            }
            Some(_) => {}
        }
    }
}

/// For the subresource: cpu and memory may change, but not whether there are any, and not the pod's class.
/// Upstream: `ValidatePodResize`.
pub fn validate_resize(new: &Value, old: &Value, problems: &mut Problems) {
    if matches!(text(&old["status"], "phase"), "Succeeded" | "Failed") {
        return problems.forbidden("", "Pod running in an already terminal phase cannot be resized");
    }
    let (new, old) = (&new["spec"], &old["spec"]);
    let class = |spec: &Value| PodNeeds::of_value(spec).qos_class();
    if class(new) != class(old) {
        let message = "Pod QOS Class may not change as a result of resizing";
        problems.invalid(SPEC, class(new).as_str(), message);
    }
    for list_name in ["containers", "initContainers"] {
        for (index, (new, old)) in list(new, list_name).iter().zip(list(old, list_name)).enumerate() {
            let at = SPEC.field(list_name);
            let at = at.index(index);
            let at = at.field("resources");
            if list_name == "initContainers" && text(old, "restartPolicy") != "Always" {
                if !same(&new["resources"], &old["resources"]) {
                    problems.invalid(at, Value::Null, "resources for non-sidecar init containers are immutable");
                }
                continue;
            }
            for which in ["limits", "requests"] {
                resized(&new["resources"][which], &old["resources"][which], at.field(which), which, problems);
            }
        }
    }
}

/// One list of a container's resources.
fn resized(new: &Value, old: &Value, at: Path, which: &str, problems: &mut Problems) {
    let is_resizable = |name: &str| matches!(name, "cpu" | "memory");
    let names: BTreeSet<&String> =
        [new, old].into_iter().filter_map(Value::as_object).flat_map(|map| map.keys()).collect();
    for name in names {
        match (new.get(name), old.get(name)) {
            (new, old) if !is_resizable(name) && new.and_then(parse) != old.and_then(parse) => {
                problems.forbidden(at, "only cpu and memory resources are mutable");
            }
            (None, Some(_)) if is_resizable(name) => {
                problems.forbidden(at.key(name), &format!("resource {which} cannot be removed"))
            }
            _ => {}
        }
    }
}

/// Makes equal to the old spec what a client may change, so that what still differs is refused.
fn take_back_allowed(new: &mut Value, old: &Value) {
    for field in ["containers", "initContainers"] {
        let pairs = new.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten().zip(list(old, field));
        pairs.for_each(|(new, old)| keep(new, old, "image"));
    }
    for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
        keep(new, old, field);
    }
    let was_negative = old["terminationGracePeriodSeconds"].as_i64().is_some_and(|seconds| seconds < 0);
    if was_negative && new["terminationGracePeriodSeconds"] == 1 {
        keep(new, old, "terminationGracePeriodSeconds");
    }
    if count(old, "schedulingGates") > 0 && narrows(&new["nodeSelector"], &old["nodeSelector"]) {
        keep(new, old, "nodeSelector");
    }
}

/// Whether a node selector only gained labels.
fn narrows(new: &Value, old: &Value) -> bool {
    old.as_object().into_iter().flatten().all(|(key, value)| new.get(key) == Some(value))
}

fn deadline(new: &Value, old: &Value, problems: &mut Problems) {
    let at = SPEC.field("activeDeadlineSeconds");
    match (new["activeDeadlineSeconds"].as_i64(), old["activeDeadlineSeconds"].as_i64()) {
        (Some(new), Some(old)) if new > old => {
            problems.invalid(at, new, "must be less than or equal to previous value")
        }
        (None, Some(_)) => problems.invalid(at, Value::Null, "must not update from a positive integer to nil value"),
        _ => {}
    }
}

fn tolerations(new: &Value, old: &Value, problems: &mut Problems) {
    let all = list(new, "tolerations");
    let without_time = |toleration: &Value| {
        let mut toleration = toleration.clone();
        toleration["tolerationSeconds"] = Value::Null;
        toleration
    };
    let kept = |old: &Value| all.iter().any(|new| same(&without_time(new), &without_time(old)));
    if !list(old, "tolerations").iter().all(kept) {
        let message = "existing toleration can not be modified except its tolerationSeconds";
        problems.forbidden(SPEC.field("tolerations"), message);
    }
}

fn gates(new: &Value, old: &Value, problems: &mut Problems) {
    let at = SPEC.field("schedulingGates");
    let was = list(old, "schedulingGates");
    for (index, gate) in list(new, "schedulingGates").iter().enumerate() {
        if !was.iter().any(|old| text(old, "name") == text(gate, "name")) {
            let message = format!("only deletion is allowed, but found new scheduling gate '{}'", text(gate, "name"));
            problems.forbidden(at.index(index), &message);
        }
    }
}

fn changed_fields(new: &Value, old: &Value) -> Vec<String> {
    let names =
        |value: &Value| value.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let mut fields = names(new);
    fields.extend(names(old).into_iter().filter(|field| !has(new, field)));
    fields.retain(|field| !same(&new[field.as_str()], &old[field.as_str()]));
    fields.into_iter().map(|field| format!("spec.{field}")).collect()
}
