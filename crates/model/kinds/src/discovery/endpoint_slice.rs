//! `discovery.k8s.io/v1` EndpointSlice: some of the addresses behind a Service.

use crate::KindDef;
use crate::edit::{default, each};
use apimachinery::Value;

pub const KIND: KindDef = KindDef {
    set_defaults,
    ..KindDef::new(
        ("discovery.k8s.io", "v1", "EndpointSlice"),
        ("endpointslices", "endpointslice"),
        "io.k8s.api.discovery.v1.EndpointSlice",
    )
};

fn set_defaults(slice: &mut Value) {
    each(slice, "ports", |port| {
        default(port, "name", "");
        default(port, "protocol", "TCP");
    });
}
