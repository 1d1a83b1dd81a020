//! Which groups, versions and resources there are: the plain documents and the aggregated ones.
//!
//! Upstream: `apiserver/pkg/endpoints/discovery`, `discovery/aggregated`.

use crate::registry::Table;
use crate::resource::Resource;
use apimachinery::Value;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::net::SocketAddr;

/// `/api`
pub fn api_versions(address: SocketAddr) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address.to_string()}],
    })
}

/// `/apis`
pub fn group_list(table: &Table) -> Value {
    let groups: Vec<Value> = named_groups(table).map(|group| group_entry(table, group)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/apps`
pub fn group(table: &Table, group: &str) -> Option<Value> {
    named_groups(table).find(|known| *known == group)?;
    let mut entry = group_entry(table, group);
    entry["kind"] = "APIGroup".into();
    entry["apiVersion"] = "v1".into();
    Some(entry)
}

/// `/api/v1`, `/apis/apps/v1`
pub fn resource_list(table: &Table, group: &str, version: &str) -> Option<Value> {
    if !table.has_group_version(group, version) {
        return None;
    }
    let mut resources = Vec::new();
    for resource in table.resources(group, version) {
        resources.push(resource_entry(resource));
        resources.extend(resource.subresources().into_iter().map(|sub| {
            let mut entry = json!({
                "name": format!("{}/{}", resource.gvr.resource, sub.name), "singularName": "",
                "namespaced": resource.namespaced, "kind": sub.kind.kind, "verbs": sub.verbs,
            });
            if (sub.kind.group.as_ref(), sub.kind.version.as_ref()) != (group, version) {
                entry["group"] = sub.kind.group.to_string().into();
                entry["version"] = sub.kind.version.to_string().into();
            }
            entry
        }));
    }
    resources.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    let group_version = api_version(group, version);
    Some(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}))
}

/// `/api` and `/apis` in one document. `version` is `v2` or `v2beta1`.
pub fn aggregated(table: &Table, core: bool, version: &str) -> Value {
    let groups: Vec<&str> = if core { vec![""] } else { named_groups(table).collect() };
    let items: Vec<Value> = groups
        .into_iter()
        .map(|group| {
            let versions: Vec<Value> =
                table.versions(group).into_iter().map(|version| aggregated_version(table, group, version)).collect();
            let mut metadata = json!({"creationTimestamp": null});
            if !group.is_empty() {
                metadata["name"] = group.into();
            }
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {}, "items": items,
    })
}

fn aggregated_version(table: &Table, group: &str, version: &str) -> Value {
    let resources: Vec<Value> = table.resources(group, version).map(|resource| aggregated_resource(resource)).collect();
    json!({"version": version, "freshness": "Current", "resources": resources})
}

fn aggregated_resource(resource: &Resource) -> Value {
    let kind = |of: &apimachinery::GroupVersionKind| json!({"group": of.group, "version": of.version, "kind": of.kind});
    let mut entry = json!({
        "resource": resource.gvr.resource,
        "responseKind": kind(&resource.gvk),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": resource.verbs,
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    let subs: Vec<Value> = resource
        .subresources()
        .into_iter()
        .map(|sub| json!({"subresource": sub.name, "responseKind": kind(&sub.kind), "verbs": sub.verbs}))
        .collect();
    if !subs.is_empty() {
        entry["subresources"] = subs.into();
    }
    entry
}

fn resource_entry(resource: &Resource) -> Value {
    let mut entry = json!({
        "name": resource.gvr.resource, "singularName": resource.singular, "namespaced": resource.namespaced,
        "kind": resource.gvk.kind, "verbs": resource.verbs,
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    if resource.is_stored() {
        entry["storageVersionHash"] = storage_version_hash(resource).into();
    }
    entry
}

/// Tells clients in which version a resource is kept, without saying it. Upstream: `discovery.StorageVersionHash`.
fn storage_version_hash(resource: &Resource) -> String {
    let (group, version) = resource.place.api_version.split_once('/').unwrap_or(("", &resource.place.api_version));
    let hash = Sha256::digest(format!("{group}/{version}/{}", resource.gvk.kind));
    BASE64_STANDARD.encode(&hash[..8])
}

fn group_entry(table: &Table, group: &str) -> Value {
    let version = |version: &&str| json!({"groupVersion": api_version(group, version), "version": version});
    let versions: Vec<Value> = table.versions(group).iter().map(version).collect();
    json!({"name": group, "preferredVersion": versions.first(), "versions": versions})
}

/// All groups but the core one.
fn named_groups(table: &Table) -> impl Iterator<Item = &str> {
    table.groups().filter(|group| !group.is_empty())
}

fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hashes of upstream's own discovery documents.
    #[test]
    fn storage_versions_are_hashed_as_upstream() {
        let hash = |name: &str| {
            let def = kinds::registry::ALL.iter().find(|def| def.plural == name).unwrap();
            storage_version_hash(&Resource::builtin(def))
        };
        assert_eq!((hash("pods"), hash("deployments")), ("xPOwRZ+Yhw8=".to_owned(), "8aSe+NMegvE=".to_owned()));
    }
}
