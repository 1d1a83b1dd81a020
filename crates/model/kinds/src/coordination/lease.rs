//! `coordination.k8s.io/v1` Lease: who holds something, and until when.

use crate::KindDef;

pub const KIND: KindDef = KindDef {
    ..KindDef::new(("coordination.k8s.io", "v1", "Lease"), ("leases", "lease"), "io.k8s.api.coordination.v1.Lease")
};
