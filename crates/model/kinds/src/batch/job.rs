//! `batch/v1` Job: runs pods until enough have succeeded.

use crate::{KindDef, Prepare, Subresource};

pub const KIND: KindDef = KindDef {
    categories: &["all"],
    subresources: &[Subresource::Status],
    selectable: &[("status.successful", "/status/successful")],
    generation: true,
    prepare: Prepare::STATUS,
    ..KindDef::new(("batch", "v1", "Job"), ("jobs", "job"), "io.k8s.api.batch.v1.Job")
};
