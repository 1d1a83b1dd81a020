//! `v1` Secret: keys and values not to be shown.

use crate::KindDef;

pub const KIND: KindDef = KindDef {
    selectable: &[("type", "/type")],
    ..KindDef::new(("", "v1", "Secret"), ("secrets", "secret"), "io.k8s.api.core.v1.Secret")
};
