//! What must hold of pods and of pod templates.
//!
//! Upstream: `pkg/apis/core/validation/validation.go` (ValidatePodSpec).

mod affinity;
mod container;
mod env;
mod placement;
mod probe;
mod resources;
mod security;
mod update;
mod volume;
mod volume_source;

use crate::checks::{
    annotations, follows, in_range, label_selector, labels, one_of, optional_name, references, selects,
};
use crate::path::Path;
use crate::read::{has, is_empty, list, text};
use apimachinery::validate::{is_dns1123_label, is_dns1123_subdomain, is_valid_ip};
use apimachinery::{Problems, Value};

pub use affinity::node_selector;
pub use resources::requirements;
pub use update::{validate_ephemeral_containers_update, validate_resize, validate_update};
pub use volume_source::validate as validate_source;

const SPEC: Path = Path::new("spec");

/// Most names a resolver is given. Upstream: `MaxDNSSearchPaths` and its like.
const MAX_NAMESERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;
const MAX_SEARCH_CHARS: usize = 2048;

pub fn validate(pod: &Value, problems: &mut Problems) {
    spec(&pod["spec"], SPEC, problems);
}

/// The template below `at` (`spec.template`) of a workload whose pods are chosen by `selector`.
pub fn template(template: &Value, at: Path, problems: &mut Problems) {
    let metadata = at.field("metadata");
    labels(&template["metadata"], "labels", metadata, problems);
    annotations(&template["metadata"], "annotations", metadata, problems);
    spec(&template["spec"], at.field("spec"), problems);
}

/// Selector and template of a Deployment or ReplicaSet below `spec`.
pub fn selected_template(spec: &Value, problems: &mut Problems) {
    let selector = &spec["selector"];
    if !has(spec, "selector") {
        problems.required(SPEC.field("selector"), "");
    } else {
        label_selector(selector, SPEC.field("selector"), problems);
        if is_empty(selector, "matchLabels") && is_empty(selector, "matchExpressions") {
            problems.invalid(SPEC.field("selector"), selector.clone(), "empty selector is invalid for deployment");
        }
    }
    let at = SPEC.field("template");
    let pods = &spec["template"];
    if !has(spec, "template") {
        problems.required(at, "");
        return;
    }
    let found = &pods["metadata"]["labels"];
    if has(spec, "selector") && !selects(selector, found) {
        let at = at.field("metadata");
        problems.invalid(at.field("labels"), found.clone(), "`selector` does not match template `labels`");
    }
    template(pods, at, problems);
    let at = at.field("spec");
    let policy = text(&pods["spec"], "restartPolicy");
    if !matches!(policy, "" | "Always") {
        problems.not_supported(at.field("restartPolicy"), policy, &["Always"]);
    }
    if has(&pods["spec"], "activeDeadlineSeconds") {
        problems.forbidden(at.field("activeDeadlineSeconds"), "activeDeadlineSeconds in ReplicaSet is not Supported");
    }
}

/// A pod spec, of a pod or a template.
pub fn spec(spec: &Value, at: Path, problems: &mut Problems) {
    volume::volumes(spec, at, problems);
    container::all(spec, at, problems);
    one_of(spec, "restartPolicy", at, &["Always", "Never", "OnFailure"], problems);
    one_of(spec, "dnsPolicy", at, &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"], problems);
    labels(spec, "nodeSelector", at, problems);
    security::pod(spec, at, problems);
    references(spec, "imagePullSecrets", at, problems);
    affinity::affinity(&spec["affinity"], at.field("affinity"), problems);
    dns_config(spec, at, problems);
    placement::readiness_gates(spec, at, problems);
    placement::topology_spread(spec, at, problems);
    placement::tolerations(spec, at, problems);
    placement::scheduling_gates(spec, at, problems);
    host_aliases(spec, at, problems);
    for field in ["serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"] {
        optional_name(spec, field, at, is_dns1123_subdomain, problems);
    }
    for field in ["hostname", "subdomain"] {
        optional_name(spec, field, at, is_dns1123_label, problems);
    }
    in_range(spec, "activeDeadlineSeconds", at, 1..=i64::from(i32::MAX), problems);
    if has(spec, "preemptionPolicy") {
        one_of(spec, "preemptionPolicy", at, &["Never", "PreemptLowerPriority"], problems);
    }
    if has(spec, "os") {
        one_of(&spec["os"], "name", at.field("os"), &["linux", "windows"], problems);
    }
    if has(spec, "overhead") {
        resources::resource_list(&spec["overhead"], at.field("overhead"), problems);
    }
    if has(spec, "resources") {
        resources::pod_requirements(spec, at, problems);
    }
}

fn dns_config(spec: &Value, at: Path, problems: &mut Problems) {
    let config = &spec["dnsConfig"];
    let at = at.field("dnsConfig");
    let servers = list(config, "nameservers");
    if text(spec, "dnsPolicy") == "None" {
        if config.is_null() {
            problems.required(at, "must provide `dnsConfig` when `dnsPolicy` is None");
        } else if servers.is_empty() {
            let message = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            problems.required(at.field("nameservers"), message);
        }
    }
    if servers.len() > MAX_NAMESERVERS {
        let message = format!("must not have more than {MAX_NAMESERVERS} nameservers");
        problems.invalid(at.field("nameservers"), config["nameservers"].clone(), &message);
    }
    for (index, server) in servers.iter().enumerate() {
        let at = at.field("nameservers");
        follows(server.as_str().unwrap_or(""), at.index(index), is_valid_ip, problems);
    }
    let searches: Vec<&str> = list(config, "searches").iter().filter_map(Value::as_str).collect();
    if searches.len() > MAX_SEARCHES {
        let message = format!("must not have more than {MAX_SEARCHES} search paths");
        problems.invalid(at.field("searches"), config["searches"].clone(), &message);
    }
    if searches.join(" ").chars().count() > MAX_SEARCH_CHARS {
        let message =
            format!("must not have more than {MAX_SEARCH_CHARS} characters (including spaces) in the search list");
        problems.invalid(at.field("searches"), config["searches"].clone(), &message);
    }
    for (index, search) in searches.iter().enumerate().filter(|(_, search)| **search != ".") {
        let at = at.field("searches");
        // A final dot says that the name is complete; underscores occur in real search lists.
        let name = search.strip_suffix('.').unwrap_or(search).replace('_', "-");
        for message in is_dns1123_subdomain(&name) {
            problems.invalid(at.index(index), *search, &message);
        }
    }
    for (index, option) in list(config, "options").iter().enumerate() {
        if is_empty(option, "name") {
            problems.required(at.field("options").index(index), "must not be empty");
        }
    }
}

fn host_aliases(spec: &Value, at: Path, problems: &mut Problems) {
    let at = at.field("hostAliases");
    for (index, alias) in list(spec, "hostAliases").iter().enumerate() {
        let at = at.index(index);
        follows(text(alias, "ip"), at.field("ip"), is_valid_ip, problems);
        for (index, name) in list(alias, "hostnames").iter().enumerate() {
            let at = at.field("hostnames");
            follows(name.as_str().unwrap_or(""), at.index(index), is_dns1123_subdomain, problems);
        }
    }
}

#[cfg(test)]
mod tests;
