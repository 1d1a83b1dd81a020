//! `coordination.k8s.io/v1` Lease: who holds something, and until when.

use crate::KindDef;
use crate::cells::{AGE, NAME, column};
use crate::checks::non_negative;
use crate::path::Path;
use crate::read::{has, number, text};
use apimachinery::{Problems, Value};

pub const KIND: KindDef = KindDef {
    create_on_update: true,
    columns: &[
        NAME,
        column("Holder", "Who holds the lease.", |lease, _| text(&lease["spec"], "holderIdentity").into()),
        AGE,
    ],
    validate,
    ..KindDef::new(("coordination.k8s.io", "v1", "Lease"), ("leases", "lease"), "io.k8s.api.coordination.v1.Lease")
};

fn validate(lease: &Value, problems: &mut Problems) {
    let (spec, at) = (&lease["spec"], Path::new("spec"));
    let duration = number(spec, "leaseDurationSeconds");
    if has(spec, "leaseDurationSeconds") && duration <= 0 {
        problems.invalid(at.field("leaseDurationSeconds"), duration, "must be greater than 0");
    }
    non_negative(spec, &["leaseTransitions"], at, problems);
}
