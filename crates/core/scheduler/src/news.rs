//! What the scheduler looks at, and what a change of it means.

use crate::{Cluster, PodFacts};
use apimachinery::{GroupVersionResource, Object};
use kinds::resources::{NAMESPACES, NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, STORAGE_CLASSES};

/// The name pods ask for, and the source of the events.
pub const NAME: &str = "default-scheduler";

/// In the order in which they are best read: what pods refer to before them.
pub static READ: [&GroupVersionResource; 6] =
    [&NAMESPACES, &NODES, &STORAGE_CLASSES, &PERSISTENT_VOLUMES, &PERSISTENT_VOLUME_CLAIMS, &PODS];

impl PodFacts {
    /// Whether it waits for this scheduler, and for nothing before that.
    pub fn is_ours(&self) -> bool {
        self.scheduler == NAME && !self.is_deleting && !self.is_gated
    }
}

impl Cluster {
    /// Takes in an object of [`READ`] as it is now. A pod is put by [`Cluster::put_pod`], since who drives us may know more of
    /// it than the API.
    pub fn put(&mut self, of: &GroupVersionResource, object: &Object) {
        match &*of.resource {
            "nodes" => self.put_node(object),
            "namespaces" => self.put_namespace(object),
            "persistentvolumes" => self.put_volume(object),
            "persistentvolumeclaims" => self.put_claim(object),
            "storageclasses" => self.put_class(object),
            _ => self.put_pod(PodFacts::of(object)),
        }
    }

    /// Forgets an object of [`READ`] that is gone.
    pub fn remove(&mut self, of: &GroupVersionResource, object: &Object) {
        match &*of.resource {
            "nodes" => self.remove_node(&object.head.name),
            "namespaces" => self.remove_namespace(&object.head.name),
            "persistentvolumes" => self.remove_volume(&object.head.name),
            "persistentvolumeclaims" => self.remove_claim(&object.key()),
            "storageclasses" => self.remove_class(&object.head.name),
            _ => self.remove_pod(&object.head.uid),
        }
    }
}

/// Whether a change could let a refused pod fit: pods that come, go, end or shrink, anything of nodes and volumes but
/// heartbeats.
pub fn makes_room(of: &GroupVersionResource, old: Option<&Object>, new: Option<&Object>) -> bool {
    if *of == NODES {
        let fit = |node: Option<&Object>| {
            let value = node.map(Object::to_value).unwrap_or_default();
            (value["spec"].clone(), value["metadata"]["labels"].clone(), value["status"]["allocatable"].clone())
        };
        return fit(old) != fit(new);
    }
    if *of != PODS {
        return true;
    }
    // Where it is, what it takes, and what a pod without a place may have been given since.
    let fit = |pod: Option<&Object>| {
        let pod = pod.map(PodFacts::of)?;
        let is_placed = !pod.node.is_empty() && !pod.is_finished;
        Some((is_placed, pod.labels, pod.requests, pod.tolerations))
    };
    // Room is no longer kept for it.
    let waits = |pod: Option<&Object>| pod.is_some_and(|pod| !PodFacts::of(pod).nominated.is_empty());
    if waits(old) && !waits(new) {
        return true;
    }
    let (old, new) = (fit(old), fit(new));
    // A pod that comes takes room.
    old != new && !(old.is_none() && new.is_some_and(|(is_placed, ..)| !is_placed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_that_waits_for_room_no_more_leaves_it_to_others() {
        let pod = |nominated: &str| {
            let value = json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default", "uid": "u"},
                "status": {"nominatedNodeName": nominated},
            });
            Object::from_value(&value).unwrap()
        };
        let (waits, gave_up) = (pod("n"), pod(""));
        assert!(makes_room(&PODS, Some(&waits), Some(&gave_up)));
        assert!(!makes_room(&PODS, Some(&gave_up), Some(&waits)));
        assert!(!makes_room(&PODS, Some(&waits), Some(&waits)));
    }
}
