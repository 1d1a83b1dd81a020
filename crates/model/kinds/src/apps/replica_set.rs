//! `apps/v1` ReplicaSet: keeps a number of identical pods running.

use crate::corev1::pod::defaults::set_template_defaults;
use crate::edit::{default, object};
use crate::{KindDef, Prepare, Subresource};
use apimachinery::Value;

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
    set_defaults,
    ..KindDef::new(("apps", "v1", "ReplicaSet"), ("replicasets", "replicaset"), "io.k8s.api.apps.v1.ReplicaSet")
};

fn set_defaults(set: &mut Value) {
    if let Some(spec) = object(set, "spec") {
        default(spec, "replicas", 1);
        set_template_defaults(spec);
    }
}
