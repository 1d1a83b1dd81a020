//! Environment variables, and the references by which values reach a pod.

use crate::checks::{follows, required};
use crate::path::Path;
use crate::read::{has, is_empty, list, text};
use apimachinery::validate::{is_config_map_key, is_qualified_name, is_relaxed_env_var_name};
use apimachinery::{Problems, Value};

/// Where a variable's value may come from, in upstream's order.
const SOURCES: [&str; 5] = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];

/// Fields of a pod that variables may show.
const ENV_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Fields of a pod that files may show.
pub const FILE_FIELDS: [&str; 5] =
    ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

/// Fields that a path may name at all; which of them are of use is another question.
const CONVERTIBLE: [&str; 14] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Amounts of a container that can be shown, beside huge pages.
const AMOUNTS: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

pub fn env(container: &Value, at: Path, problems: &mut Problems) {
    let variables = at.field("env");
    for (index, variable) in list(container, "env").iter().enumerate() {
        let at = variables.index(index);
        match text(variable, "name") {
            "" => problems.required(at.field("name"), ""),
            name => follows(name, at.field("name"), is_relaxed_env_var_name, problems),
        }
        if has(variable, "valueFrom") {
            value_from(variable, at.field("valueFrom"), problems);
        }
    }
    let maps = at.field("envFrom");
    for (index, source) in list(container, "envFrom").iter().enumerate() {
        let at = maps.index(index);
        if !is_empty(source, "prefix") {
            follows(text(source, "prefix"), at.field("prefix"), is_relaxed_env_var_name, problems);
        }
        let given: Vec<&str> = ["configMapRef", "secretRef"].into_iter().filter(|name| has(source, name)).collect();
        for name in &given {
            required(&source[*name], "name", at.field(name), problems);
        }
        match given.len() {
            0 => problems.invalid(at, "", "must specify one of: `configMapRef` or `secretRef`"),
            1 => {}
            _ => problems.invalid(at, "", "may not have more than one field specified at a time"),
        }
    }
}

fn value_from(variable: &Value, at: Path, problems: &mut Problems) {
    let source = &variable["valueFrom"];
    let given = SOURCES.iter().filter(|name| has(source, name)).count();
    if has(source, "fieldRef") {
        field_ref(&source["fieldRef"], at.field("fieldRef"), &ENV_FIELDS, problems);
    }
    if has(source, "resourceFieldRef") {
        resource_ref(&source["resourceFieldRef"], false, at.field("resourceFieldRef"), problems);
    }
    for name in ["configMapKeyRef", "secretKeyRef"].iter().filter(|name| has(source, name)) {
        let at = at.field(name);
        required(&source[*name], "name", at, problems);
        match text(&source[*name], "key") {
            "" => problems.required(at.field("key"), ""),
            key => follows(key, at.field("key"), is_config_map_key, problems),
        }
    }
    match given {
        0 => problems.invalid(
            at,
            "",
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        ),
        1 if !is_empty(variable, "value") => {
            problems.invalid(at, "", "may not be specified when `value` is not empty");
        }
        1 => {}
        _ => problems.invalid(at, "", "may not have more than one field specified at a time"),
    }
}

/// A field of the pod: `metadata.name`, `metadata.labels['app']`.
pub fn field_ref(source: &Value, at: Path, allowed: &[&str], problems: &mut Problems) {
    if !required(source, "apiVersion", at, problems) || !required(source, "fieldPath", at, problems) {
        return;
    }
    let path = text(source, "fieldPath");
    let (map, key) = match path.strip_suffix("']").and_then(|path| path.split_once("['")) {
        Some((map, key)) => (map, Some(key)),
        None => (path, None),
    };
    let Some(key) = key else {
        if !CONVERTIBLE.contains(&path) {
            let message = format!("error converting fieldPath: field label not supported: {path}");
            problems.invalid(at.field("fieldPath"), path, &message);
        } else if !allowed.contains(&path) {
            problems.not_supported(at.field("fieldPath"), path, allowed);
        }
        return;
    };
    match map {
        "metadata.annotations" => {
            for message in is_qualified_name(&key.to_lowercase()) {
                problems.invalid(at.field("fieldPath"), key, &message);
            }
        }
        "metadata.labels" => follows(key, at.field("fieldPath"), is_qualified_name, problems),
        _ => {
            let message = format!("error converting fieldPath: field label does not support subscript: {map}");
            problems.invalid(at.field("fieldPath"), path, &message);
        }
    }
}

/// An amount of a container. Files must say which container; variables know.
pub fn resource_ref(source: &Value, of_file: bool, at: Path, problems: &mut Problems) {
    if of_file {
        required(source, "containerName", at, problems);
    }
    if !required(source, "resource", at, problems) {
        return;
    }
    let amount = text(source, "resource");
    let huge = ["limits.hugepages-", "requests.hugepages-"].iter().any(|prefix| amount.starts_with(prefix));
    if !huge && !AMOUNTS.contains(&amount) {
        problems.not_supported(at.field("resource"), amount, &AMOUNTS);
    }
}
