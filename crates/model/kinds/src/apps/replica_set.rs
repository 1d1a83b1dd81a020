//! `apps/v1` ReplicaSet: keeps a number of identical pods running.

use crate::{KindDef, Prepare, Subresource};

pub const KIND: KindDef = KindDef {
    short_names: &["rs"],
    categories: &["all"],
    subresources: &[
        Subresource::Scale {
            spec_replicas: "/spec/replicas",
            status_replicas: "/status/replicas",
            selector: "/spec/selector",
        },
        Subresource::Status,
    ],
    selectable: &[("status.replicas", "/status/replicas")],
    generation: true,
    prepare: Prepare::STATUS,
    ..KindDef::new(("apps", "v1", "ReplicaSet"), ("replicasets", "replicaset"), "io.k8s.api.apps.v1.ReplicaSet")
};
