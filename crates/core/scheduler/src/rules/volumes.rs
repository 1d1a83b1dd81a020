//! VolumeBinding: claims exist, and the node can reach the volumes they are bound to.
//!
//! A claim whose class waits for its consumer holds nothing up: the node is chosen first, the volume follows.

use super::node_affinity::matches_any;
use super::{Refusal, refuse};
use crate::{Cluster, Node, PodFacts};

pub fn filter(pod: &PodFacts, node: &Node, cluster: &Cluster) -> Result<(), Refusal> {
    for name in &pod.claims {
        let Some(claim) = cluster.claim(&format!("{}/{name}", pod.namespace)) else {
            return refuse(format!("persistentvolumeclaim {name:?} not found"));
        };
        if claim.is_deleting {
            return refuse(format!("persistentvolumeclaim {name:?} is being deleted"));
        }
        if claim.volume.is_empty() {
            if cluster.class_waits(&claim.class) {
                continue;
            }
            return refuse("pod has unbound immediate PersistentVolumeClaims");
        }
        let Some(affinity) = cluster.volume_affinity(&claim.volume) else {
            return refuse("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)");
        };
        if !affinity.is_null() && !matches_any(affinity, node) {
            return refuse("node(s) didn't match PersistentVolume's node affinity");
        }
    }
    Ok(())
}
