//! What a pod or a volume refers to.
//!
//! Upstream: `pkg/api/v1/pod/util.go` (VisitPodSecretNames, VisitPodConfigmapNames),
//! `pkg/api/v1/persistentvolume/util.go`.

use super::graph::{Kind, Vertex};
use apimachinery::Value;

/// All that the node of this pod has to read for it. A mirror pod names nothing: its node wrote it, and would let itself
/// in by it.
pub fn of_pod(namespace: &str, name: &str, spec: &Value) -> Vec<Vertex> {
    let mut found = Vec::new();
    let mut add = |kind: Kind, of: &Value| add_named(&mut found, kind, namespace, of);
    add(Kind::ServiceAccount, &spec["serviceAccountName"]);
    items(&spec["imagePullSecrets"]).for_each(|secret| add(Kind::Secret, &secret["name"]));
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in items(&spec[list]) {
            for from in items(&container["env"]).map(|env| &env["valueFrom"]) {
                add(Kind::Secret, &from["secretKeyRef"]["name"]);
                add(Kind::ConfigMap, &from["configMapKeyRef"]["name"]);
            }
            for from in items(&container["envFrom"]) {
                add(Kind::Secret, &from["secretRef"]["name"]);
                add(Kind::ConfigMap, &from["configMapRef"]["name"]);
            }
        }
    }
    for volume in items(&spec["volumes"]) {
        add(Kind::Secret, &volume["secret"]["secretName"]);
        add(Kind::ConfigMap, &volume["configMap"]["name"]);
        add(Kind::Claim, &volume["persistentVolumeClaim"]["claimName"]);
        for source in items(&volume["projected"]["sources"]) {
            add(Kind::Secret, &source["secret"]["name"]);
            add(Kind::ConfigMap, &source["configMap"]["name"]);
        }
        if let Some(volume) = volume["name"].as_str().filter(|_| volume["ephemeral"].is_object()) {
            add(Kind::Claim, &format!("{name}-{volume}").into());
        }
        add(Kind::Secret, &volume["azureFile"]["secretName"]);
        for source in ["cephfs", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"] {
            add(Kind::Secret, &volume[source]["secretRef"]["name"]);
        }
        add(Kind::Secret, &volume["csi"]["nodePublishSecretRef"]["name"]);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The resources that the pod refers to, by upstream's order and words; service accounts are left out.
pub fn kinds_of_pod(spec: &Value) -> Vec<&'static str> {
    let found = of_pod("", "", spec);
    let words = [(Kind::Secret, "secrets"), (Kind::ConfigMap, "configmaps"), (Kind::Claim, "persistentvolumeclaims")];
    let has = |kind: Kind| found.iter().any(|vertex| vertex.kind() == kind);
    words.into_iter().filter(|(kind, _)| has(*kind)).map(|(_, word)| word).collect()
}

/// The Secrets a PersistentVolume is mounted with; those that name no namespace are the claim's.
pub fn of_volume(claim_namespace: &str, spec: &Value) -> Vec<Vertex> {
    let mut found = Vec::new();
    let mut add = |of: &Value, field: &str, namespace: &Value| {
        let namespace = namespace.as_str().filter(|text| !text.is_empty()).unwrap_or(claim_namespace);
        add_named(&mut found, Kind::Secret, namespace, &of[field]);
    };
    let azure = &spec["azureFile"];
    add(azure, "secretName", &azure["secretNamespace"]);
    for source in ["cephfs", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"] {
        let secret = &spec[source]["secretRef"];
        add(secret, "name", &secret["namespace"]);
    }
    for field in ["nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef"] {
        let secret = &spec["csi"][field];
        add(secret, "name", &secret["namespace"]);
    }
    found
}

fn add_named(found: &mut Vec<Vertex>, kind: Kind, namespace: &str, name: &Value) {
    if let Some(name) = name.as_str().filter(|name| !name.is_empty()) {
        found.push(Vertex::new(kind, namespace, name));
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
