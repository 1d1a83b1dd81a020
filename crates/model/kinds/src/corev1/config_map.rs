//! `v1` ConfigMap: configuration as keys and values.

use crate::KindDef;
use crate::cells::{AGE, NAME, column};
use crate::read::count;

pub const KIND: KindDef = KindDef {
    short_names: &["cm"],
    columns: &[
        NAME,
        column("Data", "How many keys there are.", |map, _| (count(map, "data") + count(map, "binaryData")).into()),
        AGE,
    ],
    ..KindDef::new(("", "v1", "ConfigMap"), ("configmaps", "configmap"), "io.k8s.api.core.v1.ConfigMap")
};
