//! VolumeBinding: claims exist, and the node can reach the volumes they are bound to.
//!
//! A claim whose class waits for its consumer holds nothing up: the node is chosen first, the volume follows.

use super::node_affinity::matches_any;
use super::{Refusal, refuse};
use crate::cluster::Claim;
use crate::{Cluster, Node, PodFacts};

/// What is wrong with the claims themselves.
pub fn precheck(pod: &PodFacts, cluster: &Cluster) -> Result<(), String> {
    for name in &pod.claims {
        let Some(claim) = claim(pod, name, cluster) else {
            return Err(format!("persistentvolumeclaim {name:?} not found"));
        };
        if claim.is_deleting {
            return Err(format!("persistentvolumeclaim {name:?} is being deleted"));
        }
        if claim.volume.is_empty() && !cluster.class_waits(&claim.class) {
            return Err("pod has unbound immediate PersistentVolumeClaims".to_owned());
        }
    }
    Ok(())
}

pub fn filter(pod: &PodFacts, node: &Node, cluster: &Cluster) -> Result<(), Refusal> {
    let claims = pod.claims.iter().filter_map(|name| claim(pod, name, cluster));
    for claim in claims.filter(|claim| !claim.volume.is_empty()) {
        let Some(affinity) = cluster.volume_affinity(&claim.volume) else {
            return refuse("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)");
        };
        if !affinity.is_null() && !matches_any(affinity, node) {
            return refuse("node(s) didn't match PersistentVolume's node affinity");
        }
    }
    Ok(())
}

fn claim<'a>(pod: &PodFacts, name: &str, cluster: &'a Cluster) -> Option<&'a Claim> {
    cluster.claim(&format!("{}/{name}", pod.namespace))
}
