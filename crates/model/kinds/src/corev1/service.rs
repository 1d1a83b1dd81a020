//! `v1` Service: one name and address for a set of pods.

use crate::{KindDef, NameRule, Prepare, Subresource};

pub const KIND: KindDef = KindDef {
    short_names: &["svc"],
    categories: &["all"],
    subresources: &[Subresource::Status],
    selectable: &[("spec.clusterIP", "/spec/clusterIP"), ("spec.type", "/spec/type")],
    prepare: Prepare::STATUS,
    name_rule: NameRule::Rfc1035Label,
    ..KindDef::new(("", "v1", "Service"), ("services", "service"), "io.k8s.api.core.v1.Service")
};
