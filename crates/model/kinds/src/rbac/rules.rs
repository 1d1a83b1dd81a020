//! What must hold of roles and bindings.
//!
//! Upstream: `pkg/apis/rbac/validation/validation.go`.

use super::defaults::GROUP;
use crate::checks::{follows, required_name, same};
use crate::path::Path;
use crate::read::{is_empty, list, text};
use apimachinery::validate::{is_dns1123_subdomain, is_valid_path_segment_name};
use apimachinery::{Problems, Value};

/// The rules of a Role, or of a ClusterRole (which may also speak of URLs).
pub fn role(role: &Value, namespaced: bool, problems: &mut Problems) {
    let rules = Path::new("rules");
    for (index, rule) in list(role, "rules").iter().enumerate() {
        let at = rules.index(index);
        if is_empty(rule, "verbs") {
            problems.required(at.field("verbs"), "verbs must contain at least one value");
        }
        if !is_empty(rule, "nonResourceURLs") {
            let urls = rule["nonResourceURLs"].clone();
            if namespaced {
                let message = "namespaced rules cannot apply to non-resource URLs";
                problems.invalid(at.field("nonResourceURLs"), urls, message);
            } else if ["apiGroups", "resources", "resourceNames"].iter().any(|field| !is_empty(rule, field)) {
                let message = "rules cannot apply to both regular resources and non-resource URLs";
                problems.invalid(at.field("nonResourceURLs"), urls, message);
            }
            continue;
        }
        if is_empty(rule, "apiGroups") {
            problems.required(at.field("apiGroups"), "resource rules must supply at least one api group");
        }
        if is_empty(rule, "resources") {
            problems.required(at.field("resources"), "resource rules must supply at least one resource");
        }
    }
}

/// The role and the subjects of a RoleBinding or ClusterRoleBinding.
pub fn binding(binding: &Value, namespaced: bool, problems: &mut Problems) {
    let (role, at) = (&binding["roleRef"], Path::new("roleRef"));
    if text(role, "apiGroup") != GROUP {
        problems.not_supported(at.field("apiGroup"), text(role, "apiGroup"), &[GROUP]);
    }
    let kinds: &[&str] = if namespaced { &["ClusterRole", "Role"] } else { &["ClusterRole"] };
    if !kinds.contains(&text(role, "kind")) {
        problems.not_supported(at.field("kind"), text(role, "kind"), kinds);
    }
    required_name(role, "name", at, is_valid_path_segment_name, problems);
    let subjects = Path::new("subjects");
    for (index, found) in list(binding, "subjects").iter().enumerate() {
        subject(found, namespaced, subjects.index(index), problems);
    }
}

fn subject(subject: &Value, namespaced: bool, at: Path, problems: &mut Problems) {
    let (name, group) = (text(subject, "name"), text(subject, "apiGroup"));
    if name.is_empty() {
        problems.required(at.field("name"), "");
    }
    match text(subject, "kind") {
        "ServiceAccount" => {
            if !name.is_empty() {
                follows(name, at.field("name"), is_dns1123_subdomain, problems);
            }
            if !group.is_empty() {
                problems.not_supported(at.field("apiGroup"), group, &[""]);
            }
            if !namespaced && is_empty(subject, "namespace") {
                problems.required(at.field("namespace"), "");
            }
        }
        "User" | "Group" if group != GROUP => problems.not_supported(at.field("apiGroup"), group, &[GROUP]),
        "User" | "Group" => {}
        kind => problems.not_supported(at.field("kind"), kind, &["Group", "ServiceAccount", "User"]),
    }
}

/// Another role is another binding: who could edit one could else give himself any role.
pub fn binding_update(new: &Value, old: &Value, problems: &mut Problems) {
    if !same(&new["roleRef"], &old["roleRef"]) {
        problems.invalid("roleRef", new["roleRef"].clone(), "cannot change roleRef");
    }
}
