//! Brings the stored roles and bindings up to what this version knows.
//!
//! Invariants
//! - Only adds: rules and subjects that somebody put in stay. The one exception is the binding `system:node`, which older
//!   versions gave to all nodes.
//! - An object whose `autoupdate` annotation is `false` is left alone.

use super::table::objects;
use crate::auth::rbac::Rule;
use crate::auth::rbac::follow::{CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES};
use apimachinery::{ApiError, ApiResult, GroupVersionResource, Value};
use client::{Api, ListOptions, Scope, WriteOptions};
use futures_util::{TryStreamExt, stream};
use serde::Deserialize;
use std::collections::HashMap;

/// Writes under way at once: enough for the store to commit them together.
const AT_ONCE: usize = 32;

/// Creates what is missing and adds what an older version lacked. Run at every start, before others than masters are
/// served. Idempotent: a second run writes nothing.
///
/// # Errors
/// The first call that was refused; run it again.
pub async fn reconcile(api: &dyn Api) -> ApiResult<()> {
    let mut wanted: HashMap<&str, Vec<Value>> = HashMap::new();
    for object in objects() {
        let kind = kind(&object)?;
        wanted.entry(kind).or_default().push(object);
    }
    for (kind, resource) in [
        ("ClusterRole", &CLUSTER_ROLES),
        ("Role", &ROLES),
        ("ClusterRoleBinding", &CLUSTER_ROLE_BINDINGS),
        ("RoleBinding", &ROLE_BINDINGS),
    ] {
        let stored = api.list(resource, Scope::All, &ListOptions::default()).await?;
        let mut stored: HashMap<String, Value> =
            stored.items.iter().map(|object| (object.key(), object.to_value())).collect();
        let pairs: Vec<_> = wanted
            .remove(kind)
            .unwrap_or_default()
            .into_iter()
            .map(|object| {
                let existing = stored.remove(&key(&object));
                Ok((object, existing))
            })
            .collect();
        let writes = stream::iter(pairs);
        writes.try_for_each_concurrent(AT_ONCE, |(object, existing)| write(api, resource, object, existing)).await?;
    }
    Ok(())
}

async fn write(
    api: &dyn Api,
    resource: &GroupVersionResource,
    wanted: Value,
    existing: Option<Value>,
) -> ApiResult<()> {
    let options = WriteOptions::default();
    let namespace = text(&wanted["metadata"]["namespace"]).to_owned();
    let Some(existing) = existing else {
        return match api.create(resource, &namespace, wanted, options).await {
            Err(error) if !error.is_already_exists() => Err(error),
            _ => Ok(()),
        };
    };
    let Some(merged) = merged(&wanted, existing) else { return Ok(()) };
    let name = text(&wanted["metadata"]["name"]);
    match api.update(resource, &namespace, name, merged, options).await {
        // Another server of the cluster did the same just now, or somebody edits it: the next start looks again.
        Err(error) if !error.is_conflict() => Err(error),
        _ => Ok(()),
    }
}

/// The stored object with what it lacks, or None if it lacks nothing.
fn merged(wanted: &Value, mut existing: Value) -> Option<Value> {
    const AUTOUPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";
    let before = existing.clone();
    if existing["metadata"]["annotations"][AUTOUPDATE] == "false" {
        return None;
    }
    for field in ["labels", "annotations"] {
        for (name, value) in wanted["metadata"][field].as_object().into_iter().flatten() {
            if existing["metadata"][field][name].is_null() {
                existing["metadata"][field][name] = value.clone();
            }
        }
    }
    if !wanted["aggregationRule"].is_null() {
        add_to(
            &mut existing["aggregationRule"]["clusterRoleSelectors"],
            &wanted["aggregationRule"]["clusterRoleSelectors"],
        );
    } else if !wanted["rules"].is_null() {
        add_rules(&mut existing, wanted);
    }
    if wanted["metadata"]["name"] == "system:node" {
        unbind_nodes(&mut existing);
    }
    if !wanted["subjects"].is_null() && existing["roleRef"] == wanted["roleRef"] {
        add_to(&mut existing["subjects"], &wanted["subjects"]);
    }
    (existing != before).then_some(existing)
}

/// Versions without a Node authorizer bound the role to all nodes; with it each would go on reading every Secret. Who
/// wants that says so in a binding of another name.
fn unbind_nodes(binding: &mut Value) {
    if let Some(subjects) = binding.get_mut("subjects").and_then(Value::as_array_mut) {
        subjects.retain(|subject| subject["kind"] != "Group" || subject["name"] != "system:nodes");
    }
}

fn add_to(list: &mut Value, wanted: &Value) {
    if !list.is_array() {
        *list = Value::Array(Vec::new());
    }
    let Value::Array(list) = list else { return };
    for item in wanted.as_array().into_iter().flatten() {
        if !list.contains(item) {
            list.push(item.clone());
        }
    }
}

/// Adds the parts of wanted rules that no stored rule covers.
fn add_rules(existing: &mut Value, wanted: &Value) {
    let read = |value: &Value| Option::<Vec<Rule>>::deserialize(value).ok().flatten().unwrap_or_default();
    let held = read(&existing["rules"]);
    for rule in read(&wanted["rules"]) {
        let covered = rule.broken_down().iter().all(|part| held.iter().any(|own| own.covers(part)));
        if !covered {
            add_to(&mut existing["rules"], &serde_json::json!([rule]));
        }
    }
}

fn kind(object: &Value) -> ApiResult<&'static str> {
    let kinds = ["ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding"];
    let kind = text(&object["kind"]);
    let known = kinds.into_iter().find(|own| *own == kind);
    known.ok_or_else(|| ApiError::internal(format!("the bootstrap table has a {kind:?}")))
}

fn key(object: &Value) -> String {
    let (namespace, name) = (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_second_start_writes_nothing() {
        for object in objects() {
            assert_eq!(merged(&object, object.clone()), None, "{}", object["metadata"]["name"]);
        }
    }

    #[test]
    fn what_is_missing_is_added_and_what_is_there_stays() {
        let wanted = json!({"metadata": {"labels": {"a": "b"}}, "rules": [
            {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]},
            {"verbs": ["get"], "apiGroups": [""], "resources": ["nodes"]},
        ]});
        let existing = json!({"metadata": {}, "rules": [{"verbs": ["*"], "apiGroups": [""], "resources": ["pods"]}]});
        let merged = merged(&wanted, existing).unwrap();
        assert_eq!(merged["metadata"]["labels"]["a"], "b");
        assert_eq!(merged["rules"].as_array().unwrap().len(), 2);
        assert_eq!(merged["rules"][0]["verbs"][0], "*");
    }

    #[test]
    fn opting_out_is_respected() {
        let wanted = json!({"metadata": {"labels": {"a": "b"}}});
        let annotations = json!({"rbac.authorization.kubernetes.io/autoupdate": "false"});
        assert_eq!(super::merged(&wanted, json!({"metadata": {"annotations": annotations}})), None);
    }
}
