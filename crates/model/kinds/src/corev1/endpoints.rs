//! `v1` Endpoints: the addresses behind a Service, in the old form.

use crate::KindDef;

pub const KIND: KindDef = KindDef {
    short_names: &["ep"],
    ..KindDef::new(("", "v1", "Endpoints"), ("endpoints", "endpoints"), "io.k8s.api.core.v1.Endpoints")
};
