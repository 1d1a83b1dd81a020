//! `batch/v1` CronJob: starts jobs at given times.

use crate::{KindDef, Prepare, Subresource};

pub const KIND: KindDef = KindDef {
    short_names: &["cj"],
    categories: &["all"],
    subresources: &[Subresource::Status],
    generation: true,
    prepare: Prepare::STATUS,
    ..KindDef::new(("batch", "v1", "CronJob"), ("cronjobs", "cronjob"), "io.k8s.api.batch.v1.CronJob")
};
