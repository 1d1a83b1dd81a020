//! `discovery.k8s.io/v1` EndpointSlice: some of the addresses behind a Service.

use crate::KindDef;

pub const KIND: KindDef = KindDef {
    ..KindDef::new(
        ("discovery.k8s.io", "v1", "EndpointSlice"),
        ("endpointslices", "endpointslice"),
        "io.k8s.api.discovery.v1.EndpointSlice",
    )
};
