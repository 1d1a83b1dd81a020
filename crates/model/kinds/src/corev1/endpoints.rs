//! `v1` Endpoints: the addresses behind a Service, in the old form.

use crate::KindDef;
use crate::edit::{default_text, each};
use apimachinery::Value;

pub const KIND: KindDef = KindDef {
    short_names: &["ep"],
    set_defaults,
    ..KindDef::new(("", "v1", "Endpoints"), ("endpoints", "endpoints"), "io.k8s.api.core.v1.Endpoints")
};

fn set_defaults(endpoints: &mut Value) {
    each(endpoints, "subsets", |subset| each(subset, "ports", |port| default_text(port, "protocol", "TCP")));
}
