//! Volumes that a node makes of its own disk, and removes: a part of NodeRestriction that upstream has not.
//!
//! The provisioner of local storage runs in each node's agent, with the node's rights (`barque:local-path`). A volume
//! draws pods to the node it names, so a node makes it for a claim that the scheduler sent to that very node, there, and
//! with nothing but a folder named after the claim.

use super::{Attributes, Operation};
use crate::server::Server;
use apimachinery::{Value, meta};

const PROVISIONERS: [&str; 2] = ["barque.io/local-path", "rancher.io/local-path"];
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
const HOSTNAME: &str = "kubernetes.io/hostname";
/// What a PersistentVolume says beside where its data is.
const PLAIN: [&str; 9] = [
    "accessModes",
    "capacity",
    "claimRef",
    "local",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeMode",
];

/// Whether the node may create or delete this volume; it changes none.
pub fn check(server: &Server, of: &Attributes<'_>, node: &str, volume: &Value) -> Result<(), String> {
    let is_provisioned = PROVISIONERS.iter().any(|name| volume["metadata"]["annotations"][PROVISIONED_BY] == **name);
    let is_own = is_provisioned && volume["spec"]["nodeAffinity"] == affinity(&hostname(server, node));
    match of.operation {
        Operation::Delete if is_own => Ok(()),
        Operation::Create if is_own && is_for_claim_of(server, node, volume) => Ok(()),
        Operation::Create => Err(format!(
            "node {node:?} can only create volumes of its own local storage, for claims that were scheduled to it"
        )),
        _ => Err(format!("node {node:?} can only delete volumes of its own local storage")),
    }
}

fn hostname(server: &Server, node: &str) -> String {
    let known = server.cache.shelf_at("/registry/core/nodes/").get(&format!("/registry/core/nodes/{node}"));
    known.and_then(|node| node.head.labels.get(HOSTNAME).cloned()).unwrap_or_else(|| node.to_owned())
}

fn affinity(hostname: &str) -> Value {
    serde_json::json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [
        {"key": HOSTNAME, "operator": "In", "values": [hostname]},
    ]}]}})
}

fn is_for_claim_of(server: &Server, node: &str, volume: &Value) -> bool {
    let spec = &volume["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (namespace, name) = (text(&spec["claimRef"]["namespace"]), text(&spec["claimRef"]["name"]));
    let key = format!("/registry/core/persistentvolumeclaims/{namespace}/{name}");
    let Some(claim) = server.cache.shelf_at("/registry/core/persistentvolumeclaims/").get(&key) else { return false };
    let uid = &claim.head.uid;
    let claim = claim.to_value();
    let folder = text(&spec["local"]["path"]).rsplit('/').next().unwrap_or_default().to_owned();
    let is_plain = spec.as_object().is_some_and(|spec| spec.keys().all(|field| PLAIN.contains(&field.as_str())));
    spec["claimRef"]["uid"] == **uid
        && meta::annotation(&claim, SELECTED_NODE) == Some(node)
        && claim["spec"]["volumeName"].as_str().is_none_or(str::is_empty)
        && claim["spec"]["storageClassName"] == spec["storageClassName"]
        && folder.starts_with(&format!("pvc-{uid}_"))
        && is_plain
}
