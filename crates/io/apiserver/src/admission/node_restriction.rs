//! NodeRestriction: a node writes its own Node, Lease and CSINode, and what concerns pods bound to it.
//!
//! What it may read is for the authorizer ([`crate::auth::node`]).
//!
//! Upstream: `plugin/pkg/admission/noderestriction/admission.go`. An eviction is checked as the writes that it consists of.

use super::{Attributes, Operation, Plugin, node_volumes};
use crate::auth::node::node_of;
use crate::auth::rbac::authorizer::refused;
use crate::handlers::Call;
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, GroupVersionResource as Gvr, Value, meta};
use async_trait::async_trait;
use client::Api;
use client::resources::{NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS};
use std::collections::BTreeSet;

const LEASES: Gvr = Gvr::of("coordination.k8s.io", "v1", "leases");
const CSI_NODES: Gvr = Gvr::of("storage.k8s.io", "v1", "csinodes");
const LEASE_NAMESPACE: &str = "kube-node-lease";
const MIRROR: &str = "kubernetes.io/config.mirror";
const RESTRICTED: &str = "node-restriction.kubernetes.io";

/// Labels of Kubernetes that a node sets on itself. Upstream: `kubelet/pkg/apis/well_known_labels.go`.
const OWN_LABELS: [&str; 12] = [
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "beta.kubernetes.io/instance-type",
    "node.kubernetes.io/instance-type",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "node.kubernetes.io/windows-build",
];

pub struct NodeRestriction;

#[async_trait]
impl Plugin for NodeRestriction {
    fn name(&self) -> &'static str {
        "NodeRestriction"
    }

    fn handles(&self, of: &Attributes<'_>) -> bool {
        node_of(of.user).is_some()
    }

    async fn validate(&self, server: &Server, of: &Attributes<'_>, object: &Value) -> ApiResult<()> {
        let node = node_of(of.user).unwrap_or_default();
        if node.is_empty() {
            let why = format!("could not determine node from user {:?}", of.user.name);
            return Err(refusal(of, object, &why));
        }
        let gvr = &of.resource.gvr;
        let said = match of.subresource {
            "" if *gvr == PODS => pod(server, of, node, object),
            "status" if *gvr == PODS => pod_status(of, node, object),
            "" | "status" if *gvr == NODES => node_object(of, node, object),
            "status" if *gvr == PERSISTENT_VOLUME_CLAIMS => claim_status(of, node, object),
            _ if *gvr == LEASES => lease(node, object),
            _ if *gvr == CSI_NODES => {
                own_name(node, object, "can only access CSINode with the same name as the requesting node")
            }
            _ if *gvr == PERSISTENT_VOLUMES => {
                // The claim may be as new as the request.
                server.cache.wait_fresh().await?;
                node_volumes::check(server, of, node, object)
            }
            _ => Ok(()),
        };
        said.map_err(|why| refusal(of, object, &why))
    }
}

type Said = Result<(), String>;

fn refusal(of: &Attributes<'_>, object: &Value, why: &str) -> ApiError {
    super::forbidden(of, meta::name(object), why)
}

