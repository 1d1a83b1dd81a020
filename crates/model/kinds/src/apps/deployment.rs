//! `apps/v1` Deployment: rolls pods from one template to the next.

use crate::{KindDef, Prepare, Subresource};

pub const KIND: KindDef = KindDef {
    short_names: &["deploy"],
    categories: &["all"],
    subresources: &[
        Subresource::Scale {
            spec_replicas: "/spec/replicas",
            status_replicas: "/status/replicas",
            selector: "/spec/selector",
        },
        Subresource::Status,
    ],
    generation: true,
    prepare: Prepare::STATUS_AND_LABELS,
    ..KindDef::new(("apps", "v1", "Deployment"), ("deployments", "deployment"), "io.k8s.api.apps.v1.Deployment")
};
