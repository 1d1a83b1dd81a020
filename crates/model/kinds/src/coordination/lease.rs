//! `coordination.k8s.io/v1` Lease: who holds something, and until when.

use crate::KindDef;
use crate::cells::{AGE, NAME, column};
use crate::read::text;

pub const KIND: KindDef = KindDef {
    columns: &[
        NAME,
        column("Holder", "Who holds the lease.", |lease, _| text(&lease["spec"], "holderIdentity").into()),
        AGE,
    ],
    ..KindDef::new(("coordination.k8s.io", "v1", "Lease"), ("leases", "lease"), "io.k8s.api.coordination.v1.Lease")
};
