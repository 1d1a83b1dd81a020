//! `v1` ConfigMap: configuration as keys and values.

use crate::KindDef;

pub const KIND: KindDef = KindDef {
    short_names: &["cm"],
    ..KindDef::new(("", "v1", "ConfigMap"), ("configmaps", "configmap"), "io.k8s.api.core.v1.ConfigMap")
};
