//! Decisions about nodes, and upstream's words for why not.
//!
//! Upstream: `plugin/pkg/auth/authorizer/node/node_authorizer.go`. Lists and watches of pods and nodes are not divided by
//! selectors here: a node's network follows all of them, by the ClusterRole `barque:network`.

use super::{Graph, Kind, node_of};
use crate::auth::bootstrap::node_rules;
use crate::auth::rbac::{Attributes, Target};

const LEASES: &str = "kube-node-lease";

/// A resource that is asked for.
struct Asked<'a> {
    node: &'a str,
    verb: &'a str,
    subresource: &'a str,
    namespace: &'a str,
    name: &'a str,
}

/// None: not a node. `Ok`: allowed. `Err`: others are asked, and this is why not by us; may be empty.
pub fn opinion(graph: &Graph, asked: &Attributes<'_>) -> Option<Result<(), String>> {
    let node = node_of(asked.user)?;
    if node.is_empty() {
        return Some(Err(format!("unknown node for user {:?}", asked.user.name)));
    }
    let by_rules = || {
        let allowed = node_rules().iter().any(|rule| rule.allows(asked.verb, &asked.target));
        allow(allowed, "")
    };
    let Target::Resource { group, resource, subresource, namespace, name } = asked.target else {
        return Some(by_rules());
    };
    let one = Asked { node, verb: asked.verb, subresource, namespace, name };
    Some(match (group, resource) {
        ("", "secrets") => one.read(graph, Kind::Secret),
        ("", "configmaps") => one.read(graph, Kind::ConfigMap),
        ("", "persistentvolumeclaims") if subresource == "status" => one.update_status(graph, Kind::Claim),
        ("", "persistentvolumeclaims") => one.get(graph, Kind::Claim),
        ("", "persistentvolumes") => one.get(graph, Kind::Volume),
        ("", "serviceaccounts") => one.create_token(graph),
        ("", "pods") => one.pod(graph),
        ("", "nodes") => one.node_object(),
        ("coordination.k8s.io", "leases") => one.lease(),
        ("storage.k8s.io", "csinodes") => one.csi_node(),
        ("storage.k8s.io", "volumeattachments") => one.attachment(),
        _ => by_rules(),
    })
}

type Said = Result<(), String>;

impl Asked<'_> {
    fn related(&self, graph: &Graph, kind: Kind) -> Said {
        allow(!self.name.is_empty(), "No Object name found")?;
        let leads = graph.leads(self.node, kind, self.namespace, self.name);
        if leads { Ok(()) } else { self.unrelated() }
    }

    fn unrelated(&self) -> Said {
        Err(format!("no relationship found between node '{}' and this object", self.node))
    }

    /// Attaching is for drivers that we do not have: no attachment is of a node.
    fn attachment(&self) -> Said {
        allow(self.verb == "get", "can only get individual resources of this type")?;
        self.unrelated()
    }

    /// A single one, also by a list or watch of that name.
    fn read(&self, graph: &Graph, kind: Kind) -> Said {
        allow(matches!(self.verb, "get" | "list" | "watch"), "can only read resources of this type")?;
        allow(self.subresource.is_empty(), "cannot read subresource")?;
        allow(!self.namespace.is_empty(), "can only read namespaced object of this type")?;
        self.related(graph, kind)
    }

    fn get(&self, graph: &Graph, kind: Kind) -> Said {
        allow(self.verb == "get", "can only get individual resources of this type")?;
        allow(self.subresource.is_empty(), "cannot get subresource")?;
        self.related(graph, kind)
    }

    fn update_status(&self, graph: &Graph, kind: Kind) -> Said {
        allow(matches!(self.verb, "get" | "update" | "patch"), "can only get/update/patch this type")?;
        self.related(graph, kind)
    }

    /// That the token is bound to a pod of the node is for admission to see.
    fn create_token(&self, graph: &Graph) -> Said {
        let is_one = self.verb == "create" && !self.name.is_empty();
        allow(is_one, "can only create tokens for individual service accounts")?;
        allow(self.subresource == "token", "can only create token subresource of service account")?;
        self.related(graph, Kind::ServiceAccount)
    }

    /// Which pods may be written is for admission to see.
    fn pod(&self, graph: &Graph) -> Said {
        match (self.subresource, self.verb) {
            ("", "get") => self.related(graph, Kind::Pod),
            ("", "list" | "watch") => allow(false, "can only list/watch pods with spec.nodeName field selector"),
            ("", "create") | ("status", "update" | "patch") | ("eviction", "create") => Ok(()),
            ("", "delete") if !self.name.is_empty() => Ok(()),
            _ => allow(false, ""),
        }
    }

    fn node_object(&self) -> Said {
        match (self.subresource, self.verb) {
            ("", "create" | "update" | "patch") | ("status", "update" | "patch") => Ok(()),
            ("", "get" | "list" | "watch") => {
                let why = || format!("node '{}' cannot read '{}', only its own Node object", self.node, self.name);
                if self.name == self.node { Ok(()) } else { Err(why()) }
            }
            _ => allow(false, ""),
        }
    }

    fn lease(&self) -> Said {
        let verbs = matches!(self.verb, "get" | "create" | "update" | "patch" | "delete");
        allow(verbs, "can only get, create, update, patch, or delete a node lease")?;
        allow(self.namespace == LEASES, "can only access leases in the \"kube-node-lease\" system namespace")?;
        let own = self.verb == "create" || self.name == self.node;
        allow(own, "can only access node lease with the same name as the requesting node")
    }

    fn csi_node(&self) -> Said {
        let verbs = matches!(self.verb, "get" | "create" | "update" | "patch" | "delete");
        allow(verbs, "can only get, create, update, patch, or delete a CSINode")?;
        allow(self.subresource.is_empty(), "cannot authorize CSINode subresources")?;
        let own = self.verb == "create" || self.name == self.node;
        allow(own, "can only access CSINode with the same name as the requesting node")
    }
}

fn allow(holds: bool, otherwise: &str) -> Said {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}