fn own_name(node: &str, object: &Value, otherwise: &str) -> Said {
    if meta::name(object) == node { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn lease(node: &str, lease: &Value) -> Said {
    if lease["metadata"]["namespace"] != LEASE_NAMESPACE {
        return Err(format!("can only access leases in the {LEASE_NAMESPACE:?} system namespace"));
    }
    own_name(node, lease, "can only access node lease with the same name as the requesting node")
}

fn pod(server: &Server, of: &Attributes<'_>, node: &str, pod: &Value) -> Said {
    match of.operation {
        Operation::Create => mirror_pod(server, node, pod),
        Operation::Delete if pod["spec"]["nodeName"] == *node => Ok(()),
        Operation::Delete => Err(format!("node {node:?} can only delete pods with spec.nodeName set to itself")),
        other => {
            let other = format!("{other:?}").to_uppercase();
            Err(format!("unexpected operation {other:?}, node {node:?} can only create and delete mirror pods"))
        }
    }
}

fn mirror_pod(server: &Server, node: &str, pod: &Value) -> Said {
    if pod["metadata"]["annotations"][MIRROR].is_null() {
        return Err(format!("pod does not have {MIRROR:?} annotation, node {node:?} can only create mirror pods"));
    }
    if pod["spec"]["nodeName"] != *node {
        return Err(format!("node {node:?} can only create pods with spec.nodeName set to itself"));
    }
    owner(server, node, pod)?;
    if pod["spec"]["serviceAccountName"].as_str().is_some_and(|name| !name.is_empty()) {
        return Err(format!("node {node:?} can not create pods that reference a service account"));
    }
    let words = crate::auth::node::kinds_of_pod(&pod["spec"]);
    match words.first() {
        Some(word) => Err(format!("node {node:?} can not create pods that reference {word}")),
        None => Ok(()),
    }
}

/// A mirror pod is its Node's.
fn owner(server: &Server, node: &str, pod: &Value) -> Said {
    let owners = pod["metadata"]["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
    let [owner] = owners else {
        let word = if owners.is_empty() { "an owner reference" } else { "a single owner reference" };
        return Err(format!("node {node:?} can only create pods with {word} set to itself"));
    };
    if owner["apiVersion"] != "v1" || owner["kind"] != "Node" || owner["name"] != *node {
        return Err(format!("node {node:?} can only create pods with an owner reference set to itself"));
    }
    if owner["controller"] != true {
        return Err(format!("node {node:?} can only create pods with a controller owner reference set to itself"));
    }
    if owner["blockOwnerDeletion"] == true {
        return Err(format!("node {node:?} must not set blockOwnerDeletion on an owner reference"));
    }
    let known = server.cache.shelf_at("/registry/core/nodes/").get(&format!("/registry/core/nodes/{node}"));
    let known = known.map(|node| node.head.uid.clone()).unwrap_or_default();
    match owner["uid"].as_str().unwrap_or_default() {
        uid if uid == known => Ok(()),
        uid => Err(format!("node {node} UID mismatch: expected {known} got {uid}")),
    }
}

fn pod_status(of: &Attributes<'_>, node: &str, pod: &Value) -> Said {
    let old = of.old.unwrap_or(pod);
    if old["spec"]["nodeName"] != *node {
        return Err(format!("node {node:?} can only update pod status for pods with spec.nodeName set to itself"));
    }
    if old["metadata"]["labels"] != pod["metadata"]["labels"] {
        return Err(format!("node {node:?} cannot update labels through pod status"));
    }
    if old["status"]["resourceClaimStatuses"] != pod["status"]["resourceClaimStatuses"] {
        return Err(format!("node {node:?} cannot update resource claim statuses"));
    }
    Ok(())
}

/// A node tells how large a volume has become, and nothing else.
fn claim_status(of: &Attributes<'_>, node: &str, claim: &Value) -> Said {
    let rest = |claim: &Value| {
        let mut rest = claim.clone();
        for field in ["resourceVersion", "managedFields"] {
            meta::remove(&mut rest, field);
        }
        for field in ["capacity", "conditions", "allocatedResources", "allocatedResourceStatuses"] {
            _ = rest["status"].as_object_mut().map(|status| status.remove(field));
        }
        rest
    };
    if of.old.is_some_and(|old| rest(old) == rest(claim)) {
        return Ok(());
    }
    Err(format!("node {node:?} is not allowed to update fields other than status.quantity and status.conditions"))
}

fn node_object(of: &Attributes<'_>, node: &str, object: &Value) -> Said {
    let name = meta::name(object);
    if name != node {
        return Err(format!("node {node:?} is not allowed to modify node {name:?}"));
    }
    let none = Value::Null;
    let old = of.old.unwrap_or(&none);
    let forbidden = forbidden_labels(&object["metadata"]["labels"], &old["metadata"]["labels"]);
    let forbidden: Vec<&str> = forbidden.into_iter().collect();
    match of.operation {
        Operation::Create if !forbidden.is_empty() => {
            Err(format!("node {node:?} is not allowed to set the following labels: {}", forbidden.join(", ")))
        }
        Operation::Update => {
            if old["spec"]["taints"] != object["spec"]["taints"] {
                return Err(format!("node {node:?} is not allowed to modify taints"));
            }
            if old["metadata"]["ownerReferences"] != object["metadata"]["ownerReferences"] {
                return Err(format!("node {node:?} is not allowed to modify ownerReferences"));
            }
            if forbidden.is_empty() {
                return Ok(());
            }
            Err(format!("is not allowed to modify labels: {}", forbidden.join(", ")))
        }
        _ => Ok(()),
    }
}

/// Labels that differ and are not a node's to set.
fn forbidden_labels<'a>(new: &'a Value, old: &'a Value) -> BTreeSet<&'a str> {
    let keys = [new, old].into_iter().filter_map(Value::as_object).flat_map(|labels| labels.keys());
    let changed = keys.map(String::as_str).filter(|key| new[*key] != old[*key]);
    changed.filter(|key| !is_allowed(key)).collect()
}

fn is_allowed(label: &str) -> bool {
    let Some((domain, _)) = label.split_once('/') else { return true };
    let is_in = |whole: &str| domain == whole || domain.strip_suffix(whole).is_some_and(|rest| rest.ends_with('.'));
    if is_in(RESTRICTED) {
        return false;
    }
    let is_kubernetes = is_in("kubernetes.io") || is_in("k8s.io");
    let is_nodes = is_in("kubelet.kubernetes.io") || is_in("node.kubernetes.io");
    !is_kubernetes || is_nodes || OWN_LABELS.contains(&label)
}

/// A node gets tokens for its own pods only.
///
/// # Errors
/// 403 in upstream's words, 404 if there is no such pod.
pub async fn check_token(objects: &dyn Api, call: &Call<'_>, request: &Value) -> ApiResult<()> {
    let Some(node) = node_of(call.user) else { return Ok(()) };
    let refuse = |why: &str| Err(refused("", "serviceaccounts", call.name, why));
    let bound = &request["spec"]["boundObjectRef"];
    let (name, uid) = (bound["name"].as_str().unwrap_or_default(), bound["uid"].as_str().unwrap_or_default());
    if bound["apiVersion"] != "v1" || bound["kind"] != "Pod" || name.is_empty() {
        return refuse("node requested token not bound to a pod");
    }
    if uid.is_empty() {
        return refuse("node requested token with a pod binding without a uid");
    }
    let pod = objects.get(&PODS, call.namespace, name).await?;
    if pod.head.uid != uid {
        return refuse(&format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been \
             deleted and then recreated"
        ));
    }
    if pod.to_value()["spec"]["nodeName"] != *node {
        return refuse("node requested token bound to a pod scheduled on a different node");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn labels_of_a_node() {
        let new = json!({
            "a": "1", "example.com/x": "1", "kubernetes.io/hostname": "n", "node.kubernetes.io/x": "1",
            "x.kubelet.kubernetes.io/y": "1", "node-role.kubernetes.io/control-plane": "", "kubernetes.io/role": "1",
            "node-restriction.kubernetes.io/x": "1", "a.node-restriction.kubernetes.io/x": "1", "k8s.io/x": "1",
            "notkubernetes.io/x": "1", "kept.k8s.io/x": "1",
        });
        let old = json!({"kept.k8s.io/x": "1", "gone.k8s.io/x": "1"});
        let forbidden: Vec<&str> = forbidden_labels(&new, &old).into_iter().collect();
        assert_eq!(
            forbidden,
            [
                "a.node-restriction.kubernetes.io/x",
                "gone.k8s.io/x",
                "k8s.io/x",
                "kubernetes.io/role",
                "node-restriction.kubernetes.io/x",
                "node-role.kubernetes.io/control-plane",
            ]
        );
    }
}
