//! Which requests are granted without a person.
//!
//! A client certificate of a node is granted to whoever may create `certificatesigningrequests/nodeclient` (machines
//! that join), or to the node itself if it may create `.../selfnodeclient` (renewal). What a node serves with is granted
//! to the node itself, for its own name and addresses; upstream leaves that to the administrator.
//!
//! Upstream: `pkg/controller/certificates/approver/sarapprove.go`.

use super::profile::{NODE_USER, NODES_GROUP, profile};
use crate::View;
use apimachinery::Value;
use kinds::certificates::request::Request;
use kinds::certificates::{KUBELET_CLIENT_SIGNER, KUBELET_SERVING_SIGNER};
use kinds::read::{list, text};
use kinds::resources::{NODES, SERVICES};

/// What stands between a request and its being granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approval {
    /// None of those that are granted here.
    NotOurs,
    /// The requester must be allowed to create one of these subresources of certificatesigningrequests; each with the
    /// message of the approval.
    IfAllowed(&'static [(&'static str, &'static str)]),
    /// Grant it, with this message.
    Granted(&'static str),
    /// Not now: why. Nodes tell their addresses only after they have registered.
    NotYet(String),
}

const NODE: (&str, &str) = ("nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview.");
const SELF: (&str, &str) =
    ("selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview.");
const SERVING: &str = "Auto approving kubelet serving certificate for the node's own names and addresses.";

pub fn approval(csr: &Value, request: &Request, view: &dyn View) -> Approval {
    if !matches!(profile(csr, request), Some(Ok(_))) {
        return Approval::NotOurs;
    }
    let spec = &csr["spec"];
    let by_itself = text(spec, "username") == request.common_name;
    match text(spec, "signerName") {
        KUBELET_CLIENT_SIGNER if by_itself => Approval::IfAllowed(&[SELF, NODE]),
        KUBELET_CLIENT_SIGNER => Approval::IfAllowed(&[NODE]),
        KUBELET_SERVING_SIGNER if by_itself && list(spec, "groups").iter().any(|group| group == NODES_GROUP) => {
            serving(request, view)
        }
        _ => Approval::NotOurs,
    }
}

fn serving(request: &Request, view: &dyn View) -> Approval {
    let node = request.common_name.strip_prefix(NODE_USER).unwrap_or_default();
    let Some(object) = view.get(&NODES, node) else { return Approval::NotYet(format!("there is no node {node}")) };
    let own = addresses(&object.to_value());
    // A node writes its addresses itself: it must not get the name of another, or of a Service, by claiming it.
    let of_others = |address: &str| {
        let others = view.list(&NODES, "").into_iter().filter(|other| other.head.name != node);
        let services = view.list(&SERVICES, "");
        others.map(|other| addresses(&other.to_value())).any(|theirs| theirs.iter().any(|one| one == address))
            || services.iter().any(|service| text(&service.to_value()["spec"], "clusterIP") == address)
    };
    for name in &request.dns_names {
        let is_own =
            name == node || (own.contains(name) && name.strip_prefix(node).is_some_and(|rest| rest.starts_with('.')));
        if !is_own {
            return Approval::NotYet(format!("{name} is no name of node {node}"));
        }
    }
    for address in request.addresses.iter().map(ToString::to_string) {
        if !own.contains(&address) || of_others(&address) {
            return Approval::NotYet(format!("{address} is no address of node {node}, or not its alone"));
        }
    }
    Approval::Granted(SERVING)
}

fn addresses(node: &Value) -> Vec<String> {
    list(&node["status"], "addresses").iter().map(|one| text(one, "address").to_owned()).collect()
}
