//! `metrics.k8s.io/v1beta1` PodMetrics: what a pod's containers use now.

use super::READ_ONLY;
use crate::KindDef;

pub const KIND: KindDef = KindDef {
    verbs: READ_ONLY,
    ..KindDef::new(
        ("metrics.k8s.io", "v1beta1", "PodMetrics"),
        ("pods", "podmetrics"),
        "io.k8s.metrics.pkg.apis.metrics.v1beta1.PodMetrics",
    )
};
