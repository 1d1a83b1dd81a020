//! `metrics.k8s.io/v1beta1` NodeMetrics: what a node uses now.

use super::READ_ONLY;
use crate::{KindDef, Scope};

pub const KIND: KindDef = KindDef {
    scope: Scope::Cluster,
    verbs: READ_ONLY,
    ..KindDef::new(
        ("metrics.k8s.io", "v1beta1", "NodeMetrics"),
        ("nodes", "nodemetrics"),
        "io.k8s.metrics.pkg.apis.metrics.v1beta1.NodeMetrics",
    )
};
